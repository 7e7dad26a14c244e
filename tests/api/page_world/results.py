"""How the world is told: what its closes came to, counted as the API counts them."""

from __future__ import annotations

from datetime import datetime, timedelta
from random import Random
from typing import Any

from api import performance
from domain.money import from_float
from domain.timeframe import nanos
from risk.statistics import Trade
from tests.api.page_world.facts import HOSTILE, LONG, RUN, Facts, Plain, iso

EARLIER = "20261119T090000-past"
"""The run before this one: what it closed is the past of this one."""
DAYS = 25
FACTORS = ("BREAKOUT", "TREND", "VOLUME")
CONVENTIONS = {
    "sharpe": "arithmetic mean over standard deviation (ddof 1), risk-free rate 0",
    "max_drawdown": "on at most 2,000 cycles, evenly spread, and the last of each day",
}


def closed(symbol: str, at: datetime, net: float, r: float | None, number: int, hostile: bool) -> Plain:
    """A close as /api/journal/trades tells it."""
    told: Plain = {"fill_id": f"{number:08x}past", "symbol": symbol, "strategy": "momentum", "quantity": 100.0}
    told |= {"side": ("BUY", "SELL")[number % 2], "entry": 100.0, "exit": 100.0 + net / 100, "pnl": net + 0.9}
    told |= {"opened_at": iso(at - timedelta(minutes=40)), "closed_at": iso(at), "commission": 0.9, "net": net, "r": r}
    told |= {"reason": ("TARGET" if net > 0 else "STOP") if number % 3 else "SIGNAL", "flat": True, "session": "LONDON"}
    told |= {"factors": [LONG] if hostile else [FACTORS[number % 3], "VOLUME"][: 1 + number % 2]}
    return told | {"run_id": RUN, "account": f"paper:{RUN}", "correlation_id": f"{number:08x}decade"}


def past(names: list[str], until: datetime, hostile: bool) -> list[Plain]:
    """Some closes a day, most of them small losses at their stop, some large wins."""
    random = Random(11)
    found: list[Plain] = []
    for ago in range(DAYS, 0, -1):
        for n in range(random.randrange(3, 11)):
            r = -1 + random.gauss(0, 0.12) if random.random() < 0.45 else random.gammavariate(2.2, 0.55)
            at = until - timedelta(days=ago, minutes=-30 * n)
            known = None if len(found) % 29 == 7 else r
            found.append(closed(random.choice(names), at, 36 * r - 0.9, known, len(found), hostile))
    return found


