from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from bar_making import MONDAY, bars, lines, walk, write_csv, write_parquet

from domain.market import Bars
from domain.timeframe import HOUR, MINUTE
from marketdata.recorded import RecordedFeed

CLASSES = {"EURUSD": "forex", "BTC": "crypto"}


def following(timeframe: str | None = None, **paths: Path) -> RecordedFeed:
    sources = {name: str(path) for name, path in paths.items()}
    return RecordedFeed(tuple(paths), sources, timeframe, CLASSES, follow=True)


def append(path: Path, text: str) -> None:
    with path.open("a") as file:
        file.write(text)


def taken(feed: RecordedFeed, after: int) -> list[tuple[int, list[float]]]:
    """What is there to take until the feed says None twice (it may wait one look for a missing symbol)."""
    found, nothing = [], 0
    while nothing < 2:
        batch = feed.next(after)
        if batch is None:
            nothing += 1
            continue
        nothing, after = 0, batch.at
        found.append(((batch.at - MONDAY) // MINUTE, batch.rows["close"].tolist()))
    return found


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_what_is_there_is_history_and_what_is_appended_is_new(ending: str, tmp_path: Path) -> None:
    made, path = bars(1, 1.1, 1.2, 1.25), tmp_path / f"a.{ending}"
    write = write_csv if ending == "csv" else write_parquet
    write(path, made[:2])
    feed = following(EURUSD=path)
    info = feed.info()

    assert (info.live, info.warmed_until) == (True, MONDAY + 2 * MINUTE)
    assert feed.history(0, info.warmed_until, 100).rows["close"].tolist() == [1, 1.1]
    assert feed.next(info.warmed_until) is None

    write(path, made)

    assert taken(feed, info.warmed_until) == [(3, [1.2]), (4, [1.25])]
    assert feed.history(0, 2**62, 100).rows["close"].tolist() == [1, 1.1, 1.2, 1.25]
    assert feed.next(MONDAY + 3 * MINUTE).rows["close"].tolist() == [1.25]  # type: ignore[union-attr]
    assert feed.notices() == []


def test_only_complete_lines_of_a_csv_file_are_read(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "a.csv", bars(1, 1.1))
    feed, line = following(EURUSD=path), lines(bars(1, 1.1, 1.2)[2:])

    append(path, line[:30])
    assert taken(feed, MONDAY + 2 * MINUTE) == []
    append(path, line[30:])

    assert taken(feed, MONDAY + 2 * MINUTE) == [(3, [1.2])]
    assert feed.notices() == []


def test_an_unfinished_last_line_at_the_start_is_read_when_it_is_finished(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "a.csv", bars(1, 1.1, 1.2))
    whole = path.read_text()
    path.write_text(whole[:-12])
    feed = following(EURUSD=path)

    assert feed.info().warmed_until == MONDAY + 2 * MINUTE
    append(path, whole[-12:])

    assert taken(feed, MONDAY + 2 * MINUTE) == [(3, [1.2])]


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        ("2024-01-01T00:02:00Z,1.2,x,1.1,1.2,1\n", "'x' is not a number"),
        ("2024-01-01T00:02:00Z,1.2,1.2\n", "3 values for 6 columns"),
        ("2024-01-01T00:02:00,1,1,1,1,1\n", "has no zone"),
        ("2024-01-01T00:02:00Z,1,0.5,1,1,1\n", "below the low"),
        ("2024-01-01T00:01:00Z,1,1,1,1,1\n", "is not later than the last one"),
        ("2024-01-01T00:02:30Z,1,1,1,1,1\n", "off the M1 grid"),
        ("2024-01-01T00:02:00Z,1965,1965,1965,1965,1\n", "1 bad print held back"),
    ],
)
def test_a_bad_appended_row_is_held_back_and_told(bad: str, says: str, tmp_path: Path) -> None:
    path = write_csv(tmp_path / "a.csv", bars(1, 1.1))
    feed = following(EURUSD=path)

    append(path, bad + lines(bars(1, 1.1, 1.2, 1.25)[3:]))

    assert taken(feed, MONDAY + 2 * MINUTE) == [(4, [1.25])]
    notices = feed.notices()
    assert len(notices) == 1
    assert says in notices[0]
    assert "held back" in notices[0]


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_file_cut_short_or_rewritten_is_told_and_the_feed_keeps_what_it_had(ending: str, tmp_path: Path) -> None:
    made, path = walk(30), tmp_path / f"a.{ending}"
    write = write_csv if ending == "csv" else write_parquet
    write(path, made[:20])
    feed = following(EURUSD=path)

    write(path, made[:5])
    assert taken(feed, MONDAY + 20 * MINUTE) == []
    assert "shorter than it was" in " ".join(feed.notices())

    other = made[:22].copy()
    other["volume"] += 1000
    write(path, other)
    assert [minute for minute, _ in taken(feed, MONDAY + 20 * MINUTE)] == [21, 22]
    feed.notices()

    write(path, made[:23])
    assert [minute for minute, _ in taken(feed, MONDAY + 22 * MINUTE)] == [23]
    assert "was rewritten" in " ".join(feed.notices())
    assert feed.history(0, MONDAY + 20 * MINUTE, 100).rows.tobytes() == made[:20].tobytes()


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_file_that_vanishes_or_breaks_is_told_once_and_taken_up_again(ending: str, tmp_path: Path) -> None:
    made, path = walk(10), tmp_path / f"a.{ending}"
    write = write_csv if ending == "csv" else write_parquet
    write(path, made[:5])
    feed = following(EURUSD=path)

    path.unlink()
    assert taken(feed, MONDAY + 5 * MINUTE) == []
    assert [notice.endswith("no such file; what was read before is kept") for notice in feed.notices()] == [True]
    path.write_bytes(b"PAR1 half of a file")
    assert taken(feed, MONDAY + 5 * MINUTE) == []
    assert len(feed.notices()) == 1
    write(path, made)

    assert [minute for minute, _ in taken(feed, MONDAY + 5 * MINUTE)] == [6, 7, 8, 9, 10]


