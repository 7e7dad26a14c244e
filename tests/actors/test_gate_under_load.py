"""The whole gate under many callers, failures and restarts: what it has approved never exceeds a limit."""

from __future__ import annotations

import asyncio
import itertools
import tempfile
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from actors.risk_manager import GateAnswer, RiskManager
from actors.specs import GateSpec
from domain.instrument import Instrument
from domain.market import BarBatch, empty_bars
from domain.money import NANO, Rate
from domain.order import DONE, ENTRY, Order
from domain.timeframe import HOUR, MINUTE
from journal import schema as s
from orchestration.local import LocalRuntime
from orchestration.topology import ActorSpec
from risk.state import HALTED, REDUCING, TradingState
from risk.view import Lock
from tests.actors import hostile
from tests.actors.desk import PRICE, SYMBOLS, UNITS, Desk
from tests.factories import BTC, EURUSD, a_candidate, an_exit, nano

Specs = tuple[tuple[GateSpec, Any], Path]

# -- many callers at once ------------------------------------------------------------------------------

MANY = tuple(f"S{number:02}" for number in range(40))
FIVE = {  # limit -> how many entries of 10,000 units at 1.1 it lets through
    "max_open_positions": 5,
    "max_trades_per_day": 5,
    "max_trades_per_hour": 5,
    "max_orders_per_minute": 5,
    "max_leverage": 0.58,
    "max_exposure": 58_000 * NANO,
    "max_currency_exposure": 0.58,
    "max_class_exposure": {"default": 0.58},
    "max_venue_exposure": 0.58,
    "max_margin": 0.058,
    "min_free_balance": 94_200 * NANO,
    "max_stress_loss": 0.058,
}


@pytest.mark.parametrize("limits", [*([one] for one in FIVE), list(FIVE)], ids=lambda one: "+".join(one)[:40])
def test_callers_at_once_get_no_more_than_one_caller_would(desk_template: Specs, tmp_path: Path, limits: Any) -> None:
    (gate, executor), source = desk_template
    chosen = {name: FIVE[name] for name in limits}
    tens, others = {"default": 0.1}, {"max_open_positions", "max_positions_per_symbol"} - set(limits)
    free = dict.fromkeys((*others, "max_drawdown"))
    risk = {"stress": {"fall": {"default": -0.1}}, "margin_rate": tens} | free | chosen
    desk = Desk((many(gate), executor), source, tmp_path, risk=risk | {"explicit": frozenset(chosen)})
    runtime = LocalRuntime()
    runtime.spawn(
        [ActorSpec(name="RiskManager", shows="", build="orchestration.parts:risk_manager", spec=desk.gate_spec)]
    )
    runtime.object("RiskManager").snapshot(prices(desk.at, dict.fromkeys(MANY, 1.1)))
    wishes = [desk.wish(one, 1) for one in MANY]

    async def at_once() -> list[GateAnswer]:
        asked = [("RiskManager", runtime.ask("RiskManager", "reserve", [], [one], desk.at)) for one in wishes]
        asked += [("RiskManager", runtime.ask("RiskManager", "reserve", [], wishes[::-1], desk.at)) for _ in range(3)]
        return await runtime.get_all(asked, 60)

    said = asyncio.run(at_once())

    assert len({order.id for one in said for order in one.orders}) == 5
    assert len(desk.rows(s.reservations)) == 5
    assert len(desk.rows(s.orders)) == len(MANY)
    desk.close()


def many(gate: GateSpec) -> GateSpec:
    listed = {one: msgspec.structs.replace(EURUSD, symbol=one, spread=0) for one in MANY}
    return msgspec.structs.replace(gate, run=msgspec.structs.replace(gate.run, symbols=MANY, instruments=listed))


def prices(at: int, closes: dict[str, float]) -> BarBatch:
    bars = empty_bars()
    bars.resize(len(closes), refcheck=False)
    bars["row"] = range(len(closes))
    for name in ("open", "high", "low", "close"):
        bars[name] = list(closes.values())
    bars["ts"], bars["spread"] = at - MINUTE, 0.0
    return BarBatch(at=at, bars=bars)


# -- any sequence, any failure, a restart between any two calls ------------------------------------------

