from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from cli import app
from journal import database
from journal.store import Store
from orchestration.settings import Overrides
from orchestration.settings.keys import KEYS
from orchestration.terminal.options import overrides, with_run_options
from tests.orchestration.terminal.story import RUN, denied, write_run

HOME = Path(__file__).parents[1]
VERBS = [
    *("run", "status", "positions", "orders", "trades", "locks", "events", "pause", "resume", "close", "cancel"),
    *("halt", "reset-kill-switch", "strategies", "rules", "venues", "presets", "doctor"),
    *("data show", "data check", "data import", "backtest", "optimize", "montecarlo", "compare", "replay"),
    "serve",
    *("config show", "config check", "db migrate", "db check", "risk explain", "risk status"),
    *("notify test", "notify rules"),
    *("research ask", "research check", "research show", "research calls", "research cost", "research calibration"),
    *("research lessons", "research proposals", "research accept", "research reject"),
]


def environment(folder: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.upper().startswith(("ARGUS", "NUMBA"))}
    return kept | {"ARGUS_HOME": str(folder), "COLUMNS": "160", "TERM": "dumb"}


def started(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, str(HOME / "cli.py"), *arguments]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, env=environment(folder), cwd=folder)


def called(folder: Path, *arguments: str) -> tuple[int, str, str]:
    process = started(folder, *arguments)
    out, err = process.communicate(timeout=120)
    return process.returncode, out, err


def help_of(*verb: str) -> str:
    done = CliRunner(env={"COLUMNS": "220", "TERM": "dumb"}).invoke(app, [*verb, "--help"])
    assert done.exit_code == 0
    return " ".join(done.stdout.split())


# -- help --------------------------------------------------------------------------------------------


def test_every_verb_has_help_in_a_process_of_its_own(tmp_path: Path) -> None:
    running = {verb: started(tmp_path, *verb.split(), "--help") for verb in ["", *VERBS]}

    said = {verb: (*process.communicate(timeout=120), process.returncode) for verb, process in running.items()}

    assert {verb: code for verb, (_, _, code) in said.items() if code} == {}
    assert all("Usage:" in out and err == "" for out, err, _ in said.values())
    assert all(verb.split()[0] in said[""][0] for verb in VERBS)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_takes_json_and_says_more_than_its_name(verb: str) -> None:
    said = help_of(*verb.split())

    assert "--json" in said
    assert len(said) > 200


WITHOUT_DATABASE = (
    *("strategies", "rules", "venues", "presets", "data show", "data check", "data import"),
    *("backtest", "optimize", "montecarlo"),
)


@pytest.mark.parametrize("verb", [one for one in VERBS if one not in WITHOUT_DATABASE])
def test_every_verb_that_needs_a_database_can_be_told_which(verb: str) -> None:
    assert "--db-url" in help_of(*verb.split())


@pytest.mark.parametrize(
    ("option", "key"),
    [
        ("--mode", "mode"),
        ("--feed", "feed.name"),
        ("--seed", "feed.seed"),
        ("--strategy", "strategy.name"),
        ("--preset", "preset"),
        ("--address", "ray.address"),
    ],
)
def test_the_help_of_run_tells_the_defaults_that_hold(option: str, key: str) -> None:
    after = help_of("run").partition(f"{option} ")[2]

    assert after.partition("[default: (")[2].partition(")]")[0] == str(KEYS[key].default)


@pytest.mark.parametrize(
    "verb",
    [
        *("status", "positions", "orders", "trades", "events", "page"),
        *("pause", "resume", "close", "cancel", "halt", "reset-kill-switch"),
    ],
)
def test_every_verb_that_a_server_answers_can_be_told_which(verb: str) -> None:
    said = help_of(verb)

    assert "--url" in said
    assert "--token-file" in said


# -- the options of run ------------------------------------------------------------------------------


