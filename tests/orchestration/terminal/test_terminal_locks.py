"""Locks that are shown and taken away, and what the closed trades came to."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select, update

from domain.timeframe import MINUTE
from journal import schema
from journal.store import Store
from orchestration.terminal import place
from tests.orchestration.terminal.conftest import AnsweringEngine, Answers, Argus
from tests.orchestration.terminal.story import RUN, T, write_book, write_run

Start = Callable[[Answers], AnsweringEngine]
OTHER = "20250101T000000-ffff"


def shown(argus: Argus, *more: str) -> list[tuple[str, str]]:
    code, out, err = argus("locks", "--json", *more)
    assert code == 0, err
    return [(one["id"], one["state"]) for one in json.loads(out)]


def change(store: Store, id: str, **values: Any) -> None:
    with store.transaction() as tx:
        tx.connection.execute(update(schema.locks).where(schema.locks.c.id == id).values(values))


# -- locks -----------------------------------------------------------------------------------------


def test_locks_that_are_over_are_shown_on_request(argus: Argus, store: Store) -> None:
    write_run(store)  # its last cycle is at T + 2 minutes
    write_book(store)

    assert shown(argus) == [("l1", "ACTIVE")]
    assert shown(argus, "--ended") == [("l2", "EXPIRED"), ("l1", "ACTIVE")]
    assert "expired" not in argus("locks")[1]
    out = argus("locks", "--ended")[1]
    assert "expired" in out
    assert "2024-01-02 00:00:00" in out  # from
    change(store, "l1", removed_at=T, removed_why="ann: looked")
    assert shown(argus) == []
    assert argus("locks")[1] == "no locks\n"
    assert "2024-01-02 00:00:00 by ann: looked" in argus("locks", "--ended")[1]


def test_all_locks_are_those_that_hold_in_each_accounts_own_time(argus: Argus, store: Store) -> None:
    write_run(store)
    write_book(store)
    write_run(store, OTHER, epoch=2)
    with store.transaction() as tx:
        mine = {"account": f"paper:{OTHER}", "symbol": None, "side": None, "code": "X", "reason": "", "from_at": T}
        mine |= {"removed_at": None, "removed_why": None}
        tx.insert(schema.locks, [mine | {"id": "m1", "until_at": T + 3 * MINUTE}, mine | {"id": "m2", "until_at": T}])

    assert shown(argus) == [("m1", "ACTIVE")]
    assert shown(argus, "--run", RUN) == [("l1", "ACTIVE")]
    assert shown(argus, "--all") == [("l1", "ACTIVE"), ("m1", "ACTIVE")]
    assert len(shown(argus, "--all", "--ended")) == 4


# -- locks remove ----------------------------------------------------------------------------------


def removals(store: Store) -> list[tuple[str, str, str]]:
    with store.read() as connection:
        rows = connection.execute(select(schema.commands).where(schema.commands.c.verb == "remove-lock")).all()
    return [(json.loads(row.arguments)["id"], row.why, row.state) for row in rows]


def test_a_lock_is_removed_without_an_engine(argus: Argus, store: Store) -> None:
    write_run(store)
    write_book(store)

    code, out, err = argus("locks", "remove", "l1", "--reason", "news is out")

    assert (code, out, err) == (0, "removed: COOLDOWN of BTC; no engine runs\n", "")
    assert shown(argus) == []
    assert removals(store) == [("l1", "news is out", "DONE")]
    with store.read() as connection:
        row = connection.execute(select(schema.locks).where(schema.locks.c.id == "l1")).one()
    assert (row.removed_at, row.removed_why) == (T + 2 * MINUTE, f"{place.operator()}: news is out")  # the run's time


@pytest.mark.parametrize(
    ("id", "text"),
    [
        ("nonsense", "no lock's id begins with 'nonsense'"),
        ("", "no lock's id begins with ''"),
        ("l", "more than one lock's id begins with 'l'"),
        ("l2", "lock l2 is over since 2024-01-02T00:01:00Z"),
    ],
)
@pytest.mark.parametrize("running", [False, True])
def test_what_holds_nothing_cannot_be_removed(
    argus: Argus, store: Store, engine: Start, id: str, text: str, running: bool
) -> None:
    write_run(store)
    write_book(store)
    if running:
        engine({"remove-lock": ("DONE", {})})

    code, out, err = argus("locks", "remove", id, "--reason", "because")

    assert (code, out) == (1, "")
    assert text in err
    assert removals(store) == []


def test_a_lock_is_removed_once(argus: Argus, store: Store) -> None:
    write_run(store)
    write_book(store)
    assert argus("locks", "remove", "l1", "--reason", "first", "--json")[0] == 0

    code, _, err = argus("locks", "remove", "l1", "--reason", "second")

    assert code == 1
    assert "lock l1 was removed already, at 2024-01-02T00:02:00Z by" in err
    assert ": first" in err
    assert removals(store) == [("l1", "first", "DONE")]


@pytest.mark.parametrize("arguments", [("l1",), ("l1", "--reason", " "), ("--reason", "x")])
def test_a_removal_needs_an_id_and_a_reason(argus: Argus, store: Store, arguments: tuple[str, ...]) -> None:
    write_book(store)

    assert argus("locks", "remove", *arguments)[0] == 2
    assert removals(store) == []


def test_a_removal_on_a_missing_database_is_refused(argus: Argus) -> None:
    assert argus("locks", "remove", "l1", "--reason", "x")[0] == 4


@pytest.mark.parametrize(("state", "code"), [("DONE", 0), ("REFUSED", 1)])
def test_a_running_engine_removes_the_lock_itself(
    argus: Argus, store: Store, engine: Start, state: str, code: int
) -> None:
    write_run(store)
    write_book(store)
    engine({"remove-lock": (state, {"reason": "gone"})})

    said, out, err = argus("locks", "remove", "l1", "--reason", "because")

    assert said == code, err
    assert out == ("remove-lock done at cycle 7\n" if code == 0 else "")
    assert removals(store) == [("l1", "because", state)]
    assert shown(argus) == [("l1", "ACTIVE")]  # the gate has the table


def test_an_engine_that_is_started_meanwhile_is_asked(
    argus: Argus, store: Store, engine: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_run(store)
    write_book(store)
    started = engine({"remove-lock": ("DONE", {})})
    looks = []

    def not_at_first(url: str) -> Any:
        looks.append(url)
        return None if len(looks) == 1 else living(url)

    living = place.living
    monkeypatch.setattr(place, "living", not_at_first)

    assert argus("locks", "remove", "l1", "--reason", "because")[0] == 0
    assert started.epoch > 0
    assert shown(argus) == [("l1", "ACTIVE")]
    assert removals(store) == [("l1", "because", "DONE")]


# -- trades --by -----------------------------------------------------------------------------------


def write_closes(store: Store, run_id: str, *closes: dict[str, Any], account: str = f"paper:{RUN}") -> None:
    usual: dict[str, Any] = {
        "account": account,
        "run_id": run_id,
        "symbol": "EURUSD",
        "strategy": "ema_cross",
        "side": 1,
        "quantity": "1000",
        "entry": "1.1",
        "exit": "1.2",
        "opened_at": T,
        "closed_at": T + MINUTE,
        "pnl": "100",
        "commission": "1",
        "r": 1.0,
        "reason": "TARGET",
        "correlation_id": "c",
        "flat": True,
        "session": "london",
        "factors": '["trend"]',
    }
    with store.transaction() as tx:
        tx.insert(schema.trades, [usual | one for one in closes])


def by(argus: Argus, kind: str, *more: str) -> dict[str | None, tuple[int, float]]:
    code, out, err = argus("trades", "--by", kind, "--json", *more)
    assert code == 0, err
    return {one["name"]: (one["trades"], one["net"]) for one in json.loads(out)}


def test_round_trips_add_up_by_name(argus: Argus, store: Store) -> None:
    write_run(store)
    write_closes(
        store,
        RUN,
        {"fill_id": "f1", "flat": False, "pnl": "60", "r": 2.0},
        {"fill_id": "f2", "pnl": "-20", "reason": "STOP", "r": -1.0},
        {"fill_id": "f3", "symbol": "BTC", "pnl": "-50", "reason": "STOP", "session": "", "factors": "[]", "r": None},
    )

    assert by(argus, "symbol") == {"BTC": (1, -51.0), "EURUSD": (1, 38.0), None: (2, -13.0)}
    assert by(argus, "reason") == {"STOP": (2, -13.0), None: (2, -13.0)}
    assert by(argus, "session") == {"": (1, -51.0), "london": (1, 38.0), None: (2, -13.0)}
    assert by(argus, "factor") == {"trend": (1, 38.0), None: (2, -13.0)}
    lines = [line.split() for line in argus("trades", "--by", "symbol")[1].splitlines()]
    assert lines[1][:4] == ["BTC", "1", "0%", "-51.00"]
    assert lines[2][:4] == ["EURUSD", "1", "100%", "+38.00"]
    assert lines[2][-1] == "+0.50"
    assert lines[3][:4] == ["all", "2", "50%", "-13.00"]


def test_a_trade_belongs_to_the_run_in_which_it_ended(argus: Argus, store: Store) -> None:
    write_run(store)
    write_run(store, OTHER, epoch=2, account=f"paper:{RUN}")
    write_closes(
        store,
        RUN,
        {"fill_id": "f1", "flat": False, "pnl": "60"},
        {"fill_id": "f2", "run_id": OTHER, "pnl": "10", "closed_at": T + 2 * MINUTE},
        {"fill_id": "f3", "symbol": "BTC"},
    )

    assert by(argus, "symbol") == {"EURUSD": (1, 68.0), None: (1, 68.0)}
    assert by(argus, "symbol", "--run", RUN) == {"BTC": (1, 99.0), None: (1, 99.0)}
    assert by(argus, "symbol", "--all") == {"BTC": (1, 99.0), "EURUSD": (1, 68.0), None: (2, 167.0)}


def test_closes_are_read_in_the_order_of_their_fills(argus: Argus, store: Store) -> None:
    write_run(store)
    write_closes(
        store,
        RUN,
        {"fill_id": "a", "reason": "STOP", "seq": 2},
        {"fill_id": "z", "flat": False, "reason": "PARTIAL", "seq": 1},
    )

    assert by(argus, "reason") == {"STOP": (1, 198.0), None: (1, 198.0)}


def test_nothing_closed_and_nothing_to_add_up_by(argus: Argus, store: Store) -> None:
    write_run(store)

    assert argus("trades", "--by", "symbol") == (0, "no closed trades\n", "")
    assert json.loads(argus("trades", "--by", "symbol", "--json")[1]) == []


def test_a_kind_that_is_none_is_wrong_usage(argus: Argus, store: Store) -> None:
    code, _, err = argus("trades", "--by", "weather")

    assert code == 2
    assert "allowed: symbol, strategy, session, factor, reason" in err
