from __future__ import annotations

import hashlib
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from domain.errors import ConfigError
from domain.market import Bars
from domain.timeframe import DAY, HOUR, MINUTE, iso, nanos, utc
from marketdata.bars import digest
from marketdata.simulated import START_AT, VERSION, SimulatedFeed

CLASSES = {"EURUSD": "forex", "XAUUSD": "metal", "BTC": "crypto", "ETH": "crypto"}
BOTH = ("EURUSD", "BTC")
FRIDAY = nanos(datetime.fromisoformat("2024-01-05T20:00:00+00:00"))


def feed(symbols: tuple[str, ...] = BOTH, seed: int = 7, **more: object) -> SimulatedFeed:
    return SimulatedFeed(symbols, seed, asset_classes=CLASSES, **more)  # type: ignore[arg-type]


def rows(one: SimulatedFeed, minutes: int = 1500, symbol: str | None = None) -> Bars:
    found = one.history(0, one.info().warmed_until + minutes * MINUTE, 10**9).rows
    return found if symbol is None else found[found["row"] == one.info().symbols.index(symbol)]


def path(one: SimulatedFeed, symbol: str, minutes: int = 1500) -> bytes:
    found = rows(one, minutes, symbol).copy()
    found["row"] = 0
    return found.tobytes()


def test_the_feed_says_that_it_is_simulated_and_from_which_seed() -> None:
    info = feed().info()
    assert (info.name, info.simulated, info.live, info.timeframe) == ("sim", True, False, "M1")
    assert info.warmed_until == START_AT  # the last warm-up bar closes where the first counted one opens
    assert info.start_at == START_AT - 499 * MINUTE
    assert info.decimals == {"EURUSD": 5, "BTC": 1}
    assert info.inputs["*"]["seed"] == "7"
    assert info.inputs["*"]["version"] == VERSION


def test_there_are_500_bars_of_warm_up_for_each_symbol() -> None:
    one = feed()
    warm = one.history(0, one.info().warmed_until, 10**9).rows
    assert [(warm["row"] == row).sum() for row in (0, 1)] == [500, 500]


def test_the_same_seed_is_the_same_market_and_another_seed_another() -> None:
    assert path(feed(), "EURUSD") == path(feed(), "EURUSD")
    assert path(feed(seed=8), "EURUSD") != path(feed(), "EURUSD")


def test_a_path_is_the_same_in_another_process() -> None:
    code = (
        "from marketdata.simulated import SimulatedFeed; import hashlib;"
        "feed = SimulatedFeed(('EURUSD', 'BTC'), 7, asset_classes={'EURUSD': 'forex', 'BTC': 'crypto'});"
        "until = feed.info().warmed_until + 1500 * 60 * 10**9;"
        "print(hashlib.sha256(feed.history(0, until, 10**9).rows.tobytes()).hexdigest())"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, check=True, capture_output=True, text=True)
    assert done.stdout.strip() == hashlib.sha256(rows(feed()).tobytes()).hexdigest()


def test_this_version_makes_these_bits() -> None:
    """A path that changes without a new VERSION would make old runs impossible to replay."""
    assert (VERSION, digest(rows(feed()))[:16]) == ("1", "7c7ce0e2fb752b44")


@pytest.mark.parametrize("others", [("BTC",), ("ETH", "XAUUSD", "BTC"), tuple(f"S{number}" for number in range(50))])
def test_a_path_does_not_depend_on_the_other_symbols(others: tuple[str, ...]) -> None:
    assert path(feed(("EURUSD",)), "EURUSD") == path(feed((*others, "EURUSD")), "EURUSD")


@settings(deadline=None, max_examples=20)
@given(some.integers(-600, 300), some.integers(-600, 300), some.integers(1, 400))
def test_history_and_next_give_the_same_bars(after: int, until: int, most: int) -> None:
    one, start = feed(), START_AT
    by_next: list[Bars] = []
    at = start + after * MINUTE
    while (batch := one.next(at)).at <= start + until * MINUTE:
        by_next.append(batch.rows)
        at = batch.at

    by_history: list[Bars] = []
    at = start + after * MINUTE
    while at < start + until * MINUTE:
        part = one.history(at, start + until * MINUTE, most)
        by_history.append(part.rows)
        at = part.at

    assert b"".join(part.tobytes() for part in by_next) == b"".join(part.tobytes() for part in by_history)


