from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from bar_making import MONDAY, bars, recorded_file, walk, write_csv, write_parquet
from hypothesis import given, settings
from hypothesis import strategies as some

from domain.errors import ConfigError
from domain.market import BarBatch, Bars
from domain.timeframe import HOUR, MINUTE
from marketdata.bars import digest
from marketdata.recorded import RecordedFeed

CLASSES = {"EURUSD": "forex", "BTC": "crypto"}


def feed(tmp_path: Path, timeframe: str | None = None, **made: Bars) -> RecordedFeed:
    sources = {name: str(write_parquet(tmp_path / f"{name}.parquet", one)) for name, one in made.items()}
    return RecordedFeed(tuple(made), sources, timeframe, CLASSES)


def everything(one: RecordedFeed) -> list[BarBatch]:
    batches, at = [], one.info().warmed_until
    while not (batch := one.next(at)).final:  # type: ignore[union-attr]
        batches.append(batch)
        at = batch.at  # type: ignore[union-attr]
    return batches  # type: ignore[return-value]


def test_symbols_merge_by_close_and_a_missing_bar_is_a_gap(tmp_path: Path) -> None:
    one = feed(tmp_path, EURUSD=bars(1, 1.1, 1.2), BTC=np.delete(bars(7, 8, 9, 10), 1))

    batches = everything(one)

    assert [(batch.at - MONDAY) // MINUTE for batch in batches] == [1, 2, 3, 4]
    assert [batch.rows["row"].tolist() for batch in batches] == [[0, 1], [0], [0, 1], [1]]
    assert [batch.rows["close"].tolist() for batch in batches] == [[1, 7], [1.1], [1.2, 9], [10]]


def test_bars_of_different_timeframes_merge_by_close_after_resampling(tmp_path: Path) -> None:
    one = feed(tmp_path, "H1", EURUSD=walk(3, step=HOUR), BTC=walk(130, price=4.0))

    batches = everything(one)

    assert [(batch.at - MONDAY) // HOUR for batch in batches] == [1, 2, 3]
    assert [batch.rows["row"].tolist() for batch in batches] == [[0, 1], [0, 1], [0]]


def test_a_batch_carries_the_hash_of_its_bars_and_the_same_question_has_the_same_answer(tmp_path: Path) -> None:
    one = feed(tmp_path, EURUSD=walk(50), BTC=walk(50, seed=2))
    first, again = one.next(0), one.next(0)
    assert first is not None
    assert again is not None
    assert first.digest == digest(first.rows) == again.digest
    first.rows["close"][:] = 0
    assert digest(one.next(0).rows) == again.digest  # type: ignore[union-attr]


def test_the_feed_says_what_it_is(tmp_path: Path) -> None:
    info = feed(tmp_path, "M5", EURUSD=bars(*np.linspace(1.1, 1.2, 11).round(3)), BTC=bars(*range(101, 112))).info()

    assert (info.name, info.live, info.simulated, info.timeframe) == ("recorded", False, False, "M5")
    assert info.decimals == {"EURUSD": 2, "BTC": 0}
    assert (info.start_at, info.warmed_until) == (MONDAY + 5 * MINUTE, MONDAY + 5 * MINUTE - 1)
    assert info.inputs["BTC"] == {
        "path": str(tmp_path / "BTC.parquet"),
        "sha256": digest(bars(*range(101, 112))),
        "bars": "11",
        "from": "2024-01-01T00:00:00Z",
        "to": "2024-01-01T00:10:00Z",
    }


@settings(deadline=None, max_examples=40)
@given(data=some.data())
def test_history_and_next_give_the_same_bars(data: some.DataObject, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("bars")
    keep = data.draw(some.lists(some.integers(0, 39), min_size=2, max_size=40, unique=True))
    one = feed(folder, "M1", EURUSD=walk(40), BTC=walk(40, seed=2)[sorted({0, 1, *keep})])
    batches = everything(one)
    after = data.draw(some.integers(-2, 45)) * MINUTE + MONDAY
    until = data.draw(some.integers(-2, 45)) * MINUTE + MONDAY
    most = data.draw(some.integers(1, 50))

    parts, at = [], after
    while at < until:
        part = one.history(at, until, most)
        assert len(np.unique(part.rows["ts"])) <= most
        parts.append(part.rows)
        at = part.at

    wanted = [batch.rows for batch in batches if after < batch.at <= until]
    assert b"".join(part.tobytes() for part in parts) == b"".join(part.tobytes() for part in wanted)


def test_a_range_cuts_by_bar_open_before_anything_sees_a_bar(tmp_path: Path) -> None:
    made = walk(180)
    path = str(write_parquet(tmp_path / "EURUSD_M1.parquet", made))

    one = RecordedFeed(("EURUSD",), {"EURUSD": path}, "H1", CLASSES, MONDAY + 30 * MINUTE, MONDAY + 120 * MINUTE)

    rows = everything(one)[0].rows
    assert rows["ts"].tolist() == [MONDAY + HOUR]
    assert rows["open"][0] == made["open"][60]
    assert one.info().inputs["EURUSD"]["bars"] == "90"
    assert len(everything(one)) == 1


def test_a_bad_print_reaches_nobody_and_is_told(tmp_path: Path) -> None:
    made = walk(100)
    for column in ("open", "high", "low", "close"):
        made[column][40] = 1965.0001

    one = feed(tmp_path, "M5", EURUSD=made)

    assert max(batch.rows["high"].max() for batch in everything(one)) < 2
    assert one.notices() == [
        "EURUSD: 1 bad print held back, the first at 2024-01-01T00:40:00Z (close 1965.0001)",
    ]
    assert one.notices() == []


def test_the_limit_of_bad_prints_can_be_set_by_class(tmp_path: Path) -> None:
    path = str(write_parquet(tmp_path / "BTC.parquet", bars(100, 150, 100, 100)))
    assert not RecordedFeed(("BTC",), {"BTC": path}, None, CLASSES).notices()
    assert RecordedFeed(("BTC",), {"BTC": path}, None, CLASSES, bad_print_limits={"crypto": 0.4}).notices()


@pytest.mark.parametrize(
    ("first", "second", "timeframe", "says"),
    [
        (walk(10), walk(10, start=MONDAY + HOUR), None, ["no common time", "EURUSD from 2024-01-01T00:01", "BTC from"]),
        (walk(10), walk(10, step=HOUR), None, ["different timeframes", "EURUSD M1, BTC H1", "H1 or above"]),
        (walk(10), walk(10, step=HOUR), "M5", ["BTC: timeframe M5 is below the data's H1"]),
        (walk(10, step=2 * MINUTE), walk(10), "M5", ["EURUSD: timeframe M5 is not a multiple of the data's M2"]),
        (walk(10), walk(10), "H1", ["EURUSD: ", "BTC: ", "no complete H1 bar", "2024-01-01T00:09:00Z"]),
        (walk(10), walk(10), "H9", ["'H9' is none of"]),
    ],
)
def test_files_that_do_not_fit_are_refused(
    first: Bars, second: Bars, timeframe: str | None, says: list[str], tmp_path: Path
) -> None:
    with pytest.raises(ConfigError) as refused:
        feed(tmp_path, timeframe, EURUSD=first, BTC=second)
    for fragment in says:
        assert fragment in str(refused.value)


def test_the_problems_of_all_files_are_told_together(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("")
    sources = {"EURUSD": str(tmp_path / "a.csv"), "BTC": str(tmp_path / "b.csv")}

    with pytest.raises(ConfigError) as refused:
        RecordedFeed(("EURUSD", "BTC"), sources, None, CLASSES)

    assert len(refused.value.problems) == 2


@pytest.mark.parametrize(
    ("symbols", "says"),
    [(("EURUSD", "BTC"), "no data for BTC"), (("EURUSD", "EURUSD"), "EURUSD appears twice"), ((), "no symbols")],
)
def test_symbols_without_data_or_named_twice_are_refused(symbols: tuple[str, ...], says: str, tmp_path: Path) -> None:
    sources = {"EURUSD": str(write_csv(tmp_path / "a.csv", bars(1, 2)))}
    with pytest.raises(ConfigError, match=says):
        RecordedFeed(symbols, sources, None, CLASSES)


def test_a_range_without_bars_names_the_range_of_the_file(tmp_path: Path) -> None:
    path = str(write_csv(tmp_path / "a.csv", bars(1, 2)))
    with pytest.raises(ConfigError, match="no bars in the range asked for; it holds bars from 2024-01-01T00:00:00Z"):
        RecordedFeed(("EURUSD",), {"EURUSD": path}, None, CLASSES, MONDAY + HOUR)


@pytest.mark.data
def test_the_accepted_run_of_real_files_has_both_symbols() -> None:
    sources = {"EURUSD": str(recorded_file("EURUSD_H1.parquet")), "BTC": str(recorded_file("BTCUSD_M1.parquet"))}
    start, end = 1_451_865_600_000_000_000, 1_459_468_800_000_000_000  # 2016-01-04 to 2016-04-01

    one = RecordedFeed(("EURUSD", "BTC"), sources, "H1", CLASSES, start, end)
    batches = everything(one)

    rows = np.concatenate([batch.rows for batch in batches])
    assert len(batches) > 2000
    assert {row: int((rows["row"] == row).sum()) for row in (0, 1)}[0] == 1537
    assert rows.tobytes() == one.history(0, batches[-1].at, 10**9).rows.tobytes()
    assert start <= rows["ts"].min() <= rows["ts"].max() < end
