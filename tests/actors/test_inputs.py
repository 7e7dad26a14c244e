"""What a live run has used once it gets again, whatever its feed says later."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa

from actors.inputs import Inputs, RecordedBars, absences
from actors.market_feed import MarketFeed
from domain.market import BAR, BarBatch, Bars, FeedInfo
from domain.timeframe import MINUTE
from journal import database
from journal import schema as s
from journal.store import Store
from marketdata.timeline import Timeline

RUN, ACCOUNT = "run-1", "paper"
WARM = 10 * MINUTE


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    url = f"sqlite:///{tmp_path / 'argus.db'}"
    database.prepare(url)
    one = Store(url, 1)
    yield one
    one.close()


def made(*closes: float, start: int = 0, row: int = 0) -> Bars:
    found = np.zeros(len(closes), BAR)
    found["row"], found["close"] = row, closes
    found["ts"] = start + MINUTE * np.arange(len(closes))
    for name in ("open", "high", "low"):
        found[name] = found["close"]
    return found


class Files:
    """A live feed over what it has been given so far; ``warmed_until`` is where it was when it was built."""

    def __init__(self, *series: Bars) -> None:
        self._timeline = Timeline(list(series), [one["ts"] + MINUTE for one in series])
        self._warmed_until = self._timeline.last

    def info(self) -> FeedInfo:
        return FeedInfo(
            name="recorded",
            live=True,
            simulated=False,
            symbols=("EURUSD", "BTC"),
            timeframe="M1",
            decimals={"EURUSD": 5, "BTC": 1},
            start_at=self._timeline.first,
            warmed_until=self._warmed_until,
            inputs={},
        )

    def add(self, at: int, bars: Bars) -> None:
        self._timeline.add(at, bars)

    def next(self, after: int) -> BarBatch | None:
        return self._timeline.next(after)

    def history(self, after: int, until: int, most: int) -> BarBatch:
        return self._timeline.history(after, until, most)


def started(store: Store, feed: Files) -> MarketFeed:
    return MarketFeed(feed, 0.0, True, Inputs(store, RUN, ACCOUNT))


def next_of(feed: MarketFeed, after: int) -> tuple[int, list[float], str]:
    (at, digest, _), batch = asyncio.run(feed.next(after))
    return at, batch.rows["close"].tolist(), digest


def history_of(feed: MarketFeed, until: int, most: int) -> list[tuple[int, list[float]]]:
    found, after = [], -1
    while after < until:
        after, batch = asyncio.run(feed.history(after, until, most))
        found.append((after, batch.rows["close"].tolist()))
    return found


def kinds(store: Store) -> list[tuple[str, int]]:
    with store.read() as c:
        return [tuple(row) for row in c.execute(sa.select(s.inputs.c.kind, s.inputs.c.at).order_by(s.inputs.c.at))]


def test_bars_are_written_down_before_anyone_has_them(store: Store) -> None:
    feed = Files(made(*range(1, 11)))
    shell = started(store, feed)
    assert next_of(shell, WARM) == (WARM, [], "")
    feed.add(WARM + MINUTE, made(11, start=WARM))

    told = next_of(shell, WARM)

    assert told[:2] == (WARM + MINUTE, [11])
    assert ("bars", WARM + MINUTE) in kinds(store)
    recorded = RecordedBars(store.read, RUN).next(WARM)
    assert recorded is not None
    assert (recorded.at, recorded.digest) == (WARM + MINUTE, told[2])


def test_a_feed_that_comes_back_gives_what_it_gave_before(store: Store) -> None:
    feed = Files(made(*range(1, 11)))
    shell = started(store, feed)
    before = history_of(shell, WARM, 4)
    feed.add(WARM + MINUTE, made(11, start=WARM))
    first = next_of(shell, WARM)

    late = made(*range(101, 112), row=1)  # a second symbol's lines for the same minutes, written too late
    again = started(store, Files(made(*range(1, 13)), late))

    assert next_of(again, WARM) == first
    assert (
        history_of(again, WARM, 4)
        == before
        == [(4 * MINUTE, [1, 2, 3, 4]), (8 * MINUTE, [5, 6, 7, 8]), (WARM, [9, 10])]
    )
    assert history_of(again, WARM + MINUTE, 4) == [*before, (WARM + MINUTE, [11])]
    assert next_of(again, WARM + MINUTE)[:2] == (WARM + 2 * MINUTE, [12])


def test_the_warm_up_ends_where_the_run_says_though_the_feed_has_read_on(store: Store) -> None:
    row = {name: "" for name in ("account", "config", "symbols", "codes", "inputs")}
    numbers = {"epoch": 1, "live": True, "simulated": False, "started_at": 0, "warmed_until": 7 * MINUTE}
    with store.transaction() as tx:
        tx.insert(s.runs, [row | numbers | {"run_id": RUN}])
    shell = started(store, Files(made(*range(1, 11))))

    assert history_of(shell, 7 * MINUTE, 5) == [(5 * MINUTE, [1, 2, 3, 4, 5]), (7 * MINUTE, [6, 7])]
    assert next_of(shell, 7 * MINUTE)[:2] == (8 * MINUTE, [8])
    assert next_of(shell, 8 * MINUTE)[:2] == (9 * MINUTE, [9])
    found = history_of(shell, 9 * MINUTE, 5)
    assert found == [(5 * MINUTE, [1, 2, 3, 4, 5]), (7 * MINUTE, [6, 7]), (9 * MINUTE, [8, 9])]


def test_what_came_later_comes_in_parts_too(store: Store) -> None:
    feed = Files(made(*range(1, 11)))
    shell = started(store, feed)
    after = WARM
    for n in range(5):
        feed.add(WARM + (n + 1) * MINUTE, made(11 + n, start=WARM + n * MINUTE))
        after = next_of(shell, after)[0]

    found = history_of(shell, after, 2)

    assert [close for _, closes in found for close in closes] == list(range(1, 16))
    assert [at for at, _ in found[-3:]] == [WARM + 2 * MINUTE, WARM + 4 * MINUTE, WARM + 5 * MINUTE]


def test_what_the_account_held_is_kept_once(store: Store) -> None:
    started(store, Files(made(*range(1, 11))))
    recorded = RecordedBars(store.read, RUN)
    info, account = recorded.info(), recorded.account()

    started(store, Files(made(*range(1, 14))))

    assert info is not None
    assert info.warmed_until == WARM
    assert (recorded.info(), recorded.account()) == (info, account)


def test_only_news_of_who_is_absent_is_written(store: Store) -> None:
    feed = started(store, Files(made(1)))

    def tell(n: int, **absent: str) -> None:
        asyncio.run(feed.absent(n, n * MINUTE, absent))

    tell(1)
    tell(4, BTC="late")
    tell(5, BTC="still late")
    tell(7)
    tell(9, BTC="lost", EURUSD="lost")
    tell(9, EURUSD="lost")

    assert [one for one in kinds(store) if one[0].startswith("absent")] == [
        ("absent:4", 4 * MINUTE),
        ("absent:7", 7 * MINUTE),
        ("absent:9", 9 * MINUTE),
    ]
    found = absences(store.read, RUN)
    assert [found.at(n) for n in (1, 3, 4, 6, 7, 8, 9, 50)] == [
        *({}, {}, {"BTC": "late"}, {"BTC": "late"}, {}, {}),
        *({"EURUSD": "lost"}, {"EURUSD": "lost"}),
    ]


def test_a_feed_that_is_not_live_writes_nothing(store: Store) -> None:
    shell = MarketFeed(Files(made(1, 2)), 0.0, False, Inputs(store, RUN, ACCOUNT))

    assert next_of(shell, 0)[:2] == (MINUTE, [1])
    assert asyncio.run(shell.history(-1, MINUTE, 5))[0] == MINUTE
    assert kinds(store) == []
