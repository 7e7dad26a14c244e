"""What a run has earned, counted as a backtest is: the same ratios, round trips and conventions."""

from __future__ import annotations

from collections.abc import Sequence
from threading import Lock
from typing import Any

import numpy as np
from sqlalchemy import Connection

from actors.gate_rows import part_of
from api import queries
from api.runs import Run
from domain.money import to_float
from domain.timeframe import DAY, iso
from orchestration.backtest.measures import ratios
from orchestration.backtest.measures.metrics import conventions
from orchestration.backtest.measures.returns import EVERY_DAY, WEEKDAYS, WEEKS, Calendar, closes, date_of, returns_of
from orchestration.backtest.measures.trips import tallies, trade_metrics
from orchestration.backtest.result import Floats, Times
from risk.statistics import Folding, Trade

Plain = dict[str, Any]

SAMPLED = 2_000
"""Cycles whose equity is read for figures, besides the last of each day."""


class Courses:
    """What was read of a run's cycles and closes, so that only what is new is read again. Threads may share it."""

    def __init__(self) -> None:
        self._known: dict[str, Course] = {}
        self._lock = Lock()

    def of(self, run: Run) -> Course:
        with self._lock:
            return self._known.setdefault(run.run_id, Course(run))


class Course:
    """One run: the last cycle of each UTC day, and its round trips."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._n = 0
        self._seq = -1
        self._days: dict[int, int] = {}
        self._folding = Folding()
        self._trips: list[Trade] = []
        self._commissions: dict[int, float] = {}
        self._lock = Lock()

    @property
    def cycles(self) -> int:
        return self._n

    def read(self, c: Connection) -> None:
        """Up to the last cycle and close there is."""
        with self._lock:
            for n, at in queries.moments(c, self._run.run_id, self._n):
                self._days[(at - 1) // DAY] = self._n = n
            for row in queries.closes(c, self._run.account, self._seq):
                self._seq = max(self._seq, row.seq)
                trade = self._folding.add(part_of(row))
                if row.run_id != self._run.run_id:
                    continue
                if trade is not None:
                    self._trips.append(trade)
                day = (row.closed_at - 1) // DAY
                self._commissions[day] = self._commissions.get(day, 0.0) + float(row.commission)

    def trips(self) -> list[Trade]:
        with self._lock:
            return list(self._trips)

    def commissions(self) -> dict[int, float]:
        with self._lock:
            return dict(self._commissions)

    def ends(self, c: Connection) -> dict[int, queries.Standing]:
        """The account at the last cycle of each day, by days since 1970."""
        with self._lock:
            days = dict(self._days)
        found = queries.standings(c, self._run.run_id, list(days.values()))
        return dict(zip(days, found, strict=False))

    def thinned(self, c: Connection, points: int, first: int = 1, last: int | None = None) -> list[queries.Standing]:
        """The account at so many cycles, evenly spread, the last one among them."""
        last = self._n if last is None else min(last, self._n)
        if last < first:
            return []
        count = min(points, last - first + 1)
        numbers = np.unique(np.linspace(last, first, count).round().astype(int)).tolist()
        return queries.standings(c, self._run.run_id, numbers)


def points(found: Sequence[queries.Standing]) -> list[Plain]:
    told = []
    for one in found:
        equity, peak = to_float(one.equity), to_float(max(one.peak, one.equity))
        drawdown = 1 - equity / peak if peak > 0 else 0.0
        told.append({"ts": iso(one.at), "equity": equity, "balance": to_float(one.balance), "drawdown": drawdown})
    return told


def calendar_of(run: Run) -> Calendar:
    """By what is traded, as for a backtest."""
    instruments = run.inputs.instruments
    classes = {instruments[one].asset_class for one in run.symbols if one in instruments}
    if run.inputs.arguments.get("timeframe") == "W1":
        return WEEKS
    return EVERY_DAY if "crypto" in classes else WEEKDAYS


def metrics(run: Run, cash: float, ends: dict[int, queries.Standing], course: Sequence[queries.Standing]) -> Plain:
    """Figures over the days' ends, and falls over the cycles that were looked at."""
    calendar = calendar_of(run)
    at, equity = _series(sorted(ends.values(), key=lambda one: one.at))
    days = closes(at, equity, calendar)
    returns = returns_of(cash, days.equity)
    found = np.empty(0) if returns is None else returns
    at, equity = _series(course)
    fall = ratios.drawdown(cash, at, equity)
    final = float(equity[-1]) if len(equity) else None
    growth = ratios.growth(cash, final, len(days.days) / calendar.per_year) if final is not None else None
    per_year = calendar.per_year
    depth = fall.depth if fall else None
    return {
        "period": calendar.period,
        "periods": len(days.days),
        "first": iso(int(at[0])) if len(at) else None,
        "last": iso(int(at[-1])) if len(at) else None,
        "cash": cash,
        "equity": final,
        "total_return": ratios.divided(None if final is None else final - cash, cash),
        "cagr": growth,
        "volatility": ratios.volatility(found, per_year),
        "sharpe": ratios.sharpe(found, per_year),
        "sortino": ratios.sortino(found, per_year),
        "calmar": ratios.divided(growth, None if depth is None else -depth),
        "max_drawdown": depth,
        "max_drawdown_money": fall.money if fall else None,
        "drawdown_peak_at": iso(fall.peak_at) if fall and fall.peak_at else None,
        "drawdown_bottom_at": iso(fall.bottom_at) if fall and fall.bottom_at else None,
        "drawdown_recovered_at": iso(fall.recovered_at) if fall and fall.recovered_at else None,
        "var_95": ratios.value_at_risk(found, 0.05),
        "cvar_95": ratios.expected_shortfall(found, 0.05),
        "skewness": ratios.skewness(found),
        "kurtosis": ratios.kurtosis(found),
        "best_period": _best(found, days.days, True),
        "worst_period": _best(found, days.days, False),
    }


