from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from bar_making import bars, recorded_file, walk, write_csv, write_parquet

from domain.errors import ConfigError
from domain.market import Bars
from domain.timeframe import DAY, HOUR, MINUTE, iso, nanos
from marketdata.checkup import Finding, content, data_file, data_files, findings, summary
from marketdata.gaps import Gap, gaps
from marketdata.sessions import Session
from marketdata.week_open import WeekOpen, week_open

NEW_YORK = ZoneInfo("America/New_York")


def at(text: str) -> int:
    return nanos(datetime.fromisoformat(text).replace(tzinfo=UTC))


def market(asset_class: str, timeframe: str, start: str, count: int) -> Bars:
    """A walk over the hours that a market of this class is open."""
    session = Session(timeframe, asset_class)
    stamps = [session.first(at(start))]
    while len(stamps) < count:
        stamps.append(session.after(stamps[-1]))
    made = walk(count)
    made["ts"] = stamps
    return made


def found(folder: Path, made: Bars, asset_class: str = "forex", name: str = "EURUSD_H1.parquet") -> list[Finding]:
    return findings(data_file(write_parquet(folder / name, made)), asset_class)


def levels(some: list[Finding]) -> list[tuple[str, str]]:
    return [(one.level, one.kind) for one in some]


# --- gaps -------------------------------------------------------------------------------------


@pytest.mark.parametrize("timeframe", ["M15", "H1", "H4", "D1", "W1"])
@pytest.mark.parametrize("asset_class", ["forex", "crypto"])
def test_a_market_that_never_misses_a_bar_has_no_gaps(asset_class: str, timeframe: str) -> None:
    made = market(asset_class, timeframe, "2024-01-02", 400 if timeframe == "W1" else 3000)

    assert gaps(made["ts"], timeframe, asset_class) == []


def test_the_weekend_of_forex_is_no_gap_and_that_of_crypto_is() -> None:
    friday, sunday = at("2024-01-05T21:00"), at("2024-01-07T22:00")
    ts = np.array([friday - HOUR, friday, sunday, sunday + HOUR], np.int64)

    assert gaps(ts, "H1", "forex") == gaps(ts, "H1", "metal")[1:] == []
    assert gaps(ts, "H1", "crypto") == [Gap(2, friday, sunday, 48)]
    assert gaps(ts, "H1", "other") == [Gap(2, friday, sunday, 48)]


def test_the_weekend_follows_new_york_in_summer() -> None:
    friday, sunday = at("2024-07-05T20:00"), at("2024-07-07T21:00")

    assert gaps(np.array([friday, sunday], np.int64), "H1", "forex") == []
    assert gaps(np.array([friday, sunday + HOUR], np.int64), "H1", "forex") == [Gap(1, friday, sunday + HOUR, 1)]


def test_the_pause_of_metals_is_no_gap() -> None:
    before, after = at("2024-01-09T21:00"), at("2024-01-09T23:00")

    assert gaps(np.array([before, after], np.int64), "H1", "metal") == []
    assert gaps(np.array([before, after], np.int64), "H1", "forex") == [Gap(1, before, after, 1)]


def test_a_gap_over_a_weekend_counts_the_open_hours_alone() -> None:
    friday, monday = at("2024-01-05T19:00"), at("2024-01-08T01:00")

    assert gaps(np.array([friday, monday], np.int64), "H1", "forex") == [Gap(1, friday, monday, 5)]
    assert gaps(np.array([friday, monday], np.int64), "M1", "forex")[0].missing == 59 + 60 + 60 + 180


def test_daily_bars_by_utc_miss_no_sunday() -> None:
    days = [at("2024-01-05") + day * DAY for day in (0, 3, 4, 6)]

    assert gaps(np.array(days, np.int64), "D1", "forex") == [Gap(3, days[2], days[3], 1)]


@pytest.mark.parametrize("end", ["1677-09-22T00:00", "2262-04-10T00:00"])
def test_the_ends_of_time_are_checked_as_well(tmp_path: Path, end: str) -> None:
    made = walk(100, start=at(end), step=15 * MINUTE)

    assert levels(found(tmp_path, np.delete(made, 50), "metal", "XAUUSD_M15.parquet")) == [("note", "gaps")]


def test_missing_bars_are_told_with_their_row(tmp_path: Path) -> None:
    made = np.delete(market("forex", "H1", "2024-01-02", 300), [10, 11, 50])

    (note,) = found(tmp_path, made)

    assert note.level == "note"
    assert "3 bars missing in 2 gaps" in note.text
    assert f"row 10: 2 bars missing from {iso(int(made['ts'][9]))}" in note.text