def parsed(*arguments: str) -> Overrides:
    """The Overrides that a command line means, through typer."""
    got: list[Overrides] = []

    def verb(given: Overrides) -> int:
        got.append(given)
        return 0

    one = typer.Typer()
    one.command()(with_run_options(needs_symbols=True)(verb))
    done = CliRunner().invoke(one, list(arguments))
    assert done.exit_code == 0, done.stderr
    return got[0]


@pytest.mark.parametrize(
    ("arguments", "changed"),
    [
        ("", {}),
        ("--symbols EURUSD,BTC", {"symbols": ("EURUSD,BTC",)}),
        ("--symbols EURUSD -s BTC", {"symbols": ("EURUSD", "BTC")}),
        ("--mode live --i-understand-live", {"mode": "live", "i_understand_live": True}),
        ("--feed recorded --data EURUSD=a.parquet -d BTC=b.csv --follow",
         {"feed": "recorded", "data": ("EURUSD=a.parquet", "BTC=b.csv"), "follow": True}),
        ("--timeframe H1 --timerange 20160104-20160331", {"timeframe": "H1", "timerange": "20160104-20160331"}),
        ("--strategy ema_cross --preset yardstick", {"strategy": "ema_cross", "preset": "yardstick"}),
        ("--interval 0.5 --cycles 400 --seed 7 --speed max",
         {"interval": 0.5, "cycles": 400, "seed": 7, "speed": "max"}),
        ("--speed 2.5", {"speed": "2.5"}),
        ("--db-url sqlite:///x.db --address auto", {"db_url": "sqlite:///x.db", "address": "auto"}),
        ("-c a.yaml --config b.yaml --set risk.units=5 --set feed.bars=10",
         {"config": ("a.yaml", "b.yaml"), "sets": ("risk.units=5", "feed.bars=10")}),
    ],
)  # fmt: skip
def test_options_become_overrides(arguments: str, changed: dict[str, Any]) -> None:
    assert asdict(parsed(*arguments.split())) == asdict(Overrides()) | changed
    assert overrides(needs_symbols=False).needs_symbols is False


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        ("run --cycles many --symbols A", 2, "cycles"),
        ("run --resume --symbols A -c x.yaml --set risk.units=5 --cycles 3 --follow", 2,
         "leave out --symbols, --follow, --cycles, --config, --set"),
        ("run 20240102T", 2, "only --resume takes"),
        ("run --resume --db-url sqlite:////nowhere/at/all.db", 4, "there is no database at"),
        ("run", 2, "no symbols: give --symbols EURUSD,BTC"),
        ("run --symbols EURUSD,EURUSD", 2, "is there twice"),
        ("run --symbols EURUSD --strategy nonsense", 2, "unknown strategy 'nonsense'"),
        ("run --symbols EURUSD --preset nonsense", 2, "unknown preset 'nonsense'"),
        ("run --symbols EURUSD --data nowhere --feed sim", 2, "belongs to feed recorded"),
        ("run --symbols EURUSD --set risk.nonsense=1", 4, "risk.nonsense is not a known key"),
        ("run --symbols EURUSD -c nowhere.yaml", 4, "nowhere.yaml: does not exist"),
    ],
)  # fmt: skip
def test_a_run_that_is_refused_says_why_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: str, code: int, told: str
) -> None:
    monkeypatch.setenv("ARGUS_HOME", str(tmp_path / "home"))

    done = CliRunner(env={"COLUMNS": "220"}).invoke(app, arguments.split())

    assert done.exit_code == code
    assert done.stdout == ""
    assert told in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


# -- what can be chosen ------------------------------------------------------------------------------


def test_strategies_are_objects_with_warm_up_and_parameters(tmp_path: Path) -> None:
    code, out, err = called(tmp_path, "strategies", "--json")

    assert (code, err) == (0, "")
    (found,) = [one for one in json.loads(out) if one["name"] == "ema_cross"]
    assert found["warm_up"] == 30
    (fast,) = [one for one in found["parameters"] if one["name"] == "fast"]
    assert (fast["type"], fast["default"], fast["low"], fast["high"]) == ("int", 10, 1, 10_000)
    assert fast["doc"]


