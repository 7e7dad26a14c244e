"""The one place an order passes: rules in order, rooms, size, caps, and every limit asserted again.

Pure: it reads a ``View`` and answers with orders and denials; writing them down is its caller's part.
A rule that raises denies, so the gate fails closed; exits are always possible.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from domain.candidate import Amend, Candidate, Exit
from domain.decision import decide
from domain.instrument import Instrument
from domain.money import NANO, from_decimal, to_float
from domain.order import ENTRY, PARTIAL_TARGET, SIGNAL, Order, StopChange, order_id
from domain.registry import build
from risk.config import STAGES_THAT_CAN_BE_OFF, RiskConfig
from risk.multipliers import by_research, factor
from risk.rules import ALWAYS, RULES
from risk.sizing import SIZING
from risk.state import Limits
from risk.view import Denial, Room, Rule, View, Wish

Value = TypeVar("Value")


class Answer(msgspec.Struct, frozen=True, gc=False):
    """What the gate says to one wish: an order, a denial, or both (a reversal whose closing part passes alone).

    ``id`` is the order id of the wish itself, ``denial`` belongs to it.
    """

    id: str
    order: Order | None
    denial: Denial | None
    size: int = 0
    stop: int = 0
    target: int = 0


class Rules:
    """The checks and rooms of a configuration, built once, in the configuration's order."""

    def __init__(self, config: RiskConfig) -> None:
        self.checks: list[tuple[str, Rule]] = []
        self.rooms: list[tuple[str, Room]] = []
        named = config.rules or tuple(RULES)
        for name in (*(one for one in ALWAYS if one not in named), *named):
            rule = build("rule", name, RULES).build(config)
            if rule is None or not enabled(rule, config):
                continue
            if hasattr(rule, "room"):
                self.rooms.append((name, rule))
            else:
                self.checks.append((name, rule))
        self.checks.sort(key=lambda one: one[1].stage)
        self.sizing: Any = build("sizing method", config.sizing, SIZING).build(config)
        self.names = tuple(name for name, _ in (*self.checks, *self.rooms))
        built = (*dict(self.checks).values(), *dict(self.rooms).values(), self.sizing)
        self.reads_returns = any(getattr(one, "reads_returns", False) for one in built)
        drawdown, total = "max_drawdown" in self.names, "max_total_loss" in self.names
        self.limits = Limits(
            config.max_drawdown_soft if drawdown else None,
            config.max_drawdown if drawdown else None,
            config.max_total_loss if total else None,
        )

    def __contains__(self, name: str) -> bool:
        return name in self.names


def enabled(rule: Rule | Room, config: RiskConfig) -> bool:
    """A stage that is off, of those that can be, keeps the rules whose keys were set explicitly."""
    off = rule.stage in config.stages_off and rule.stage in STAGES_THAT_CAN_BE_OFF
    return not off or any(key in config.explicit for key in rule.keys)


