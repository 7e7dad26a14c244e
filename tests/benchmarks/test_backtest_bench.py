"""What ``benchmarks.backtest`` says of results and times, and one small round of it that is real."""

from __future__ import annotations

import ast
import contextlib
import math
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from benchmarks import backtest, backtest_market, backtest_verdict, rig
from benchmarks.backtest import Case, Failed
from benchmarks.backtest_verdict import Expected, Published
from benchmarks.peers import floor
from benchmarks.peers.job import Job

ROOT = Path(__file__).parents[2]
SHARED = ROOT.parent / "shared/data"
RIGHT = Expected(symbols=1, fills=100, equity=99_000.5, close_fills=101, close_equity=98_000.25)
Answer = dict[str, Any]


def an_answer(**changed: Any) -> Answer:
    """A right one."""
    usual = {"bars": 1000, "fills": 100, "equity": 99_000.5, "run_s": [0.5], "cpu_s": [0.4], "process_s": 2.0}
    return usual | changed


# -- right or wrong ----------------------------------------------------------------------------------


def test_a_right_answer_has_no_faults() -> None:
    assert backtest_verdict.faults("vectorbt", an_answer(equity=99_000.5 + 5e-7), RIGHT) == []


@pytest.mark.parametrize(
    "changed", [{"fills": 99}, {"equity": 99_000.5 + 2e-6}, {"equity": math.nan}], ids=["fills", "equity", "nan"]
)
def test_another_count_or_equity_is_wrong(changed: Answer) -> None:
    (said,) = backtest_verdict.faults("argus", an_answer(**changed), RIGHT)

    assert "argus" in said
    assert "expected" in said


def test_one_that_fills_at_the_close_in_cents_is_held_to_that() -> None:
    drifted = an_answer(fills=101, equity=98_000.25 + 0.09)
    too_far = an_answer(fills=101, equity=98_000.25 + 0.11)

    assert backtest_verdict.faults("nautilus", drifted, RIGHT) == []
    assert len(backtest_verdict.faults("nautilus", too_far, RIGHT)) == 1
    assert len(backtest_verdict.faults("nautilus", an_answer(), RIGHT)) == 2


def test_known_figures_are_held_against_the_plain_loop() -> None:
    assert backtest_verdict.published_faults(Published(100, 99_000.5, 1e-4), RIGHT) == []
    assert backtest_verdict.published_faults(None, RIGHT) == []
    assert len(backtest_verdict.published_faults(Published(99, 99_000.6, 1e-4), RIGHT)) == 2


def test_rounds_that_differ_are_wrong() -> None:
    same = [an_answer(decisions_hash="a"), an_answer(decisions_hash="a")]

    assert backtest_verdict.differing("argus", same) == []
    assert "decisions_hash" in backtest_verdict.differing("argus", [*same, an_answer(decisions_hash="b")])[0]


# -- times -------------------------------------------------------------------------------------------


def rows(**seconds: float) -> list[dict[str, Any]]:
    found = [backtest_verdict.row(name, [an_answer(run_s=[one])]) for name, one in seconds.items()]
    return backtest_verdict.with_ratios(found, "run_s")


def test_a_row_has_the_medians_of_all_rounds() -> None:
    answers = [an_answer(run_s=[one], process_s=10 * one, peak_rss_mb=one) for one in (3.0, 1.0, 2.0)]

    row = backtest_verdict.row("argus", answers)

    assert (row["run_s"], row["run_min_s"], row["run_max_s"], row["process_s"]) == (2.0, 1.0, 3.0, 20.0)
    assert (row["bars_per_s"], row["us_per_fill"], row["peak_rss_mb"]) == (500.0, 20_000.0, 3.0)
    assert row["load_s"] is None


def test_ratios_are_to_ours() -> None:
    assert [one["ratio"] for one in rows(argus=0.5, vectorbt=2.0, plain=0.1)] == pytest.approx([1.0, 4.0, 0.2])
    assert rows(vectorbt=2.0)[0]["ratio"] is None


def test_an_aim_is_met_missed_or_not_measured() -> None:
    found = backtest_verdict.aims(
        {"vectorbt": 1.0, "nautilus": 30.0, "other": 1.0}, rows(argus=1, vectorbt=1, nautilus=29)
    )

    assert {name: one["met"] for name, one in found.items()} == {"vectorbt": True, "nautilus": False, "other": None}


def test_the_text_is_loud_about_what_is_wrong_failed_or_left_out() -> None:
    found = {"case": "m1", "compared": "run_s", "rows": rows(argus=1.0, vectorbt=0.5), "rounds": 1}
    found |= {"aims": backtest_verdict.aims({"vectorbt": 1.0}, found["rows"]), "missing": {"nautilus": "give it"}}
    found |= {"load_before": 1.0, "load_after": 2.0, "cores": 2, "python": "3"}

    bad = backtest_verdict.text(found | {"failed": {"x": "died"}, "wrong": ["argus: 3 fills"]})
    good = backtest_verdict.text(found | {"failed": {}, "wrong": []})

    for line in ("WRONG: argus: 3 fills", "FAILED: x: died", "left out: nautilus: give it", "0.50, MISSED"):
        assert line in bad
    assert "as expected" not in bad
    assert "every result is as expected" in good


