"""A run's events, made by hand, and the database that holds them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec
import numpy as np

from domain.candidate import CODE, REASONS, REPORT
from domain.events import PACKED_SCAN, Draft
from domain.timeframe import MINUTE
from journal import schema
from journal.codec import pack_scan
from journal.store import Store
from orchestration.terminal.info import RunInfo

T = 1_704_153_600_000_000_000  # 2024-01-02T00:00Z
RUN = "20240102T000000-abcd"


def an_info(*symbols: str, **changed: Any) -> RunInfo:
    facts: dict[str, Any] = {
        "run_id": RUN,
        "symbols": symbols or ("EURUSD", "BTC"),
        "codes": REASONS,
        "simulated": False,
        "live": False,
        "strategy": "ema_cross",
        "preset": "balanced",
        "timeframe": "M1",
        "feed": "recorded",
        "account": f"paper:{RUN}",
        "currency": "USD",
        "cash": 100_000.0,
        "dashboard_url": "http://127.0.0.1:8265",
        "database": "sqlite:////data/argus.db",
        "cycles": None,
        "start": T,
        "end": None,
    }
    return RunInfo(**facts | changed)


def scan(
    n: int, closes: Mapping[str, float], reasons: Mapping[str, str] | None = None, equity: float = 100_000.0
) -> Draft:
    """The SCAN_SUMMARY of cycle ``n``; a reason that is no code is a text."""
    said = reasons or {}
    rows = np.zeros(len(closes), REPORT)
    for row, (symbol, close) in zip(rows, closes.items(), strict=True):
        row["code"], row["close"] = CODE.get(said.get(symbol, "NO_SIGNAL"), CODE["DENIED"]), close
    texts = {symbol: reason for symbol, reason in said.items() if reason not in CODE}
    head = {"equity": equity, "balance": 100_000.0, "state": "ACTIVE", "last_cycle_ms": 1.2, "scan_ms": 0.4}
    body = pack_scan(n, len(closes), 0, head | {"working": 0}, rows.tobytes(), texts)
    return Draft("SCAN_SUMMARY", T + n * MINUTE, str(n), body, form=PACKED_SCAN)


def fill(symbol: str, side: str, quantity: float, price: float, key: str = "f", at: int = T) -> Draft:
    data = {"side": side, "direction": side, "quantity": quantity, "lot": None, "price": price, "commission": 1.25}
    data |= {"order_id": f"order-{key}", "fill_id": key, "reason": "ENTRY", "bar_ts": None}
    return Draft("TRADE_EXECUTION", at, key, data, symbol, "cause")


def opened(symbol: str, side: str, quantity: float, entry: float, stop: float | None = None) -> Draft:
    data = {"side": side, "quantity": quantity, "entry": entry, "stop": stop, "target": None, "order_id": "o"}
    return Draft("POSITION_OPENED", T, f"{symbol}{side}{entry}", data, symbol, "cause")


def denied(symbol: str, code: str, value: Any = 5, threshold: Any = 5, key: str = "d") -> Draft:
    data = {"code": code, "value": value, "threshold": threshold, "order_id": "x", "direction": "BUY"}
    return Draft("RISK_DENIED", T, key + symbol, data | {"strategy": "ema_cross"}, symbol, "cause")


def engine_state(state: str) -> Draft:
    return Draft("ENGINE_STATE", T, state, {"state": state, "from": "initializing", "reason": "ready"})


def alert() -> Draft:
    data = {"alert": "TRADING_STATE", "from": "ACTIVE", "to": "HALTED", "code": "MAX_DRAWDOWN"}
    return Draft("ALERT", T, "alert", data | {"value": 0.16, "threshold": 0.15})


def run_summary(**changed: Any) -> Draft:
    data: dict[str, Any] = {"cycles": 2, "candidates": 3, "orders": 1, "fills": 1, "equity": 101_000.0}
    data |= {"positions": [], "decisions_hash": "ab" * 32, "exit_reason": "cycles", "out": {}}
    return Draft("RUN_SUMMARY", T + 2 * MINUTE, "end", data | changed)


def rows_of(drafts: Sequence[Draft], run_id: str = RUN) -> Iterator[dict[str, Any]]:
    """Drafts as rows of the event table."""
    for seq, one in enumerate(drafts, 1):
        body = one.data if isinstance(one.data, bytes) else msgspec.json.encode(one.data)
        yield {
            "seq": seq,
            "id": one.id(run_id),
            "type": one.type,
            "at": one.at,
            "run_id": run_id,
            "symbol": one.symbol,
            "correlation_id": one.correlation_id,
            "causation_id": one.causation_id,
            "form": one.form,
            "body": body,
        }


def write_run(store: Store, run_id: str = RUN, **changed: Any) -> None:
    """A row for the run, its account, and one closed cycle."""
    account = f"paper:{run_id}"
    config = {
        "preset": "balanced",
        "strategy": {"name": "ema_cross"},
        "account": {"currency": "USD", "convert": True},
        "instruments": {},
    }
    row = {
        "run_id": run_id,
        "epoch": 1,
        "account": account,
        "live": False,
        "simulated": False,
        "started_at": T,
        "ended_at": T + 5 * MINUTE,
        "config": msgspec.json.encode(config).decode(),
        "symbols": '["EURUSD","BTC"]',
        "codes": msgspec.json.encode(REASONS).decode(),
        "inputs": "{}",
        "warmed_until": T,
        "exit_reason": "cycles",
    }
    with store.transaction() as tx:
        tx.insert(schema.runs, [row | changed])
        tx.insert(
            schema.accounts,
            [{"account": account, "currency": "USD", "started_cash": "100000", "balance": "100012.5", "cursor": 0}],
        )
        tx.insert(
            schema.cycles,
            [{"run_id": run_id, "n": 2, "at": T + 2 * MINUTE, "digest": "", "snapshot": b"", "closed": True}],
        )


def write_book(store: Store, run_id: str = RUN) -> None:
    """A position, an approved and a denied order, a closed trade and two locks."""
    account = f"paper:{run_id}"
    order = {
        "id": "aaaa1111",
        "account": account,
        "run_id": run_id,
        "venue": "paper",
        "symbol": "EURUSD",
        "strategy": "ema_cross",
        "purpose": "ENTRY",
        "side": 1,
        "quantity": "12000",
        "reduces": "0",
        "kind": "MARKET",
        "price": "0",
        "stop": "1.05",
        "target": "0",
        "entry": "1.1",
        "at": T,
        "rank": 0,
        "attempt": 0,
        "expires_at": 0,
        "correlation_id": "c",
        "answer": "APPROVED",
        "code": "",
        "value": None,
        "threshold": None,
    }
    refused = {"id": "aaaa2222", "symbol": "BTC", "answer": "DENIED", "code": "MAX_OPEN_POSITIONS", "rank": 1}
    position = {
        "account": account,
        "symbol": "EURUSD",
        "quantity": "12000",
        "cost": "13200",
        "opened_at": T,
        "strategy": "ema_cross",
        "entry_order": "aaaa1111",
        "correlation_id": "c",
        "stop": "1.05",
        "target": "0",
        "risk": "600",
        "realised": "0",
        "commission": "1.32",
        "flags": "{}",
    }
    trade = {
        "account": account,
        "fill_id": "f1",
        "run_id": run_id,
        "symbol": "BTC",
        "strategy": "ema_cross",
        "side": -1,
        "quantity": "0.5",
        "entry": "43000",
        "exit": "42000",
        "opened_at": T,
        "closed_at": T + MINUTE,
        "pnl": "500",
        "commission": "42.5",
        "r": 1.25,
        "reason": "TARGET",
        "correlation_id": "c",
    }
    lock = {
        "id": "l1",
        "account": account,
        "symbol": "BTC",
        "side": None,
        "code": "COOLDOWN",
        "reason": "a loss",
        "from_at": T,
        "until_at": T + 60 * MINUTE,
        "removed_at": None,
        "removed_why": None,
    }
    with store.transaction() as tx:
        tx.insert(schema.orders, [order, order | refused | {"value": "5", "threshold": "5"}])
        tx.insert(schema.positions, [position])
        tx.insert(schema.trades, [trade])
        tx.insert(schema.locks, [lock, lock | {"id": "l2", "until_at": T + MINUTE}])
