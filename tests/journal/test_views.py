from __future__ import annotations

import json
from typing import Any

import pytest
from sqlalchemy import Table

from domain.events import ENGINE_STATE, Draft
from journal import lease, schema, views
from journal.store import Store

T = 1_451_892_600_000_000_000
WHEN = "2016-01-04T07:30:00Z"

ROWS: dict[str, dict[str, Any]] = {
    "runs": {
        "run_id": "run",
        "epoch": 1,
        "account": "paper",
        "live": True,
        "simulated": False,
        "started_at": T,
        "ended_at": None,
        "config": '{"seed":7}',
        "symbols": '["EURUSD"]',
        "codes": '["NO_SIGNAL"]',
        "inputs": "{}",
        "warmed_until": 0,
        "exit_reason": None,
    },
    "cycles": {"run_id": "run", "n": 1, "at": T, "digest": "", "snapshot": b"", "closed": True},
    "orders": {
        "id": "o1",
        "account": "paper",
        "run_id": "run",
        "venue": "paper",
        "symbol": "EURUSD",
        "strategy": "ema_cross",
        "purpose": "ENTRY",
        "side": 1,
        "quantity": "10000",
        "reduces": "0",
        "kind": "MARKET",
        "price": "0",
        "stop": "1.05",
        "target": "0",
        "entry": "1.08765",
        "at": T,
        "rank": 0,
        "attempt": 0,
        "expires_at": 0,
        "correlation_id": "c",
        "answer": "APPROVED",
        "code": "",
        "value": None,
        "threshold": None,
    },
    "order_events": {
        "seq": 1,
        "order_id": "o1",
        "account": "paper",
        "status": "SUBMITTED",
        "at": T,
        "code": "",
        "text": "",
        "venue_ref": "",
        "surprising": False,
        "fill_id": None,
    },
    "fills": {
        "id": "f1",
        "seq": 1,
        "order_id": "o1",
        "account": "paper",
        "run_id": "run",
        "symbol": "EURUSD",
        "side": -1,
        "quantity": "10000",
        "price": "1.08765",
        "commission": "1.08765",
        "at": T,
        "bar_ts": 0,
        "reason": "ENTRY",
        "stop": "1.05",
        "target": "0",
        "strategy": "ema_cross",
        "correlation_id": "c",
    },
    "positions": {
        "account": "paper",
        "symbol": "EURUSD",
        "quantity": "-30000",
        "cost": "-32629.5",
        "opened_at": T,
        "strategy": "ema_cross",
        "entry_order": "o1",
        "correlation_id": "c",
        "stop": "1.1",
        "target": "0",
        "risk": "370.5",
        "realised": "0",
        "commission": "3.26295",
        "flags": '{"breakeven":true}',
    },
    "accounts": {"account": "paper", "currency": "USD", "started_cash": "100000", "balance": "100012.5", "cursor": 4},
    "trades": {
        "account": "paper",
        "fill_id": "f1",
        "run_id": "run",
        "symbol": "EURUSD",
        "strategy": "ema_cross",
        "side": 1,
        "quantity": "10000",
        "entry": "1.08",
        "exit": "1.09",
        "opened_at": T,
        "closed_at": T,
        "pnl": "100",
        "commission": "2.17",
        "r": 0.5,
        "reason": "SIGNAL",
        "correlation_id": "c",
    },
    "locks": {
        "id": "l1",
        "account": "paper",
        "symbol": None,
        "side": None,
        "code": "COOLDOWN",
        "reason": "a loss",
        "from_at": T,
        "until_at": T + 60_000_000_000,
        "removed_at": None,
        "removed_why": None,
    },
    "latches": {
        "account": "paper",
        "code": "MAX_DRAWDOWN",
        "reason": "limit",
        "value": "0.16",
        "threshold": "0.15",
        "at": T,
        "reset_at": None,
        "reset_reason": None,
    },
    "reservations": {"order_id": "o1", "account": "paper", "symbol": "EURUSD", "created_at": T},
    "decisions": {"run_id": "run", "at": T, "rank": 0, "body": b"{}"},
}


