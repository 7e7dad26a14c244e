"""Every check sees what it is for: rows of a sound run are tampered with, and its counter moves."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import sqlalchemy as sa

from benchmarks.chaos_checks import Findings, check, journal
from benchmarks.chaos_seed import Plan, Seed, mistakes
from benchmarks.chaos_venues import VENUES
from journal.engines import open_engine

RUN = "chaos-8"
ACCOUNT = f"paper:{RUN}"
AN_ENTRY = "(SELECT order_id FROM fills WHERE reason = 'ENTRY' ORDER BY seq LIMIT 1)"
A_WORKING = "(SELECT id FROM paper_orders WHERE status = 'ACCEPTED' ORDER BY id LIMIT 1)"
COPY = "INSERT INTO paper_orders SELECT account, 'again', status, filled, submitted_at, body FROM paper_orders"

TAMPERED = {
    "an entry is at the venue twice": ("duplicates", f"{COPY} WHERE id = {AN_ENTRY}"),
    "a fill is told of twice": (
        "duplicates",
        "INSERT INTO order_events SELECT 1000000, order_id, account, status, at, code, text, venue_ref, surprising, "
        "fill_id FROM order_events WHERE fill_id IS NOT NULL LIMIT 1",
    ),
    "a fill is recorded that never happened": (
        "duplicates",
        "DELETE FROM paper_fills WHERE n = (SELECT max(n) FROM paper_fills)",
    ),
    "an execution is published twice": (
        "duplicates",
        "INSERT INTO events SELECT (SELECT max(seq) + 1 FROM events), 'twice', type, at, run_id, symbol, "
        "correlation_id, causation_id, form, body FROM events WHERE type = 'TRADE_EXECUTION' LIMIT 1",
    ),
    "nobody knows what became of an order": ("lost", f"DELETE FROM order_events WHERE order_id = {AN_ENTRY}"),
    "a fill is missing": ("lost", "DELETE FROM fills WHERE seq = (SELECT max(seq) FROM fills)"),
    "an order at the venue is unknown": ("lost", f"{COPY} WHERE id = {A_WORKING}"),
    "a position is missing": (
        "mismatches",
        "DELETE FROM positions WHERE symbol = (SELECT min(symbol) FROM positions)",
    ),
    "a position is too large": ("mismatches", "UPDATE positions SET quantity = quantity || '1'"),
    "a stop is gone at the venue": ("mismatches", "UPDATE paper_positions SET stop = '0'"),
    "a target is another one": ("mismatches", "UPDATE positions SET target = '1'"),
    "the distance of the first stop has changed": (
        "mismatches",
        "UPDATE positions SET flags = replace(flags, 'distance', 'distances')",
    ),
    "a flag was set that nothing confirmed": (
        "mismatches",
        """UPDATE positions SET flags = replace(flags, '"orders"', '"done":["TP7"],"orders"')""",
    ),
    "a flag was forgotten": ("mismatches", """UPDATE positions SET flags = replace(flags, '"done"', '"once"')"""),
    "a stop is still on its way": (
        "mismatches",
        """UPDATE positions SET flags = replace(flags, '"orders"', '"change":{},"orders"')""",
    ),
    "a stop was moved again before the venue had answered": (
        "lost",
        "DELETE FROM stop_changes WHERE symbol = (SELECT symbol FROM stop_changes GROUP BY symbol "
        "ORDER BY count(*) DESC LIMIT 1)",
    ),
    "a round trip has not ended": (
        "mismatches",
        "UPDATE trades SET flat = 0 WHERE seq = (SELECT max(seq) FROM trades WHERE flat)",
    ),
    "a trade is of another position": (
        "mismatches",
        "UPDATE trades SET opened_at = 1 WHERE seq = (SELECT min(seq) FROM trades)",
    ),
    "a lock is missing": ("mismatches", "DELETE FROM locks WHERE id = (SELECT min(id) FROM locks)"),
    "a lock came of nothing": (
        "mismatches",
        "UPDATE locks SET id = 'another' WHERE id = (SELECT min(id) FROM locks)",
    ),
    "the fixed risk has changed": ("mismatches", "UPDATE positions SET risk = '1'"),
    "the flags have changed": ("mismatches", """UPDATE positions SET flags = '{"orders": ["another"]}'"""),
    "the balance is wrong": ("mismatches", "UPDATE accounts SET balance = '1'"),
    "the venue's cash is wrong": ("mismatches", """UPDATE paper_accounts SET cash = '{"USD": "1"}'"""),
    "a trade is missing": (
        "mismatches",
        "DELETE FROM trades WHERE fill_id = (SELECT min(fill_id) FROM trades)",
    ),
    "an event is missing": (
        "mismatches",
        "DELETE FROM events WHERE seq = (SELECT max(seq) - 5 FROM events)",
    ),
    "room is kept for an order that has ended": (
        "mismatches",
        f"INSERT INTO reservations VALUES ({AN_ENTRY}, '{ACCOUNT}', 'S001', 0)",
    ),
    "no room is kept for an order at work": ("mismatches", "DELETE FROM reservations"),
    "an order has ended in another way": (
        "mismatches",
        "UPDATE order_events SET status = 'REJECTED' WHERE status = 'EXPIRED'",
    ),
    "an order that has ended for us is at work": (
        "mismatches",
        f"UPDATE order_events SET status = 'CANCELLED' WHERE order_id = {A_WORKING}",
    ),
    "an order is unknown": (
        "unresolved",
        f"UPDATE order_events SET status = 'UNKNOWN' WHERE order_id = {A_WORKING}",
    ),
    "an order was sent and never answered": (
        "unresolved",
        "DELETE FROM order_events WHERE status = 'EXPIRED'",
    ),
}


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The database of a run in which nothing was broken; orders are at work, positions are open."""
    path = tmp_path_factory.mktemp("chaos") / "sound.db"
    Seed(Plan(venue="paper", intents=80, seed=8, url=f"sqlite:///{path}", symbols=10, faults=False)).run()
    return path


