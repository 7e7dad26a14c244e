from __future__ import annotations

import multiprocessing
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import IntegrityError

from domain.errors import DatabaseAway, DatabaseBroken, StaleEpoch
from domain.events import CANDIDATE, PACKED_SCAN, RISK_APPROVED, SCAN_SUMMARY, Draft, event_id
from journal import database, lease, schema
from journal.store import Store


def drafts(*keys: object) -> list[Draft]:
    return [Draft(CANDIDATE, 1, str(key), {"key": key}) for key in keys]


def seqs(store: Store, run_id: str | None = None) -> list[int]:
    query = select(schema.events.c.seq).order_by(schema.events.c.seq)
    with store.read() as connection:
        wanted = query if run_id is None else query.where(schema.events.c.run_id == run_id)
        return list(connection.execute(wanted).scalars())


def counter(store: Store) -> int:
    with store.read() as connection:
        return connection.execute(select(schema.sequence.c.seq)).scalar_one()


def write(url: str, name: str, times: int) -> None:
    """One process of the test below: now and then it changes its mind and rolls back."""
    store = Store(url, epoch=1)
    for number in range(times):
        try:
            with store.transaction() as tx:
                tx.emit(name, drafts(f"{number}a", f"{number}b"))
                if number % 5 == 4:
                    raise ValueError("on second thoughts")
        except ValueError:
            continue
    store.close()


def test_events_of_a_transaction_get_consecutive_numbers(store: Store) -> None:
    with store.transaction() as tx:
        assert tx.emit("run", drafts(1, 2)) == 1
        assert tx.emit("run", []) == 3
        assert tx.emit("run", drafts(3)) == 3
    with store.transaction() as tx:
        assert tx.emit("run", drafts(4)) == 4

    assert seqs(store) == [1, 2, 3, 4]
    assert counter(store) == 4


def test_a_draft_becomes_a_row_with_its_computed_id(store: Store) -> None:
    draft = Draft(
        RISK_APPROVED, 7, "k", {"price": 1.5, "r": float("nan")}, "EURUSD", "cause", event_id("run", "X", "y")
    )
    with store.transaction() as tx:
        tx.emit("run", [draft, Draft(SCAN_SUMMARY, 8, "1", b"\x00rows", form=PACKED_SCAN)])

    with store.read() as connection:
        first, second = connection.execute(select(schema.events).order_by(schema.events.c.seq)).mappings()
    assert dict(first) == {
        "seq": 1,
        "id": event_id("run", RISK_APPROVED, "k"),
        "type": RISK_APPROVED,
        "at": 7,
        "run_id": "run",
        "symbol": "EURUSD",
        "correlation_id": "cause",
        "causation_id": event_id("run", "X", "y"),
        "form": 0,
        "body": b'{"price":1.5,"r":null}',
    }
    assert (second["form"], second["body"], second["symbol"]) == (PACKED_SCAN, b"\x00rows", None)


def test_processes_that_write_at_once_leave_no_gap(url: str, store: Store) -> None:
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        pool.starmap(write, [(url, f"run{number}", 20) for number in range(4)])

    assert seqs(store) == list(range(1, 4 * 2 * 16 + 1))
    assert counter(store) == 4 * 2 * 16
    assert database.check(url)["ok"]


def test_a_rollback_leaves_nothing_and_no_gap(store: Store) -> None:
    def half_an_act() -> None:
        with store.transaction() as tx:
            tx.emit("run", drafts(1, 2))
            tx.insert(schema.reservations, [{"order_id": "a", "account": "paper", "symbol": "X", "created_at": 1}])
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        half_an_act()
    with store.transaction() as tx:
        tx.emit("run", drafts(3))

    assert seqs(store) == [1]
    with store.read() as connection:
        assert connection.execute(select(func.count()).select_from(schema.reservations)).scalar_one() == 0


