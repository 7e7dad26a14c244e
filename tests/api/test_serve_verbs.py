"""The server by the command line: beside a run, by itself, and asked by the other verbs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from api import engine_process
from api.engine_process import EngineProcess, Wanted, command, environment
from api.errors import Problem
from api.read import risk as limits
from api.server import Beside
from domain.errors import ConfigError
from orchestration.serving import Served, Serving
from orchestration.terminal.info import RunInfo
from orchestration.terminal.remote import remote
from tests.api.routes_desk import played
from tests.api.serving_desk import WHOLE, Desk, serving
from tests.orchestration.terminal.conftest import AnsweringEngine, Answers
from tests.orchestration.terminal.story import RUN, an_info, scan, write_book, write_run

ROOT = Path(__file__).parents[2]

Said = tuple[int, str, str]


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    with serving(tmp_path, monkeypatch, parts=WHOLE) as made:
        monkeypatch.setenv("COLUMNS", "200")
        yield made


@pytest.fixture
def story(desk: Desk) -> Desk:
    write_run(desk.store)
    write_book(desk.store)
    with desk.store.transaction() as tx:
        tx.emit(RUN, [scan(1, {"EURUSD": 1.1042, "BTC": 43_000.0})])
    return desk


@pytest.fixture
def engine(desk: Desk) -> Iterator[Callable[[Answers], AnsweringEngine]]:
    running: list[AnsweringEngine] = []

    def start(answers: Answers) -> AnsweringEngine:
        running.append(AnsweringEngine(desk.database, answers))
        return running[-1]

    yield start
    for one in running:
        one.stop()


def argus(*arguments: str) -> Said:
    from cli import app

    done = CliRunner().invoke(app, list(arguments))
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, done.stdout, done.stderr


# -- other verbs by --url ----------------------------------------------------------------------------


SAME = ("positions", "orders", "trades", "events", "orders --limit 1", "positions --all", "locks", "locks --ended")


@pytest.mark.parametrize("verb", [*SAME, "locks --all", "trades --by symbol", "trades --by reason --all"])
@pytest.mark.parametrize("form", [(), ("--json",)])
def test_a_verb_says_the_same_of_a_server_as_of_its_database(story: Desk, verb: str, form: tuple[str, ...]) -> None:
    here = argus(*verb.split(), *form)
    there = argus(*verb.split(), *form, "--url", story.url)

    assert here[0] == 0
    assert len(here[1]) > 20
    assert there == here


@pytest.mark.parametrize("verb", ["locks", "trades --by reason", "positions"])
def test_another_run_and_all_of_them_are_meant_by_a_server_too(story: Desk, verb: str) -> None:
    write_run(story.store, "20250101T000000-ffff", epoch=2)  # the newest, with nothing in it
    for which in ("--all", f"--run {RUN}"):
        here, there = (argus(*verb.split(), *which.split(), *more) for more in ((), ("--url", story.url)))
        assert len(here[1]) > 80
        assert there == here


@pytest.mark.parametrize("verb", ["locks --run nobody", "trades --by nobody", "risk status --run nobody"])
def test_a_verb_is_refused_by_a_server_as_by_its_database(story: Desk, verb: str) -> None:
    here = argus(*verb.split())

    assert here[0] in (2, 4)
    assert argus(*verb.split(), "--url", story.url) == here


def test_how_the_risk_stands_is_the_same_by_a_server(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    played(desk.database, RUN, tmp_path, cycles=20)
    monkeypatch.setattr(limits, "WITHIN", 0.0)  # the first answers are that it is being worked out
    for form in ((), ("--json",)):
        here, there = argus("risk", "status", *form), argus("risk", "status", *form, "--url", desk.url)
        assert here[0] == 0, here
        assert len(here[1]) > 200
        assert there == here


@pytest.mark.parametrize("form", [(), ("--json",)])
def test_a_lock_is_removed_by_a_server_without_an_engine(story: Desk, form: tuple[str, ...]) -> None:
    said = argus("locks", "remove", "l1", "--reason", "seen", *form, "--url", story.url)

    told = '{"verb":"remove-lock","arguments":{"id":"l1"},"state":"DONE","engine":false}'
    assert said == (0, f"{told if form else 'removed: COOLDOWN of BTC; no engine runs'}\n", "")
    assert argus("locks", "--url", story.url)[1] == "no locks\n"
    again = argus("locks", "remove", "l1", "--reason", "seen", "--url", story.url)
    assert (again[0], "was removed already" in again[2]) == (1, True)


@pytest.mark.parametrize("id", ["nonsense", "l", "l2"])
def test_what_holds_nothing_is_not_removed_by_a_server(story: Desk, id: str) -> None:
    here, there = (argus("locks", "remove", id, "--reason", "x", *more) for more in ((), ("--url", story.url)))

    assert here[0] == 1
    assert there == here


def test_an_engine_is_asked_to_remove_a_lock(story: Desk, engine: Any) -> None:
    with story.store.transaction() as tx:
        from domain.events import Draft

        tx.emit(RUN, [Draft("ENGINE_STATE", 1, "s", {"state": "running", "from": "", "reason": "", "since": None})])
    engine({"remove-lock": ("DONE", {})})

    assert argus("locks", "remove", "l1", "--reason", "seen", "--url", story.url)[:2] == (
        0,
        "remove-lock done at cycle 7\n",
    )


def test_status_says_the_same_without_the_paths_of_the_machine(story: Desk) -> None:
    here, there = (json.loads(argus("status", "--json", *more)[1]) for more in ((), ("--url", story.url)))

    assert story.database not in json.dumps(there)
    assert there["database"] != here["database"]
    assert there | {"database": here["database"]} == here
    assert "engine" in argus("status", "--url", story.url)[1]


@pytest.mark.parametrize(
    ("verb", "answer", "code", "text"),
    [
        ("pause --reason lunch", ("DONE", {}), 0, "pause done at cycle 7"),
        ("resume", ("REFUSED", {"reason": "the kill switch is latched"}), 1, "was refused: the kill switch is latched"),
        ("cancel aaaa11", ("DONE", {"aaaa1111": "CANCELLED"}), 0, "cancel done at cycle 7"),
        ("cancel nobody", ("DONE", {}), 1, "no order's id begins with 'nobody'"),
        ("close BTC", ("DONE", {}), 1, "nothing is held"),
        ("close EURUSD --fraction 0.5", ("DONE", {"closing": ["EURUSD"]}), 0, "close done at cycle 7: closing EURUSD"),
        (
            "halt --flatten --reason now",
            ("DONE", {"verified": True, "cancelled": {}, "closing": [], "left": [], "positions": {}}),
            0,
            "verified at the venue: no entry works",
        ),
    ],
)
def test_a_command_by_a_server_ends_as_one_by_the_database(
    story: Desk, engine: Any, verb: str, answer: tuple[str, Any], code: int, text: str
) -> None:
    name = verb.split()[0]
    state = "paused" if name == "resume" else "running"
    with story.store.transaction() as tx:
        from domain.events import Draft

        tx.emit(RUN, [Draft("ENGINE_STATE", 1, "s", {"state": state, "from": "", "reason": "", "since": None})])
    engine({name: answer})

    said = argus(*verb.split(), "--url", story.url)

    assert said[0] == code, said
    assert text in said[1] + said[2]


def test_without_an_engine_a_command_is_exit_3_and_a_halt_holds_all_the_same(story: Desk) -> None:
    assert argus("pause", "--url", story.url)[0] == 3
    code, out, _ = argus("halt", "--reason", "now", "--url", story.url)
    assert (code, "no engine runs" in out) == (0, True)
    assert json.loads(argus("status", "--json")[1])["halted"]
    code, out, _ = argus("reset-kill-switch", "--reason", "seen", "--url", story.url)
    assert (code, "released" in out) == (0, True)
    assert not json.loads(argus("status", "--json")[1])["halted"]


def test_an_engine_that_does_not_answer_is_exit_5(story: Desk, engine: Any) -> None:
    engine({})
    with story.store.transaction() as tx:
        from domain.events import Draft

        tx.emit(RUN, [Draft("ENGINE_STATE", 1, "s", {"state": "running", "from": "", "reason": "", "since": None})])

    code, _, err = argus("pause", "--timeout", "0.3", "--url", story.url)

    assert (code, "no answer to pause" in err) == (5, True)


def test_no_server_is_exit_3_and_a_wrong_token_says_where_a_right_one_is(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert argus("status", "--url", "http://127.0.0.1:1")[0] == 3
    monkeypatch.setenv("ARGUS_API_TOKEN", "wrong" * 10)
    code, _, err = argus("status", "--url", desk.url)
    assert (code, "ARGUS_API_TOKEN" in err) == (1, True)
    monkeypatch.delenv("ARGUS_API_TOKEN")
    file = tmp_path / "mine"
    file.write_text(desk.reader)
    file.chmod(0o600)
    assert argus("status", "--url", desk.url, "--token-file", str(file))[0] == 0
    code, _, err = argus("pause", "--url", desk.url, "--token-file", str(file))
    assert (code, "read-only" in err) == (1, True)
    file.chmod(0o644)
    assert argus("status", "--url", desk.url, "--token-file", str(file))[0] == 4


@pytest.mark.parametrize("url", ["127.0.0.1:8765", "ftp://127.0.0.1", "http://", "http://127.0.0.1/?token=x"])
def test_an_address_that_is_none(desk: Desk, url: str) -> None:
    assert argus("status", "--url", url)[0] == 4


def test_our_token_is_not_sent_to_another_machine(desk: Desk) -> None:
    with pytest.raises(ConfigError, match="another machine"), remote("http://192.0.2.1:8765", None, {}):
        pass


def test_another_program_at_that_address_is_told(desk: Desk) -> None:
    from http.server import BaseHTTPRequestHandler, HTTPServer

    class Other(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"<html>")

        def log_message(self, *_: Any) -> None: ...

    with HTTPServer(("127.0.0.1", 0), Other) as other:
        threading.Thread(target=other.handle_request, daemon=True).start()
        code, _, err = argus("status", "--url", f"http://127.0.0.1:{other.server_port}")
    assert (code, "no server of this program" in err) == (1, True)


def test_page_prints_an_address_that_is_good_once(desk: Desk) -> None:
    code, out, _ = argus("page", "--url", desk.url)
    address, _, secret = out.strip().partition("/#code=")

    assert (code, address) == (0, desk.url)
    assert desk.client().post("/login", json={"code": secret}).status_code == 200
    assert desk.client().post("/login", json={"code": secret}).status_code == 401


# -- serve -------------------------------------------------------------------------------------------


def test_serve_shows_a_new_data_folder_and_ends_in_order(tmp_path: Path) -> None:
    kept = {name: one for name, one in os.environ.items() if not name.upper().startswith("ARGUS")}
    command = [sys.executable, str(ROOT / "cli.py"), "serve", "--port", "0", "--json"]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=kept | {"ARGUS_HOME": str(tmp_path)}
    )
    try:
        assert process.stdout is not None
        said = json.loads(process.stdout.readline())
        assert set(said) == {"url", "page_url", "pid", "database"}
        assert said["pid"] == process.pid
        assert httpx.get(f"{said['url']}/ping", trust_env=False).json() == {"status": "ok"}
        token = (tmp_path / "api-token").read_text().strip()
        assert token not in json.dumps(said)
        headers = {"Authorization": f"Bearer {token}"}
        state = httpx.get(f"{said['url']}/api/engine", headers=headers, trust_env=False).json()
        assert "start" in state["legal"]
    finally:
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=30)
    assert (process.returncode, out, err) == (0, "", "")


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        ("--host 0.0.0.0", 4, "--allow-insecure"),
        ("--tls-cert nowhere.pem", 4, "belong together"),
        ("--port 70000", 2, "--port"),
        ("--allow-host *", 4, "not a host name"),
        ("--db-url postgres://x", 4, "not supported"),
    ],
)
def test_serve_refuses_before_it_begins(desk: Desk, arguments: str, code: int, text: str) -> None:
    said = argus("serve", *arguments.split())

    assert said[0] == code
    assert text in said[2]


@pytest.mark.parametrize("arguments", ["--host 0.0.0.0", "--tls-key x", "--allow-host a/b"])
def test_a_run_refuses_the_same_before_anything_starts(desk: Desk, arguments: str, tmp_path: Path) -> None:
    said = argus("run", "--symbols", "EURUSD", "--cycles", "1", *arguments.split())

    assert said[0] == 4
    assert argus("status", "--json")[1].count('"run":null') == 1


# -- beside a run ------------------------------------------------------------------------------------


def test_whatever_goes_wrong_with_the_server_is_a_notice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, desk: Desk
) -> None:
    told: list[str] = []
    taken = Served(Serving(port=desk.server.bound.port), told.append)
    assert taken.start(desk.database, "", "") == ""
    taken.stop()
    assert "is taken by another program" in told[0]

    monkeypatch.setattr(Beside, "start", lambda self: 1 / 0)
    broken = Served(Serving(), told.append)
    assert broken.start(desk.database, "", "") == ""
    broken.stop()
    assert "division by zero" in told[1]

    monkeypatch.setattr("orchestration.serving.load", lambda name: __import__("no_such_module"))
    missing = Served(Serving(), told.append)
    assert missing.start(desk.database, "", "") == ""
    missing.stop()
    assert "no_such_module" in told[2]


def test_a_server_that_hangs_does_not_hold_the_run(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestration.serving.START_WITHIN", 0.2)
    release = threading.Event()
    monkeypatch.setattr(Beside, "start", lambda self: release.wait(30) and "")
    told: list[str] = []
    served = Served(Serving(port=0), told.append)
    began = time.monotonic()

    assert served.start(desk.database, "", "") == ""

    assert time.monotonic() - began < 10
    assert "not within 0.2 s" in told[0]
    release.set()
    served.stop()


def test_beside_a_run_it_answers_and_starts_no_second_one(desk: Desk, tmp_path: Path) -> None:
    told: list[str] = []
    served = Served(Serving(port=0), told.append)
    page = served.start(desk.database, "http://127.0.0.1:8265", "")
    try:
        address, _, code = page.partition("/#code=")
        client = httpx.Client(base_url=address, trust_env=False, headers={"Origin": address})
        with client:
            csrf = client.post("/login", json={"code": code}).json()["csrf"]
            said = {"X-CSRF-Token": csrf}
            answer = client.post("/api/engine/start", json={"reason": "x", "symbols": ["BTC"]}, headers=said)
            assert answer.status_code == 409
            assert client.get("/health/ready").status_code == 503  # the engine of this run does not beat
    finally:
        served.stop()
    assert told == []
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{address}/ping", trust_env=False)


@pytest.mark.parametrize("form", ["json", "plain"])
def test_the_pages_address_goes_to_stderr_and_never_into_what_programs_read(
    form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    from orchestration.terminal.json_lines import JsonLines
    from orchestration.terminal.plain_lines import PlainLines

    info: RunInfo = an_info(page_url="http://127.0.0.1:8765/#code=abc")
    (JsonLines() if form == "json" else PlainLines()).begin(info)

    said = capsys.readouterr()
    assert said.err == "page http://127.0.0.1:8765/#code=abc\n"
    assert "#code" not in said.out


def test_the_live_table_shows_it_in_its_head() -> None:
    from rich.console import Console

    from orchestration.terminal.panels import panels
    from orchestration.terminal.tally import Tally

    console = Console(width=160, height=40, record=True, file=open(os.devnull, "w"))  # noqa: SIM115
    with console.file:
        console.print(panels(Tally(an_info(page_url="http://127.0.0.1:8765/#code=abc")), 160, 40))
    assert "http://127.0.0.1:8765/#code=abc" in console.export_text()


# -- an engine that is started from the page ---------------------------------------------------------


@pytest.fixture
def process(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> EngineProcess:
    """Starts a program that only waits."""
    waits = [sys.executable, "-c", "import time; print('began', flush=True); time.sleep(60)"]
    monkeypatch.setattr(engine_process, "command", lambda *_: waits)
    made = EngineProcess(desk.database)
    yield made  # type: ignore[misc]
    if made._child is not None:
        made._child.kill()
        made._child.wait()


def ends(process: EngineProcess, within: float = 10.0) -> int:
    until = time.monotonic() + within
    while True:
        state = process.state()
        assert state is not None
        assert time.monotonic() < until
        if state.exit_code is not None:
            return state.exit_code
        time.sleep(0.02)


def test_one_engine_at_a_time_stopped_by_sigterm(process: EngineProcess, tmp_path: Path) -> None:
    assert process.state() is None
    assert not process.stop()
    started = process.start(Wanted(symbols=["EURUSD"]))
    assert (started.exit_code, started.pid) == (None, process._child.pid)  # type: ignore[union-attr]
    with pytest.raises(Problem) as second:
        process.start(Wanted(symbols=["EURUSD"]))
    assert (second.value.status, second.value.legal) == (409, ("stop", "pause", "emergency-stop", "reset-kill-switch"))
    assert process.stop()
    assert ends(process) == -signal.SIGTERM
    assert not process.stop()
    assert (tmp_path / "engine.log").stat().st_mode & 0o777 == 0o600
    assert process.start(Wanted(symbols=["EURUSD"])).pid != started.pid


def test_none_beside_an_engine_that_lives(process: EngineProcess, engine: Any) -> None:
    engine({})
    with pytest.raises(Problem) as refused:
        process.start(Wanted(symbols=["EURUSD"]))
    assert (refused.value.status, refused.value.code) == (409, "ALREADY_RUNNING")


def test_live_needs_its_consent_here_as_well(process: EngineProcess) -> None:
    with pytest.raises(Problem) as refused:
        process.start(Wanted(symbols=["EURUSD"], mode="live"))
    assert (refused.value.status, refused.value.code) == (422, "LIVE_NEEDS_CONSENT")
    with pytest.raises(ConfigError):  # consent alone makes no real feed and venue
        process.start(Wanted(symbols=["EURUSD"], mode="live", i_understand_live=True))
    assert process.state() is None


@pytest.mark.parametrize(
    "wanted",
    [
        {"symbols": ["EURUSD"], "preset": "nobody"},
        {"symbols": ["EURUSD"], "strategy": "nobody"},
        {"symbols": []},
        {"symbols": ["EURUSD"], "timeframe": "Q7"},
        {"symbols": ["--db-url=x"]},
        {"symbols": ["EURUSD"], "speed": -1},
        {"symbols": ["EURUSD"], "feed": "recorded"},
    ],
)
def test_a_run_that_would_be_refused_is_not_started(process: EngineProcess, wanted: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        process.start(Wanted(**wanted))
    assert process.state() is None


def test_the_command_line_of_a_run_holds_no_option_but_ours() -> None:
    wanted = Wanted(symbols=["EURUSD", "-x"], preset="balanced", speed="max", cycles=5, seed=3, mode="paper")
    said = command(wanted, "sqlite:////x/argus.db", ("base.yaml",))

    assert said[2:] == [
        *("run", "--symbols=EURUSD,-x", "--preset=balanced", "--mode=paper", "--speed=max", "--seed=3", "--cycles=5"),
        *("--config=base.yaml", "--no-api"),
    ]
    assert "--i-understand-live" not in said
    live = command(Wanted(symbols=["A"], mode="live", i_understand_live=True), "", ())
    assert "--i-understand-live" in live


def test_a_token_of_the_environment_is_not_handed_on() -> None:
    given = {"ARGUS_API_TOKEN": "secret", "PATH": "/bin", "ARGUS__RISK__UNITS": "5"}

    found = environment(given, "sqlite:////x/argus.db")

    assert found == {
        "PATH": "/bin",
        "ARGUS__RISK__UNITS": "5",
        "ARGUS__DATABASE__URL": "sqlite:////x/argus.db",
        "TERM": "dumb",
    }


def test_why_a_run_ended_is_told_without_paths(desk: Desk, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    fails = [sys.executable, "-c", f"import sys; print('error: {tmp_path}/x.yaml: no such file'); sys.exit(4)"]
    monkeypatch.setattr(engine_process, "command", lambda *_: fails)
    process = EngineProcess(desk.database)
    process.start(Wanted(symbols=["EURUSD"]))

    assert ends(process) == 4
    state = process.state()
    assert state is not None
    assert "no such file" in state.said
    assert str(tmp_path) not in state.said
