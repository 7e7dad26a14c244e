"""Why a run and its backtest differ: what an operator said, hosts that were down, a venue that refused, other bars or
settings, and what follows from an earlier difference."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
import sqlalchemy as sa

from actors.inputs import Absences
from domain import order as orders
from domain.money import to_float
from domain.timeframe import iso
from journal import commands as table
from journal import schema as s
from orchestration.backtest.comparisons.comparing_costs import BEFORE, Priced
from orchestration.backtest.comparisons.comparing_sides import Deed, Key, Side

OPERATOR, HOST, VENUE, DATA, SETTINGS, PROGRAM, LIVE, HELD, FOLLOWS, ACCOUNT, UNKNOWN = (
    "OPERATOR", "HOST_DOWN", "VENUE", "DATA", "SETTINGS", "PROGRAM", "LIVE", "HELD_BEFORE", "FOLLOWS", "ACCOUNT",
    "UNKNOWN",
)  # fmt: skip
"""Codes of causes."""
BY_A_PERSON = ("HALT", "HALT_FILE")
ENDS = {"pause": "resume", "halt": "reset-kill-switch"}
FAILED = (orders.REJECTED, orders.EXPIRED, orders.CANCELLED, orders.UNKNOWN)
MONEY_ONLY = frozenset({"fill_price", "commission", "financing"})
"""Kinds of differences that need no other cause than costs."""
FOREVER = 2**63 - 1


class Cause(NamedTuple):
    """Why, for programs and for people."""

    code: str
    text: str


class Said(NamedTuple):
    """An operator's command: from which T on it counted, and until when (exclusive; for a pause and a halt)."""

    id: int
    verb: str
    arguments: dict[str, Any]
    why: str
    who: str
    at: int
    until: int

    @property
    def text(self) -> str:
        named = self.arguments.get("symbol") or self.arguments.get("order_id") or ""
        whole = " --flatten" if self.arguments.get("flatten") else ""
        what = f"{self.verb}{' ' + str(named) if named else ''}{whole}"
        return f"{what} by {self.who or 'an operator'} at {iso(self.at)}{': ' + self.why if self.why else ''}"


def said_to(c: sa.Connection, run_id: str, moments: Mapping[int, int]) -> list[Said]:
    """What was obeyed in a run, with the T from which it counted. ``moments``: cycle -> T."""
    of = s.commands.c
    taken = sa.select(s.commands).where(of.run_id == run_id, of.state == table.DONE, of.cycle.is_not(None))
    found = []
    for row in c.execute(taken.order_by(of.id)):
        first = row.cycle + 1 if row.step == "wait" else row.cycle
        at = moments.get(first, FOREVER)
        found.append(Said(row.id, row.verb, _arguments(row.arguments), row.why, row.who, at, FOREVER))
    for number, one in enumerate(found):
        end = next((other.at for other in found[number + 1 :] if other.verb == ENDS.get(one.verb)), FOREVER)
        found[number] = one._replace(until=end)
    return found


def _arguments(text: str) -> dict[str, Any]:
    try:
        found = msgspec.json.decode(text)
    except msgspec.DecodeError:
        return {}
    return found if isinstance(found, dict) else {}


class Known(NamedTuple):
    """What is known of a run besides its decisions. ``cycle_of``: the cycle of a T. ``changed``: symbol -> first T with
    other bars."""

    said: Sequence[Said]
    absences: Absences
    cycle_of: Callable[[int], int]
    changed: Mapping[str, int]
    settings: Sequence[str]
    other: str
    live: bool