def test_the_same_event_twice_is_refused_whole(store: Store) -> None:
    with store.transaction() as tx:
        tx.emit("run", drafts("a"))
    with pytest.raises(IntegrityError), store.transaction() as tx:
        tx.emit("run", drafts("b", "a"))

    assert seqs(store) == [1]
    with store.transaction() as tx:
        assert tx.emit("other run", drafts("a")) == 2


def test_a_stale_epoch_may_not_write(url: str, store: Store) -> None:
    first = lease.acquire(url, 1, "here", 10**18, "run", alive=lambda _: False)
    with store.transaction() as tx:
        tx.emit("run", drafts(1))
    second = lease.acquire(url, 2, "here", 10**18, "run", alive=lambda _: False)

    assert (first, second) == (1, 2)
    with pytest.raises(StaleEpoch, match="epoch 2, this engine at 1"), store.transaction() as tx:
        tx.emit("run", drafts(2))
    assert seqs(store) == [1]
    newer = Store(url, second)
    with newer.transaction() as tx:
        assert tx.emit("run", drafts(2)) == 2
    newer.close()


@pytest.mark.parametrize(
    ("verb", "value"),
    [("upsert", "new"), ("insert_new", "old")],
)
def test_a_row_that_is_there_already_is_replaced_or_kept(store: Store, verb: str, value: str) -> None:
    with store.transaction() as tx:
        tx.insert(schema.key_values, [{"key": "a", "value": "old", "updated_at": 1}])
    with store.transaction() as tx:
        rows = [{"updated_at": 2, "value": "new", "key": "a"}, {"key": "b", "value": "new", "updated_at": 2}]
        getattr(tx, verb)(schema.key_values, rows)

    with store.read() as connection:
        found = {row.key: row.value for row in connection.execute(select(schema.key_values))}
    assert found == {"a": value, "b": "new"}


def test_inserting_no_rows_does_nothing(store: Store) -> None:
    with store.transaction() as tx:
        tx.insert(schema.orders, [])

    assert counter(store) == 0


@pytest.mark.parametrize("rows", [[{"key": "a", "nonsense": 1}], [{"key": "a"}]])
def test_a_row_that_does_not_fit_its_table_is_refused(store: Store, rows: list[dict[str, Any]]) -> None:
    with pytest.raises(Exception, match=r"nonsense|NOT NULL|not-null"), store.transaction() as tx:
        tx.insert(schema.key_values, rows)


def test_a_writer_that_cannot_get_the_lock_is_told_so(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("journal.engines.PATIENCE", 0.05)
    one, other = Store(url, 1), Store(url, 1)
    with one.transaction() as tx:
        tx.emit("run", drafts(1))
        with pytest.raises(DatabaseAway, match="held by another program"), other.transaction():
            pass
    with other.transaction() as tx:
        assert tx.emit("run", drafts(2)) == 2
    one.close()
    other.close()


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_a_full_disk_loses_the_transaction_and_nothing_else(url: str, store: Store) -> None:
    with store.transaction() as tx:
        pages = tx.connection.execute(text("PRAGMA page_count")).scalar_one()
        tx.connection.execute(text(f"PRAGMA max_page_count = {pages}"))
    with pytest.raises(DatabaseBroken, match="the disk is full: make room"), store.transaction() as tx:
        tx.emit("run", [Draft(CANDIDATE, 1, str(key), b"x" * 5000) for key in range(50)])

    assert seqs(store) == []
    with store.transaction() as tx:
        assert tx.emit("run", drafts(1)) == 1
    assert database.check(url)["ok"]


def test_a_large_batch_is_one_transaction(store: Store, tmp_path: Path) -> None:
    rows = [{"run_id": "run", "at": 1, "rank": rank, "body": b"%d" % rank} for rank in range(3000)]
    with store.transaction() as tx:
        tx.insert(schema.decisions, rows)
        first = tx.emit("run", drafts(*range(3000)))

    assert first == 1
    assert seqs(store) == list(range(1, 3001))
    with store.read() as connection:
        last = connection.execute(select(schema.events.c.body).where(schema.events.c.seq == 3000)).scalar_one()
    assert msgspec.json.decode(last) == {"key": 2999}
