"""What every strategy has to keep, checked on bars: each check gives the first difference in words, "" for none.

The tests of the shipped strategies and the verb ``lint-strategy`` ask the same functions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
from numba import typeof
from numpy.typing import NDArray

from domain.errors import ConfigError
from domain.market import BAR, Bars, empty_bars
from domain.timeframe import MINUTE, iso
from strategies.base import OWN, PROBABILITY, REASON, SCORE, SEEN, STOP, TARGET, ClosedBar, Strategy
from strategies.files import OwnFile, faults_told, step_line
from strategies.runner import FAILED, WARMING, Rows, Steps

PRICES = ("open", "high", "low", "close")
FACTS = {"score": SCORE, "probability": PROBABILITY, "stop": STOP, "target": TARGET, "reason": REASON}
SAID = ("unchanged", "changed", "warming up", "not sound")
GUARD = -7.25
"""What stands in rows that no step may touch."""
OUTSIDE = "it writes outside of its own row"
LATER = "later start"
"""The check that is left out where no ``forget`` is declared."""
GUARDED = 64
"""Rows beside each other where those of no symbol are guarded; the used ones are in the middle."""
SHORTEST = 120
"""Bars beyond the warm-up that the checks need at least."""
TRIED = 200
"""Bars beyond the warm-up that a strategy is tried on before a start."""
LONGEST_TRIAL = 20_000

Changes = NDArray[np.void]


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One check: its name, what it asks, and the first difference, "" if it passed."""

    name: str
    asks: str
    first: str

    @property
    def passed(self) -> bool:
        return not self.first


def made_bars(count: int, seed: int) -> Bars:
    """Bars of a random walk on the minute, now quiet and now wild, with a stretch that stands still."""
    random = np.random.default_rng(seed)
    calm = np.exp(0.8 * np.sin(np.arange(count) / 150))
    closes = 1.1 + (0.0004 * calm * random.standard_t(4, count)).cumsum()
    quiet = count // 2
    closes[quiet : quiet + 80] = closes[quiet : quiet + 1]
    bars = np.zeros(count, BAR)
    bars["ts"] = np.arange(count) * MINUTE
    bars["close"] = np.round(np.abs(closes) + 0.01, 5)
    bars["open"] = np.concatenate([bars["close"][:1], bars["close"][:-1]])
    reach = np.round(0.0003 * random.random((2, count)), 5)
    reach[:, quiet + 1 : quiet + 80] = 0.0
    bars["high"] = np.maximum(bars["open"], bars["close"]) + reach[0]
    bars["low"] = np.minimum(bars["open"], bars["close"]) - reach[1]
    bars["volume"] = random.integers(0, 50, count)
    bars["spread"] = np.where(random.random(count) < 0.5, np.nan, 0.00012)
    return bars


def first_row(bars: Bars) -> NDArray[np.int64]:
    return np.zeros(len(bars), np.int64)


# -- the checks ------------------------------------------------------------------------------------


def deterministic(strategy: Strategy, params: Any, bars: Bars) -> str:
    one, other = Rows(strategy, params, 1), Rows(strategy, params, 1)
    return _apart(bars, (*one.series(bars), one), (*other.series(bars), other), "first time", "second time")


def later_bars(strategy: Strategy, params: Any, bars: Bars) -> str:
    """The same beginning, followed by nothing, by its bars, and by bars at other prices."""
    now = len(bars) * 2 // 3
    other_future = bars.copy()
    for price in PRICES:
        other_future[price][now:] *= 1.5
    alone = Rows(strategy, params, 1).series(bars[:now])
    for what, longer in (("with the bars that follow", bars), ("with other bars after it", other_future)):
        said, changes = Rows(strategy, params, 1).series(longer)
        cut = Steps(said.stances[:now], said.codes[:now])
        wrong = _apart(bars, alone, (cut, changes[changes["bar"] < now]), "alone", what)
        if wrong:
            return wrong
    return ""


def live_step(strategy: Strategy, params: Any, bars: Bars) -> str:
    """One call per bar, as a run makes it, and one call for the whole array; facts and state included."""
    whole, stepped, loaded = (Rows(strategy, params, 1) for _ in range(3))
    said, changes = whole.series(bars)
    one_by_one = Steps(np.empty(len(bars), np.int8), np.empty(len(bars), np.uint8))
    table = np.empty(len(bars), changes.dtype)
    count = 0
    for i in range(len(bars)):
        step = stepped.step(bars[i : i + 1], first_row(bars[:1]))
        one_by_one.stances[i], one_by_one.codes[i] = step.stances[0], step.codes[0]
        if step.changed[0]:
            fact, reason = stepped.facts(0), int(stepped.state[0, REASON])
            table[count] = (i, stepped.stance(0), fact.score, fact.probability, fact.stop, fact.target, reason)
            count += 1
    wrong = _apart(bars, (said, changes, whole), (one_by_one, table[:count], stepped), "array", "bar by bar")
    if wrong:
        return wrong
    loaded.load(bars, first_row(bars))
    return _states_apart(whole, loaded, "array", "loaded as history")