def put(store: Store, name: str, *changes: dict[str, Any]) -> None:
    table: Table = schema.metadata.tables[name]
    with store.transaction() as tx:
        tx.insert(table, [ROWS[name] | change for change in changes])


def test_an_empty_database_answers_everything(store: Store) -> None:
    with store.read() as c:
        assert views.latest_run(c) is None
        assert views.status(c) == {
            "run": None,
            "engine": None,
            "lease": None,
            "account": None,
            "positions": 0,
            "open_orders": 0,
            "latches": [],
            "cycle": None,
        }
        for view in (views.runs, views.positions, views.orders, views.trades, views.fills, views.locks, views.events):
            assert view(c) == []


def test_the_newest_run_is_the_one_of_the_last_start(store: Store) -> None:
    put(store, "runs", {"run_id": "b", "epoch": 2}, {"run_id": "a", "epoch": 3}, {"run_id": "c", "epoch": 1})

    with store.read() as c:
        assert [one["run_id"] for one in views.runs(c)] == ["a", "b", "c"]
        latest = views.latest_run(c)
        assert latest == views.run(c, "a")
    assert latest is not None
    assert (latest["started_at"], latest["ended_at"], latest["warmed_until"]) == (WHEN, None, None)
    assert (latest["config"], latest["symbols"], latest["codes"]) == ({"seed": 7}, ["EURUSD"], ["NO_SIGNAL"])
    assert latest["live"] is True


def test_status_tells_of_the_newest_run_only(store: Store, url: str) -> None:
    put(store, "runs", {}, {"run_id": "older", "epoch": 0, "account": "other"})
    put(store, "cycles", {}, {"n": 2, "at": T, "closed": False}, {"run_id": "older", "n": 9})
    put(store, "accounts", {}, {"account": "other"})
    put(store, "positions", {}, {"symbol": "BTC"}, {"account": "other"})
    put(store, "reservations", {}, {"order_id": "o2", "account": "other"})
    put(store, "latches", {"account": "*", "code": "OPERATOR", "value": "not JSON", "threshold": None}, {})
    with store.transaction() as tx:
        tx.emit("run", [Draft(ENGINE_STATE, T, "1", {"state": "initializing"})])
        tx.emit("run", [Draft(ENGINE_STATE, T, "2", {"state": "running"})])
        tx.emit("older", [Draft(ENGINE_STATE, T, "1", {"state": "stopped"})])
    lease.acquire(url, 10, "here", T, "run", alive=lambda _: True)

    with store.read() as c:
        status = views.status(c)
    assert status["run"]["run_id"] == "run"
    assert status["engine"] == {"at": WHEN, "state": "running"}
    assert status["lease"] == {
        "pid": 10,
        "host": "here",
        "beat_at": WHEN,
        "started_at": WHEN,
        "epoch": 1,
        "run_id": "run",
    }
    assert (status["account"]["balance"], status["account"]["currency"]) == (100012.5, "USD")
    assert (status["positions"], status["open_orders"]) == (2, 1)
    assert [(one["account"], one["value"]) for one in status["latches"]] == [("*", "not JSON"), ("paper", 0.16)]
    assert status["cycle"] == {"n": 2, "at": WHEN, "closed": False}
    assert json.dumps(status, allow_nan=False)


def test_positions_come_with_the_average_price_paid(store: Store) -> None:
    put(store, "positions", {}, {"account": "other", "symbol": "BTC", "quantity": "0", "cost": "0"})

    with store.read() as c:
        (short,) = views.positions(c, "paper")
        assert [one["price"] for one in views.positions(c)] == [None, 1.08765]
    assert (short["quantity"], short["price"], short["risk"], short["opened_at"]) == (-30000.0, 1.08765, 370.5, WHEN)
    assert short["flags"] == {"breakeven": True}


