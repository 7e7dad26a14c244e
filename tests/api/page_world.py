"""An invented market for the page's tests: symbols, prices, decisions, orders, and every event they leave."""

from __future__ import annotations

import time
from collections import deque
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

Plain = dict[str, Any]

NAMES = ("EURUSD", "BTC", "GBPUSD", "USDJPY", "ETH", "XAUUSD", "AUDUSD", "SOL", "USDCHF", "SP500", "NAS100", "BRENT")
STARTS = {"EURUSD": 1.0843, "BTC": 64_123.0, "USDJPY": 156.42, "ETH": 3_121.0, "XAUUSD": 2_334.0, "SP500": 5_312.0}
HOSTILE = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "\u202egnp.exe\u202c",
    "javascript:alert(1)",
    "A\u0000B\u200bC\u2066D",
    "a/b?c#d%20%",
)
LONG = "<b>" + "x" * 10_000
RUN = "20261120T090000-mock"
SPAN = 900
LIMITS = (
    ("max_trades_per_day", 14, 40, ""),
    ("max_daily_loss_share", 0.0081, 0.03, "share"),
    ("max_drawdown_soft", 0.0312, 0.06, "share"),
    ("max_drawdown", 0.0312, 0.10, "share"),
    ("max_open_positions", 5, 6, ""),
    ("max_orders_in_flight", 2, 5, ""),
    ("max_currency_exposure", 1.32, 1.5, "times"),
    ("max_exposure", 163_000.0, 150_000.0, "money"),
    ("max_leverage", 1.6, 5, "times"),
    ("max_margin", 0.22, 0.5, "share"),
    ("max_var", 0.0123, 0.02, "share"),
    ("max_stress_loss", None, 0.15, "share"),
)


BOOK = {
    "var": 0.0123,
    "cvar": 0.0161,
    "parametric": 0.0119,
    "stress": 0.071,
    "scenario": "dollar +5 %",
    "gross": 163_000.0,
    "leverage": 1.6,
}
BOOK |= {"margin": 5_433.0, "missing": []}


