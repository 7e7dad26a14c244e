"""Signs of life: a file that is whole at every moment, and a URL on a real server."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import msgspec
import pytest

from orchestration.heartbeat import FILE, Heartbeat, read
from orchestration.settings import Overrides, describe, load, to_json
from orchestration.settings.tree import from_json


class Server(ThreadingHTTPServer):
    """Counts what it is asked, answers what it is told, and may be held."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[str] = []
        self.answer = 200
        self.go = threading.Event()
        self.go.set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/ping/secret"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        self.server.go.wait(60)
        self.send_response(self.server.answer)
        self.end_headers()

    def log_message(self, *args: object) -> None:
        return None


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as found:
        thread = threading.Thread(target=found.serve_forever)
        thread.start()
        yield found
        found.go.set()
        found.shutdown()
        thread.join()


class Life:
    """A heartbeat whose seconds go on by hand."""

    def __init__(self, folder: Path, url: str | None = None) -> None:
        self.seconds = 0.0
        self.told: list[str] = []
        self.file = folder / FILE
        self.heartbeat = Heartbeat(self.file, url, "run-1", self, lambda: self.seconds, self.told.append)

    def now(self) -> int:
        return 1_704_153_600_000_000_000 + int(self.seconds * 1e9)

    def look(self, cycle: int, after: float = 1.0, state: str = "running") -> None:
        self.seconds += after
        self.heartbeat.look(cycle, state)

    def settle(self) -> None:
        ping = self.heartbeat._ping
        assert ping is not None
        wait(lambda: not ping.busy)


def wait(holds: Callable[[], object]) -> None:
    ends = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < ends
        time.sleep(0.01)


def test_the_file_says_who_how_far_in_which_state_and_when(tmp_path: Path) -> None:
    life = Life(tmp_path)
    life.look(12)

    assert msgspec.json.decode(life.file.read_bytes()) == {
        "pid": os.getpid(),
        "run_id": "run-1",
        "cycle": 12,
        "at": "2024-01-02T00:00:01Z",
        "state": "running",
    }
    life.look(13, after=0.5)
    assert read(life.file).cycle == 12  # type: ignore[union-attr]
    life.look(14, after=0.5, state="paused")
    assert read(life.file) == msgspec.structs.replace(  # type: ignore[type-var]
        read(life.file), cycle=14, at="2024-01-02T00:00:02Z", state="paused"
    )
    assert [one.name for one in tmp_path.iterdir()] == [FILE]


def test_a_clean_end_removes_the_file_of_this_run_and_no_other(tmp_path: Path) -> None:
    life = Life(tmp_path)
    life.look(1)
    other = msgspec.structs.replace(read(life.file), run_id="run-2")  # type: ignore[type-var]
    life.heartbeat.stop()
    assert not life.file.exists()

    life.file.write_bytes(msgspec.json.encode(other))
    life.heartbeat.stop()
    assert life.file.exists()


def test_a_file_that_cannot_be_written_is_told_once_and_stops_nothing(tmp_path: Path) -> None:
    life = Life(tmp_path / "gone")
    for cycle in range(3):
        life.look(cycle)
    assert life.told == [f"heartbeat file: {life.file}: No such file or directory"]

    life.file.parent.mkdir()
    life.look(3)
    life.file.unlink()
    life.file.parent.rmdir()
    life.look(4)
    assert len(life.told) == 2


def test_what_is_no_heartbeat_is_none(tmp_path: Path) -> None:
    file = tmp_path / FILE
    assert read(file) is None
    file.write_text('{"pid": 1')
    assert read(file) is None
    file.write_text('{"pid": "one"}')
    assert read(file) is None


def test_the_url_is_asked_when_a_cycle_has_closed_and_at_most_once_a_second(tmp_path: Path, server: Server) -> None:
    life = Life(tmp_path, server.url)
    life.look(0)
    assert server.asked == []

    life.look(1)
    life.settle()
    life.look(2, after=0.25)
    life.look(1)
    life.settle()
    assert server.asked == ["/ping/secret"]

    life.look(3)
    life.settle()
    assert server.asked == ["/ping/secret"] * 2
    assert life.told == []


def test_one_question_at_a_time_and_nobody_waits_for_it(tmp_path: Path, server: Server) -> None:
    life = Life(tmp_path, server.url)
    server.go.clear()
    for cycle in range(1, 6):
        life.look(cycle)
    wait(lambda: server.asked)
    assert len(server.asked) == 1

    server.go.set()
    life.settle()
    life.look(6)
    life.settle()
    assert len(server.asked) == 2


def test_a_url_that_fails_is_told_once_without_the_url_and_again_after_it_worked(
    tmp_path: Path, server: Server
) -> None:
    life = Life(tmp_path, server.url)
    for cycle, answer in enumerate((500, 503, 200, 404, 200), 1):
        server.answer = answer
        life.look(cycle)
        life.settle()
    life.look(5)

    assert life.told == ["heartbeat URL: it answered 500", "heartbeat URL: it answered 404"]


def test_a_server_that_is_not_there_is_told_and_stops_nothing(tmp_path: Path, server: Server) -> None:
    port = server.server_address[1]
    life = Life(tmp_path, f"http://127.0.0.1:{port + 1 if port < 65_535 else port - 1}/secret")
    life.look(1)
    life.settle()
    life.look(2)
    assert len(life.told) == 1
    assert "secret" not in life.told[0]


# -- the configuration -------------------------------------------------------------------------------

URL = "https://user:word@hc.example/ping/0123"


def test_the_url_is_shown_and_frozen_nowhere() -> None:
    settings = load(Overrides(symbols=("EURUSD",), sets=(f"supervision.heartbeat_url={URL}",)), {})

    assert settings.supervision.heartbeat_url == URL
    assert describe(settings)["supervision.heartbeat_url"]["value"] == "***"
    assert b"hc.example" not in to_json(settings)
    assert from_json(to_json(settings)).supervision.restarts == 5


def test_a_url_that_is_none_is_refused_without_being_shown() -> None:
    from domain.errors import ConfigError

    with pytest.raises(ConfigError, match=r"heartbeat_url = \*\*\*: allowed: http://host/path") as refused:
        load(Overrides(symbols=("EURUSD",), config=(), sets=()), {"ARGUS__SUPERVISION__HEARTBEAT_URL": "hc.example/01"})
    assert "hc.example/01" not in str(refused.value)
