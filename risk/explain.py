"""Why the gate answers as it does: every rule with what it compares, and every step of the size, as values.

The answer is the gate's own; the ladder beside it is made of the same rules, asked again one by one. The rules after
the first denial are asked too, and the size is computed as if all had passed.
"""

from __future__ import annotations

import math

import msgspec
from msgspec.structs import replace

from domain.candidate import Candidate
from domain.instrument import Instrument
from domain.money import NANO, Rate, from_decimal, to_float
from risk import multipliers
from risk.config import RiskConfig
from risk.exposure import worth
from risk.gate import Answer, Gate, carefully, malformed, misplaced, prices, vetoed, wish_of
from risk.rules import RULES
from risk.view import Denial, Figures, Room, Rule, View, Wish

CANDIDATE, RESEARCH, PRICES = "candidate", "research", "prices"
"""Asked beside the rules: numbers that are numbers, a veto of research, prices on their sides of the entry."""


class Check(msgspec.Struct, frozen=True):
    """A rule: the value it finds, its threshold (None where there is no such number), and its code where it denies."""

    stage: int
    rule: str
    value: float | str | None
    threshold: float | str | None
    code: str = ""


class Factor(msgspec.Struct, frozen=True):
    """One multiplier of the size, in 1e-9."""

    name: str
    times: int


class Cap(msgspec.Struct, frozen=True):
    """A limit on the size: what it left of it (``fits``, 1e-9 units; None if it was not asked), whether it made it
    smaller, and its value with the result beside the threshold; the code where it denies."""

    stage: int
    rule: str
    fits: int | None
    binds: bool
    value: float | str | None
    threshold: float | str | None
    code: str = ""


class Size(msgspec.Struct, frozen=True, kw_only=True):
    """How the quantity came about, in 1e-9 units: what the method wants, times the factors, after all caps, on the
    lot step.

    ``shrinks`` is False for a method whose size is taken or denied as it is. ``step`` is the lot step, ``denial`` is
    why there is none.
    """

    method: str
    shrinks: bool
    wanted: int = 0
    factors: tuple[Factor, ...] = ()
    factor: int = NANO
    multiplied: int = 0
    caps: tuple[Cap, ...] = ()
    fits: int = 0
    step: int = 0
    quantity: int = 0
    denial: Denial | None = None


class Ladder(msgspec.Struct, frozen=True, kw_only=True):
    """One wish from the first rule to the answer. Prices, quantities and money in 1e-9.

    ``reference`` is the price at which it would enter, ``closing`` what a reversal closes first. ``rate`` is account
    currency per quote currency, None where it is not known. ``off`` names the rules that this configuration does not
    have. ``size`` is None where the wish itself is not sound.
    """

    candidate: Candidate
    now: int
    spread: int
    reference: int
    closing: int
    equity: int
    checks: tuple[Check, ...]
    size: Size | None
    answer: Answer
    rate: Rate | None
    off: tuple[str, ...]

    def loses(self, units: int) -> int | None:
        """Planned loss of so many units (1e-9) at the stop, in the account currency; None without a stop or a rate."""
        stop = self.answer.stop
        return worth(units, abs(self.reference - stop), self.rate) if stop > 0 and self.rate is not None else None

    @property
    def loss(self) -> int | None:
        """Planned loss of what is opened; None if nothing is, or it is not known."""
        answer = self.answer
        return self.loses(answer.size) if answer.denial is None and answer.size > 0 else None


class Explaining(Gate):
    """A gate that keeps the ladder of one wish, named by its order id (empty: of the last one)."""

    def __init__(self, config: RiskConfig, scope: str, account: str, order_id: str = "") -> None:
        super().__init__(config, scope, account)
        self._order_id = order_id
        self.ladder: Ladder | None = None

    def precheck(self, candidate: Candidate, view: View, spread: int) -> Answer | None:
        answer = super().precheck(candidate, view, spread)
        if answer is not None:
            self._note(candidate, view, spread, answer)
        return answer

    def enter(self, candidate: Candidate, view: View, venue: str, rank: int, spread: int) -> Answer:
        answer = super().enter(candidate, view, venue, rank, spread)
        self._note(candidate, view, spread, answer)
        return answer

    def _note(self, candidate: Candidate, view: View, spread: int, answer: Answer) -> None:
        if self._order_id in ("", answer.id):
            self.ladder = ladder(self, candidate, view, spread, answer)