class Causes:
    """Asked for one difference after the other, in the order of their T."""

    def __init__(self, known: Known, run: Side, backtest: Side, priced: Priced) -> None:
        self._known, self._run, self._backtest, self._priced = known, run, backtest, priced
        self._first: Key | None = None

    def of(self, key: Key, kinds: Sequence[str]) -> Cause:
        ours, theirs = self._run.deeds.get(key), self._backtest.deeds.get(key)
        found = self._of(key, frozenset(kinds), ours, theirs)
        self._first = self._first or key
        return found

    def _of(self, key: Key, kinds: frozenset[str], ours: Deed | None, theirs: Deed | None) -> Cause:
        known = self._known
        if key.purpose == BEFORE:
            return Cause(HELD, f"the account held it when the run began, at {iso(key.at)}")
        direct = self._by_a_person(key, ours) or self._by_the_venue(ours, theirs) or self._absent(key, ours)
        if direct is not None:
            return direct
        elsewhere = None if kinds <= MONEY_ONLY else self._follows(key)
        if elsewhere is not None:
            return elsewhere
        spell = next((one for one in known.said if one.verb in ENDS and one.at <= key.at < one.until), None)
        if spell is not None and not kinds <= MONEY_ONLY:
            return Cause(OPERATOR, spell.text)
        lock = next((one for one in known.said if one.verb in ("remove-lock", "calendar") and one.at <= key.at), None)
        if lock is not None and "answer" in kinds:
            return Cause(OPERATOR, lock.text)
        if known.changed.get(key.symbol, FOREVER) <= key.at:
            return Cause(
                DATA, f"the bars of {key.symbol} are not those of the run since {iso(known.changed[key.symbol])}"
            )
        if known.settings:
            return Cause(SETTINGS, f"changed: {', '.join(known.settings)}")
        if known.other:
            return Cause(PROGRAM, known.other)
        if self._first is not None and not kinds <= MONEY_ONLY:
            return Cause(ACCOUNT, f"the accounts differ since {_named(self._first)}")
        if known.live:
            return Cause(LIVE, "a live run decides by the clock and its account has a past, a backtest has neither")
        return Cause(UNKNOWN, "not known")

    def _by_a_person(self, key: Key, ours: Deed | None) -> Cause | None:
        said, decision = self._known.said, (ours.decision if ours is not None else None) or {}
        if key.purpose.startswith("OPERATOR:"):
            closes = [one for one in said if one.verb == "close" and one.at <= key.at]
            mine = [one for one in closes if one.arguments.get("symbol") == key.symbol]
            return Cause(OPERATOR, mine[-1].text if mine else "an operator closed it")
        if key.purpose == orders.EMERGENCY:
            halts = [one for one in said if one.verb == "halt" and one.at <= key.at]
            return Cause(OPERATOR, halts[-1].text if halts else "an emergency closed it")
        if decision.get("code") == "ENGINE_PAUSED":
            return Cause(OPERATOR, self._covering("pause", key.at) or "the engine was paused")
        if decision.get("code") == "KILL_SWITCH" and self._halted_by_hand(decision, key.at):
            return Cause(OPERATOR, self._covering("halt", key.at) or f"halted by hand ({decision.get('value')})")
        if ours is not None and ours.order is not None and ours.order.status == orders.CANCELLED:
            cancels = (one for one in said if one.verb == "cancel")
            mine = [one for one in cancels if one.arguments.get("order_id") == ours.order.id]
            return Cause(OPERATOR, mine[-1].text) if mine else None
        return None

    def _halted_by_hand(self, decision: Mapping[str, Any], at: int) -> bool:
        return decision.get("value") in BY_A_PERSON or self._covering("halt", at) is not None

    def _covering(self, verb: str, at: int) -> str | None:
        return next((one.text for one in self._known.said if one.verb == verb and one.at <= at < one.until), None)

    def _by_the_venue(self, ours: Deed | None, theirs: Deed | None) -> Cause | None:
        """The run's order ended short of what the backtest's filled."""
        if ours is None or ours.order is None or theirs is None:
            return None
        ended, filled = ours.order, [sum(fill.quantity for fill in one.fills) for one in (ours, theirs)]
        same = theirs.order is not None and (theirs.order.status, theirs.order.code) == (ended.status, ended.code)
        if ended.status not in FAILED or filled[0] >= filled[1] or same:
            return None
        said = ": ".join(one for one in (ended.code, ended.text) if one)
        return Cause(VENUE, f"the order ended as {ended.status}{f' ({said})' if said else ''}")

    def _absent(self, key: Key, ours: Deed | None) -> Cause | None:
        if ours is not None:
            return None
        why = self._known.absences.at(self._known.cycle_of(key.at)).get(key.symbol)
        return None if why is None else Cause(HOST, f"{key.symbol} had no host: {why}")

    def _follows(self, key: Key) -> Cause | None:
        """The run held more or less than the backtest in this symbol."""
        closed = [one for one in self._priced.closed.get(key, ()) if one != key]
        open_ = [(one, units) for one, units in self._priced.more(key.symbol, key.at) if one.at < key.at and one != key]
        if open_:
            units = sum(units for _, units in open_)
            what = f"{to_float(abs(units)):,.10g} {'more' if units > 0 else 'less'}"
            return Cause(FOLLOWS, f"the run held {what} than the backtest, since {_named(open_[0][0])}")
        if closed:
            return Cause(FOLLOWS, f"it ends what began with {_named(closed[0])}")
        return None


def _named(key: Key) -> str:
    return f"{key.purpose} {key.symbol} of {iso(key.at)}"
