"""A share of the Kelly fraction of equity at risk, from the closed trades of the wish's strategy and symbol.

f = W - (1 - W) / R with W the share of winning trades and R the average win over the average loss; where no trade has
lost, f = W. Source: J. L. Kelly, A new interpretation of information rate (1956), in the form of R. Vince, Portfolio
management formulas (1990). With fewer than ``risk.kelly_trades`` trades it is the fixed fraction; never more than
``risk.max_risk``, or 2 % of equity where that is not set. Without an edge nothing is risked.
"""

from __future__ import annotations

from domain.money import NANO, from_decimal, to_float
from risk.config import RiskConfig
from risk.exposure import fitting
from risk.statistics import Tally
from risk.view import Denial, View, Wish

MOST = NANO // 50


class Kelly:
    shrinks = True

    def __init__(self, share: int, trades: int, first: int, most: int) -> None:
        self.share, self.trades, self.first, self.most = share, trades, first, most  # 1e-9, but for the trades

    @classmethod
    def build(cls, config: RiskConfig) -> Kelly:
        share, first = from_decimal(str(config.kelly_share)), from_decimal(str(config.risk_fraction))
        most = MOST if config.max_risk is None else from_decimal(str(config.max_risk))
        return cls(share, config.kelly_trades, min(first, most), most)

    def size(self, wish: Wish, view: View) -> int | Denial:
        """Units (1e-9) = equity x fraction / (stop distance x conversion), rounded down."""
        assert view.rate is not None
        if wish.stop <= 0:
            return Denial("STOP_REQUIRED", to_float(wish.stop), 0)
        if view.equity <= 0:
            return Denial("NO_EQUITY", to_float(view.equity), 0)
        tally = view.statistics.tally(symbol=wish.symbol, strategy=wish.strategy)
        fraction = self.first
        if tally.trades >= self.trades:
            whole = kelly(tally)
            if whole <= 0:
                return Denial("KELLY_NEGATIVE", to_float(whole), 0)
            fraction = min(whole * self.share // NANO, self.most)
        return fitting(view.equity * fraction // NANO, wish.stop, view.rate)


def kelly(tally: Tally) -> int:
    """The Kelly fraction (1e-9) of closed trades, rounded down; negative without an edge."""
    trades, wins, losses = tally.trades, tally.wins, tally.losses
    if not wins:
        return -NANO
    won = wins * NANO // trades
    if not losses:
        return won
    lost = (trades - wins) * tally.gross_loss * wins  # (1 - W) / R, over the same denominators
    return won - -(-lost * NANO // (trades * losses * tally.gross_win))