def restart(strategy: Strategy, params: Any, bars: Bars) -> str:
    """Loaded from the anchor at several places, then stepped on."""
    alive = Rows(strategy, params, 1)
    expected, _ = alive.series(bars)
    for cut in sorted({len(bars) // 3, len(bars) // 2, len(bars) - 1}):
        restarted = Rows(strategy, params, 1)
        restarted.load(bars[:cut], first_row(bars[:cut]))
        rest = restarted.step(bars[cut:], first_row(bars[cut:]))
        held = Steps(expected.stances[cut:], expected.codes[cut:])
        wrong = _apart(bars[cut:], (held, None, alive), (rest, None, restarted), "never stopped", "restarted", cut)
        if wrong:
            return wrong
    return ""


def own_row(strategy: Strategy, params: Any, bars: Bars) -> str:
    """Two symbols in turns beside rows that get no bar: each as if it were alone, and the other rows untouched."""
    other = bars.copy()
    for price in PRICES:
        other[price] = bars[price][::-1] * 1.25
    one, two = GUARDED // 2, GUARDED // 2 + 2
    rows, free = _guarded(strategy, params, (one, two))
    both = np.empty(2 * len(bars), BAR)
    both[0::2], both[1::2] = bars, other
    said = rows.step(both, np.tile(np.array([one, two]), len(bars)))
    outside = _written_outside(rows, free)
    if outside:
        return outside
    for place, (row, market) in enumerate(((one, bars), (two, other))):
        alone = Rows(strategy, params, 1)
        expected, _ = alone.series(market)
        mine = Steps(said.stances[place::2], said.codes[place::2])
        wrong = _apart(market, (expected, None), (mine, None), "alone", "beside another symbol")
        wrong = wrong or _slots_apart(alone.state[0], rows.state[row], "alone", "beside another symbol")
        if wrong:
            return wrong
    return ""


def sound_facts(strategy: Strategy, params: Any, bars: Bars) -> str:
    """No NaN and no score beyond its bounds, also without volume and spread, and in a market that stands still."""
    silent, still = bars.copy(), bars.copy()
    silent["volume"], silent["spread"] = 0.0, np.nan
    for price in PRICES:
        still[price] = bars["close"][0]
    kinds = (("", bars), (" without volume and spread", silent), (" in a market that stands still", still))
    for what, market in kinds:
        said, changes = Rows(strategy, params, 1).series(market)
        wrong = unsound(strategy, params, market, said) or _beyond(market, changes)
        if wrong:
            return wrong + what
    return ""


def warm_up(strategy: Strategy, params: Any, bars: Bars) -> str:
    """Nothing is said before the declared bars are over, and what is said right after is sound, from several starts."""
    for start in sorted({0, len(bars) // 7, len(bars) // 3}):
        part = bars[start : start + strategy.warm_up(params) + SHORTEST]
        rows = Rows(strategy, params, 1)
        said, changes = rows.series(part)
        early = np.flatnonzero((said.codes == WARMING) != (np.arange(len(part)) < rows.warm_up))
        early = early if len(early) else np.flatnonzero(said.stances[: rows.warm_up])
        if len(early):
            return f"{_bar(part, early[0])}: {SAID[said.codes[early[0]]]}, with a warm-up of {rows.warm_up} bars"
        wrong = unsound(strategy, params, part, said) or _beyond(part, changes)
        if wrong:
            return f"{wrong}, after a start at bar {start} and a warm-up of {rows.warm_up} bars"
    return ""


def later_start(strategy: Strategy, params: Any, bars: Bars) -> str:
    """Where ``forget`` is declared: later starts say the same once so many bars are over."""
    if strategy.forget is None:
        return ""
    forget = strategy.forget(params)
    early, _ = Rows(strategy, params, 1).series(bars)
    for start in sorted({(len(bars) - forget) // 4, (len(bars) - forget) // 2}):
        late, _ = Rows(strategy, params, 1).series(bars[start:])
        differ = np.flatnonzero(early.stances[start + forget :] != late.stances[forget:])
        if len(differ):
            at = forget + int(differ[0])
            return (
                f"{_bar(bars[start:], at, start)}: started at bar 0 stance {early.stances[start + at]}, started at bar "
                f"{start} stance {late.stances[at]}, though it forgets after {forget} bars"
            )
    return ""


def bars_needed(strategy: Strategy, params: Any) -> int:
    """The fewest bars on which all checks can say something."""
    forget = strategy.forget(params) if strategy.forget else 0
    return max(strategy.warm_up(params), forget) + SHORTEST


def _guarded(strategy: Strategy, params: Any, used: tuple[int, ...]) -> tuple[Rows, NDArray[np.bool_]]:
    """Rows of which all but the used ones are guarded, and which these are."""
    rows = Rows(strategy, params, GUARDED)
    free = np.ones(GUARDED, np.bool_)
    free[list(used)] = False
    rows.state[free] = GUARD
    return rows, free


def _written_outside(rows: Rows, free: NDArray[np.bool_]) -> str:
    touched = np.argwhere((rows.state != GUARD) & free[:, np.newaxis])
    if not len(touched):
        return ""
    row, slot = touched[0]
    return (
        f"{OUTSIDE}: own_slots gives it {rows.state.shape[1] - OWN} slots from OWN on, and slot "
        f"{slot} of another row became {float(rows.state[row, slot])!r}"
    )


CHECKS: dict[str, tuple[str, Callable[[Strategy, Any, Bars], str]]] = {
    "own row": ("symbols share no state", own_row),
    "deterministic": ("the same bars twice give the same", deterministic),
    "later bars": ("later bars change nothing earlier", later_bars),
    "live step": ("bar by bar equals the whole array, bit for bit", live_step),
    "restart": ("a restart from the anchor is bit-equal", restart),
    "sound": ("no NaN, and every fact within its bounds", sound_facts),
    "warm-up": ("silent before the declared warm-up, and ready after it", warm_up),
    LATER: ("a later start says the same once it has forgotten", later_start),
}


def checked(strategy: Strategy, params: Any, markets: Mapping[str, Bars], own: OwnFile | None = None) -> list[Check]:
    """Every check on the bars of every symbol. What the strategy raises is its check's difference; the others are left
    out for one that writes where it must not."""
    found: list[Check] = []
    for name, (asks, check) in CHECKS.items():
        if check is later_start and strategy.forget is None:
            continue  # nothing is promised
        first = ""
        for symbol, bars in markets.items():
            try:
                with faults_told(own.path if own else strategy.name):
                    first = check(strategy, params, bars)
            except ConfigError as error:
                first = "; ".join(error.problems)
            if first:
                first = f"{symbol}: {first}"
                break
        found.append(Check(name=name, asks=asks, first=first))
        if OUTSIDE in first:
            break
    return found


def spoken(strategy: Strategy, params: Any, markets: Mapping[str, Bars], own: OwnFile | None = None) -> dict[str, int]:
    """How often the stance changed on the bars of each symbol; nothing of a strategy that raises."""
    try:
        with faults_told(own.path if own else strategy.name):
            return {symbol: len(Rows(strategy, params, 1).series(bars)[1]) for symbol, bars in markets.items()}
    except ConfigError:  # told by the checks
        return {}


# -- before a start --------------------------------------------------------------------------------


def compile_problems(strategy: Strategy, params: Any, own: OwnFile | None) -> list[str]:
    """What is wrong with its sizes, and with its code where it is compiled; nothing of it is run."""

    def asked() -> list[str]:
        wrong = _sizes(strategy, params)
        if not wrong and hasattr(strategy.step, "compile"):
            row = np.zeros(strategy.width(params))
            strategy.step.compile(tuple(typeof(one) for one in (row, _closed(made_bars(1, 1)[0]), params)))
            rows, none = Rows(strategy, params, 1), empty_bars()
            rows.step(none, first_row(none))
            rows.series(none)
        return wrong

    return _told(strategy, own, asked)


def first_problems(strategy: Strategy, params: Any, own: OwnFile | None) -> list[str]:
    """What its sizes and one call of its step show: it does not compile, or raises."""

    def called() -> list[str]:
        wrong = _sizes(strategy, params)
        if not wrong:
            rows = Rows(strategy, params, GUARDED)
            strategy.step(rows.state[GUARDED // 2], _closed(made_bars(1, 1)[0]), params)
        return wrong

    return _told(strategy, own, called)


def trial_problems(strategy: Strategy, params: Any, own: OwnFile) -> list[str]:
    """What a short run on made bars shows besides: it raises later, writes outside of its row, or its stance or facts
    are not sound."""
    first = first_problems(strategy, params, own)
    return first or _told(strategy, own, lambda: [one for one in [_tried(strategy, params)] if one])


def _told(strategy: Strategy, own: OwnFile | None, asked: Callable[[], list[str]]) -> list[str]:
    where = own.path if own else strategy.name
    try:
        with faults_told(where):
            return [f"{where} line {step_line(strategy)}: {one}" for one in asked()]
    except ConfigError as error:
        return list(error.problems)


def _sizes(strategy: Strategy, params: Any) -> list[str]:
    given = {"own_slots": strategy.own_slots(params), "warm_up": strategy.warm_up(params)}
    given |= {"forget": strategy.forget(params)} if strategy.forget else {}
    wrong = [name for name, value in given.items() if not isinstance(value, int) or not 0 <= value <= 10_000_000]
    return [f"{name} gives {given[name]!r}: it must be a whole number, 0 or more" for name in wrong]


def _tried(strategy: Strategy, params: Any) -> str:
    bars = made_bars(min(strategy.warm_up(params) + TRIED, LONGEST_TRIAL), 1)
    rows, free = _guarded(strategy, params, (GUARDED // 2,))
    said, _ = rows.series(bars, GUARDED // 2)
    return _written_outside(rows, free) or unsound(strategy, params, bars, said)


def unsound(strategy: Strategy, params: Any, bars: Bars, said: Steps) -> str:
    """The first bar at which the stance or a fact is not sound, and which."""
    failed = np.flatnonzero(said.codes == FAILED)
    if not len(failed):
        return ""
    at = int(failed[0])
    rows = Rows(strategy, params, 1)
    rows.series(bars[:at])
    state = rows.state[0]
    state[SEEN] += 1.0
    stance: Any = strategy.step(state, _closed(bars[at]), params)
    facts = ", ".join(f"{name} {state[slot]:g}" for name, slot in FACTS.items())
    return (
        f"{_bar(bars, at)}: stance {stance!r} with {facts}; allowed are the stances -1, 0 and 1, finite facts, stop "
        f"and target from 0 on, and a reason below {len(strategy.words)}"
    )


def _closed(bar: np.void) -> ClosedBar:
    return ClosedBar(int(bar["ts"]), *(float(bar[name]) for name in (*PRICES, "volume", "spread")))


# -- the first difference --------------------------------------------------------------------------


def _apart(bars: Bars, one: Sequence[Any], other: Sequence[Any], this: str, that: str, offset: int = 0) -> str:
    """Of (Steps, changes or None[, Rows]): the first bar that is told otherwise, else the first slot that differs."""
    a, b = one[0], other[0]
    differ = np.flatnonzero((a.stances != b.stances) | (a.codes != b.codes))
    if len(differ):
        at = int(differ[0])
        left, right = (f"stance {x.stances[at]} ({SAID[x.codes[at]]})" for x in (a, b))
        return f"{_bar(bars, at, offset)}: {this} {left}, {that} {right}"
    if one[1] is not None:
        for left, right in zip(one[1], other[1], strict=True):
            names = [name for name in left.dtype.names if left[name].tobytes() != right[name].tobytes()]
            if names:
                name = names[0]
                at = int(left["bar"])
                return f"{_bar(bars, at, offset)}: {name} {this} {left[name].item()!r}, {that} {right[name].item()!r}"
    return _states_apart(one[2], other[2], this, that) if len(one) > 2 else ""


def _states_apart(one: Rows, other: Rows, this: str, that: str) -> str:
    return _slots_apart(one.state[0], other.state[0], this, that)


def _slots_apart(one: NDArray[np.float64], other: NDArray[np.float64], this: str, that: str) -> str:
    if one.tobytes() == other.tobytes():
        return ""
    slot = next(i for i in range(len(one)) if one[i].tobytes() != other[i].tobytes())
    name = f"OWN + {slot - OWN}" if slot >= OWN else f"{slot}"
    return f"after the last bar: slot {name} of the state {this} {float(one[slot])!r}, {that} {float(other[slot])!r}"


def _beyond(bars: Bars, changes: Changes) -> str:
    for name in ("score", "probability"):
        wrong = changes[(changes[name] < 0) | (changes[name] > 1)]
        if len(wrong):
            return f"{_bar(bars, int(wrong['bar'][0]))}: {name} {float(wrong[name][0]):g}; allowed is 0 to 1"
    return ""


def _bar(bars: Bars, at: int, offset: int = 0) -> str:
    return f"bar {at + offset} ({iso(int(bars['ts'][at]))}, close {float(bars['close'][at]):g})"
