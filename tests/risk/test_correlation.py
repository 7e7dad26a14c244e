"""No entry beside what moves with it: live correlations first, groups where returns are too few."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from exposure_desk import INSTRUMENTS, PRICES, ExposureDesk, a_wish
from msgspec.structs import replace

from domain.registry import load
from risk.correlation_groups import GROUPS, Groups
from risk.exposure import Exposure
from risk.returns import LEAST, Returns
from risk.rules import RULES
from risk.view import Denial
from tests.factories import EURUSD, a_config, nano

FEED = tuple(PRICES)


def correlation(most: float = 0.85, groups: dict[str, list[str]] | None = None) -> Any:
    return load(RULES["correlation"]).build(a_config(max_correlation=most, correlation_groups=groups or {}))


def moving(with_euro: dict[str, float], moments: int = 60) -> Returns:
    """Returns whose correlation with EURUSD is exactly what is asked for (0 for all others)."""
    random = np.random.default_rng(2)
    raw = random.normal(size=(moments, len(FEED)))
    orthogonal = np.linalg.qr(raw - raw.mean(axis=0))[0]  # uncorrelated columns of mean 0
    euro = orthogonal[:, 0]
    steps = np.zeros((moments, len(FEED)))
    for column, symbol in enumerate(FEED):
        rho = 1.0 if symbol == "EURUSD" else with_euro.get(symbol, 0.0)
        steps[:, column] = rho * euro + np.sqrt(1 - rho * rho) * (orthogonal[:, column] if column else 0)
    returns = Returns(FEED, moments)
    closes = 100 * np.exp(np.vstack([np.zeros(len(FEED)), 0.01 * steps.cumsum(axis=0)]))
    for i, row in enumerate(closes):
        returns.push(i, np.arange(len(FEED)), row)
    return returns


@pytest.mark.parametrize(
    ("rho", "held", "direction", "denied"),
    [
        (0.849, 8_000, 1, False),
        (0.851, 8_000, 1, True),  # the same side of what moves together
        (0.851, -8_000, -1, True),
        (0.851, -8_000, 1, False),  # the other side: a hedge
        (0.851, 8_000, -1, False),
        (-0.849, 8_000, -1, False),
        (-0.851, 8_000, -1, True),  # the other side of what moves against each other
        (-0.851, -8_000, 1, True),
        (-0.851, 8_000, 1, False),
        (1.0, 8_000, 1, True),
        (0.01, 8_000, 1, False),
    ],
)
def test_the_same_bet_is_not_made_twice(rho: float, held: int, direction: int, denied: bool) -> None:
    desk = ExposureDesk().hold("GBPUSD", held)
    view = desk.view(returns=moving({"GBPUSD": rho}))
    answer = correlation().check(a_wish(direction=direction), view)

    assert answer == (Denial("CORRELATED", f"GBPUSD {abs(rho):.2f}", 0.85) if denied else None)
    same = rho * direction * (1 if held > 0 else -1)
    assert correlation().figures(a_wish(direction=direction), view) == (
        f"GBPUSD {same:.2f}",
        0.85,
    )


def test_what_is_only_on_its_way_counts() -> None:
    """Known fault: correlation was checked against open positions of a snapshot only."""
    desk = ExposureDesk().work("GBPUSD", 8_000)
    view = desk.view(returns=moving({"GBPUSD": 0.9}))

    assert correlation().check(a_wish(), view) == Denial("CORRELATED", "GBPUSD 0.90", 0.85)
    assert correlation().check(a_wish(direction=-1), view) is None
    desk.book.release("w1")
    assert correlation().check(a_wish(), view) is None


def test_a_working_reversal_counts_on_both_sides() -> None:
    desk = ExposureDesk().hold("GBPUSD", 8_000).work("GBPUSD", -16_000)
    view = desk.view(returns=moving({"GBPUSD": 0.9}))

    assert correlation().check(a_wish(), view) is not None
    assert correlation().check(a_wish(direction=-1), view) is not None


def test_the_limit_that_is_configured_is_the_one_that_holds() -> None:
    """Known fault: the preset's limit was overridden by 0.85."""
    view = ExposureDesk().hold("GBPUSD", 8_000).view(returns=moving({"GBPUSD": 0.5}))

    assert correlation(0.4).check(a_wish(), view) == Denial("CORRELATED", "GBPUSD 0.50", 0.4)
    assert correlation(0.6).check(a_wish(), view) is None


def test_more_of_the_same_symbol_is_not_for_this_rule() -> None:
    view = ExposureDesk().hold("EURUSD", 10_000).view(returns=moving({}))

    assert correlation().check(a_wish(), view) is None
    assert correlation().figures(a_wish(), view) == (None, 0.85)