LIMITS: dict[str, Any] = {
    "max_open_positions": 2,
    "max_positions_per_symbol": 1,
    "max_orders_in_flight": 2,
    "max_trades_per_day": 6,
    "max_leverage": 0.3,
    "max_symbol_exposure": 0.15,
    "max_currency_exposure": 0.25,
}
LIMITS["explicit"] = frozenset(LIMITS)
a_set = some.lists(some.sampled_from(SYMBOLS), min_size=1, max_size=3, unique=True)
an_act = some.one_of(
    some.tuples(some.just("enter"), a_set, some.sampled_from([1, 1, -1])),
    some.tuples(some.just("enter"), a_set, some.sampled_from([1, -1])),
    some.tuples(some.just("send"), some.sampled_from(["fills", "rests", "part", "refused", "lost"]), some.just(0)),
    some.tuples(some.just("send"), some.just("fills"), some.just(0)),
    some.tuples(some.just("trade"), some.integers(0, 5), some.sampled_from([4, 1])),
    some.tuples(some.just("cancel"), some.integers(0, 5), some.just(0)),
    some.tuples(some.just("exit"), some.sampled_from(SYMBOLS), some.sampled_from([0.5, 1.0])),
    some.tuples(some.just("gate"), some.just(0), some.just(0)),
    some.tuples(some.just("both"), some.just(0), some.just(0)),
)


@given(some.lists(an_act, min_size=8, max_size=30))
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_no_sequence_exceeds_a_limit_whatever_fails_and_restarts(
    desk_template: Specs, acts: list[tuple[str, Any, Any]]
) -> None:
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as folder:
        patch.setattr("actors.executor.QUESTIONS", 1)
        desk = Desk(*desk_template, Path(folder), risk=LIMITS)
        try:
            asyncio.run(lived(desk, acts))
        finally:
            desk.close()


