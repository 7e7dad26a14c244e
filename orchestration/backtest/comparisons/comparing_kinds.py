"""In what a run and a backtest differ under one key."""

from __future__ import annotations

import msgspec

from domain import order as orders
from domain.money import to_float
from domain.timeframe import iso
from orchestration.backtest.comparisons.comparing_causes import FAILED, Cause
from orchestration.backtest.comparisons.comparing_costs import BEFORE, Cost, Paired
from orchestration.backtest.comparisons.comparing_sides import Deed, Facts, Key, total

KINDS = {
    "held_before": "held before the run",
    "run_only": "only in the run",
    "backtest_only": "only in the backtest",
    "answer": "approved or denied",
    "denial": "denied for another reason",
    "side": "another side",
    "size": "another size",
    "prices": "another stop or target",
    "entry": "another price seen",
    "fill_missing": "filled on one side only",
    "fill_quantity": "another quantity filled",
    "fill_time": "filled at another time",
    "fill_price": "filled at another price",
    "ended": "order ended otherwise",
    "commission": "another commission",
    "financing": "another financing",
}
"""Kind -> words. A difference may be of several kinds; the first of this order names it."""
_NAMES = {"side": ("side",), "size": ("quantity",), "prices": ("stop", "target"), "entry": ("entry",)}


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """One key that is not the same. ``cost`` is what the run got minus what the backtest got (1e-9 of the account
    currency); ``slippage`` is how much worse the run's price was, in price and in basis points."""

    key: Key
    kinds: tuple[str, ...]
    run: Facts | None
    backtest: Facts | None
    cost: Cost
    cause: Cause
    slippage: float | None
    slippage_bps: float | None

    @property
    def names(self) -> list[str]:
        """What differs, in the order in which it is told."""
        ours, theirs = self.run or {}, self.backtest or {}
        return [one for one in dict.fromkeys((*ours, *theirs)) if ours.get(one) != theirs.get(one)]

    def facts(self) -> Facts:
        """As JSON values."""
        return {
            "ts": iso(self.key.at),
            "symbol": self.key.symbol,
            "strategy": self.key.strategy,
            "purpose": self.key.purpose,
            "number": self.key.number,
            "kinds": self.kinds,
            "differs": self.names,
            "cost": to_float(self.cost.total),
            "costs": {name: to_float(getattr(self.cost, name)) for name in Cost.__struct_fields__},
            "slippage": self.slippage,
            "slippage_bps": self.slippage_bps,
            "cause": self.cause.code,
            "why": self.cause.text,
            "run": self.run,
            "backtest": self.backtest,
        }


def kinds_of(key: Key, ours: Deed | None, theirs: Deed | None, cost: Cost) -> tuple[str, ...]:
    """In the order of ``KINDS``; empty if there is no difference."""
    if key.purpose == BEFORE:
        return ("held_before",)
    if key.purpose == orders.FINANCING:
        return ("financing",) if _amount(ours) != _amount(theirs) else ()
    if theirs is None or ours is None:
        return ("run_only",) if theirs is None else ("backtest_only",)
    found = _decided(ours, theirs) | _filled(ours, theirs)
    if "size" in found:
        found.discard("fill_quantity")
    if cost.commission:
        found.add("commission")
    return tuple(one for one in KINDS if one in found)


def _amount(deed: Deed | None) -> int:
    return 0 if deed is None else sum(one.commission for one in deed.fills)


def _decided(ours: Deed, theirs: Deed) -> set[str]:
    one, two = ours.decision, theirs.decision
    if one is None or two is None:
        return set() if one is two else {"run_only" if two is None else "backtest_only"}
    found = {kind for kind, names in _NAMES.items() if any(one.get(name) != two.get(name) for name in names)}
    if one["answer"] != two["answer"]:
        found.add("answer")
    elif any(one.get(name) != two.get(name) for name in ("code", "value", "threshold")):
        found.add("denial")
    return found


def _filled(ours: Deed, theirs: Deed) -> set[str]:
    """Fills of orders that both have; what was decided otherwise fills otherwise."""
    found: set[str] = set()
    if bool(ours.fills) != bool(theirs.fills):
        both = ours.order is not None and theirs.order is not None
        found |= {"fill_missing"} if both else set()
    elif total(ours.fills) != total(theirs.fills):
        found.add("fill_quantity")
    elif _prices(ours) != _prices(theirs):
        found.add("fill_price")
    if ours.fills and theirs.fills and {one.at for one in ours.fills} != {one.at for one in theirs.fills}:
        found.add("fill_time")
    ends = [one.order.status if one.order is not None else "" for one in (ours, theirs)]
    if ends[0] != ends[1] and set(ends) & set(FAILED):
        found.add("ended")
    return found


def _prices(deed: Deed) -> list[tuple[int, int]]:
    return [(one.price, one.quantity) for one in deed.fills]


def slipped(pairs: list[Paired]) -> tuple[float | None, float | None]:
    """How much worse the run's fills were: price and basis points, each weighted by quantity."""
    units = sum(one.quantity for one in pairs)
    if not units:
        return None, None
    price = sum(one.side * (one.run - one.backtest) * one.quantity for one in pairs) / units
    return price / 1e9, sum(one.bps * one.quantity for one in pairs) / units
