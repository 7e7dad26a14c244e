"""No entry beside a position or a working entry that moves with it.

Held on the same side, a correlation above ``risk.max_correlation`` denies; on the opposite side one below its
negative. The live correlation of returns decides; a pair of which too few are known is judged by
``risk.correlation_groups`` (where none are configured, by ``risk.correlation_groups.GROUPS``): members of one group
count as 1 or -1, others pass.
"""

from __future__ import annotations

from risk.config import RiskConfig
from risk.correlation_groups import GROUPS, Groups
from risk.view import Denial, Figures, View, Wish


class Correlation:
    stage = 8
    reads_returns = True
    keys = ("max_correlation",)

    def __init__(self, most: float, groups: Groups) -> None:
        self.most, self.groups = most, groups

    @classmethod
    def build(cls, config: RiskConfig) -> Correlation | None:
        if config.max_correlation is None:
            return None
        return cls(config.max_correlation, Groups(config.correlation_groups or GROUPS))

    def check(self, wish: Wish, view: View) -> Denial | None:
        symbol, found = self._closest(wish, view)
        return Denial("CORRELATED", f"{symbol} {found:.2f}", self.most) if found > self.most else None

    def figures(self, wish: Wish, view: View) -> Figures:
        symbol, found = self._closest(wish, view)
        return Figures(f"{symbol} {found:.2f}" if symbol else None, self.most)

    def _closest(self, wish: Wish, view: View) -> tuple[str, float]:
        """The symbol that moves most with the wish on the side on which it is held, and how much: from -1 to 1, as
        a correlation with the same side."""
        exposure, returns = view.exposure, view.returns
        exposure.look(view.now)
        symbol, most, unknown = "", -2.0, True
        if returns is not None:
            ends = exposure.ends(returns)
            column, most, count = returns.closest(wish.symbol, wish.direction, ends.lows, ends.highs)
            symbol, unknown = returns.symbol(column), count > 0 or bool(ends.outside)
        if unknown and most <= self.most:
            for name in exposure.names:
                if name != wish.symbol and self._together(wish, view, name):
                    return name, 1.0
        return symbol, most

    def _together(self, wish: Wish, view: View, name: str) -> bool:
        """Whether a group says that what is held moves with the wish, and no returns say otherwise."""
        one, other = view.instrument, view.instruments.get(name)
        if one is None or other is None:
            return False
        low, high = view.book.bounds(name)
        side, together = wish.direction, self.groups.together
        if not ((high > 0 and together(one, other, side)) or (low < 0 and together(one, other, -side))):
            return False
        return view.returns is None or view.returns.correlation(wish.symbol, name) is None
