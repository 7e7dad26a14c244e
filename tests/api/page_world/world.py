"""An invented market that moves: prices, decisions, orders, and every event they leave."""

from __future__ import annotations

import time
from collections import deque
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from tests.api.page_world.facts import HOSTILE, LONG, NAMES, RUN, SPAN, STARTS, Plain, iso, now
from tests.api.page_world.researched import Researched
from tests.api.page_world.results import FACTORS, Results, past
from tests.api.page_world.symbols import OfSymbols


class World(OfSymbols, Results):
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
        self.past = past(names, self.market_at.replace(hour=10), hostile)
        self.locks: dict[str, Plain] = {}
        self.latches: list[Plain] = []
        self.events: list[Plain] = []
        self.seq = 0
        self.cycle = 0
        self.times: list[float] = []
        self.balance = 100_000.0
        self.state_name, self.since, self.why = "idle", now(), ""
        self.moves: list[Plain] = []
        self.equities: list[Plain] = []
        self.peak = 100_000.0
        self._number = 0
        for n in range(400):
            self.balance += self._random.gauss(4, 60)
            self.equities.append(
                {
                    "at": iso(self.market_at - timedelta(minutes=15 * (400 - n))),
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
        self.research = Researched(self, self.emit)

    # -- what happens ----------------------------------------------------------------------------

    def emit(
        self, kind: str, data: Plain, symbol: str | None = None, story: str | None = None, cause: str | None = None
    ) -> Plain:
        self.seq += 1
        at = iso(self.market_at) if kind not in ("ENGINE_STATE", "ALERT", "HEARTBEAT", "HEALTH", "ERROR") else now()
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
        was, self.state_name, self.why, self.since = self.state_name, to, reason, now()
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
            "at": iso(self.market_at),
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
                [iso(self.market_at), last, max(last, price) + wick, min(last, price) - wick, price, 100.0]
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
        last = self.emit("TRADE_EXECUTION", fill | {"bar_ts": iso(self.market_at)}, name, story, last["id"])
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
            "opened_at": iso(self.market_at),
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
            "closed_at": iso(self.market_at),
            "opened_at": held["opened_at"],
            "strategy": "momentum",
            "fill_id": f"{len(self.trades):08x}close",
            "commission": 0.9,
            "net": pnl - 0.9,
            "flat": fraction == 1,
            "session": "NEW_YORK",
            "factors": [LONG] if self.hostile else [FACTORS[0]],
            "run_id": RUN,
            "account": f"paper:{RUN}",
            "correlation_id": held["story"],
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
                "at": iso(self.market_at),
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
                "at": now(),
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
        until = iso(datetime.now(UTC) + timedelta(hours=3))
        lock = {
            "id": f"lock-{len(self.locks)}",
            "account": f"paper:{RUN}",
            "symbol": name,
            "side": None,
            "code": code,
            "reason": reason,
        }
        self.locks[lock["id"]] = lock | {
            "from_at": now(),
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

    def _history(self, name: str) -> deque[list[Any]]:
        price = self.prices[name] * self._random.uniform(0.97, 1.03)
        made: deque[list[Any]] = deque(maxlen=SPAN)
        for n in range(600, 0, -1):
            close = price * (1 + self._random.gauss(0, 0.0008)) + (self.prices[name] - price) / n
            wick = abs(self._random.gauss(0, 0.0005)) * price
            at = iso(self.market_at - timedelta(minutes=n - 1))
            made.append([at, price, max(price, close) + wick, min(price, close) - wick, close, 100.0])
            price = close
        return made
