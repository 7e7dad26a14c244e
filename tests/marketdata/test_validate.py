from __future__ import annotations

import numpy as np
import pytest
from bar_making import MONDAY, bars, recorded_file
from hypothesis import given
from hypothesis import strategies as some

from domain.errors import ConfigError
from domain.market import Bar, Bars
from domain.timeframe import DAY, HOUR, MINUTE
from marketdata.files import read_bars
from marketdata.validate import PrintFilter, bad_print_limit, bad_prints, decimals, detect_timeframe, problems


def flat(*prices: float) -> Bars:
    """Bars with open = high = low = close."""
    made = bars(*prices)
    made["open"] = made["high"] = made["low"] = made["close"]
    return made


@pytest.mark.parametrize(
    ("prices", "limit", "held"),
    [
        ([1.18, 1965.0001, 1.18], 0.2, [1]),
        ([1.0, 1.2, 1.21, 0.8], 0.2, [3]),
        ([1.0, 1.21, 1.0], 0.2, [1]),
        ([100, 150, 100], 0.6, []),
        ([100, 161, 100], 0.6, [1]),
        ([1, 2, 2, 2, 2], 0.2, [1, 2]),
        ([1, 2, 2, 1, 2, 2, 1], 0.2, [1, 2, 4, 5]),
        ([1, 2, 3, 4, 5, 6], 0.2, [1, 2, 3, 4, 5]),
        ([1, 2, 9, 9, 9], 0.2, [1, 2, 3]),
        ([1965, 1.18, 1.18, 1.18], 0.2, [1, 2]),
        ([1, 1.5, 1.5, 1.5, 1.0], 0.2, [1, 2, 4]),
    ],
)
def test_a_bad_print_is_held_back_until_three_make_a_new_level(
    prices: list[float], limit: float, held: list[int]
) -> None:
    assert np.flatnonzero(bad_prints(flat(*prices), limit)).tolist() == held


@pytest.mark.parametrize("column", ["open", "high", "low"])
def test_one_bad_price_in_a_bar_is_enough(column: str) -> None:
    made = flat(1, 1, 1)
    made[column][1] = 1965 if column != "low" else 0.01
    assert bad_prints(made, 0.2).tolist() == [False, True, False]


@given(
    some.lists(some.sampled_from([1.0, 1.1, 1.3, 1.9, 2.0, 2.2, 1965.0]), min_size=1, max_size=40), some.integers(0, 40)
)
def test_the_filter_says_the_same_bar_by_bar_in_chunks_and_at_once(prices: list[float], cut: int) -> None:
    made = bars(*prices)
    stream, chunks = PrintFilter(0.2), PrintFilter(0.2)

    one_by_one = [
        not stream.admit(Bar(int(bar["ts"]), *(float(bar[name]) for name in ("open", "high", "low", "close"))))
        for bar in made
    ]
    in_chunks = [*chunks.held_back(made[:cut]), *chunks.held_back(made[cut:])]

    assert one_by_one == bad_prints(made, 0.2).tolist() == in_chunks


def test_limits_are_by_symbol_then_class_then_default() -> None:
    assert bad_print_limit("EURUSD", "forex", None) == 0.2
    assert bad_print_limit("BTC", "crypto", None) == 0.6
    assert bad_print_limit("BTC", "crypto", {"crypto": 0.5}) == 0.5
    assert bad_print_limit("BTC", "crypto", {"crypto": 0.5, "BTC": 0.9}) == 0.9


def stamps(*minutes: int) -> np.ndarray:
    return MONDAY + MINUTE * np.array(minutes, np.int64)


@pytest.mark.parametrize(
    ("ts", "stated", "found"),
    [
        (stamps(0, 1, 2, 5, 9), None, "M1"),
        (stamps(0, 2, 4, 5, 7, 9, 10, 12), None, "M1"),
        (stamps(0, 5, 10, 60), None, "M5"),
        (stamps(0, 2), "M1", "M1"),
        (stamps(0, 60, 180), None, "H1"),
        (stamps(15, 75, 135), None, "H1"),
        (stamps(0, 1440, 2880, 5760), None, "D1"),
        (stamps(-120, 1320, 2760, 4260, 5700, 7140), None, "D1"),
        (stamps(0, 240, 480, 780, 1020), None, "H4"),
        (stamps(0, 10080, 20220, 30300), None, "W1"),
    ],
)
def test_the_timeframe_is_the_step_of_the_stamps(ts: np.ndarray, stated: str | None, found: str) -> None:
    assert detect_timeframe(ts, "a.csv", stated) == found


@pytest.mark.parametrize(
    ("ts", "stated", "says"),
    [
        (stamps(0), None, "cannot be known"),
        (stamps(0, 7, 14), None, "420 s apart"),
        (stamps(*range(0, 500, 5), 501), None, "row 101.*off the M5 grid"),
        (np.append(stamps(0, 1, 2, 3, 4), MONDAY + 301 * 10**9), None, "row 6.*off the M1 grid"),
        (stamps(0, 1, 2) + 59_999_000_000, None, "the bar's open, not its close"),
        (stamps(0, 1, 2), "H1", "says H1, its bars are M1 apart"),
        (stamps(*range(0, 6060, 60)), "M1", "says M1, its bars are H1 apart"),
    ],
)
def test_stamps_without_a_timeframe_are_refused(ts: np.ndarray, stated: str | None, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        detect_timeframe(ts, "a.csv", stated)


@pytest.mark.parametrize(
    ("prices", "found"),
    [
        ([1, 2], 0),
        ([1.5, 2], 1),
        ([1.10001, 1.1], 5),
        ([1.0342800000000001, 1.0], 5),
        ([42000.12, 1], 2),
        ([0.000012345, 1], 9),
        ([1 / 3, 1], 9),
        ([103_428.001, 1], 3),
    ],
)
def test_decimals_are_those_that_the_prices_need(prices: list[float], found: int) -> None:
    assert decimals(flat(*prices)) == found


def test_good_bars_have_no_problems() -> None:
    assert problems(bars(1, 2, 3), "a.csv") == []


@pytest.mark.data
def test_a_price_of_1965_among_real_ones_is_held_back_and_nothing_else() -> None:
    made = read_bars(recorded_file("EURUSD_M1.parquet")).bars
    made = np.insert(made, 1000, made[1000])
    for column in ("open", "high", "low", "close"):
        made[column][1000] = 1965.0001
    assert np.flatnonzero(bad_prints(made, 0.2)).tolist() == [1000]


@pytest.mark.data
def test_real_spikes_of_a_thin_crypto_market_stay_in() -> None:
    assert not bad_prints(read_bars(recorded_file("BTCUSD_M1.parquet")).bars, 0.6).any()


def test_a_week_is_seven_days() -> None:
    assert detect_timeframe(MONDAY + 7 * DAY * np.arange(4)) == "W1"
    assert detect_timeframe(MONDAY + 4 * HOUR * np.arange(4)) == "H4"
