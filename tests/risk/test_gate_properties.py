"""What no sequence of candidates, fills, exits and releases may ever do."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

from gate_desk import GateDesk
from hypothesis import given, settings
from hypothesis import strategies as some
from msgspec.structs import replace

from domain.money import NANO
from domain.order import Order
from risk.config import RiskConfig
from tests.factories import LISTED, T, an_instrument, nano

PRICES = some.integers(nano("0.001"), nano(100_000))
RATES = some.tuples(some.integers(1, 10**6), some.integers(1, 10**6))


@given(
    price=PRICES,
    stop=some.floats(0.00001, 0.99).map(Fraction),
    direction=some.sampled_from([1, -1]),
    equity=some.integers(NANO, 10**9 * NANO),
    fraction=some.sampled_from([0.0001, 0.005, 0.01, 0.02, 0.33, 1.0]),
    rate=RATES,
    spread=some.integers(0, nano("0.01")),
    tick=some.sampled_from([1, nano("0.00001"), nano("0.01"), nano("1")]),
    cap=some.none() | some.integers(NANO, 10**12 * NANO),
    as_limit=some.booleans(),
)
@settings(max_examples=400)
def test_the_planned_loss_never_exceeds_the_fraction_of_equity(
    price: int,
    stop: Fraction,
    direction: int,
    equity: int,
    fraction: float,
    rate: tuple[int, int],
    spread: int,
    tick: int,
    cap: int | None,
    as_limit: bool,
) -> None:
    instrument = an_instrument(tick=tick, lot_step=1000, min_quantity=1000, max_quantity=10**24)
    desk = GateDesk(RiskConfig(risk_fraction=fraction, max_order_notional=cap), {"EURUSD": instrument})
    desk.view.equity, desk.rates["EURUSD"] = equity, rate
    answer = desk.enter(
        price=price,
        stop=int(price * stop),
        target=0,
        direction=direction,
        limit=price if as_limit else 0,
        spread=spread,
    )

    if answer.order is None:
        assert answer.denial is not None
        return
    order = answer.order
    lost = Fraction((order.entry - order.stop) * direction * order.quantity, NANO) * Fraction(*rate)
    assert order.stop > 0
    assert 0 < lost <= equity * Fraction(str(fraction))
    if cap is not None:
        assert Fraction(order.entry * order.quantity, NANO) * Fraction(*rate) <= cap + Fraction(1, 2)


LARGE = some.integers(-(10**30), 10**30)
ODD = LARGE | some.sampled_from([0, 1, -1, math.nan, math.inf, -math.inf])
ODD_WISHES = some.fixed_dictionaries(
    {},
    optional=dict.fromkeys(("price", "stop", "target", "limit", "expires_at"), ODD)
    | {"direction": some.integers(-3, 3), "score": some.floats(), "probability": some.floats()},
)
ODD_VIEWS = some.fixed_dictionaries(
    {}, optional=dict.fromkeys(("equity", "peak", "day_equity", "price", "bar_at"), LARGE)
)


@given(ODD_WISHES, ODD_VIEWS, some.sampled_from(["fixed_units", "fixed_fraction"]), some.integers(-20_000, 20_000))
@settings(max_examples=400)
def test_nothing_that_is_asked_makes_the_gate_raise(
    wish: dict[str, Any], view: dict[str, int], sizing: str, held: int
) -> None:
    desk = GateDesk(
        RiskConfig(
            sizing=sizing, max_order_notional=nano(200_000), max_daily_loss=NANO, max_drawdown=0.1, max_open_positions=1
        )
    )
    if held:
        desk.hold(held)
    for name, value in view.items():
        setattr(desk.view, name, value)
    answer = desk.enter(**wish)

    assert (answer.denial is not None) or (answer.order is not None)
    if answer.denial is None and answer.order is not None:
        assert answer.order.opens > 0
        assert answer.order.opens <= nano(200_000) * NANO // answer.order.entry
    if answer.denial is not None and answer.order is not None:
        assert answer.order.opens == 0


SYMBOLS = ("BTC", "ETH", "EURUSD", "XAUUSD")
MOST, CAP = 2, nano(20_000)
an_act = some.one_of(
    some.tuples(some.just("enter"), some.sampled_from(SYMBOLS), some.sampled_from([1, -1])),
    some.tuples(some.just("exit"), some.sampled_from(SYMBOLS), some.sampled_from([0.3, 0.5, 1.0])),
    some.tuples(some.just("fill"), some.integers(0, 9), some.sampled_from([0.25, 0.5, 1.0])),
    some.tuples(some.just("release"), some.integers(0, 9), some.just(0)),
    some.tuples(some.just("stop"), some.sampled_from(SYMBOLS), some.just(0)),
)


def act(desk: GateDesk, moment: int, kind: str, which: Any, how: Any) -> Order | None:
    """One thing that happens; the order that the gate approved, if it was asked."""
    working = [one.order for one in desk.book.working.values()]
    if kind == "enter":
        return desk.enter(symbol=which, direction=how, at=moment, expires_at=moment).order
    if kind == "exit":
        return desk.leave(symbol=which, fraction=how, at=moment)
    if kind == "stop" and which in desk.book.positions:  # the venue's own: it was never reserved
        held = desk.book.quantity(which)
        desk.hold(-held // NANO, which) if held % NANO == 0 else None
    elif working and kind == "fill":
        desk.fill(working[which % len(working)], how)
    elif working and kind == "release":
        desk.book.release(working[which % len(working)].id)
    return None


def obeys(desk: GateDesk, approved: Order | None, before: int) -> None:
    book = desk.book
    opening = {one.order.symbol for one in book.working.values() if one.order.opens}
    assert len(opening | set(book.positions)) <= MOST
    if approved is None:
        return
    assert approved.opens * approved.entry <= CAP * NANO
    if approved.opens == 0:
        assert book.exposure(approved.symbol) <= before


SIZES = some.sampled_from([("fixed_units", 5_000), ("fixed_units", 30_000), ("fixed_fraction", 0)])


@given(some.lists(an_act, min_size=8, max_size=40), SIZES)
@settings(max_examples=200)
def test_no_sequence_of_messages_exceeds_the_limits(acts: list[tuple[str, Any, Any]], size: tuple[str, int]) -> None:
    config = RiskConfig(sizing=size[0], units=size[1] * NANO, max_open_positions=MOST, max_order_notional=CAP)
    usual = an_instrument(lot_step=NANO, min_quantity=NANO)
    desk = GateDesk(config, {one: replace(usual, symbol=one) for one in SYMBOLS} | {"BTC": LISTED["BTC"]})
    desk.view.age_limit = 0
    for number, (kind, which, how) in enumerate(acts):
        desk.view.now = T + number
        before = desk.book.exposure(which) if isinstance(which, str) else 0
        obeys(desk, act(desk, T + number, kind, which, how), before)