# -- processes ---------------------------------------------------------------------------------------


def test_peers_are_named_with_their_python() -> None:
    assert backtest.interpreters([f"vectorbt={sys.executable}"]) == {"vectorbt": sys.executable}


@pytest.mark.parametrize(
    "texts",
    [["numpy=x"], ["vectorbt"], ["vectorbt=/no/such/file"], [f"vectorbt={sys.executable}"] * 2],
    ids=["unknown", "without", "missing", "twice"],
)
def test_a_peer_that_cannot_be_run_is_refused(texts: list[str]) -> None:
    with pytest.raises(ValueError, match="--peer"):
        backtest.interpreters(texts)


def test_a_process_tells_json_on_its_last_line() -> None:
    found = backtest.answered([sys.executable, "-c", "print('noise'); print('{\"fills\": 3}')"])

    assert found["fills"] == 3
    assert found["process_s"] > 0


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("raise SystemExit('no such thing')", "no such thing"),
        ("print('hello')", "hello"),
        ("", "JSON"),
        ("print(1)", "1"),
    ],
)
def test_a_process_without_an_answer_has_failed(code: str, said: str) -> None:
    with pytest.raises(Failed, match=said):
        backtest.answered([sys.executable, "-c", code])


def test_other_programs_get_neither_our_path_nor_our_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PYTHONPATH", "NUMBA_CACHE_DIR", "SOMETHING_ELSE"):
        monkeypatch.setenv(name, "here")

    theirs, ours = backtest.environment(ours=False), backtest.environment(ours=True)

    assert {"PYTHONPATH", "NUMBA_CACHE_DIR", "SOMETHING_ELSE"} & set(theirs) == {"SOMETHING_ELSE"}
    assert {"PYTHONPATH", "NUMBA_CACHE_DIR"} <= set(ours)


def test_what_is_missing_or_left_out_is_not_run() -> None:
    peers = {"nautilus": "python", "vectorbt": "python"}

    assert list(backtest.contestants(backtest.CASES["m1"], Path(), peers)) == [
        "argus", "vectorbt", "nautilus", "numba", "plain"
    ]  # fmt: skip
    assert "nautilus" not in backtest.contestants(backtest.CASES["m1x10"], Path(), peers)


@pytest.mark.parametrize("file", sorted((ROOT / "benchmarks/peers").glob("*.py")), ids=lambda file: file.stem)
def test_the_scripts_of_the_peers_import_nothing_of_argus(file: Path) -> None:
    ours = {one.name for one in ROOT.iterdir() if one.is_dir()} | {"cli"}
    imported = []
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom):
            imported.append(node.module or "")
        elif isinstance(node, ast.Import):
            imported += [one.name for one in node.names]

    assert [one for one in imported if one.split(".")[0] in ours and not one.startswith("benchmarks.peers.")] == []


# -- rounds ------------------------------------------------------------------------------------------


