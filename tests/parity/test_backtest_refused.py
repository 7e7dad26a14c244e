"""What `backtest` refuses, as its user meets it: the culprit, the way out and the right exit code."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.flow.system import write_bars
from tests.parity.made import made
from tests.parity.verb import WAVES, refused, told
from tests.run import bad_files


@pytest.fixture
def good(tmp_path: Path) -> list[str]:
    """Arguments of a backtest that works."""
    file = write_bars(tmp_path / "EURUSD_M1.csv", WAVES)
    return ["--symbols", "EURUSD", "--data", f"EURUSD={file}", "--preset", "yardstick"]


def test_what_is_well_is_said_in_json_alone_on_stdout(good: list[str]) -> None:
    said = told(*good, "--json")

    found = json.loads(said.out)
    assert (said.code, said.err) == (0, "")
    assert found["bars"] == len(WAVES)
    assert len(found["fills"]) > 3


# -- usage -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments",
    ["--speed 5", "--mode live", "--mode paper", "--follow", "--interval 1", "--cycles 5", "--db-url sqlite:///x.db",
     "--address auto", "--i-understand-live"],
)  # fmt: skip
def test_what_needs_a_clock_an_engine_or_a_database_has_no_meaning(good: list[str], arguments: str) -> None:
    refused(told(*good, *arguments.split()), 2, arguments.split()[0], "no meaning in a backtest")


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--preset", "yardstick"], "--symbols"),
        (["--symbols", "EURUSD", "--no-such-option"], "--no-such-option"),
        (["--symbols", "EURUSD", "--set", "risk.units"], "risk.units"),
        (["--symbols", "EURUSD", "--seed", "many"], "--seed"),
    ],
)
def test_wrong_usage_is_code_2(arguments: list[str], text: str) -> None:
    refused(told(*arguments), 2, text)


# -- configuration -----------------------------------------------------------------------------------


def test_without_data_it_asks_for_some_or_for_the_length_of_a_simulated_market() -> None:
    refused(told("--symbols", "EURUSD"), 4, "--data", "feed.bars=5000")


@pytest.mark.parametrize(
    ("sets", "texts"),
    [
        (["strategy.fast=0"], ["strategy.fast = 0", "1 to 10"]),
        (["strategy.fast=30", "strategy.slow=10"], ["strategy.fast = 30: must be below strategy.slow = 10"]),
        (["strategy.quick=3"], ["strategy.quick", "fast"]),
        (["strategy.name=ema_crss"], ["ema_crss", "ema_cross"]),
        (["risk.max_drawdown=2"], ["risk.max_drawdown", "2"]),
        (["risk.unit=5", "exits.atr_bars=0"], ["risk.unit", "exits.atr_bars"]),
        (["venues.paper.fill_on=sometime"], ["fill_on", "sometime", "same_close"]),
    ],
)
def test_a_wrong_setting_is_named_with_what_is_allowed(good: list[str], sets: list[str], texts: list[str]) -> None:
    refused(told(*good, *(part for one in sets for part in ("--set", one))), 4, *texts)


# -- time ranges and bars ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("timerange", "code", "texts"),
    [
        ("20240131-20240101", (2, 4), ["20240131", "20240101"]),
        ("19900101-19900201", (4,), ["EURUSD"]),
        ("20300101-20310101", (4,), ["EURUSD"]),
        ("2024-01-01", (2, 4), ["2024-01-01"]),
        ("yesterday", (2, 4), ["yesterday"]),
    ],
)
def test_a_time_range_without_a_meaning_or_without_bars(
    good: list[str], timerange: str, code: tuple[int, ...], texts: list[str]
) -> None:
    said = told(*good, "--timerange", timerange)

    assert said.code in code
    refused(said, said.code, *texts)


def test_symbols_without_a_common_time_are_refused_with_both_ranges(tmp_path: Path) -> None:
    one = write_bars(tmp_path / "EURUSD_M1.csv", WAVES)
    two = write_bars(tmp_path / "GBPUSD_M1.csv", WAVES, 1_800_000_000 * 10**9 // 60_000_000_000 * 60_000_000_000)

    said = told("--symbols", "EURUSD,GBPUSD", "--data", f"EURUSD={one}", "--data", f"GBPUSD={two}")

    refused(said, 4, "no common time", "EURUSD from 2024-01-01", "GBPUSD from 2027-01-15")


@pytest.mark.parametrize("bars", [1, 29, 30])
def test_a_warm_up_longer_than_the_data(tmp_path: Path, bars: int) -> None:
    file = write_bars(tmp_path / "EURUSD_M1.csv", WAVES[:bars])

    refused(
        told("--symbols", "EURUSD", "--data", f"EURUSD={file}", "--timeframe", "M1"),
        4,
        str(bars) if bars > 1 else "one row",
    )


def test_a_timeframe_below_that_of_the_data(good: list[str], tmp_path: Path) -> None:
    market = made(tmp_path / "hours", ("GBPUSD",))

    said = told("--symbols", "GBPUSD", "--data", str(market.folder / "GBPUSD_H1.parquet"), "--timeframe", "M5")

    assert said.code == 4
    assert "GBPUSD" in said.err


FILES = ["empty.csv", "headers.csv", "one_row.csv", "nan.csv", "word.csv", "unsorted.csv", "duplicate.csv",
         "crossed.csv", "truncated.parquet", "damaged.parquet", "no_close.parquet", "nowhere.csv"]  # fmt: skip


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_cannot_be_bars(tmp_path: Path, name: str) -> None:
    bad_files.write(tmp_path)

    refused(told("--symbols", "EURUSD", "--data", f"EURUSD={tmp_path / name}", "--timeframe", "M1"), 4, name)


# -- where the result goes ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("option", "name"),
    [
        ("--out", "missing/r.json"),
        ("--report", "missing/r.html"),
        ("--parquet", "missing/deeper/tables"),
        ("--out", "."),
    ],
)
def test_a_place_that_cannot_be_written_is_told_before_anything_runs(
    good: list[str], tmp_path: Path, option: str, name: str
) -> None:
    refused(told(*good, option, str(tmp_path / name)), 4, option, "folder")
    assert not (tmp_path / "missing").exists()