def trips(found: Sequence[Trade]) -> tuple[Plain, dict[str, dict[str, Plain]]]:
    """Figures over round trips, and the same by symbol, strategy, session, factor, reason and side."""
    return trade_metrics(found), tallies(found)


def told_conventions(run: Run) -> dict[str, str]:
    return conventions(calendar_of(run)) | {
        "max_drawdown": f"on at most {SAMPLED:,} cycles, evenly spread, and the last of each day"
    }


def distribution(found: Sequence[Trade], width: float) -> Plain:
    """Round trips by R, in bins of ``width``; those at 1.5 R or more are in the bin that begins at 1.5."""
    known = np.array([one.r for one in found if one.r is not None and np.isfinite(one.r)], dtype=float)
    places = np.floor(known / width).astype(int)
    bins = []
    if len(places):
        low, high = max(int(places.min()), -1_000), min(int(places.max()), 1_000)
        counts = np.bincount(np.clip(places, low, high) - low, minlength=high - low + 1)
        bins = [
            {"low": (low + place) * width, "high": (low + place + 1) * width, "count": int(count)}
            for place, count in enumerate(counts)
        ]
    return {
        "count": len(known),
        "without_r": len(found) - len(known),
        "mean": ratios.finite(known.mean()) if len(known) else None,
        "median": ratios.finite(np.median(known)) if len(known) else None,
        "deviation": ratios.deviation(known),
        "best": ratios.finite(known.max()) if len(known) else None,
        "worst": ratios.finite(known.min()) if len(known) else None,
        "bins": bins,
    }


def days(course: Course, ends: dict[int, queries.Standing]) -> list[Plain]:
    """Every UTC day with a cycle or a close, the newest first."""
    by_day: dict[int, list[Trade]] = {}
    for one in course.trips():
        by_day.setdefault((one.closed_at - 1) // DAY, []).append(one)
    paid = course.commissions()
    return [_day(day, by_day.get(day, []), paid.get(day, 0.0), ends.get(day)) for day in _newest_first(ends, by_day)]


def _newest_first(*named: dict[int, Any]) -> list[int]:
    return sorted({day for one in named for day in one}, reverse=True)


def _day(day: int, trades: list[Trade], commission: float, end: queries.Standing | None) -> Plain:
    known = [one.r for one in trades if one.r is not None]
    told = points([end])[0] if end is not None else {}
    return {
        "date": date_of(day),
        "trades": len(trades),
        "wins": sum(one.net > 0 for one in trades),
        "losses": sum(one.net < 0 for one in trades),
        "net": sum(to_float(one.net) for one in trades),
        "commission": commission,
        "r": sum(known) if known else None,
        "equity": told.get("equity"),
        "drawdown": told.get("drawdown"),
    }


def _series(found: Sequence[queries.Standing]) -> tuple[Times, Floats]:
    at = np.array([one.at for one in found], np.int64)
    return at, np.array([to_float(one.equity) for one in found], dtype=float)


def _best(returns: Floats, found: Times, highest: bool) -> Plain | None:
    if not len(returns):
        return None
    place = int(returns.argmax() if highest else returns.argmin())
    return {"date": date_of(int(found[place])), "return": float(returns[place])}