def test_any_moment_can_be_asked_for_again_after_a_restart() -> None:
    one = feed()
    at, seen = one.info().warmed_until, []
    for _ in range(100):
        batch = one.next(at)
        seen.append((at, batch.digest))
        at = batch.at

    fresh = feed()
    assert [(after, fresh.next(after).digest) for after, _ in reversed(seen[::30])] == seen[::30][::-1]
    assert one.next(seen[-1][0]).digest == seen[-1][1]


def test_the_data_ends_after_the_counted_bars() -> None:
    one = feed(bars=10)
    at, count = one.info().warmed_until, 0
    while not (batch := one.next(at)).final:
        at, count = batch.at, count + 1
    assert count == 10
    assert one.next(at).final
    assert len(one.history(0, 2**62, 10**9).rows) == 2 * 510


@pytest.mark.parametrize("symbol", ["EURUSD", "XAUUSD", "BTC", "NEW"])
def test_bars_are_bars_on_the_tick(symbol: str) -> None:
    one = feed((symbol,), ticks={symbol: 0.00001 if symbol == "EURUSD" else 0.01})
    made = rows(one, 3000)
    assert (made["high"] >= np.maximum(made["open"], made["close"])).all()
    assert (made["low"] <= np.minimum(made["open"], made["close"])).all()
    assert (made["low"] > 0).all()
    assert (made["volume"] > 0).all()
    assert (made["spread"] > 0).all()
    digits = one.info().decimals[symbol]
    for column in ("open", "high", "low", "close", "spread"):
        assert (made[column] == np.round(made[column], digits)).all()


def test_a_bar_opens_near_the_last_close() -> None:
    made = rows(feed(("BTC",)), 3000)
    gaps = np.abs(made["open"][1:] / made["close"][:-1] - 1)
    assert gaps.max() < 3e-4


@pytest.mark.parametrize(("symbol", "sigma"), [("EURUSD", 7.3e-5), ("XAUUSD", 2.2e-4), ("BTC", 6e-4), ("ETH", 7.5e-4)])
def test_volatility_is_usual_with_fat_tails_that_cluster(symbol: str, sigma: float) -> None:
    deviations, tails, clusters = [], [], []
    for seed in range(8):
        moves = np.diff(np.log(rows(feed((symbol,), seed), 4000)["close"]))
        calm = moves[np.abs(moves) < 40 * sigma]
        deviations.append(calm.std())
        tails.append(np.mean((calm / calm.std()) ** 4))
        size = np.abs(calm)
        clusters.append(np.corrcoef(size[1:], size[:-1])[0, 1])
    assert 0.7 * sigma < np.mean(deviations) < 1.4 * sigma
    assert np.mean(tails) > 5
    assert np.mean(clusters) > 0.05


def open_in_new_york(ts: int) -> bool:
    local = utc(ts).astimezone(ZoneInfo("America/New_York"))
    day, hour = local.weekday(), local.hour
    return not (day == 5 or (day == 4 and hour >= 17) or (day == 6 and hour < 17))


@pytest.mark.parametrize("start_at", [FRIDAY, nanos(datetime.fromisoformat("2024-03-08T20:00:00+00:00"))])
def test_forex_and_metals_close_at_weekends_and_crypto_does_not(start_at: int) -> None:
    one = feed(("EURUSD", "BTC", "XAUUSD"), start_at=start_at)
    made = rows(one, 3 * 1440)
    forex, crypto = (made["ts"][made["row"] == row] for row in (0, 1))

    assert all(open_in_new_york(ts) for ts in forex.tolist())
    assert (made["ts"][made["row"] == 2] == forex).all()
    assert (np.diff(crypto) == MINUTE).all()
    gap = int(np.argmax(np.diff(forex)))
    assert iso(int(forex[gap]))[11:16] == "21:59"
    assert iso(int(forex[gap + 1]))[11:16] == ("22:00" if start_at == FRIDAY else "21:00")


def test_a_moment_without_a_trade_does_not_exist() -> None:
    one = feed(("EURUSD",), start_at=FRIDAY)
    at, steps = one.info().warmed_until, []
    for _ in range(200):
        batch = one.next(at)
        steps.append(batch.at - at)
        at = batch.at
        assert len(batch.rows) == 1
    assert sorted(set(steps)) == [MINUTE, 48 * HOUR + MINUTE]