def test_a_moment_waits_one_look_for_a_symbol_that_was_there_before(tmp_path: Path) -> None:
    made = bars(1, 1.1, 1.2, 1.25)
    one, other = write_csv(tmp_path / "a.csv", made[:2]), write_csv(tmp_path / "b.csv", made[:2])
    feed = following(EURUSD=one, BTC=other)
    last = MONDAY + 2 * MINUTE

    append(one, lines(made[2:3]))
    assert feed.next(last) is None
    append(other, lines(made[2:3]))
    assert taken(feed, last) == [(3, [1.2, 1.2])]

    append(one, lines(made[3:]))
    assert taken(feed, last + MINUTE) == [(4, [1.25])]
    append(other, lines(made[3:]))
    assert taken(feed, last + 2 * MINUTE) == []
    assert feed.notices() == ["BTC: the bar of 2024-01-01T00:03:00Z came after its moment; it is held back"]


def test_a_followed_file_resamples_as_a_whole_one_does(tmp_path: Path) -> None:
    made = np.delete(walk(400), [70, 119, 180, 181])
    whole = RecordedFeed(("EURUSD",), {"EURUSD": str(write_csv(tmp_path / "w.csv", made))}, "H1", CLASSES)
    path = write_csv(tmp_path / "a.csv", made[:100])
    feed = following("H1", EURUSD=path)
    found: list[Bars] = [feed.history(0, feed.info().warmed_until, 100).rows]
    after = feed.info().warmed_until

    for place in range(100, len(made)):
        append(path, lines(made[place : place + 1]))
        while (batch := feed.next(after)) is not None:
            found.append(batch.rows)
            after = batch.at

    assert np.concatenate(found).tobytes() == whole.history(0, after, 100).rows.tobytes()
    assert after == MONDAY + 6 * HOUR


def test_a_file_that_became_another_kind_of_table_is_told_once(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "a.csv", bars(1, 1.1))
    feed = following(EURUSD=path)
    path.write_text("name,price\n" + "x,1\n" * 100)
    assert taken(feed, MONDAY + 2 * MINUTE) == []
    assert ["missing column ts" in notice for notice in feed.notices()] == [True]


def test_touching_a_file_changes_nothing(tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "a.parquet", bars(1, 1.1))
    feed = following(EURUSD=path)
    os.utime(path, (1, 1))
    assert taken(feed, MONDAY + 2 * MINUTE) == []
    assert feed.notices() == []
