"""What the round trips of a backtest say, from flat to flat: money after all costs, and R."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from domain.money import from_float, to_float
from domain.order import SIDE_NAME
from domain.timeframe import SECOND, iso
from orchestration.backtest.measures.ratios import deviation, divided, finite
from orchestration.backtest.result import Floats
from risk.statistics import KINDS, Tally, Trade

Plain = dict[str, Any]


def trade_metrics(trades: Sequence[Trade]) -> Plain:
    """Numbers over all round trips; what is not defined is None."""
    nets = np.array([to_float(one.net) for one in trades])
    known = np.array([one.r for one in trades if one.r is not None and math.isfinite(one.r)], dtype=float)
    held = [one.closed_at - one.opened_at for one in trades]
    wins, losses = nets[nets > 0], nets[nets < 0]
    payoff = divided(_mean(wins), _mean(-losses))
    decided = len(wins) + len(losses)
    rate = len(wins) / decided if decided else None
    return {
        "trades": len(trades),
        "wins": len(wins),
        "losses": len(losses),
        "net_profit": float(nets.sum()),
        "gross_win": float(wins.sum()),
        "gross_loss": float(losses.sum()),
        "win_rate": rate,
        "profit_factor": divided(float(wins.sum()), float(-losses.sum())),
        "payoff_ratio": payoff,
        "average_win": _mean(wins),
        "average_loss": _mean(losses),
        "expectancy": _mean(nets),
        "expectancy_r": _mean(known),
        "trades_with_r": len(known),
        "sqn": quality(nets),
        "sqn_r": quality(known),
        "kelly": kelly(rate, payoff),
        "best_trade": _trade(trades, nets, int(nets.argmax())) if len(nets) else None,
        "worst_trade": _trade(trades, nets, int(nets.argmin())) if len(nets) else None,
        "average_holding_s": sum(held) / len(held) / SECOND if held else None,
        "longest_holding_s": max(held) / SECOND if held else None,
        "longest_winning_streak": longest_streak(nets, 1),
        "longest_losing_streak": longest_streak(nets, -1),
    }


@np.errstate(all="ignore")
def quality(results: Floats) -> float | None:
    """Van Tharp's system quality number: root of the count times mean over standard deviation (ddof 1), not capped at
    100 trades."""
    if len(results) < 2:
        return None
    return divided(float(results.mean()) * math.sqrt(len(results)), deviation(results))


def kelly(win_rate: float | None, payoff: float | None) -> float | None:
    """Kelly's share for two outcomes: w - (1 - w) / payoff; negative: do not trade this."""
    return None if win_rate is None or not payoff else finite(win_rate - (1 - win_rate) / payoff)


def longest_streak(nets: Floats, sign: int) -> int:
    """Most wins (1) or losses (-1) in a row; a trade that came to nothing neither counts nor ends a row."""
    hits = np.sign(nets[nets != 0]) == sign
    ends = np.flatnonzero(np.diff(np.concatenate(([False], hits, [False])).astype(np.int8)))
    return int((ends[1::2] - ends[::2]).max()) if len(ends) else 0


def tallies(trades: Sequence[Trade]) -> dict[str, dict[str, Plain]]:
    """By symbol, strategy, session of the entry, factor, exit reason and side, as ``risk.statistics.Statistics`` counts
    them: one tally for each name."""
    found: dict[str, dict[str, list[Trade]]] = {kind: {} for kind in (*KINDS, "side")}
    for one in trades:
        names = [("symbol", one.symbol), ("strategy", one.strategy), ("session", one.session), ("reason", one.reason)]
        names += [("side", SIDE_NAME[one.side]), *(("factor", factor) for factor in dict.fromkeys(one.factors))]
        for kind, name in names:
            found[kind].setdefault(name, []).append(one)
    return {kind: {name: _told(tally(some)) for name, some in sorted(by.items())} for kind, by in found.items()}


def tally(trades: Sequence[Trade]) -> Tally:
    """The sum of their tallies, made at once."""
    nets = [one.net for one in trades]
    won, lost = [one for one in nets if one > 0], [one for one in nets if one < 0]
    known = [one.r for one in trades if one.r is not None and math.isfinite(one.r)]
    return Tally(
        trades=len(nets),
        wins=len(won),
        losses=len(lost),
        gross_win=sum(won),
        gross_loss=-sum(lost),
        r_sum=sum(map(from_float, known)),
        r_count=len(known),
    )


def _told(tally: Tally) -> Plain:
    """As ``trade_metrics`` names and signs them: a payoff is win over loss."""
    wins, losses = tally.wins, tally.losses
    won, lost = to_float(tally.gross_win), -to_float(tally.gross_loss)
    win, loss = divided(won, wins), divided(lost, losses)
    return {
        "trades": tally.trades,
        "wins": wins,
        "losses": losses,
        "net_profit": to_float(tally.net),
        "gross_win": won,
        "gross_loss": lost,
        "win_rate": divided(wins, wins + losses),
        "profit_factor": divided(won, -lost),
        "payoff_ratio": None if loss is None else divided(win, -loss),
        "average_win": win,
        "average_loss": loss,
        "expectancy": divided(to_float(tally.net), tally.trades),
        "expectancy_r": tally.expectancy,
        "trades_with_r": tally.r_count,
    }


def _trade(trades: Sequence[Trade], nets: Floats, place: int) -> Plain:
    one = trades[place]
    return {
        "net": float(nets[place]),
        "r": one.r if one.r is None else finite(one.r),
        "symbol": one.symbol,
        "strategy": one.strategy,
        "side": SIDE_NAME[one.side],
        "opened_at": iso(one.opened_at),
        "closed_at": iso(one.closed_at),
    }


def _mean(values: NDArray[np.float64]) -> float | None:
    return finite(values.mean()) if len(values) else None