def explain(gate: Gate, candidate: Candidate, view: View, spread: int, venue: str = "paper") -> Ladder:
    """The gate's answer to a candidate at this moment, and how it came to it. ``spread`` in 1e-9."""
    return ladder(gate, candidate, view, spread, gate.enter(candidate, view, venue, 0, spread))


def ladder(gate: Gate, candidate: Candidate, view: View, spread: int, answer: Answer) -> Ladder:
    """The way to an answer that was just given, before anything else has changed."""
    wish = wish_of(candidate, view, spread)
    stop, target = prices(wish, view.instrument)
    unsound, placed = malformed(candidate), misplaced(wish, view.instrument, stop, target)
    checks = [
        _check(0, CANDIDATE, unsound, Figures()),
        *(_check(8, RESEARCH, one, Figures()) for one in (vetoed(candidate),) if one is not None),
        *(_asked(name, rule, wish, view) for name, rule in gate.rules.checks),
        _check(9, PRICES, placed, Figures()),
    ]
    return Ladder(
        candidate=candidate,
        now=view.now,
        spread=spread,
        reference=wish.reference,
        closing=wish.closing,
        equity=view.equity,
        checks=tuple(checks),
        size=None if unsound or placed else _size(gate, wish, view),
        answer=answer,
        rate=view.rate,
        off=tuple(name for name in RULES if name not in gate.rules),
    )


def _asked(name: str, rule: Rule, wish: Wish, view: View) -> Check:
    denial = carefully(name, lambda: rule.check(wish, view))
    figures = carefully(name, lambda: rule.figures(wish, view)) if denial is None else Figures()
    return _check(rule.stage, name, denial, figures)


def _check(stage: int, name: str, denial: Denial | None, figures: Figures | Denial) -> Check:
    """What denies says what it has found; what passes says it by its figures."""
    if denial is not None:
        return Check(stage, name, _plain(denial.value), _plain(denial.threshold), denial.code)
    return Check(stage, name, *_figures(figures))


def _figures(found: Figures | Denial) -> Figures:
    """None where they could not be had."""
    return Figures() if isinstance(found, Denial) else Figures(_plain(found.value), _plain(found.threshold))


def _plain(value: float | str | None) -> float | str | None:
    """A number that is none as text, so that it can be told."""
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


# -- the size --------------------------------------------------------------------------------------