def test_a_market_may_open_with_a_gap_after_the_weekend() -> None:
    gaps = []
    for seed in range(12):
        made = rows(feed(("EURUSD",), seed, start_at=FRIDAY), 200 + 48 * 60)
        place = int(np.argmax(np.diff(made["ts"])))
        gaps.append(abs(made["open"][place + 1] / made["close"][place] - 1))
    assert 2e-4 < np.mean(gaps) < 3e-3


def test_a_start_on_a_closed_weekend_begins_when_the_market_opens() -> None:
    info = feed(("EURUSD",), start_at=FRIDAY + DAY).info()
    assert iso(info.warmed_until) == "2024-01-05T22:00:00Z"
    assert iso(feed(("EURUSD",), start_at=FRIDAY + DAY).next(info.warmed_until).at) == "2024-01-07T22:01:00Z"


@pytest.mark.parametrize(
    ("timeframe", "forex", "crypto"),
    [
        ("H1", "2024-01-02T00:00:00Z", "2024-01-02T00:00:00Z"),
        ("H4", "2024-01-02T02:00:00Z", "2024-01-02T00:00:00Z"),
        ("D1", "2024-01-02T22:00:00Z", "2024-01-02T00:00:00Z"),
        ("W1", "2024-01-07T22:00:00Z", "2024-01-08T00:00:00Z"),
    ],
)
def test_bars_of_every_timeframe_open_at_their_buckets(timeframe: str, forex: str, crypto: str) -> None:
    one = feed(timeframe=timeframe, warm_up=60, bars=60)
    made = one.history(one.info().warmed_until, 2**62, 10**9).rows
    assert [iso(int(made["ts"][made["row"] == row][0])) for row in (0, 1)] == [forex, crypto]
    warm = one.history(0, one.info().warmed_until, 10**9).rows
    assert [(warm["row"] == row).sum() for row in (0, 1)] == [60, 60]


def test_moving_averages_cross_by_themselves() -> None:
    crossings = []
    for seed in range(10):
        for symbol in BOTH:
            closes = rows(feed((symbol,), seed), 60)["close"]
            sides = np.sign(averages(closes, 10) - averages(closes, 30))[-61:]
            crossings.append(int((np.diff(sides) != 0).sum()))
    assert 1.0 < np.mean(crossings) < 4.0  # a random walk has 2.2 in 60 bars


def averages(closes: np.ndarray, length: int) -> np.ndarray:
    found, last = np.empty_like(closes), closes[0]
    for place, close in enumerate(closes):
        last += 2 / (length + 1) * (close - last)
        found[place] = last
    return found


@pytest.mark.parametrize(
    ("symbol", "asset_class", "near"),
    [("EURUSD", "forex", 1.10), ("BTCUSDT", "crypto", 42000), ("SOL", "crypto", 100), ("XAUUSD", "metal", 2060)],
)
def test_well_known_symbols_start_near_their_price(symbol: str, asset_class: str, near: float) -> None:
    one = SimulatedFeed((symbol,), 1, asset_classes={symbol: asset_class})
    assert rows(one, 1)["open"][0] == pytest.approx(near, rel=0.01)


def test_prices_ticks_and_spreads_can_be_given() -> None:
    one = feed(("NEW",), start_prices={"NEW": 512.0}, ticks={"NEW": 0.25}, spreads={"NEW": 0.5})
    made = rows(one, 100)
    assert made["open"][0] == pytest.approx(512, rel=0.01)
    assert (np.mod(made["close"], 0.25) == 0).all()
    assert one.info().decimals == {"NEW": 2}


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"symbols": ()}, "no symbols"),
        ({"symbols": ("BTC", "BTC")}, "BTC appears twice"),
        ({"timeframe": "M7"}, "'M7' is none of"),
        ({"warm_up": -1}, "warm_up is -1"),
        ({"bars": 0}, "bars is 0"),
        ({"ticks": {"BTC": 0.0}}, "tick of BTC is 0.0"),
        ({"start_prices": {"BTC": float("nan")}}, "start price of BTC is nan"),
    ],
)
def test_bad_arguments_are_refused(more: dict[str, object], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        feed(**more)  # type: ignore[arg-type]