def test_strategies_are_told_to_people(tmp_path: Path) -> None:
    code, out, _ = called(tmp_path, "strategies")

    assert code == 0
    assert "ema_cross  (warm-up 30 bars)" in out
    assert "length of the fast average" in out


@pytest.mark.parametrize(
    ("verb", "name", "part"),
    [
        ("rules", "max_daily_loss", "risk.max_daily_loss"),
        ("venues", "paper", "venue"),
        ("presets", "yardstick", "units"),
    ],
)
def test_what_can_be_chosen_is_listed(verb: str, name: str, part: str) -> None:
    runner = CliRunner()
    text, said = runner.invoke(app, [verb]), runner.invoke(app, [verb, "--json"])

    assert (text.exit_code, said.exit_code) == (0, 0)
    assert name in text.stdout
    assert part in text.stdout
    assert name in [one["name"] for one in json.loads(said.stdout)]


# -- configuration -----------------------------------------------------------------------------------


def test_a_configuration_is_checked_as_run_would(tmp_path: Path) -> None:
    (tmp_path / "my.yaml").write_text("strategy: {name: ema_cross, fast: 50}\nrisk: {max_daily_loss: 100}\n")

    code, out, err = called(tmp_path, "config", "check", "-c", "my.yaml", "--symbols", "EURUSD")
    assert (code, out) == (4, "")
    assert "my.yaml line 1" in err
    assert "must be below strategy.slow" in err

    right = ("config", "check", "-c", "my.yaml", "--set", "strategy.slow=60")
    assert called(tmp_path, *right)[:2] == (0, "ok\n")
    assert json.loads(called(tmp_path, *right, "--json")[1]) == {"ok": True, "problems": [], "notices": []}


def test_problems_are_json_for_programs(tmp_path: Path) -> None:
    code, out, err = called(tmp_path, "config", "check", "--set", "risk.units=-1", "--set", "foo=1", "--json")

    said = json.loads(out)
    assert (code, err, said["ok"], len(said["problems"])) == (4, "", False, 2)


def test_a_configuration_is_shown_with_where_each_value_comes_from(tmp_path: Path) -> None:
    arguments = ("config", "show", "--preset", "yardstick", "--set", "risk.max_daily_loss=5")
    code, out, _ = called(tmp_path, *arguments, "--json")

    said = json.loads(out)
    assert code == 0
    assert (said["risk.max_daily_loss"]["value"], said["risk.max_daily_loss"]["from"]) == (
        5,
        "--set risk.max_daily_loss",
    )
    assert said["risk.sizing"]["from"].startswith("preset yardstick")
    text = called(tmp_path, *arguments)[1]
    assert any(line.split()[:2] == ["risk.max_daily_loss:", "5"] for line in text.splitlines())
    assert (tmp_path / "cache").is_dir()
    assert not (tmp_path / "argus.db").exists()


# -- pipes -------------------------------------------------------------------------------------------


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash for the state of a pipe")
def test_a_reader_that_has_read_enough_is_no_error(tmp_path: Path) -> None:
    script = f"{sys.executable} {HOME / 'cli.py'} rules --json | true; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", script], capture_output=True, text=True, env=environment(tmp_path), timeout=120, check=False
    )

    assert done.stdout == "0\n"
    assert done.stderr == ""


@pytest.mark.skipif(sys.platform == "win32", reason="needs signals")
def test_following_the_journal_shows_what_is_added_until_ctrl_c(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'argus.db'}"
    database.prepare(url)
    store = Store(url, epoch=1)
    write_run(store)
    process = started(tmp_path, "events", "--follow", "--json")
    assert process.stdout is not None
    seen = []
    for number in range(1, 4):
        with store.transaction() as tx:
            tx.emit(RUN, [denied("BTC", "LOCKED", key=str(number))])
        seen.append(json.loads(process.stdout.readline())["seq"])
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    store.close()

    assert (seen, out, err, process.returncode) == ([1, 2, 3], "", "", 0)