def test_of_many_the_closest_is_told() -> None:
    desk = ExposureDesk().hold("GBPUSD", 8_000).hold("XAUUSD", 1).hold("BTC", "-0.5")
    returns = moving({"GBPUSD": 0.3, "XAUUSD": 0.6, "BTC": -0.9})

    assert correlation().check(a_wish(), desk.view(returns=returns)) == Denial("CORRELATED", "BTC 0.90", 0.85)
    assert correlation(0.95).figures(a_wish(), desk.view(returns=returns)) == ("BTC 0.90", 0.95)


# -- groups --------------------------------------------------------------------------------------

OURS = {"dollar": ["EURUSD", "GBPUSD", "-USDJPY"]}


@pytest.mark.parametrize("few", [None, LEAST - 1])
@pytest.mark.parametrize(
    ("symbol", "held", "direction", "denied"),
    [
        ("GBPUSD", 8_000, 1, True),
        ("GBPUSD", -8_000, -1, True),
        ("GBPUSD", -8_000, 1, False),
        ("USDJPY", 8_000, -1, True),  # moves against the group
        ("USDJPY", -8_000, 1, True),
        ("USDJPY", 8_000, 1, False),
        ("XAUUSD", 1, 1, False),  # in no group
    ],
)
def test_while_returns_are_too_few_groups_decide(
    few: int | None, symbol: str, held: int, direction: int, denied: bool
) -> None:
    desk = ExposureDesk().hold(symbol, held)
    view = desk.view(returns=None if few is None else moving({}, moments=few))
    answer = correlation(groups=OURS).check(a_wish(direction=direction), view)

    assert answer == (Denial("CORRELATED", f"{symbol} 1.00", 0.85) if denied else None)


def test_returns_that_are_known_overrule_the_groups() -> None:
    view = ExposureDesk().hold("GBPUSD", 8_000).view(returns=moving({"GBPUSD": 0.1}, moments=LEAST))

    assert correlation(groups=OURS).check(a_wish(), view) is None


def test_a_pair_of_which_enough_is_known_is_not_judged_by_its_group_because_another_is_unknown() -> None:
    desk = ExposureDesk().hold("GBPUSD", 8_000).hold("BTC", "0.1")
    returns = moving({"GBPUSD": 0.1}, moments=LEAST)
    late = Returns((*FEED, "ETH"), 40)
    for i in range(LEAST + 1):
        closes = [100 * np.exp(returns.of(symbol)[:i].sum()) for symbol in FEED]
        rows = [row for row, symbol in enumerate(FEED) if symbol != "BTC" or i > 3]
        late.push(i, np.array(rows), np.array(closes)[rows])

    assert late.correlation("EURUSD", "BTC") is None
    assert late.correlation("EURUSD", "GBPUSD") == pytest.approx(0.1)
    assert correlation(groups=OURS).check(a_wish(), desk.view(returns=late)) is None
    together = {"both": ["EURUSD", "BTC"]}
    assert correlation(groups=together).check(a_wish(), desk.view(returns=late)) == Denial(
        "CORRELATED", "BTC 1.00", 0.85
    )


def test_a_symbol_that_the_feed_does_not_have_is_judged_by_its_group() -> None:
    desk = ExposureDesk()
    desk.exposure = Exposure(desk.book, lambda _: nano("1.25"), lambda _: (1, 1), INSTRUMENTS)
    desk.book.others({"GBPUSD": nano(5)})
    returns = Returns(("EURUSD",), 40)
    for i in range(41):
        returns.push(i, np.array([0]), np.array([1.1 + 0.001 * (i % 3)]))

    assert correlation(groups=OURS).check(a_wish(), desk.view(returns=returns)) == Denial(
        "CORRELATED", "GBPUSD 1.00", 0.85
    )
    assert correlation(groups={"b": ["BTC", "ETH"]}).check(a_wish(), desk.view(returns=returns)) is None


@pytest.mark.parametrize(
    ("one", "other", "side", "together"),
    [
        ("EURUSDm", "GBPUSD.c", 1, True),  # a broker's suffix changes nothing
        ("EURUSDm", "GBPUSD.c", -1, False),
        ("EURUSD", "USDCHFz", -1, True),
        ("BTC", "ETHUSDT", 1, True),
        ("XAUUSDm", "XAGUSD", 1, True),
        ("XAUUSDm", "EURUSD", 1, False),
    ],
)
def test_groups_know_symbols_by_their_currencies(one: str, other: str, side: int, together: bool) -> None:
    """Known fault: lists of names without suffixes (XAUUSDm was in none)."""
    pairs = {"BTC": ("BTC", "USD"), "ETHUSDT": ("ETH", "USDT")}

    def listed(name: str) -> Any:
        base, quote = pairs.get(name, (name[:3], name[3:6]))
        return replace(EURUSD, symbol=name, base=base, quote=quote)

    assert Groups(GROUPS).together(listed(one), listed(other), side) == together
    assert Groups(GROUPS).together(listed(other), listed(one), side) == together