async def lived(desk: Desk, acts: list[tuple[str, Any, Any]]) -> None:
    await desk.started()
    unsent: list[GateAnswer] = []
    for kind, which, how in acts:
        if kind == "enter":
            desk.tick()
            unsent.append(desk.enter(*which, side=how))
            within(desk)
        elif kind == "exit":
            desk.tick()
            unsent.append(desk.leave(which, fraction=how))
        elif kind == "send":
            await sent(desk, unsent, which)
            unsent = []
        elif kind == "trade":
            for order_id in working(desk)[which : which + 1]:
                left = desk.venue.taken[order_id].order.quantity - desk.venue.taken[order_id].filled
                desk.venue.trade(order_id, max(1, left // how))
        elif kind == "cancel":
            await desk.executor.cancel(working(desk)[which : which + 1], desk.at)
            desk.gate.settle()
        elif kind == "gate":
            desk.new_gate()
        else:
            await desk.restarted()
            unsent = []
        counted(desk)


async def sent(desk: Desk, answers: list[GateAnswer], how: str) -> None:
    desk.venue.rests = how == "rests"
    desk.venue.parts = (lambda order: [order.quantity // 2]) if how == "part" else (lambda order: [order.quantity])
    faults = {"refused": hostile.refused, "lost": hostile.lost_after}
    for answer in answers:
        if how in faults:
            desk.venue.next_time("submit", faults[how])
        await desk.trade(answer)
    desk.venue.rests, desk.venue.parts = False, lambda order: [order.quantity]


def working(desk: Desk) -> list[str]:
    return [one.order.id for one in desk.venue.taken.values() if one.status not in DONE]


def written(desk: Desk) -> tuple[dict[str, int], list[tuple[Any, int]]]:
    """Positions by fills, and the approved orders that have not ended with what is left of them: from the tables."""
    with desk.store.read() as c:
        fills = c.execute(sa.select(s.fills.c.order_id, s.fills.c.symbol, s.fills.c.side, s.fills.c.quantity)).all()
        ended = sa.select(s.order_events.c.order_id).where(s.order_events.c.status.in_(DONE))
        open_orders = c.execute(
            sa.select(s.orders).where(s.orders.c.answer == "APPROVED", s.orders.c.id.not_in(ended))
        ).all()
    held: dict[str, int] = {}
    filled: dict[str, int] = {}
    for one in fills:
        quantity = nano(one.quantity)
        held[one.symbol] = held.get(one.symbol, 0) + one.side * quantity
        filled[one.order_id] = filled.get(one.order_id, 0) + quantity
    return held, [(one, nano(one.quantity) - filled.get(one.id, 0)) for one in open_orders]


def counted(desk: Desk) -> None:
    """Limits that only an entry can break: at any moment."""
    held, left = written(desk)
    opening = {one.symbol for one, _ in left if nano(one.quantity) > nano(one.reduces)}
    assert len(opening | {symbol for symbol, units in held.items() if units}) <= 2
    assert len([one for one, _ in left if one.purpose == ENTRY]) <= 2
    entered = desk.rows(s.orders, purpose=ENTRY, answer="APPROVED")
    assert len(entered) <= 6
    assert len(desk.rows(s.reservations)) >= len(left)


def within(desk: Desk) -> None:
    """Limits on value, right after the gate has answered."""
    held, left = written(desk)
    gross, dollars = 0, [0, 0]
    for symbol in SYMBOLS:
        low = high = held.get(symbol, 0)
        for one, units in left:
            if one.symbol == symbol:
                low, high = (low, high + units) if one.side > 0 else (low - units, high)
        assert max(abs(low), abs(high)) * PRICE // NANO <= 15_100 * NANO
        gross += max(abs(low), abs(high))
        dollars = [dollars[0] - high, dollars[1] - low]
    assert gross * PRICE // NANO <= 30_100 * NANO
    assert max(abs(one) for one in dollars) * PRICE // NANO <= 25_100 * NANO or not left


# -- exits ---------------------------------------------------------------------------------------------

STATES = (TradingState(), TradingState(REDUCING, "MAX_DRAWDOWN_SOFT"), TradingState(HALTED, "HALT"))


@pytest.fixture
def managed(desk_template: Specs, tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(*desk_template, tmp_path, risk=LIMITS)
    yield desk
    desk.close()


@given(
    some.sampled_from(STATES),
    some.booleans(),
    some.integers(-3, 3),
    some.lists(some.tuples(some.sampled_from([1, -1]), some.integers(1, 3)), max_size=4),
    some.lists(some.sampled_from([0.1, 0.34, 0.5, 0.99, 1.0]), min_size=1, max_size=4),
    some.sampled_from(["known", "no price", "unknown order", "locked", "no instrument", "no equity"]),
)
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_exits_pass_in_every_state_and_never_enlarge_exposure(
    managed: Desk,
    state: TradingState,
    paused: bool,
    lots: int,
    others: list[tuple[int, int]],
    fractions: list[float],
    missing: str,
) -> None:
    gate, numbers = managed.gate, itertools.count()
    managed.tick()
    gate._switch.latch = gate._switch.state = state
    gate._switch._polled = 2**62  # nobody has halted since
    book = gate.book
    clear(gate)
    if lots:
        book.apply(filled(managed, 1 if lots > 0 else -1, abs(lots) * UNITS))
        book.mark("EURUSD", PRICE, (1, 1))
    for side, size in others:
        book.reserve(an_entry(f"w-{next(numbers)}", side, size * UNITS))
    spoil(gate, missing)
    against = sum(size for side, size in others if side * lots < 0)
    before, left = book.exposure("EURUSD"), max(abs(lots) - against, 0) * UNITS  # the others close the rest
    for number, fraction in enumerate(fractions):
        wish = an_exit(
            "EURUSD", at=managed.at, purpose=f"OPERATOR:{managed.at}-{number}", price=PRICE, fraction=fraction
        )
        answer = gate.reserve([wish], [], managed.at, paused)

        if not left:
            assert answer.orders == ()
            continue
        if fraction == 1.0:
            assert [one.quantity for one in answer.orders] == [left]
        for order in answer.orders:
            assert order.opens == 0
            assert order.side * lots < 0
            assert 0 < order.quantity <= left
            left -= order.quantity
        assert book.exposure("EURUSD") <= before
    clear(gate)


def clear(gate: RiskManager) -> None:
    gate.book.positions.clear()
    for order_id in list(gate.book.working):
        gate.book.release(order_id)
    view = gate._lookout.view
    view.instruments = gate.run.instruments
    view.locks.clear()
    view.unresolved = set()


def spoil(gate: RiskManager, missing: str) -> None:
    """What an entry would be denied for."""
    view = gate._lookout.view
    if missing == "locked":
        view.locks.append(Lock("l", "COOLDOWN", None, None, 2**62, ""))
    elif missing == "unknown order":
        view.unresolved = {"EURUSD"}
    elif missing == "no equity":
        gate.book.balance = -1
    elif missing == "no price":
        gate._prices._close[:] = 0.0


def filled(desk: Desk, side: int, units: int) -> Any:
    from tests.factories import a_fill

    key = f"held-{desk.at}"
    return a_fill("EURUSD", id=key, order_id=key, account="paper", side=side, quantity=units, price=PRICE, at=desk.at)


def an_entry(key: str, side: int, units: int) -> Order:
    from tests.factories import an_order

    return an_order("EURUSD", id=key, account="paper", side=side, quantity=units)


# -- caps ------------------------------------------------------------------------------------------------

LISTED: dict[str, Instrument] = {
    "EURUSD": EURUSD,
    "USDJPY": msgspec.structs.replace(EURUSD, symbol="USDJPY", base="USD", quote="JPY", tick=nano("0.001")),
    "GBPJPY": msgspec.structs.replace(EURUSD, symbol="GBPJPY", base="GBP", quote="JPY", tick=nano("0.001")),
    "EURCHF": msgspec.structs.replace(EURUSD, symbol="EURCHF", quote="CHF"),
    "USDCHF": msgspec.structs.replace(EURUSD, symbol="USDCHF", base="USD", quote="CHF"),
    "XAUUSD": msgspec.structs.replace(
        EURUSD, symbol="XAUUSD", asset_class="metal", base="XAU", tick=nano("0.01"), lot_step=NANO, min_quantity=NANO
    ),
    "BTC": BTC,
    "DUST": msgspec.structs.replace(BTC, symbol="DUST", base="DUST", tick=1, lot_step=NANO, min_quantity=NANO),
    "INDEX": msgspec.structs.replace(
        EURUSD,
        symbol="INDEX",
        asset_class="other",
        base="INDEX",
        tick=nano("0.5"),
        lot_step=nano("0.1"),
        min_quantity=nano("0.1"),
    ),
}
CLOSES = dict(zip(LISTED, (1.1, 151.25, 187.5, 0.95, 0.88, 2012.5, 41_234.56, 0.00001234, 15_000.5), strict=True))
RATES: dict[str, Rate] = {"USD": (1, 1), "JPY": (10_000, 1_512_500), "CHF": (100, 88)}
MONEY = {"forex": 400, "metal": 30, "crypto": 250, "default": 90}
CAPS: dict[str, Any] = {
    "sizing": "fixed_fraction",
    "max_risk": 0.004,
    "max_risk_money": {name: money * NANO for name, money in MONEY.items()},
    "max_order_notional": 60_000 * NANO,
    "max_symbol_exposure": 0.5,
    "score_factors": {"0": 0.7, "0.5": 1.9, "0.9": 3.0},
    "regime_factors": {"TRENDING": 3.0, "VOLATILE": 0.31},
    "max_open_positions": None,
    "max_positions_per_symbol": None,
    "max_drawdown": None,
}
CAPS["explicit"] = frozenset(CAPS)


@pytest.fixture
def capped(desk_template: Specs, tmp_path: Path) -> Iterator[Callable[[float], Desk]]:
    (gate, executor), source = desk_template
    run = msgspec.structs.replace(gate.run, symbols=tuple(LISTED), subscribed=(), instruments=LISTED, convert=True)
    made: dict[float, Desk] = {}

    def desk(fraction: float) -> Desk:
        if fraction not in made:
            folder = tmp_path / str(fraction)
            folder.mkdir()
            specs = msgspec.structs.replace(gate, run=run), executor
            made[fraction] = Desk(specs, source, folder, risk=CAPS | {"risk_fraction": fraction})
        return made[fraction]

    yield desk
    for one in made.values():
        one.close()


@given(
    some.sampled_from(sorted(LISTED)),
    some.sampled_from([1, -1]),
    some.floats(0.00002, 0.4),
    some.floats(-1, 2),
    some.sampled_from(["", "TRENDING", "VOLATILE", "RANGING"]),
    some.floats(0, 1),
    some.sampled_from([0.0005, 0.01, 1.0]),
)
@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_caps_hold_after_factors_and_rounding_for_every_kind_of_symbol(
    capped: Callable[[float], Desk],
    symbol: str,
    side: int,
    stop: float,
    score: float,
    regime: str,
    factor: float,
    fraction: float,
) -> None:
    desk, one = capped(fraction), LISTED[symbol]
    desk.at += HOUR
    desk.gate.snapshot(prices(desk.at, CLOSES))
    price = nano(str(CLOSES[symbol]))
    distance = max(int(price * stop), 1)
    wish = a_candidate(
        symbol, at=desk.at, direction=side, price=price, stop=distance, target=0, expires_at=desk.at + MINUTE
    )
    wish = msgspec.structs.replace(wish, score=score, regime=regime, factor=factor)
    answer = desk.gate.reserve([], [wish], desk.at)

    assert len(answer.orders) + len(answer.denied) == 1
    for order in answer.orders:
        rate, money = Fraction(*RATES[one.quote]), MONEY.get(one.asset_class, MONEY["default"])
        lost = Fraction(abs(order.entry - order.stop) * order.quantity, NANO) * rate
        value = Fraction(order.entry * order.quantity, NANO) * rate
        equity = desk.gate.book.equity()
        assert 0 < lost <= min(equity * Fraction("0.004"), money * NANO)
        assert value <= min(60_000 * NANO, equity // 2) + Fraction(1, 2)
        assert order.quantity % one.lot_step == 0
        assert order.quantity >= one.min_quantity
        assert (order.entry - order.stop) * side > 0
        desk.gate.book.release(order.id)


def test_such_candidates_are_approved_and_denied(capped: Callable[[float], Desk]) -> None:
    """The property above says something: every symbol gets an order, and every cap shrinks one."""
    desk = capped(0.01)
    desk.at += HOUR
    desk.gate.snapshot(prices(desk.at, CLOSES))
    for symbol in LISTED:
        price = nano(str(CLOSES[symbol]))
        wish = a_candidate(symbol, at=desk.at, price=price, stop=price // 100, target=0, expires_at=0)
        answer = desk.gate.reserve([], [wish], desk.at)
        assert answer.denied == (), symbol
        (order,) = answer.orders
        assert order.quantity > 0
        desk.gate.book.release(order.id)
