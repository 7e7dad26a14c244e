"""What the stream's benchmarks say is what happened: each number by hand, and a small one in earnest."""

from __future__ import annotations

import contextlib
import queue
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from api.wire import frame
from benchmarks import stream, stream_cycle, stream_parts
from benchmarks.stream_parts import Counting, Crowd, Heard

MS = 1_000_000


def test_each_event_counts_from_its_commit_to_the_first_sight_of_it() -> None:
    written = [(10 * MS, 2), (20 * MS, 5), (30 * MS, 6)]
    seen = [(12 * MS, 1), (13 * MS, 2), (41 * MS, 6)]

    assert stream.latencies(written, seen) == [3.0, 21.0, 21.0, 21.0, 11.0]


def test_a_commit_outside_the_time_asked_for_does_not_count() -> None:
    written = [(10 * MS, 1), (20 * MS, 2), (30 * MS, 3)]
    seen = [(11 * MS, 1), (22 * MS, 2), (33 * MS, 3)]

    assert stream.latencies(written, seen, 20 * MS, 30 * MS) == [2.0]


def test_what_was_never_seen_has_no_time_and_is_told_as_missing() -> None:
    written = [(10 * MS, 1), (20 * MS, 2)]

    assert stream.latencies(written, [(11 * MS, 1)]) == [1.0]
    assert stream.behind(written, [Crowd([2, 1], 0), Crowd([0], 0)]) == {"missing": 3}


def test_the_client_stands_beside_its_floor() -> None:
    heard = Heard([(16 * MS, 1)], [], 0, 0, 0)

    found = stream.compared([(10 * MS, 1)], heard, [(13 * MS, 1)])

    assert (found["p50_ms"], found["floor_p50_ms"], found["ratio"]) == (6.0, 3.0, 2.0)


def test_a_part_has_only_its_own_cycles_and_memory() -> None:
    minute = 60 * 10**9
    heard = Heard([], [(1, 5.0), (minute, 9.0), (2 * minute, 1.0)], 0, 0, 0)
    sizes = [(0, 90.0), (minute, 100.0), (minute + minute // 2, 101.5), (2 * minute, 7.0)]

    found = stream.part([], heard, [], sizes, minute, 2 * minute)

    assert (found["cycle_p50_ms"], found["cycles"]) == (9.0, 1)
    assert found["server_mb"] == {"first": 100.0, "most": 101.5, "last": 101.5}
    assert found["server_mb_per_minute"] == 3.0


@pytest.mark.parametrize(
    ("busy", "within"), [([[10.0], [10.6]], True), ([[11.4], [11.6]], False), ([[8.4], [8.6]], False)]
)
def test_a_difference_is_noise_where_equal_turns_differ_as_much(busy: list[list[float]], within: bool) -> None:
    found = stream_cycle.verdict([[9.5], [10.5]], busy)

    assert found["within_noise"] is within
    assert found["noise_ms"] == 1.0


@pytest.mark.parametrize(("text", "number"), [('{"v":1,"seq":42,"id":"x"}', 42), ('{"seq":7}', 7), ("{}", 0)])
def test_the_number_of_an_event_is_read(text: str, number: int) -> None:
    assert stream_parts.number_of(text) == number


@pytest.fixture
def lines() -> Iterator[tuple[socket.socket, socket.socket]]:
    here, there = socket.socketpair()
    with here, there:
        here.settimeout(10)
        there.setblocking(False)
        yield here, there


@pytest.mark.parametrize("piece", [1, 2, 7, 4096])
def test_who_only_counts_misses_no_event_however_they_arrive(
    lines: tuple[socket.socket, socket.socket], piece: int
) -> None:
    server, client = lines
    one, into = Counting(client), bytearray(1 << 16)
    told = b"".join(frame(b'{"v":1,"seq":%d,"data":"%s"}' % (n, b"x" * n)) for n in range(300, 320))

    for at in range(0, len(told), piece):
        server.sendall(told[at : at + piece])
        one.read(into)

    assert (one.events, one.closed) == (20, False)


@pytest.mark.parametrize("piece", [1, 3, 4096])
def test_who_only_counts_answers_pings_and_counts_on(lines: tuple[socket.socket, socket.socket], piece: int) -> None:
    server, client = lines
    one, into = Counting(client), bytearray(1 << 16)
    told = frame(b'{"seq":1}') + b"\x89\x04abcd" + frame(b'{"seq":2}')

    for at in range(0, len(told), piece):
        server.sendall(told[at : at + piece])
        one.read(into)

    assert one.events == 2
    assert server.recv(100) == b"\x8a\x84\0\0\0\0abcd"


def test_who_only_counts_tells_that_it_was_closed(lines: tuple[socket.socket, socket.socket]) -> None:
    server, client = lines
    one = Counting(client)

    server.close()
    one.read(bytearray(10))

    assert one.closed


def test_who_never_reads_takes_no_more_than_its_buffers_and_comes_again() -> None:
    taken: list[int] = []
    over, answer = threading.Event(), queue.SimpleQueue[int]()

    def serve(listening: socket.socket) -> None:
        while not over.is_set():
            line, _ = listening.accept()
            with line:
                line.recv(4096)
                line.sendall(b"HTTP/1.1 101 Switching Protocols\r\n\r\n")
                line.settimeout(0.3)
                sent = 0
                with contextlib.suppress(TimeoutError, ConnectionError):
                    while sent < 1 << 27:
                        sent += line.send(bytes(1 << 16))
                taken.append(sent)
                if len(taken) == 2:
                    over.set()

    with socket.create_server(("127.0.0.1", 0)) as listening:
        serving = threading.Thread(target=serve, args=(listening,))
        serving.start()
        given: Any = (threading.Event(), over, answer)
        stream_parts.stall(f"http://127.0.0.1:{listening.getsockname()[1]}", "token", 5.0, *given)
        serving.join(20)

    assert answer.get_nowait() == 2
    assert all(0 < one < 1 << 26 for one in taken)


def test_three_clients_of_a_real_server_get_every_event(tmp_path: Path) -> None:
    found = stream.stream(tmp_path, 3, 200, 1.0)

    assert (found["gaps"], found["repeats"], found["dropped"], found["missing"]) == (0, 0, 0, 0)
    assert found["p50_ms"] > 0
    assert found["floor_p50_ms"] > 0
    assert found["server_mb"] > 0