@pytest.fixture
def kept_home(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kernels that are compiled already are not compiled again."""
    monkeypatch.setattr(rig, "folder", lambda: contextlib.nullcontext(Path(os.environ["ARGUS_HOME"])))


def some_bars(folder: Path, count: int = 400) -> Case:
    random = np.random.Generator(np.random.PCG64(5))
    close = np.round(1.1 * np.exp(np.cumsum(random.normal(0, 0.002, count))), 5)
    opened = np.round(np.append(close[0], close[:-1]) * np.exp(random.normal(0, 0.0005, count)), 5)
    bars = {"open": opened, "high": np.maximum(opened, close), "low": np.minimum(opened, close), "close": close}
    ts = pd.date_range("2024-01-01", periods=count, freq="h", tz="UTC")
    pd.DataFrame({"ts": ts, **bars, "volume": 1.0}).to_parquet(folder / "bars.parquet", index=False)
    return Case("bars.parquet", "H1", symbols=2)


def test_rounds_are_interleaved_checked_and_go_on_without_what_has_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kept_home: None
) -> None:
    case = some_bars(tmp_path)
    right = backtest.expected(backtest.job(case, tmp_path))
    asked: list[str] = []

    def fake(name: str, **changed: Any) -> Callable[[], Answer]:
        def run() -> Answer:
            asked.append(name)
            if name == "dead":
                raise Failed("it died")
            return an_answer(fills=right.fills, equity=right.equity) | changed

        return run

    runs = {"argus": fake("argus"), "dead": fake("dead"), "liar": fake("liar", equity=right.equity + 0.01)}
    monkeypatch.setattr(backtest, "contestants", lambda *_: runs)

    found = backtest.measure("tiny", case, tmp_path, 2, {})

    assert asked == ["argus", "argus", "dead", "liar", "argus", "liar"]  # ours once before, for its kernels
    assert [one["peer"] for one in found["rows"]] == ["argus", "liar"]
    assert found["failed"] == {"dead": "it died"}
    assert len(found["wrong"]) == 1
    assert "liar: equity" in found["wrong"][0]
    assert set(found["missing"]) == set(backtest.PEERS)


def test_ours_and_the_floors_agree_on_bars_of_a_seed(tmp_path: Path, kept_home: None) -> None:
    case = some_bars(tmp_path)

    found = backtest.measure("tiny", case, tmp_path, 1, {})

    assert (found["wrong"], found["failed"]) == ([], {})
    assert [one["peer"] for one in found["rows"]] == ["argus", "numba", "plain"]
    assert {one["fills"] for one in found["rows"]} == {found["expected"]["fills"]}
    assert found["expected"]["fills"] >= 10
    assert found["expected"]["equity"] != found["expected"]["close_equity"]


def test_the_whole_command_gives_the_same_result(tmp_path: Path, kept_home: None) -> None:
    case = replace(some_bars(tmp_path), symbols=1, by=backtest.WHOLE)
    right = backtest.expected(backtest.job(case, tmp_path))

    found = backtest.whole(case, tmp_path)

    assert backtest_verdict.faults("argus", found, right) == []
    assert found["process_s"] > found["run_s"][0]


@pytest.mark.data
@pytest.mark.parametrize("name", ["h1", "m1", "h1x50"])
def test_the_known_figures_hold_on_the_recorded_bars(name: str) -> None:
    case = backtest.CASES[name]
    if not (SHARED / case.file).exists():
        pytest.skip("no recorded bars here")

    assert backtest_verdict.published_faults(case.published, backtest.expected(backtest.job(case, SHARED))) == []


def test_the_plain_loop_reckons_as_by_hand() -> None:
    """Up in the third bar, down in the fifth: filled at the next opens; the last signal is not filled."""
    opens, closes = [10.0, 10.0, 11.0, 12.0, 13.0, 8.0], [10.0, 11.0, 12.0, 13.0, 6.0, 14.0]

    fills, equity = floor.walk(opens, closes, 1, 2, 100.0, 5000.0, 0.01, False)
    closing, worth = floor.walk(opens, closes, 1, 2, 100.0, 5000.0, 0.01, True)

    bought, sold = 100 * 12.0, 200 * 8.0
    assert (fills, equity) == (2, pytest.approx(5000 - bought * 1.01 + sold * 0.99 - 100 * 14))
    first, second, third = 100 * 12.0, 200 * 6.0, 200 * 14.0
    assert (closing, worth) == (3, pytest.approx(5000 - first * 1.01 + second * 0.99 - third * 1.01 + 100 * 14))


def test_symbols_are_added_up_in_one_account() -> None:
    job = Job(("a", "b"), 3600)

    def walk(*_: Any) -> tuple[int, float]:
        return 3, 99_990.0

    assert floor.run(floor.Loaded(walk, [([], []), ([], [])], job)) == (6, 99_980.0)


# -- the year of ten symbols -------------------------------------------------------------------------


def test_every_rule_and_every_exit_is_on_in_the_year_of_ten_symbols() -> None:
    from benchmarks.backtest_ours import overrides
    from orchestration.settings import load
    from risk.exits import EXITS
    from risk.exits.base import policies
    from risk.gate import Rules
    from risk.protections import PROTECTIONS
    from risk.protections.guards import Protections
    from risk.rules import RULES

    files = {symbol: f"/bars/{symbol}_M5.parquet" for symbol in backtest_market.SYMBOLS}
    settings = load(overrides(backtest_market.given(files)))

    assert len(files) == 10
    assert set(Rules(settings.risk).names) == set(RULES)
    assert len(Protections(settings.risk, "").active) == len(PROTECTIONS)
    assert len(policies(settings.exits)) == len(EXITS)


@pytest.mark.parametrize(("first", "last", "taken"), [
    ("2022-12-31", "2024-02-01", True), ("2023-01-01", "2023-12-31 12:00", True), ("2023-01-03", "2024-02-01", False),
    ("2022-12-31", "2023-10-02", False),
])  # fmt: skip
def test_recorded_bars_are_taken_when_they_cover_the_year(tmp_path: Path, first: str, last: str, taken: bool) -> None:
    ts = pd.to_datetime([first, "2023-06-01", last], utc=True, format="ISO8601")
    pd.DataFrame({"ts": ts}).to_parquet(tmp_path / "BTCUSDT_M5.parquet", index=False)

    assert (backtest_market.recorded(tmp_path, "BTC") is not None) is taken
    assert backtest_market.recorded(tmp_path, "ETH") is None