def _size(gate: Gate, wish: Wish, view: View) -> Size:
    """The steps of ``Gate.size``."""
    sizing, instrument, standing = gate.rules.sizing, view.instrument, _standing(gate, wish, view)
    steps = Size(method=view.config.sizing, shrinks=bool(sizing.shrinks), caps=standing)
    if instrument is None or view.rate is None:
        code = "INSTRUMENT_UNKNOWN" if instrument is None else "CONVERSION_UNKNOWN"
        return replace(steps, denial=Denial(code, wish.symbol))
    wanted = carefully("size", lambda: sizing.size(wish, view))
    if isinstance(wanted, Denial):
        return replace(steps, denial=wanted)
    steps = replace(steps, wanted=wanted, multiplied=wanted)
    if steps.shrinks:
        factors, times = _factors(wish, view)
        if isinstance(times, Denial):
            return replace(steps, factors=factors, factor=0, multiplied=0, denial=times)
        steps = replace(steps, factors=factors, factor=times, multiplied=wanted * times // NANO)
    elif wish.factor != 1 and wanted <= instrument.max_quantity:
        found = carefully("size", lambda: multipliers.by_research(wish))
        if isinstance(found, Denial):
            return replace(steps, factor=0, multiplied=0, denial=found)
        factors = (Factor(RESEARCH, found),)
        steps = replace(steps, factors=factors, factor=found, multiplied=wanted * found // NANO)
    return _capped(gate, wish, view, instrument, steps)


def _capped(gate: Gate, wish: Wish, view: View, instrument: Instrument, steps: Size) -> Size:
    """After rooms, caps and rounding, with every limit asserted again."""
    left, failed, fits = _rooms(gate, wish, view, steps.multiplied) if steps.shrinks else ({}, None, steps.multiplied)
    quantity = instrument.floor_quantity(fits)
    tightest = next((name for name, (_, binds) in reversed(left.items()) if binds), "")
    denial: Denial | None = failed
    if denial is None and not steps.shrinks and fits > instrument.max_quantity:
        denial = Denial("SIZE_TOO_LARGE", to_float(fits), to_float(instrument.max_quantity))
    elif denial is None and quantity <= 0:
        denial = _too_small(gate, wish, view, instrument, tightest, fits)
    none_left = denial if quantity <= 0 else None
    caps = tuple(
        _cap(name, room, wish, view, left.get(name), quantity, none_left if name == tightest else None)
        for name, room in gate.rules.rooms
    )
    broken = next((Denial(one.code, one.value, one.threshold) for one in caps if one.code), None)
    return replace(steps, caps=caps, fits=fits, step=instrument.lot_step, quantity=quantity, denial=denial or broken)


def _rooms(gate: Gate, wish: Wish, view: View, wanted: int) -> tuple[dict[str, tuple[int, bool]], Denial | None, int]:
    """By rule what it left and whether that was less than before; the first that raised; what is left at last."""
    left: dict[str, tuple[int, bool]] = {}
    first: Denial | None = None
    for name, room in gate.rules.rooms:
        found = _room(room, wish, view, wanted)
        if isinstance(found, Denial):
            first = first or found
            continue
        left[name] = min(found, wanted), found < wanted
        wanted = left[name][0]
    return left, first, wanted


def _room(room: Room, wish: Wish, view: View, wanted: int) -> int | Denial:
    return carefully("size", lambda: room.room(wish, view, wanted))


def _too_small(gate: Gate, wish: Wish, view: View, instrument: Instrument, tightest: str, fits: int) -> Denial:
    """What leaves no size denies with its own code."""
    least = max(instrument.min_quantity, instrument.lot_step)
    room = dict(gate.rules.rooms).get(tightest)
    found = carefully("size", lambda: room.exceeded(wish, view, least)) if room is not None else None
    return found or Denial("SIZE_TOO_SMALL", to_float(fits), to_float(instrument.min_quantity))


def _cap(
    name: str,
    room: Room,
    wish: Wish,
    view: View,
    left: tuple[int, bool] | None,
    quantity: int,
    denial: Denial | None = None,
) -> Cap:
    """A limit as it stands with the result; without one as it stands now."""
    if denial is None and quantity > 0:
        denial = carefully("size", lambda: room.exceeded(wish, view, quantity))
    fits, binds = left if left is not None else (None, False)
    if denial is not None:
        return Cap(room.stage, name, fits, binds, _plain(denial.value), _plain(denial.threshold), denial.code)
    figures = _figures(carefully(name, lambda: room.figures(wish, view, quantity)))
    return Cap(room.stage, name, fits, binds, *figures)


def _standing(gate: Gate, wish: Wish, view: View) -> tuple[Cap, ...]:
    """The limits where no size has come to them."""
    return tuple(_cap(name, room, wish, view, None, 0) for name, room in gate.rules.rooms)


def _factors(wish: Wish, view: View) -> tuple[tuple[Factor, ...], int | Denial]:
    """Every multiplier that is configured, and the product as the gate takes it."""
    config, found = view.config, []
    if 0 <= wish.factor <= 1:
        found.append(Factor(RESEARCH, from_decimal(str(wish.factor))))
    if config.score_factors and math.isfinite(wish.score):
        found.append(Factor("score", multipliers.by_score(wish.score, config.score_factors)))
    if config.regime_factors:
        found.append(Factor("regime", multipliers.by_regime(wish.regime, config.regime_factors)))
    if config.near_limit is not None:
        near = multipliers.near_limit(view, config.near_limit)
        found.append(Factor("near limit", NANO // 2 if near else NANO))
    return tuple(found), carefully("size", lambda: multipliers.factor(wish, view))
