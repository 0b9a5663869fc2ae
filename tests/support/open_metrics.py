# SPDX-License-Identifier: LGPL-2.1-or-later
"""A strict reader of the OpenMetrics text format 1.0.0, of what bailiffd may use of it: gauges, counters, histograms.

It stands beside promtool.py since promtool does not read OpenMetrics, but the format before it.
"""

import math
import re

NAME = r"[a-zA-Z_][a-zA-Z0-9_]*"
METADATA = re.compile(rf"# (TYPE|UNIT|HELP) ({NAME}) (.+)")
SAMPLE = re.compile(rf"({NAME})(?:\{{(.*)\}})? (\S+)")
LABEL = re.compile(rf'({NAME})="((?:[^"\\\n]|\\[\\"n])*)"(?:,(?=[a-zA-Z_])|$)')
NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?")
SUFFIXES = {"gauge": {""}, "counter": {"_total"}, "histogram": {"_bucket", "_count", "_sum"}}


class Family:
    def __init__(self, name):
        self.name = name
        self.type = self.unit = self.help = None
        self.samples = {}  # (suffix, sorted labels) -> value


def read_labels(text):
    labels, at = {}, 0
    while at < len(text):
        match = LABEL.match(text, at)
        assert match, f"bad labels: {text}"
        assert match[1] not in labels, f"label twice: {text}"
        labels[match[1]] = re.sub(r"\\(.)", lambda m: "\n" if m[1] == "n" else m[1], match[2])
        at = match.end()
    assert labels, "empty braces"
    return labels


def read_metadata(family, kind, text):
    assert not family.samples, f"metadata of {family.name} behind its samples"
    assert getattr(family, kind.lower()) is None, f"{kind} of {family.name} twice"
    setattr(family, kind.lower(), text)
    if kind == "TYPE":
        assert text in SUFFIXES, f"type {text}"
        assert not family.name.endswith(("_total", "_bucket", "_count", "_sum", "_info", "_created")), family.name
    if kind == "UNIT":
        assert family.name.endswith(f"_{text}"), f"{family.name} does not end with its unit"


def read_sample(family, name, labels, number):
    suffix = name[len(family.name):]
    assert name.startswith(family.name) and suffix in SUFFIXES[family.type], f"{name} in family {family.name}"
    assert NUMBER.fullmatch(number), f"number {number}"
    key = (suffix, tuple(sorted(labels.items())))
    assert key not in family.samples, f"{name} {labels} twice"
    assert ("le" in labels) == (suffix == "_bucket"), f"le of {name}"
    value = float(number)
    assert value >= 0 or family.type == "gauge", f"{name} is negative"
    family.samples[key] = value


def check_histogram(family):
    series = {}
    for (suffix, labels), value in family.samples.items():
        rest = tuple(label for label in labels if label[0] != "le")
        part = series.setdefault(rest, {"_bucket": []})
        if suffix == "_bucket":
            le = dict(labels)["le"]
            assert le == "+Inf" or NUMBER.fullmatch(le) and "." in le, f"le {le} is not in its canonical form"
            part["_bucket"].append((math.inf if le == "+Inf" else float(le), value))
        else:
            part[suffix] = value
    for part in series.values():
        assert set(part) == {"_bucket", "_count", "_sum"}, f"{family.name} is not whole"
        bounds, counts = zip(*part["_bucket"])
        assert list(bounds) == sorted(set(bounds)) and bounds[-1] == math.inf, f"buckets of {family.name}"
        assert list(counts) == sorted(counts) and counts[-1] == part["_count"], f"counts of {family.name}"


def parse(text):
    """{name: Family}; an AssertionError says what is wrong."""
    assert text.endswith("# EOF\n") and text.count("# EOF") == 1, "the end"
    families, family = {}, None
    for line in text.splitlines()[:-1]:
        metadata = METADATA.fullmatch(line)
        if metadata:
            if not family or family.name != metadata[2]:
                assert metadata[2] not in families, f"family {metadata[2]} is torn apart"
                assert metadata[1] == "TYPE", f"{metadata[2]} does not begin with its type"
                family = families[metadata[2]] = Family(metadata[2])
            read_metadata(family, metadata[1], metadata[3])
            continue
        sample = SAMPLE.fullmatch(line)
        assert sample and family, f"neither metadata nor a sample: {line!r}"
        read_sample(family, sample[1], read_labels(sample[2]) if sample[2] is not None else {}, sample[3])
    for each in families.values():
        assert each.type and each.help, f"{each.name} has no type or help"
        if each.type == "histogram":
            check_histogram(each)
    return families


def value(families, name, suffix="", **labels):
    return families[name].samples.get((suffix, tuple(sorted(labels.items()))))