def test_a_gap_longer_than_a_holiday_is_wrong(tmp_path: Path) -> None:
    made = market("forex", "H1", "2024-01-02", 600)

    assert levels(found(tmp_path, np.delete(made, slice(100, 170)))) == [("note", "gaps")]
    assert levels(found(tmp_path, np.delete(made, slice(100, 200)))) == [("wrong", "hole"), ("note", "gaps")]


# --- the zone of the stamps -------------------------------------------------------------------

AHEAD = {
    "UTC+1": lambda _: 1,
    "UTC+2": lambda _: 2,
    "EST": lambda _: -5,
    "America/New_York": lambda summer: -4 if summer else -5,
    "America/New_York+5": lambda summer: 1 if summer else 0,
    "America/New_York+7": lambda summer: 3 if summer else 2,
}


def shifted(made: Bars, zone: str) -> Bars:
    moved = made.copy()
    for place, stamp in enumerate(made["ts"].tolist()):
        moment = datetime.fromtimestamp(stamp // 10**9, NEW_YORK)
        moved["ts"][place] += AHEAD[zone](moment.dst() != timedelta(0)) * HOUR
    return moved[np.append(True, np.diff(moved["ts"]) > 0)]


@pytest.mark.parametrize(("asset_class", "pause"), [("forex", False), ("metal", False), ("metal", True)])
@pytest.mark.parametrize("zone", AHEAD)
def test_stamps_of_another_zone_are_named(tmp_path: Path, zone: str, asset_class: str, pause: bool) -> None:
    made = market(asset_class, "H1", "2024-01-02", 24 * 5 * 52)
    if pause:  # the hour from 17:00 New York
        made = made[[datetime.fromtimestamp(one // 10**9, NEW_YORK).hour != 17 for one in made["ts"].tolist()]]
    moved = shifted(made, zone)

    assert week_open(made["ts"], "H1", asset_class).fits  # type: ignore[union-attr]
    assert week_open(moved["ts"], "H1", asset_class).zone == zone  # type: ignore[union-attr]
    wrong = [one for one in found(tmp_path, moved, asset_class) if one.level == "wrong"]
    assert levels(wrong) == [("wrong", "zone")]
    assert f"with --zone {zone}" in wrong[0].text


def test_weeks_that_begin_late_or_end_early_are_still_utc() -> None:
    made = market("forex", "H1", "2024-01-02", 24 * 5 * 30)
    new = np.append(True, np.diff(made["ts"]) >= DAY)
    last = np.append(np.diff(made["ts"]) >= DAY, True)

    assert week_open(made["ts"][~new], "H1", "forex").fits  # type: ignore[union-attr]
    assert week_open(made["ts"][~last], "H1", "forex").fits  # type: ignore[union-attr]
    assert week_open(made["ts"][~new & ~last], "H1", "forex").fits  # type: ignore[union-attr]


@pytest.mark.parametrize(("timeframe", "asset_class"), [("H1", "crypto"), ("H1", "other"), ("H4", "forex")])
def test_where_no_week_tells_nothing_is_said(timeframe: str, asset_class: str) -> None:
    assert week_open(market(asset_class, timeframe, "2024-01-02", 1000)["ts"], timeframe, asset_class) is None


def test_two_weeks_tell_nothing() -> None:
    assert week_open(market("forex", "H1", "2024-01-02", 24 * 12)["ts"], "H1", "forex") is None


def test_one_season_tells_a_zone_for_that_season() -> None:
    one = WeekOpen(2, None, 5)

    assert (one.fits, one.zone) == (False, "UTC+2")
    assert "in New York's winter; the rest of the year does not tell" in one.words
    assert WeekOpen(0, -1, 20).zone is None


@pytest.mark.parametrize(
    ("file", "zone"),
    [
        ("EURUSD_M1__2006.parquet", "America/New_York+5"),  # an hour late in summer, as its source has it
        ("EURUSD_H1.parquet", None),
        ("XAUUSD_H1.parquet", None),  # opens late, closes in time
        ("AUDUSD_H1.parquet", None),
    ],
)
def test_the_zones_of_recorded_files(file: str, zone: str | None) -> None:
    one = data_file(recorded_file(file))
    kind = "metal" if one.symbol == "XAUUSD" else "forex"

    said = [some.text for some in findings(one, kind) if some.kind == "zone"]

    assert len(said) == (0 if zone is None else 1)
    assert all(f"with --zone {zone}" in text for text in said)


# --- the rest ---------------------------------------------------------------------------------


def broken(column: str, row: int, value: float) -> Bars:
    made = market("forex", "H1", "2024-01-02", 100)
    made[column][row] = value
    return made


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (broken("high", 4, 0.5), "column high, row 5 (2024-01-02T04:00:00Z): 0.5 is below the low"),
        (broken("close", 4, 0.0), "column close, row 5 (2024-01-02T04:00:00Z): 0.0 is not above zero"),
        (broken("open", 4, np.nan), "column open, row 5 (2024-01-02T04:00:00Z): nan is not a number"),
        (broken("ts", 5, at("2024-01-02T04:00")), "row 6: 2024-01-02T04:00:00Z repeats the stamp"),
        (broken("ts", 5, at("2024-01-02T03:30")), "row 6: 2024-01-02T03:30:00Z is earlier than the row before"),
        (broken("ts", 5, at("2024-01-02T05:20")), "row 6: 2024-01-02T05:20:00Z is off the H1 grid"),
        (bars(1.1), "one row only"),
        (bars(1.1, 1.2, 1.1, step=MINUTE), None),
    ],
)
def test_what_a_run_would_refuse_is_refused(tmp_path: Path, made: Bars, said: str | None) -> None:
    some = found(tmp_path, made, name="EURUSD_H1.parquet" if said else "EURUSD_M1.parquet")

    assert set(levels(some)) == ({("refused", "data")} if said else set())
    assert said is None or any(said in one.text for one in some)


def test_every_kind_of_fault_is_told_at_once(tmp_path: Path) -> None:
    made = broken("high", 4, 0.5)
    made["close"][7] = -1
    made["ts"][20] = made["ts"][19]

    assert len(found(tmp_path, made)) >= 3


def test_a_bad_print_is_told_with_its_row(tmp_path: Path) -> None:
    made = market("forex", "H1", "2024-01-02", 100)
    for column in ("open", "high", "low", "close"):
        made[column][40] = 1965.0001

    (one,) = found(tmp_path, made)

    assert (one.level, one.kind) == ("wrong", "bad print")
    assert f"row 41 ({iso(int(made['ts'][40]))}): close 1965.0001" in one.text


def test_a_clean_file_has_no_findings(tmp_path: Path) -> None:
    assert found(tmp_path, market("forex", "H1", "2024-01-02", 3000)) == []


def test_files_are_found_by_folder_name_and_symbol(tmp_path: Path) -> None:
    first = write_parquet(tmp_path / "EURUSD_M1__old.parquet", walk(5))
    second = write_csv(tmp_path / "BTC_H1.csv", walk(5, step=HOUR))
    other = write_parquet(tmp_path / "ticks.parquet", walk(5))
    (tmp_path / "notes.txt").write_text("no data")

    files, notes = data_files([str(tmp_path), f"GOLD={other}", str(other)])

    assert [(one.path, one.symbol, one.timeframe) for one in files] == [
        (second, "BTC", "H1"),
        (first, "EURUSD", "M1"),
        (other, "GOLD", None),
        (other, "ticks", None),
    ]
    assert notes == [f"{other}: left out, its name is not SYMBOL_TIMEFRAME"]


def test_what_is_not_there_is_refused_at_once(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()

    with pytest.raises(ConfigError) as caught:
        data_files([str(tmp_path / "none.csv"), str(tmp_path / "empty"), "EURUSD=none"])

    assert len(caught.value.problems) == 3


def test_the_facts_of_a_file(tmp_path: Path) -> None:
    made = np.delete(market("forex", "H1", "2024-01-02", 200), 7)
    made["spread"][:100] = 0.0001
    made["volume"] = 0
    file = data_file(write_parquet(tmp_path / "EURUSD_H1.parquet", made))

    facts = summary(file, content(file), "forex")

    assert {name: facts[name] for name in ("symbol", "timeframe", "first", "bars", "gaps", "missing", "zone")} == {
        "symbol": "EURUSD",
        "timeframe": "H1",
        "first": "2024-01-02T00:00:00Z",
        "bars": 199,
        "gaps": 1,
        "missing": 1,
        "zone": "UTC",
    }
    assert (facts["low"], facts["high"], facts["decimals"]) == (made["low"].min(), made["high"].max(), 5)
    assert (facts["volume_known"], facts["spread_known"]) == (0.0, 100 / 199)


@pytest.mark.parametrize("name", ["EURUSD_M1.parquet", "EURUSD_M1.csv"])
def test_a_damaged_file_is_a_finding_and_no_failure(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    content = (write_csv if name.endswith("csv") else write_parquet)(path, walk(20)).read_bytes()
    chance = np.random.default_rng(3)
    most = 128 if name.endswith("csv") else 256
    refused = 0
    for _ in range(400):
        damaged = bytearray(content)
        damaged[int(chance.integers(len(content)))] = int(chance.integers(most))
        path.write_bytes(bytes(damaged))
        refused += any(one.level == "refused" for one in findings(data_file(path), "forex"))

    assert refused > 40
