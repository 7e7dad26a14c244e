"""What a comparison has found, for programs and for people."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any, NamedTuple

import msgspec

from domain.money import to_float
from domain.timeframe import iso
from orchestration.backtest.comparisons.comparing_costs import Cost
from orchestration.backtest.comparisons.comparing_kinds import KINDS, Difference
from orchestration.backtest.comparisons.comparing_sides import Facts
from orchestration.backtest.result import Result
from orchestration.frozen import Recorded

WORST = 20
"""So many differences are named by their cost."""

Keys = dict[str, tuple[Any, Any]]


class Other(NamedTuple):
    """Money (1e-9) that belongs to no decision."""

    what: str
    symbol: str
    cost: int
    text: str


class Slippage(NamedTuple):
    """Of the quantities of one symbol that both sides have filled: basis points, positive where the run paid more."""

    fills: int
    mean_bps: float
    median_bps: float
    cost: int


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """A run and its backtest. Money in 1e-9 of the account currency, the run first. ``keys`` are the settings that
    were changed: (was, is). ``decisions`` and ``fills`` are how many each side has; ``same`` decisions are on both.
    ``context`` is how both stood at the first difference."""

    found: Recorded
    result: Result
    keys: Keys
    end: int
    decisions: tuple[int, int]
    fills: tuple[int, int]
    same: int
    equity: tuple[int, int]
    differences: tuple[Difference, ...]
    others: tuple[Other, ...]
    slippage: dict[str, Slippage]
    context: Facts | None
    notices: tuple[str, ...]

    @property
    def identical(self) -> bool:
        return not self.differences and not self.others and self.equity[0] == self.equity[1]

    @property
    def explained(self) -> int:
        return sum(one.cost.total for one in self.differences) + sum(one.cost for one in self.others)

    @property
    def unexplained(self) -> int:
        return self.equity[0] - self.equity[1] - self.explained

    def kinds(self) -> dict[str, tuple[int, int]]:
        """Kind -> how many differences it names, and their cost; in the order of ``KINDS``."""
        counted = Counter(one.kinds[0] for one in self.differences)
        cost: dict[str, int] = defaultdict(int)
        for one in self.differences:
            cost[one.kinds[0]] += one.cost.total
        return {kind: (counted[kind], cost[kind]) for kind in KINDS if counted[kind]}

    def parts(self) -> dict[str, int]:
        """The cost of all differences, by why."""
        return {name: sum(getattr(one.cost, name) for one in self.differences) for name in Cost.__struct_fields__}

    def worst(self, most: int) -> list[Difference]:
        """Those that have cost most, either way."""
        return sorted(self.differences, key=lambda one: (-abs(one.cost.total), one.key))[:most]


def facts(found: Comparison) -> Facts:
    """The document of a comparison. Money is in the account currency, the run's minus the backtest's where it is a
    cost; costs of the differences and of what belongs to no decision add up to ``explained``."""
    run, result = found.found, found.result
    settings = result.settings
    return {
        "run_id": run.run_id,
        "identical": found.identical,
        "account": run.account,
        "live": run.live,
        "simulated": run.simulated,
        "strategy": settings.strategy.name,
        "symbols": list(settings.symbols),
        "timeframe": result.info.timeframe,
        "preset": settings.preset,
        "currency": settings.account.currency,
        "start": iso(int(result.moments[0])),
        "end": iso(found.end),
        "cycles": run.closed,
        "exit_reason": run.exit_reason,
        "changed": {key: {"run": was, "backtest": now} for key, (was, now) in found.keys.items()},
        "notices": found.notices,
        "decisions": {"run": found.decisions[0], "backtest": found.decisions[1], "same": found.same},
        "fills": {"run": found.fills[0], "backtest": found.fills[1]},
        "kinds": {kind: {"count": n, "cost": to_float(cost)} for kind, (n, cost) in found.kinds().items()},
        "equity": {
            "run": to_float(found.equity[0]),
            "backtest": to_float(found.equity[1]),
            "difference": to_float(found.equity[0] - found.equity[1]),
            "explained": to_float(found.explained),
            "unexplained": to_float(found.unexplained),
        },
        "costs": {name: to_float(cost) for name, cost in found.parts().items()},
        "others": [{"what": one.what, "symbol": one.symbol, "cost": to_float(one.cost), "why": one.text}
                   for one in found.others],
        "slippage": {
            symbol: {"fills": one.fills, "mean_bps": one.mean_bps, "median_bps": one.median_bps,
                     "cost": to_float(one.cost)}
            for symbol, one in found.slippage.items()
        },
        "first_difference": _first(found),
        "worst": [one.facts() for one in found.worst(WORST)],
        "differences": [one.facts() for one in found.differences],
    }  # fmt: skip


def _first(found: Comparison) -> Facts | None:
    return found.differences[0].facts() | {"context": found.context} if found.differences else None