def found(path: Path, tamper: str = "") -> Findings:
    engine = open_engine(f"sqlite:///{path}")
    try:
        with engine.begin() as c:
            changed = c.execute(sa.text(tamper)).rowcount if tamper else 1
            assert changed
            return check(journal(c, ACCOUNT, RUN), VENUES["paper"].truth(c, ACCOUNT))
    finally:
        engine.dispose()


def test_a_sound_run_has_no_findings(sound: Path) -> None:
    assert found(sound).lines() == []


@pytest.mark.parametrize("what", ["IntegrityError: twice", "InvalidTransition: FILLED -> INTENT"])
def test_a_mistake_in_the_program_is_no_answer_to_a_fault(sound: Path, tmp_path: Path, what: str) -> None:
    copy = Path(shutil.copy(sound, tmp_path / "mistaken.db"))
    fault = "ActorLost: Executor is lost: ActorUnavailableError"
    row = "INSERT INTO events VALUES (:seq, :seq, 'ERROR', 0, :run, NULL, NULL, NULL, 0, :body)"
    engine = open_engine(f"sqlite:///{copy}")
    with engine.begin() as c:
        for seq, text in enumerate((fault, what), 1_000_000):
            c.execute(sa.text(row), {"seq": seq, "run": RUN, "body": json.dumps({"cycle": 1, "error": text}).encode()})

        assert [one for one in mistakes(c, RUN) if what in one] == mistakes(c, RUN) != []
    engine.dispose()


@pytest.mark.parametrize("what", TAMPERED)
def test_what_was_tampered_with_is_found(sound: Path, tmp_path: Path, what: str) -> None:
    counter, tamper = TAMPERED[what]
    copy = Path(shutil.copy(sound, tmp_path / "tampered.db"))

    findings = found(copy, tamper)

    assert findings.counts()[counter] > 0, findings