class World:
    """``step()`` is one cycle. Everything is by one seed but the clock."""

    def __init__(self, symbols: int = 12, *, hostile: bool = False, seed: int = 7) -> None:
        self._random = Random(seed)
        names = [*NAMES[:symbols], *(f"SYM{n:04d}" for n in range(len(NAMES), symbols))]
        if hostile:
            names[: len(HOSTILE)] = HOSTILE[: len(names)]
        self.hostile = hostile
        self.begun = datetime.now(UTC) - timedelta(hours=6)
        self.market_at = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(hours=2)
        self.prices = {name: STARTS.get(name, self._random.uniform(0.5, 400.0)) for name in names}
        self._bars: dict[str, deque[list[Any]]] = {name: self._history(name) for name in names[:40]}
        self.reasons = dict.fromkeys(names, "WARMING_UP")
        self.scores: dict[str, float] = {}
        self.positions: dict[str, Plain] = {}
        self.orders: dict[str, Plain] = {}
        self.trades: list[Plain] = []
        self.locks: dict[str, Plain] = {}
        self.latches: list[Plain] = []
        self.events: list[Plain] = []
        self.seq = 0
        self.cycle = 0
        self.times: list[float] = []
        self.balance = 100_000.0
        self.state_name, self.since, self.why = "idle", self._now(), ""
        self.moves: list[Plain] = []
        self.equities: list[Plain] = []
        self.peak = 100_000.0
        self._number = 0
        for n in range(400):
            self.balance += self._random.gauss(4, 60)
            self.equities.append(
                {
                    "at": _iso(self.market_at - timedelta(minutes=15 * (400 - n))),
                    "equity": self.balance,
                    "balance": self.balance,
                    "drawdown": 0,
                }
            )
        self.peak = max(one["equity"] for one in self.equities)
        self.opening = self.balance - 210.4
        data = {
            "resumed": False,
            "cycle": 1,
            "symbols": names[:100],
            "count": symbols,
            "hosts": ["AgentHost:0"],
            "strategy": "momentum",
        }
        self.emit("RUN_STARTED", data | {"timeframe": "M1", "account": f"paper:{RUN}", "live": False, "start": None})
        self.move("initializing", "start")
        self.move("running", "ready")
        self._lock("EURUSD", "StoplossGuard", "3 stops within 4 h")
        for _ in range(30):
            self.step()

    # -- what happens ----------------------------------------------------------------------------

    def emit(
        self, kind: str, data: Plain, symbol: str | None = None, story: str | None = None, cause: str | None = None
    ) -> Plain:
        self.seq += 1
        at = (
            _iso(self.market_at)
            if kind not in ("ENGINE_STATE", "ALERT", "HEARTBEAT", "HEALTH", "ERROR")
            else self._now()
        )
        one = {
            "v": 1,
            "seq": self.seq,
            "id": f"{self.seq:08x}{kind.lower()}",
            "type": kind,
            "ts": at,
            "run_id": RUN,
            "symbol": symbol,
        }
        one |= {"correlation_id": story, "causation_id": cause, "data": data | {"simulated": True}}
        self.events.append(one)
        return one

    def move(self, to: str, reason: str) -> None:
        was, self.state_name, self.why, self.since = self.state_name, to, reason, self._now()
        one = self.emit("ENGINE_STATE", {"state": to, "from": was, "reason": reason, "since": self.since})
        self.moves.append(
            {"seq": one["seq"], "from": was, "to": to, "reason": reason, "at": self.since, "metadata": {}}
        )

    def step(self) -> None:
        """One cycle, unless the engine has stopped."""
        if self.state_name in ("stopped", "idle"):
            return
        began = time.perf_counter()
        self.cycle += 1
        self.market_at += timedelta(minutes=1)
        scan = self.emit("SCAN_START", {"count": len(self.prices), "cycle": self.cycle})
        for name in self.prices:
            self._move_price(name)
        self._decide(scan)
        self._close_some()
        self._equity()
        took = (time.perf_counter() - began) * 1000 + self._random.gammavariate(3, 1.5)
        self.times.append(round(took, 2))
        summary = {
            "cycle": self.cycle,
            "symbols": dict(self.reasons),
            "count": len(self.prices),
            "candidates": 1,
            "at": _iso(self.market_at),
        }
        summary |= {
            "equity": self.equity,
            "balance": self.balance,
            "day_equity": self.opening,
            "state": "HALTED" if self.latches else "ACTIVE",
        }
        self.emit(
            "SCAN_SUMMARY", summary | {"last_cycle_ms": self.times[-1], "scan_ms": 1.2, "working": len(self._working())}
        )
        if self.cycle % 20 == 0:
            self.emit("HEARTBEAT", {"cycle": self.cycle, "state": self.state_name, "seq": self.seq})
        del self.events[:-20_000]

    def _move_price(self, name: str) -> None:
        price = self.prices[name] * (1 + self._random.gauss(0, 0.0006))
        if name in self._bars:
            last = self.prices[name]
            wick = abs(self._random.gauss(0, 0.0004)) * price
            self._bars[name].append(
                [_iso(self.market_at), last, max(last, price) + wick, min(last, price) - wick, price, 100.0]
            )
        self.prices[name] = price
        self.reasons[name] = "HOLDING" if name in self.positions else "NO_SIGNAL"
        if self._random.random() < 0.02:
            self.reasons[name] = self._random.choice(
                ("NO_NEW_BAR", "DENIED SPREAD", "HOST_DOWN: restarting", "DENIED MAX_OPEN_POSITIONS")
            )

    def _decide(self, scan: Plain) -> None:
        """One candidate: denied or bought."""
        name = self._random.choice([*self.prices])
        if name in self.positions:
            return
        self._number += 1
        story, side = f"{self._number:08x}c0ffee", self._random.choice(("BUY", "SELL"))
        price, score = self.prices[name], round(self._random.uniform(0.4, 9.6), 2)
        self.scores[name] = score
        reasons = [LONG if self.hostile else "close above the level of 20 bars", "volume 1.8 times its middle"]
        wish = {
            "direction": side,
            "strategy": "momentum",
            "score": score,
            "probability": 0.61,
            "price": price,
            "limit": None,
        }
        wish |= {"stop_distance": price * 0.004, "target_distance": price * 0.008, "reasons": reasons}
        found = self.emit("CANDIDATE", wish, name, story, scan["id"])
        order = {
            "id": story,
            "at": found["ts"],
            "symbol": name,
            "side": side,
            "quantity": round(9_000 / price, 4),
            "filled": 0.0,
            "kind": "MARKET",
        }
        order |= {
            "price_average": None,
            "price": None,
            "entry": price,
            "purpose": "ENTRY",
            "strategy": "momentum",
            "code": "",
            "text": "",
        }
        sign = 1 if side == "BUY" else -1
        order |= {"stop": price * (1 - 0.004 * sign), "target": price * (1 + 0.008 * sign), "correlation_id": story}
        self.orders[story] = order
        told = {"order_id": story, "side": side, "direction": side, "quantity": order["quantity"], "purpose": "ENTRY"}
        halted = bool(self.latches) or self.state_name != "running"
        if halted or len(self.positions) >= 6 or self._random.random() < 0.5:
            code = "KILL_SWITCH" if self.latches else "ENGINE_PAUSED" if halted else "MAX_OPEN_POSITIONS"
            order |= {"status": "DENIED", "code": code}
            self.reasons[name] = f"DENIED {code}"
            denied = {"code": code, "value": len(self.positions), "threshold": 6, "strategy": "momentum"}
            self.emit("RISK_DENIED", told | denied, name, story, found["id"])
            return
        last = self.emit(
            "RISK_APPROVED",
            told | {"reduces": 0.0, "entry": price, "stop": order["stop"], "target": order["target"]},
            name,
            story,
            found["id"],
        )
        last = self.emit("ORDER_SUBMITTED", told, name, story, last["id"])
        last = self.emit("ORDER_ACCEPTED", told, name, story, last["id"])
        order["status"] = "ACCEPTED"
        self.reasons[name] = "SUBMITTED"
        if self._random.random() < 0.3:
            return
        self._fill(order, price, last)

    def _fill(self, order: Plain, price: float, cause: Plain) -> None:
        name, story = order["symbol"], order["id"]
        told = {"order_id": story, "side": order["side"], "quantity": order["quantity"], "purpose": order["purpose"]}
        last = self.emit("ORDER_FILLED", told, name, story, cause["id"])
        order |= {"status": "FILLED", "filled": order["quantity"], "price_average": price}
        fill = told | {
            "direction": order["side"],
            "lot": 0.1,
            "price": price,
            "commission": 0.9,
            "fill_id": f"f{story}",
            "reason": "ENTRY",
        }
        last = self.emit("TRADE_EXECUTION", fill | {"bar_ts": _iso(self.market_at)}, name, story, last["id"])
        sign = 1 if order["side"] == "BUY" else -1
        self.positions[name] = {
            "symbol": name,
            "side": order["side"],
            "quantity": sign * order["quantity"],
            "entry_price": price,
            "order": order,
        }
        self.positions[name] |= {
            "stop": order["stop"],
            "target": order["target"],
            "opened_at": _iso(self.market_at),
            "story": story,
        }
        self.reasons[name] = "FILLED"
        opened = {
            "side": order["side"],
            "quantity": order["quantity"],
            "entry": price,
            "stop": order["stop"],
            "target": order["target"],
        }
        self.emit("POSITION_OPENED", opened | {"order_id": story}, name, story, last["id"])

    def _close_some(self) -> None:
        for name in [*self.positions]:
            if self._random.random() < 0.06:
                self.close(name, "SIGNAL")

    def close(self, name: str, reason: str, fraction: float = 1.0) -> None:
        held = self.positions[name]
        quantity, price = abs(held["quantity"]) * fraction, self.prices[name]
        pnl = held["quantity"] * fraction * (price - held["entry_price"])
        self.balance += pnl
        trade = {
            "symbol": name,
            "side": held["side"],
            "quantity": quantity,
            "entry": held["entry_price"],
            "exit": price,
            "pnl": pnl,
        }
        trade |= {
            "r": pnl / 36,
            "reason": reason,
            "closed_at": _iso(self.market_at),
            "opened_at": held["opened_at"],
            "strategy": "momentum",
        }
        self.trades.append(trade)
        if fraction < 1:
            held["quantity"] *= 1 - fraction
            return
        del self.positions[name]
        data = {
            "side": held["side"],
            "quantity": quantity,
            "entry": held["entry_price"],
            "exit": price,
            "pnl": pnl,
            "commission": 0.9,
        }
        self.emit("POSITION_CLOSED", data | {"r": pnl / 36, "reason": reason}, name, held["story"])
        self.emit("ACCOUNT_UPDATE", {"account": self._money(), "name": f"paper:{RUN}"})

    def _equity(self) -> None:
        self.equity = self.balance + sum(self._profit(one) for one in self.positions.values())
        self.peak = max(self.peak, self.equity)
        self.equities.append(
            {
                "at": _iso(self.market_at),
                "equity": self.equity,
                "balance": self.balance,
                "drawdown": 1 - self.equity / self.peak,
            }
        )

    def halt(self, reason: str, flatten: bool, verified: bool) -> Plain:
        working = {one["id"]: "CANCELLED" for one in self._working()}
        for one in self._working():
            one["status"] = "CANCELLED"
            self.emit(
                "ORDER_CANCELLED",
                {"order_id": one["id"], "side": one["side"], "quantity": one["quantity"], "purpose": "ENTRY"},
                one["symbol"],
            )
        closing = [*self.positions] if flatten else []
        for name in closing:
            self.close(name, "EMERGENCY")
        self.latches = [
            {
                "code": "OPERATOR",
                "reason": reason,
                "at": self._now(),
                "who": "api:operator",
                "value": None,
                "threshold": None,
            }
        ]
        self.move("emergency", reason)
        left = [] if verified else ["00ff00ff00ff"]
        found = {"cancelled": working, "closing": closing, "orders": {}, "left": left, "verified": verified}
        found["positions"] = {name: one["quantity"] for name, one in self.positions.items()}
        self.emit("ALERT", {"alert": "EMERGENCY", "by": "driver", "reason": reason} | found)
        return {"state": "DONE", "answer": found}

    def obey(self, verb: str, place: Plain, body: Plain) -> Plain:
        if verb in ("pause", "resume"):
            self.move("paused" if verb == "pause" else "running", body["reason"])
        elif verb == "stop":
            self.move("stopped", body["reason"])
        elif verb == "start":
            self.move("running", "start")
        elif verb == "reset-kill-switch":
            self.latches = []
            self.move("running", body["reason"])
        elif verb == "close":
            if place["s"] not in self.positions:
                return {"state": "REFUSED", "answer": {"reason": "nothing is held"}}
            self.close(place["s"], "OPERATOR", body["fraction"])
        elif verb == "cancel":
            self.orders[place["id"]]["status"] = "CANCELLED"
            order = self.orders[place["id"]]
            self.emit(
                "ORDER_CANCELLED",
                {"order_id": order["id"], "side": order["side"], "quantity": order["quantity"]},
                order["symbol"],
                order["id"],
            )
        elif verb == "remove":
            lock = self.locks.pop(place["id"])
            self.emit(
                "ALERT",
                {
                    "alert": "UNLOCKED",
                    "lock": lock["id"],
                    "code": lock["code"],
                    "reason": body["reason"],
                    "by": "operator",
                },
                lock["symbol"],
            )
        return {"state": "DONE", "answer": {}}

    def _lock(self, name: str, code: str, reason: str) -> None:
        until = _iso(datetime.now(UTC) + timedelta(hours=3))
        lock = {
            "id": f"lock-{len(self.locks)}",
            "account": f"paper:{RUN}",
            "symbol": name,
            "side": None,
            "code": code,
            "reason": reason,
        }
        self.locks[lock["id"]] = lock | {
            "from_at": self._now(),
            "until_at": until,
            "state": "ACTIVE",
            "removed_at": None,
            "removed_why": None,
        }
        self.emit(
            "ALERT",
            {"alert": "LOCKED", "lock": lock["id"], "code": code, "side": None, "until": until, "reason": reason},
            name,
        )

    # -- what is told ----------------------------------------------------------------------------

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
            "at": _iso(self.market_at),
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
            "at": _iso(self.market_at),
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

    def bars(self, symbol: str) -> list[Any]:
        return list(self._bars.get(symbol, ()))[-500:]

    def levels(self, symbol: str) -> list[Plain]:
        bars = self.bars(symbol)[-300:]
        if not bars:
            return []
        high, low = max(one[2] for one in bars), min(one[3] for one in bars)
        kinds = ((high, "resistance", 4), (low, "support", 3), (low + (high - low) * 0.62, "resistance", 2))
        return [{"price": price, "kind": kind, "touches": touches, "strength": 0.6} for price, kind, touches in kinds]

    def signals(self, symbol: str) -> list[Plain]:
        names = ("direction", "strategy", "score", "price")
        return [
            {
                "id": one["id"],
                "at": one["ts"],
                "code": self.orders[one["correlation_id"]]["code"] or None,
                "status": self.orders[one["correlation_id"]]["status"],
            }
            | {name: one["data"][name] for name in names}
            for one in self.events
            if one["type"] == "CANDIDATE" and one["symbol"] == symbol
        ][-50:]

    def ladder(self, symbol: str) -> Plain | None:
        last = next((one for one in self.orders_of(symbol)), None)
        if last is None:
            return None
        denied = last["status"] == "DENIED"
        rules = [
            {
                "stage": stage,
                "rule": rule,
                "value": value,
                "threshold": limit,
                "unit": unit,
                "passed": True,
                "code": None,
            }
            for stage, rule, value, limit, unit in (
                (1, "trading_state", "ACTIVE", "ACTIVE", None),
                (3, "data_fresh", 0.4, 30, "seconds"),
                (4, "cooldown", 3600, 900, "seconds"),
                (6, "max_daily_loss_share", 0.0081, 0.03, "share"),
                (7, "max_spread", 0.7, 2, "bps"),
                (7, "min_reward_to_risk", 2.0, 1.5, None),
            )
        ]
        if denied:
            rules.append(
                {
                    "stage": 8,
                    "rule": "max_open_positions",
                    "value": 6,
                    "threshold": 6,
                    "unit": None,
                    "passed": False,
                    "code": last["code"],
                }
            )
        caps = [
            {
                "stage": 8,
                "rule": "max_currency_exposure",
                "value": 1.32,
                "threshold": 1.5,
                "unit": "times",
                "passed": True,
                "code": None,
                "fits": 12_400.0,
                "binds": False,
            },
            {
                "stage": 8,
                "rule": "max_exposure",
                "value": 141_000.0,
                "threshold": 150_000.0,
                "unit": "money",
                "passed": True,
                "code": None,
                "fits": last["quantity"],
                "binds": True,
            },
        ]
        size = {
            "method": "fixed_fraction",
            "wanted": 14_000.0,
            "multiplier": 0.8,
            "multiplied": 11_200.0,
            "caps": caps,
            "lot_step": 0.001,
        }
        told = {
            "decision": "DENIED" if denied else "APPROVED",
            "code": last["code"] or None,
            "symbol": symbol,
            "direction": last["side"],
        }
        told |= {
            "strategy": "momentum",
            "score": self.scores.get(symbol),
            "entry": last["entry"],
            "stop": last["stop"],
            "target": last["target"],
        }
        told |= {
            "quantity": 0.0 if denied else last["quantity"],
            "planned_loss": 36.2,
            "currency": "USD",
            "rules": rules,
        }
        told |= {"size": None if denied else size | {"quantity": last["quantity"]}}
        return {"symbol": symbol, "order_id": last["id"], "at": last["at"], "explained": told}

    def actors(self) -> Plain:
        names = ("Driver", "RiskManager", "Executor", "MarketFeed", "Observer", "VenueGateway:paper", "AgentHost:0")
        data = {"state": "ready", "pid": 4711, "restarts": 0, "waiting": 0, "detail": {}}
        items = [{"actor": name, "at": self._now(), "age_s": 1.2, "data": data} for name in names]
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

    def _history(self, name: str) -> deque[list[Any]]:
        price = self.prices[name] * self._random.uniform(0.97, 1.03)
        made: deque[list[Any]] = deque(maxlen=SPAN)
        for n in range(600, 0, -1):
            close = price * (1 + self._random.gauss(0, 0.0008)) + (self.prices[name] - price) / n
            wick = abs(self._random.gauss(0, 0.0005)) * price
            at = _iso(self.market_at - timedelta(minutes=n - 1))
            made.append([at, price, max(price, close) + wick, min(price, close) - wick, close, 100.0])
            price = close
        return made

    @staticmethod
    def _now() -> str:
        return _iso(datetime.now(UTC))


def _iso(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")