class Results(Facts):
    """The answers about performance and from the journal."""

    def runs(self) -> Plain:
        row = {"epoch": 2, "account": f"paper:{RUN}", "live": False, "simulated": True, "ended_at": None}
        row |= {"run_id": RUN, "started_at": iso(self.begun), "exit_reason": None}
        before = iso(self.begun - timedelta(hours=9))
        ended = {"run_id": EARLIER, "epoch": 1, "started_at": before, "ended_at": before, "exit_reason": "stop"}
        return {"items": [row, row | ended], "next": None}

    def _closes(self, run: str | None) -> list[Plain]:
        """The newest first."""
        return self.past[::-1] if run == EARLIER else [*self.trades[::-1], *self.past[::-1]]

    def _trips(self, run: str | None) -> list[Trade]:
        return [
            Trade(
                symbol=one["symbol"],
                strategy=one["strategy"],
                side=1 if one["side"] == "BUY" else -1,
                opened_at=nanos(datetime.fromisoformat(one["opened_at"])),
                closed_at=nanos(datetime.fromisoformat(one["closed_at"])),
                net=from_float(one["net"]),
                r=one["r"],
                reason=one["reason"],
                session=one["session"],
                factors=tuple(one["factors"]),
            )
            for one in reversed(self._closes(run))
        ]

    def journal(self, run: str | None, symbol: str | None, limit: int, after: str | None) -> Plain:
        return _page([one for one in self._closes(run) if symbol in (None, one["symbol"])], limit, after)

    def course(self, run: str | None) -> Plain:
        rows = self.equities[: len(self.equities) // 2] if run == EARLIER else self.equities
        names = ("equity", "balance", "drawdown")
        points = [{"ts": one["at"]} | {name: float(one[name]) for name in names} for one in rows]
        known = {"run_id": run or RUN, "currency": "USD", "started_cash": 100_000.0, "cycles": len(rows)}
        return known | {"points": points}

    def metrics(self, run: str | None) -> Plain:
        trades, by = performance.trips(self._trips(run))
        figures: Plain = {"period": "day", "periods": DAYS, "first": iso(self.begun), "last": iso(self.market_at)}
        figures |= {"cash": 100_000.0, "equity": self.equity, "total_return": self.equity / 100_000.0 - 1}
        figures |= {"cagr": 0.214, "volatility": 0.118, "sharpe": 1.62, "sortino": 2.31, "calmar": None}
        figures |= {"max_drawdown": -0.0312, "max_drawdown_money": -3_120.5, "drawdown_recovered_at": None}
        figures |= {"drawdown_peak_at": iso(self.begun), "drawdown_bottom_at": iso(self.market_at), "kurtosis": 3.4}
        figures |= {"var_95": -0.0102, "cvar_95": -0.0149, "skewness": -0.21}
        figures |= {"best_period": {"date": "2026-11-12", "return": 0.0121}}
        figures |= {"worst_period": {"date": "2026-11-05", "return": -0.0098}}
        conventions = {HOSTILE[0]: LONG} if self.hostile else CONVENTIONS
        told = {"run_id": run or RUN, "currency": "USD", "figures": figures, "trades": trades, "by": by}
        return told | {"conventions": conventions}

    def r_distribution(self, run: str | None, width: float) -> Plain:
        return {"run_id": run or RUN} | performance.distribution(self._trips(run), width)

    def days(self, run: str | None, limit: int, after: str | None) -> Plain:
        found: dict[str, list[Plain]] = {}
        for one in self._closes(run):
            found.setdefault(one["closed_at"][:10], []).append(one)
        rows = []
        equity = self.equity
        for date, closes in found.items():
            known = [one["r"] for one in closes if one["r"] is not None]
            row = {"date": date, "trades": len(closes), "net": sum(one["net"] for one in closes)}
            row |= {"wins": sum(one["net"] > 0 for one in closes), "losses": sum(one["net"] < 0 for one in closes)}
            row |= {"commission": 0.9 * len(closes), "r": sum(known) if known else None}
            rows.append(row | {"equity": equity, "drawdown": 0.011})
            equity -= row["net"]
        return _page(rows, limit, after)

    def confluence(self, run: str | None, symbol: str | None, limit: int, after: str | None) -> Plain:
        _, by = performance.trips(self._trips(run))
        found = [] if run == EARLIER else [one for one in reversed(self.events) if one["type"] == "CANDIDATE"]
        rows = [self._candidate(one) for one in found if symbol in (None, one["symbol"])]
        return _page(rows, limit, after) | {"factors": by.get("factor", {})}

    def _candidate(self, one: Plain) -> Plain:
        names = ("direction", "strategy", "score", "probability", "price", "limit", "stop_distance", "target_distance")
        order = self.orders[one["correlation_id"]]
        denied = order["status"] == "DENIED"
        told = {"id": one["id"], "seq": one["seq"], "at": one["ts"], "symbol": one["symbol"], "order_id": order["id"]}
        told |= {name: one["data"][name] for name in names} | {"reasons": one["data"]["reasons"]}
        told |= {"answer": "DENIED" if denied else "APPROVED", "code": order["code"] or None}
        told |= {"value": 6 if denied else None, "threshold": 6 if denied else None, "status": order["status"]}
        return told | {"quantity": order["quantity"], "filled": order["filled"], "correlation_id": order["id"]}


def _page(rows: list[Any], limit: int, after: str | None) -> Plain:
    first = int(after or 0)
    last = first + limit
    return {"items": rows[first:last], "next": str(last) if last < len(rows) else None}
