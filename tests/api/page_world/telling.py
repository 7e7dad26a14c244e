"""How the world is told: its state, its events, its account, its engine."""

from __future__ import annotations

from tests.api.page_world.facts import BOOK, HOSTILE, LIMITS, RUN, Facts, Plain, iso, now


class Telling(Facts):
    """The answers about a run as a whole."""

    def after(self, seq: int) -> list[Plain]:
        first = self.events[0]["seq"] if self.events else 1
        return self.events[max(0, seq + 1 - first) :]

    def page_of_events(self, after: int, limit: int) -> Plain:
        rows = self.after(after)[:limit]
        return {"items": rows, "next": rows[-1]["seq"] if len(rows) == limit else None, "last_seq": self.seq}

    def story(self, id: str) -> Plain | None:
        asked = next((one for one in self.events if one["id"] == id), None)
        story = asked["correlation_id"] if asked else id
        rows = [one for one in self.events if story and one["correlation_id"] == story]
        if not rows:
            return None
        scan = [one for one in self.events if one["id"] == rows[0]["causation_id"]]
        return {"correlation_id": story, "symbol": rows[0]["symbol"], "cycle": None, "items": [*scan, *rows]}

    def snapshot(self) -> Plain:
        return {"type": "STATE_SNAPSHOT", "v": 1, "seq": self.seq, "data": self.state()}

    def state(self) -> Plain:
        quiet = ("SCAN_START", "SCAN_SUMMARY", "ACCOUNT_UPDATE", "HEARTBEAT")
        events = [one for one in self.events if one["type"] not in quiet][-200:]
        told = {
            "seq": self.seq,
            "account": self.account(),
            "positions": self.held(),
            "scan": self.scan(),
            "events": events,
        }
        return told | {"trades": self.trades[-50:], "engine": self.engine(), "run": {"run_id": RUN}, "simulated": True}

    def account(self) -> Plain:
        venues: dict[str, float] = {}
        currencies: dict[str, float] = {}
        for name, one in self.positions.items():
            value = one["quantity"] * self.prices[name]
            venue = "paper" if len(name) == 6 else "paper-crypto"
            venues[venue] = venues.get(venue, 0.0) + abs(value)
            base, quote = (name[:3], name[3:6]) if len(name) == 6 else (name[:8], "USD")
            currencies[base] = currencies.get(base, 0.0) + value
            currencies[quote] = currencies.get(quote, 0.0) - value
        exposure = {
            "by_currency": currencies,
            "by_venue": venues,
            "by_class": {},
            "gross": sum(venues.values()),
            "missing": [],
        }
        told = self._money() | {"account": f"paper:{RUN}", "peak": self.peak, "drawdown": 1 - self.equity / self.peak}
        return told | {
            "started_cash": 100_000.0,
            "exposure": exposure,
            "simulated": True,
            "run_id": RUN,
            "at": iso(self.market_at),
        }

    def _money(self) -> Plain:
        told = {
            "balance": self.balance,
            "equity": self.equity,
            "profit": self.equity - self.balance,
            "currency": "USD",
            "leverage": 30,
        }
        return told | {"day_pl": self.equity - self.opening}

    def _profit(self, held: Plain) -> float:
        return float(held["quantity"] * (self.prices[held["symbol"]] - held["entry_price"]))

    def held(self) -> list[Plain]:
        return [
            {name: one[name] for name in ("symbol", "side", "quantity", "entry_price", "stop", "target", "opened_at")}
            | {
                "price_current": self.prices[one["symbol"]],
                "profit": self._profit(one),
                "account": f"paper:{RUN}",
                "strategy": "momentum",
                "venue": "paper",
            }
            for one in self.positions.values()
        ]

    def scan(self) -> Plain:
        rows = {
            name: {
                "reason": self.reasons[name],
                "price": price,
                "score": self.scores.get(name),
                "position": self.positions[name]["quantity"] if name in self.positions else None,
                "age_s": 0.4,
            }
            for name, price in self.prices.items()
        }
        return {
            "run_id": RUN,
            "cycle": self.cycle,
            "at": iso(self.market_at),
            "count": len(rows),
            "candidates": 1,
            "symbols": rows,
        }

    def engine(self) -> Plain:
        legal = {"running": ["pause", "reload"], "paused": ["resume"], "stopped": ["start"], "idle": ["start"]}.get(
            self.state_name, ["pause"]
        )
        known = {
            "state": self.state_name,
            "since": self.since,
            "reason": self.why,
            "alive": True,
            "orderly": True,
            "trading": "ACTIVE",
        }
        legal = [
            *legal,
            "emergency-stop",
            "close",
            "cancel",
            "remove-lock",
            *(["stop"] if self.state_name != "stopped" else []),
        ]
        legal += ["reset-kill-switch"] if self.latches else []
        known |= {
            "legal": legal,
            "latches": self.latches,
            "run": RUN,
            "cycle": self.cycle,
            "cycle_times_ms": self.times[-120:],
        }
        return known | {"history": self.moves[-100:], "process": None}

    def risk(self) -> Plain:
        limits = [
            {
                "name": name,
                "used": used,
                "allowed": allowed,
                "share": None if used is None else used / allowed,
                "unit": unit,
            }
            for name, used, allowed, unit in LIMITS
        ]
        return {
            "limits": limits,
            "state": "HALTED" if self.latches else "ACTIVE",
            "latches": self.latches,
            "portfolio": BOOK,
            "var_level": 0.99,
            "var_horizon": 1,
            "computed": True,
            "why": None,
        }

    def orders_of(self, symbol: str | None) -> list[Plain]:
        return [one for one in reversed(self.orders.values()) if symbol in (None, one["symbol"])][:200]

    def _working(self) -> list[Plain]:
        return [one for one in self.orders.values() if one["status"] == "ACCEPTED"]

    def actors(self) -> Plain:
        names = ("Driver", "RiskManager", "Executor", "MarketFeed", "Observer", "VenueGateway:paper", "AgentHost:0")
        data = {"state": "ready", "pid": 4711, "restarts": 0, "waiting": 0, "detail": {}}
        items = [{"actor": name, "at": now(), "age_s": 1.2, "data": data} for name in names]
        items[-1] = items[-1] | {
            "data": data | {"state": "starting", "restarts": 2, "detail": {"symbols": len(self.prices)}}
        }
        return {"items": items, "next": None, "heartbeat": None, "process": None}

    def resources(self) -> Plain:
        values = {
            "cpu": 41.0,
            "memory": 38.2,
            "memory_mb": 812.0,
            "disk": 71.3,
            "open_files": 4.1,
            "database_mb": 96.4,
            "wal_mb": 4.0,
        }
        return {"values": values, "processes": [{"pid": 1}] * 5, "disk_free_mb": 72_000.0, "of_run": True, "age_s": 0.1}

    def backtests(self) -> Plain:
        name = HOSTILE[0] if self.hostile else "momentum-2025"
        row = {
            "size": 1,
            "changed_at": "2026-11-19T18:00:00Z",
            "strategy": "momentum",
            "preset": "balanced",
            "timeframe": "H1",
            "metrics": {},
        }
        metrics = {"total_return": 0.1234, "sharpe": 1.31, "max_drawdown": 0.081, "trades": 412}
        row |= {
            "symbols": ["EURUSD", "XAUUSD"],
            "start": "2025-01-01T00:00:00Z",
            "end": "2025-12-31T00:00:00Z",
            "simulated": False,
        }
        files = [
            row | {"name": f"{name}.html", "kind": "report"},
            row | {"name": f"{name}.json", "kind": "result", "metrics": metrics},
        ]
        return {"items": files, "next": None, "folder": True}
