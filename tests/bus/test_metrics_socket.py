# SPDX-License-Identifier: LGPL-2.1-or-later
"""The socket metrics.sock: what it answers, and that nobody who connects holds anything up."""

import os
import socket
import stat

import open_metrics
from lease_calls import wait_by_asking
from main_loop import LIMIT

CONNECTIONS_MAX = 8


def socket_path(service):
    return os.path.join(service.directory, "run", "metrics.sock")


def connect(service):
    client = socket.socket(socket.AF_UNIX)
    client.settimeout(LIMIT)
    client.connect(socket_path(service))
    return client


def read_all(client):
    text = b""
    while piece := client.recv(65536):
        text += piece
    return text.decode()


def ask(service, request=b"GET /metrics HTTP/1.1\r\nHost: bailiff\r\n\r\n"):
    with connect(service) as client:
        client.sendall(request)
        return read_all(client)


def read_answer(text):
    head, _, body = text.partition("\r\n\r\n")
    lines = head.split("\r\n")
    assert lines[0] == "HTTP/1.0 200 OK"
    fields = dict(line.split(": ", 1) for line in lines[1:])
    assert fields["Content-Type"] == "application/openmetrics-text; version=1.0.0; charset=utf-8"
    assert int(fields["Content-Length"]) == len(body.encode())
    return open_metrics.parse(body)


def test_an_answer(daemon):
    assert "bailiff_lockspaces" in read_answer(ask(daemon))
    assert stat.S_IMODE(os.stat(socket_path(daemon)).st_mode) == 0o660


def test_a_request_in_pieces(daemon):
    with connect(daemon) as client:
        for piece in (b"GET / HT", b"TP/1.0\r\n", b"\r", b"\n"):
            client.sendall(piece)
            assert daemon.property("Manager", "Manager", "Version")
        read_answer(read_all(client))


def test_who_only_listens(daemon):
    """Nothing sent, but his side closed: as with an empty standard input of socat."""
    with connect(daemon) as client:
        client.shutdown(socket.SHUT_WR)
        read_answer(read_all(client))


def test_an_endless_request(daemon):
    with connect(daemon) as client:
        try:
            client.sendall(b"x" * 65536)
            assert read_all(client) == ""
        except (BrokenPipeError, ConnectionResetError):
            pass
    read_answer(ask(daemon))


def test_who_goes_away(daemon):
    for request in (b"", b"GET", b"GET / HTTP/1.0\r\n\r\n"):
        with connect(daemon) as client:
            client.sendall(request)
    read_answer(ask(daemon))


def test_silent_readers(service):
    """They are cut off, those who wait behind them get their turn, and the bus is served meanwhile."""
    silent = [connect(service) for _ in range(CONNECTIONS_MAX)]
    try:
        assert service.property("Manager", "Manager", "Version")
        read_answer(ask(service))
        assert [client.recv(1) for client in silent] == [b""] * len(silent)
    finally:
        for client in silent:
            client.close()


def test_left_behind_by_a_crash(service):
    service.kill_daemon()
    assert os.path.exists(socket_path(service))
    service.start_daemon()
    wait_by_asking(service, lambda: os.path.exists(socket_path(service)), "the socket")
    read_answer(ask(service))