@pytest.mark.parametrize(
    ("answer", "steps", "status"),
    [
        ("APPROVED", (), "INTENT"),
        ("DENIED", (), "DENIED"),
        ("APPROVED", ("SUBMITTED",), "SUBMITTED"),
        ("APPROVED", ("SUBMITTED", "ACCEPTED", "FILLED"), "FILLED"),
    ],
)
def test_the_status_of_an_order_is_its_last_step(
    store: Store, answer: str, steps: tuple[str, ...], status: str
) -> None:
    put(store, "orders", {"answer": answer, "value": "3", "threshold": '"none"'})
    for seq, step in enumerate(steps, 1):
        put(store, "order_events", {"seq": seq, "status": step})

    with store.read() as c:
        (order,) = views.orders(c)
    assert order["status"] == status
    assert (order["side"], order["entry"], order["at"], order["expires_at"]) == ("BUY", 1.08765, WHEN, None)
    assert (order["value"], order["threshold"]) == (3, "none")


def test_the_newest_orders_come_in_the_order_of_their_time_and_rank(store: Store) -> None:
    put(
        store,
        "orders",
        {"id": "d", "at": T + 1, "rank": 1},
        {"id": "a", "at": T},
        {"id": "c", "at": T + 1, "rank": 0},
        {"id": "e", "at": T + 2, "run_id": "other", "account": "other"},
    )

    with store.read() as c:
        assert [one["id"] for one in views.orders(c)] == ["a", "c", "d", "e"]
        assert [one["id"] for one in views.orders(c, limit=2)] == ["d", "e"]
        assert [one["id"] for one in views.orders(c, run_id="run", limit=2)] == ["c", "d"]
        assert [one["id"] for one in views.orders(c, account="other")] == ["e"]


def test_trades_and_fills_are_plain(store: Store) -> None:
    put(store, "trades", {}, {"fill_id": "f2", "closed_at": T + 1, "r": None, "run_id": "other"})
    put(store, "fills", {}, {"id": "f2", "seq": 2, "bar_ts": T, "run_id": "other"})

    with store.read() as c:
        assert [(one["fill_id"], one["r"], one["pnl"]) for one in views.trades(c)] == [
            ("f1", 0.5, 100.0),
            ("f2", None, 100.0),
        ]
        assert [one["fill_id"] for one in views.trades(c, "other")] == ["f2"]
        assert [one["fill_id"] for one in views.trades(c, account="paper", limit=1)] == ["f2"]
        assert [(one["id"], one["side"], one["bar_ts"]) for one in views.fills(c)] == [
            ("f1", "SELL", None),
            ("f2", "SELL", WHEN),
        ]
        assert [one["id"] for one in views.fills(c, run_id="other")] == ["f2"]


def test_locks_that_were_removed_or_are_over_do_not_stand(store: Store) -> None:
    put(store, "locks", {}, {"id": "l2", "removed_at": T, "removed_why": "by hand"}, {"id": "l3", "side": -1})

    with store.read() as c:
        assert [(one["id"], one["side"]) for one in views.locks(c)] == [("l1", None), ("l3", "SELL")]
        assert len(views.locks(c, at=T)) == 2
        assert views.locks(c, at=T + 60_000_000_000) == []
        assert views.locks(c, account="other") == []


def test_latches_that_were_reset_do_not_stand(store: Store) -> None:
    put(store, "latches", {"reset_at": T, "reset_reason": "checked"}, {"account": "other"})

    with store.read() as c:
        assert views.standing_latches(c, "paper") == []
        assert [one["account"] for one in views.standing_latches(c)] == ["other"]


def test_events_are_read_on_from_a_seq(store: Store) -> None:
    with store.transaction() as tx:
        tx.emit("run", [Draft("CANDIDATE", T, str(number), {}) for number in range(4)])
        tx.emit("other", [Draft("CANDIDATE", T, str(number), {}) for number in range(2)])

    with store.read() as c:
        assert [one["seq"] for one in views.events(c, after=2, limit=3)] == [3, 4, 5]
        assert [one["seq"] for one in views.events(c, "other")] == [5, 6]


def test_decisions_come_by_time_and_rank(store: Store) -> None:
    put(
        store,
        "decisions",
        {"at": T + 1, "rank": 0, "body": b"c"},
        {"rank": 1, "body": b"b"},
        {"rank": 0, "body": b"a"},
        {"run_id": "other", "body": b"x"},
    )

    with store.read() as c:
        assert list(views.decisions(c, "run")) == [b"a", b"b", b"c"]