class Gate:
    """Judges wishes for one account. ``scope`` is what order ids are computed from (account or run)."""

    def __init__(self, config: RiskConfig, scope: str, account: str) -> None:
        self.rules = Rules(config)
        self.scope, self.account = scope, account

    def deny(self, wish: Wish, view: View, last_stage: int = 99) -> Denial | None:
        """The first denial of the rules up to a stage; a rule that raises denies."""
        for name, rule in self.rules.checks:
            if rule.stage > last_stage:
                continue
            try:
                denial = rule.check(wish, view)
            except Exception as error:  # the gate fails closed
                return failed(name, error)
            if denial is not None:
                return denial
        return None

    def precheck(self, candidate: Candidate, view: View, spread: int) -> Answer | None:
        """The denial of a cheap rule (stages 1-7), None if the candidate may go on to the full gate."""
        wish = wish_of(candidate, view, spread)
        denial = malformed(candidate) or self.deny(wish, view, last_stage=7)
        if denial is None or wish.closing:
            return None  # a reversal's closing part must reach the full gate
        key = order_id(self.scope, candidate.strategy, candidate.symbol, candidate.at, ENTRY, 0)
        return Answer(key, None, denial, 0, *prices(wish, view.instrument))

    def enter(self, candidate: Candidate, view: View, venue: str, rank: int, spread: int) -> Answer:
        """Judge and size one candidate. ``spread`` is the current one in 1e-9, ``rank`` its place in this cycle."""
        wish = wish_of(candidate, view, spread)
        key = order_id(self.scope, candidate.strategy, candidate.symbol, candidate.at, ENTRY, 0)
        stop, target = prices(wish, view.instrument)
        denial = (
            malformed(candidate)
            or vetoed(candidate)
            or self.deny(wish, view)
            or misplaced(wish, view.instrument, stop, target)
        )
        size: int | Denial = denial or self.size(wish, view)
        if isinstance(size, Denial):
            closing = self._close_only(candidate, view, venue, rank) if wish.closing else None
            return Answer(key, closing, size, 0, stop, target)
        order = Order(
            id=key,
            account=self.account,
            venue=venue,
            symbol=candidate.symbol,
            strategy=candidate.strategy,
            purpose=ENTRY,
            side=candidate.direction,
            quantity=size + wish.closing,
            reduces=wish.closing,
            kind="LIMIT" if candidate.limit else "MARKET",
            price=wish.limit,
            stop=stop,
            target=target,
            entry=wish.reference,
            at=candidate.at,
            rank=rank,
            expires_at=candidate.expires_at,
            correlation_id=key,
        )
        return Answer(key, order, None, size, stop, target)

    def size(self, wish: Wish, view: View) -> int | Denial:
        """Method x factors, then rooms, then down to the lot step; every room is asserted again on the result.

        What a room leaves no size for is denied with that room's code.
        """
        instrument = view.instrument
        if instrument is None or view.rate is None:
            return Denial("INSTRUMENT_UNKNOWN" if instrument is None else "CONVERSION_UNKNOWN", wish.symbol)
        try:
            wanted = self.rules.sizing.size(wish, view)
            if isinstance(wanted, Denial):
                return wanted
            tightest: Room | None = None
            if self.rules.sizing.shrinks:
                times = factor(wish, view)
                if isinstance(times, Denial):
                    return times
                wanted = wanted * times // NANO
                for _, room in self.rules.rooms:
                    left = room.room(wish, view, wanted)
                    if left < wanted:
                        wanted, tightest = left, room
            elif wanted > instrument.max_quantity:
                return Denial("SIZE_TOO_LARGE", to_float(wanted), to_float(instrument.max_quantity))
            elif wish.factor != 1:  # whatever the method, research can make it smaller
                times = by_research(wish)
                if isinstance(times, Denial):
                    return times
                wanted = wanted * times // NANO
            size = instrument.floor_quantity(wanted)
            if size <= 0:
                least = max(instrument.min_quantity, instrument.lot_step)
                denial = tightest.exceeded(wish, view, least) if tightest else None
                return denial or Denial("SIZE_TOO_SMALL", to_float(wanted), to_float(instrument.min_quantity))
            for _, room in self.rules.rooms:
                denial = room.exceeded(wish, view, size)
                if denial is not None:
                    return denial
        except Exception as error:  # the gate fails closed
            return failed("size", error)
        return size

    def leave(self, exit: Exit, view: View, venue: str, rank: int, attempt: int) -> Order | None:
        """An exit order for what is held and not already on its way out; None when nothing is left to close."""
        held = view.book.quantity(exit.symbol)
        free = abs(held) - view.book.closing(exit.symbol)
        quantity = free
        position = view.book.positions.get(exit.symbol)
        if position is None:
            return None
        if exit.fraction < 1:
            whole = position.first if exit.purpose.startswith(PARTIAL_TARGET) else free
            part = min(free, whole * from_decimal(str(exit.fraction)) // NANO)
            quantity = part if view.instrument is None else view.instrument.floor_quantity(part)
        if quantity <= 0:
            return None
        return Order(
            id=order_id(self.scope, exit.strategy, exit.symbol, exit.at, exit.purpose, attempt),
            account=self.account,
            venue=venue,
            symbol=exit.symbol,
            strategy=exit.strategy,
            purpose=exit.purpose,
            side=-1 if held > 0 else 1,
            quantity=quantity,
            reduces=quantity,
            entry=exit.price,
            at=exit.at,
            rank=rank,
            attempt=attempt,
            correlation_id=position.correlation_id,
        )

    def amend(self, amend: Amend, view: View, spread: int) -> StopChange | None:
        """A position's new stop on the tick; None unless it is tighter than the present one and still on the
        protective side of the price (a short's is bought back at bid + ``spread``). It passes in every state."""
        position, instrument = view.book.positions.get(amend.symbol), view.instrument
        if position is None or instrument is None or view.price <= 0:
            return None
        side = 1 if position.quantity > 0 else -1
        stop = instrument.round_stop(amend.stop, -side)  # the looser side of the tick: never through the price
        now = view.price if side > 0 else view.price + spread
        tighter = not position.stop or (stop - position.stop) * side > 0
        if stop <= 0 or not tighter or (now - stop) * side <= 0:
            return None
        return StopChange(
            id=order_id(self.scope, amend.strategy, amend.symbol, amend.at, f"STOP:{amend.purpose}", 0),
            symbol=amend.symbol,
            strategy=amend.strategy,
            side=side,
            entry_order=position.entry_order,
            purpose=amend.purpose,
            stop=stop,
            target=position.target,
            at=amend.at,
            flag=amend.flag,
            correlation_id=position.correlation_id,
        )

    def _close_only(self, candidate: Candidate, view: View, venue: str, rank: int) -> Order | None:
        exit = Exit(candidate.symbol, candidate.strategy, SIGNAL, candidate.at, candidate.price)
        return self.leave(exit, view, venue, rank, 0)


def failed(what: str, error: Exception) -> Denial:
    """The denial of what raised instead of answering."""
    return Denial("RULE_FAILED", f"{what}: {type(error).__name__}: {error}"[:200])


def carefully(what: str, ask: Callable[[], Value]) -> Value | Denial:
    """An answer as the gate takes it: who raises denies."""
    try:
        return ask()
    except Exception as error:  # the gate fails closed
        return failed(what, error)


def wish_of(candidate: Candidate, view: View, spread: int) -> Wish:
    """The candidate beside the current market: what it would pay now, and what a reversal closes first."""
    held = view.book.quantity(candidate.symbol)
    reverses = held * candidate.direction < 0
    limit = view.instrument.round_price(candidate.limit) if view.instrument else candidate.limit
    price = limit if candidate.limit else candidate.price
    return Wish(
        symbol=candidate.symbol,
        direction=candidate.direction,
        at=candidate.at,
        price=candidate.price,
        stop=candidate.stop,
        target=candidate.target,
        expires_at=candidate.expires_at,
        reference=price + (spread if candidate.direction > 0 and not candidate.limit else 0),
        limit=limit,
        closing=abs(held) - view.book.closing(candidate.symbol) if reverses else 0,
        spread=spread,
        strategy=candidate.strategy,
        score=candidate.score,
        probability=candidate.probability,
        regime=candidate.regime,
        factor=candidate.factor,
    )


def malformed(candidate: Candidate) -> Denial | None:
    """What no strategy may ask: another direction than +1 or -1, a price, distance or score that is no number."""
    if candidate.direction not in (1, -1):
        return Denial("DIRECTION_INVALID", candidate.direction)
    for price, least in ((candidate.price, 1), (candidate.limit, 0)):
        if not least <= price < math.inf:
            return Denial("PRICE_INVALID", to_float(price), 0)
    if not 0 <= candidate.stop < math.inf:
        return Denial("STOP_INVALID", to_float(candidate.stop), 0)
    if not 0 <= candidate.target < math.inf:
        return Denial("TARGET_INVALID", to_float(candidate.target), 0)
    if not (math.isfinite(candidate.score) and math.isfinite(candidate.probability)):
        return Denial("SCORE_INVALID", str(candidate.score), str(candidate.probability))
    return None


def vetoed(candidate: Candidate) -> Denial | None:
    """What research says against it."""
    veto = candidate.veto
    return None if veto is None else Denial(veto.code, veto.value, veto.threshold)


def misplaced(wish: Wish, instrument: Instrument | None, stop: int, target: int) -> Denial | None:
    """What the tick has made of the prices: at zero or below, or on the wrong side of the entry."""
    if instrument is None:
        return None  # nothing was placed; the size says why
    if wish.reference <= 0:
        return Denial("PRICE_INVALID", to_float(wish.reference), 0)
    if wish.stop and (not stop or (wish.reference - stop) * wish.direction <= 0):
        return Denial("STOP_INVALID", to_float(wish.stop), to_float(wish.reference))
    if target < 0 or (target and (target - wish.reference) * wish.direction <= 0):
        return Denial("TARGET_INVALID", to_float(wish.target), to_float(wish.reference))
    return None


def prices(wish: Wish, instrument: Instrument | None) -> tuple[int, int]:
    """Stop and target prices from distances, on the tick (the stop on the side of the smaller risk); 0 for none.

    Long: distances from the ask it would pay, so that the planned loss is the distance; short: from the bid.
    What cannot be placed (a stop of 0 where one was asked for, a target of -1) is told by ``misplaced``.
    """
    if instrument is None:
        return 0, 0
    side = wish.direction
    stop = instrument.round_stop(wish.reference - side * wish.stop, side) if wish.stop else 0
    target = instrument.round_price(wish.reference + side * wish.target) if wish.target else 0
    return max(stop, 0), -1 if wish.target and target <= 0 else target


def decision_of(wish: Candidate | Exit, answer: Answer) -> bytes:
    """The canonical decision of one answer (design section 9)."""
    order, denial = answer.order, answer.denial
    return decide(
        at=wish.at,
        symbol=wish.symbol,
        strategy=wish.strategy,
        purpose=ENTRY if isinstance(wish, Candidate) else wish.purpose,
        side=wish.direction if isinstance(wish, Candidate) else (order.side if order else 0),
        quantity=order.quantity if order else 0,
        entry=wish.price,
        stop=answer.stop,
        target=answer.target,
        answer="APPROVED" if denial is None else "DENIED",
        code=denial.code if denial else "",
        value=denial.value if denial else None,
        threshold=denial.threshold if denial else None,
    )


def change_of(amend: Amend, change: StopChange) -> bytes:
    """The canonical decision of a stop that is moved."""
    return decide(
        at=amend.at,
        symbol=amend.symbol,
        strategy=amend.strategy,
        purpose=amend.purpose,
        side=change.side,
        quantity=0,
        entry=amend.price,
        stop=change.stop,
        target=change.target,
        answer="APPROVED",
    )
