# SPDX-License-Identifier: LGPL-2.1-or-later
"""The rows of the table: what each says, what it should reach, and what was measured."""

import dataclasses
import fnmatch
import json
import statistics

BAILIFF, SANLOCK = "bailiff", "sanlock"


@dataclasses.dataclass(frozen=True)
class Goal:
    """`kind`: at-most or at-least; `of`: "ratio" to sanlock in the same run, or "value" of bailiffd itself."""
    kind: str
    limit: float
    of: str = "ratio"

    def text(self, unit):
        sign = "≤" if self.kind == "at-most" else "≥"
        return f"{sign} {self.limit:g}×" if self.of == "ratio" else f"{sign} {self.limit:g} {unit}"

    def is_met(self, value, ratio):
        measured = ratio if self.of == "ratio" else value
        if measured is None:
            return None
        return measured <= self.limit if self.kind == "at-most" else measured >= self.limit


def ratio_at_most(limit):
    return Goal("at-most", limit)


def ratio_at_least(limit):
    return Goal("at-least", limit)


def at_most(limit):
    return Goal("at-most", limit, "value")


def at_least(limit):
    return Goal("at-least", limit, "value")


class Row:
    """`name` is what --rows matches; its parts are separated by slashes."""

    def __init__(self, name, what, unit, goal=None):
        self.name, self.what, self.unit, self.goal = name, what, unit, goal
        self.values = {BAILIFF: [], SANLOCK: []}
        self.notes = []

    def add(self, side, value):
        self.values[side].append(value)

    def note(self, text):
        text = " ".join(text.split())
        if text not in self.notes:
            self.notes.append(text)

    def median(self, side):
        return statistics.median(self.values[side]) if self.values[side] else None

    @property
    def ratio(self):
        ours, theirs = self.median(BAILIFF), self.median(SANLOCK)
        return ours / theirs if ours is not None and theirs else None

    @property
    def met(self):
        return self.goal.is_met(self.median(BAILIFF), self.ratio) if self.goal else None

    @property
    def measured(self):
        return any(self.values.values())

    def as_json(self):
        def side(name):
            values = self.values[name]
            return {"values": values, "median": self.median(name), "min": min(values), "max": max(values)} \
                if values else None
        return {"name": self.name, "what": self.what, "unit": self.unit, BAILIFF: side(BAILIFF),
                SANLOCK: side(SANLOCK), "ratio": self.ratio,
                "goal": {"text": self.goal.text(self.unit), "met": self.met} if self.goal else None,
                "notes": self.notes}


class Results:
    """All rows that are wanted, in the order of their declaration."""

    def __init__(self, patterns):
        self.patterns = patterns
        self.rows = {}

    def wants(self, name):
        return any(fnmatch.fnmatch(name, pattern) or name.startswith(pattern.rstrip("/") + "/")
                   for pattern in self.patterns)

    def declare(self, *rows):
        """Keeps those that are wanted; tells whether any is."""
        wanted = [row for row in rows if self.wants(row.name)]
        self.rows.update((row.name, row) for row in wanted)
        return bool(wanted)

    def add(self, name, side, value):
        if name in self.rows:
            self.rows[name].add(side, value)

    def note(self, name, text):
        if name in self.rows:
            self.rows[name].note(text)

    def measured(self):
        return [row for row in self.rows.values() if row.measured or row.notes]

    def as_json(self, about):
        return json.dumps({**about, "rows": [row.as_json() for row in self.measured()]}, indent=1)


def number(value):
    if value is None:
        return "–"
    if value == 0 or abs(value) >= 1000:
        return f"{value:.0f}"
    return f"{value:.3g}"


def with_range(row, side):
    values = row.values[side]
    if not values:
        return "–"
    text = number(row.median(side))
    low, high = number(min(values)), number(max(values))
    return text if low == high else f"{text} ({low}–{high})"


def table(rows):
    """As Markdown, its columns aligned."""
    lines = [["row", "unit", "bailiffd", "sanlock", "ratio", "goal", "met"]]
    for row in rows:
        met = {True: "yes", False: "**no**", None: ""}[row.met]
        lines.append([row.name, row.unit, with_range(row, BAILIFF), with_range(row, SANLOCK),
                      f"{number(row.ratio)}×" if row.ratio is not None else "",
                      row.goal.text(row.unit) if row.goal else "", met])
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    lines.insert(1, ["-" * width for width in widths])
    text = "\n".join("| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths)) + " |"
                     for line in lines)
    notes = [f"- {row.name}: {note}" for row in rows for note in row.notes]
    return text + ("\n\n" + "\n".join(notes) if notes else "")
