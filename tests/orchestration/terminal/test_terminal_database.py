"""The verbs that keep the database: what they say to people, to programs and to the shell."""

from __future__ import annotations

import json
from pathlib import Path

from sqlalchemy import update

from domain.events import CANDIDATE, Draft
from journal import database, schema
from journal.store import Store
from tests.orchestration.terminal.conftest import Argus

RESERVED = [{"order_id": f"{number:032x}", "account": "A", "symbol": "EURUSD", "created_at": 1} for number in range(8)]


def test_a_check_tells_people_what_is_wrong_and_programs_all_of_it(argus: Argus, store: Store) -> None:
    with store.transaction() as tx:
        tx.insert(schema.reservations, RESERVED)

    code, out, _ = argus("db", "check")
    assert code == 1
    assert "books       do not agree" in out
    assert f"reservations that nothing needs: NO_ORDER order_id {RESERVED[0]['order_id']} account A" in out
    assert "and 3 more" in out
    assert "NOT SOUND" in out

    code, out, _ = argus("db", "check", "--json")
    assert code == 1
    assert [one["order_id"] for one in json.loads(out)["reservations"]] == [one["order_id"] for one in RESERVED]


def test_a_check_of_sound_books_says_so(argus: Argus, store: Store) -> None:
    code, out, _ = argus("db", "check")

    assert code == 0
    assert "books       agree" in out
    assert "unrecorded  none" in out


def test_a_damaged_file_is_not_sound(argus: Argus, store: Store, home: Path) -> None:
    with store.transaction() as tx:
        tx.emit("run", [Draft(CANDIDATE, 1, str(key), {"key": "x" * 500}) for key in range(400)])
    store.close()
    path = home / "argus.db"
    whole = path.read_bytes()
    middle = whole.index(b"x" * 500) // 4096 * 4096
    path.write_bytes(whole[:middle] + b"\xff" * 8192 + whole[middle + 8192 :])

    code, out, err = argus("db", "check")
    assert (code, err) == (1, "")
    assert "NOT SOUND: restore a backup" in out
    code, out, _ = argus("db", "check", "--json")
    assert (code, json.loads(out)["ok"]) == (1, False)
    code, _, err = argus("db", "backup")
    assert code in (1, 4)
    assert "error: database" in err
    code, _, err = argus("events")
    assert code == 1
    assert "damaged" in err


def test_a_backup_names_the_copy(argus: Argus, store: Store, home: Path) -> None:
    code, out, _ = argus("db", "backup")
    (copy,) = home.glob("argus-*Z.db")
    assert code == 0
    assert f"to {copy} ({copy.stat().st_size:,} bytes)" in out

    code, out, _ = argus("db", "backup", str(home / "copy.db"), "--json")
    said = json.loads(out)
    assert code == 0
    assert (said["backup"], said["bytes"]) == (str(home / "copy.db"), (home / "copy.db").stat().st_size)
    assert database.check(f"sqlite:///{home / 'copy.db'}")["ok"]


def test_a_backup_takes_no_other_files_place(argus: Argus, store: Store, home: Path) -> None:
    (home / "copy").write_text("precious")

    code, _, err = argus("db", "backup", str(home / "copy"))

    assert code == 4
    assert "is not overwritten: name another file" in err


def test_a_backup_says_how_to_restore_it(argus: Argus) -> None:
    code, out, _ = argus("db", "backup", "--help")

    assert code == 0
    for word in ("argus.db-wal", "pg_restore", "createdb", "db check"):
        assert word in out


def test_postgresql_is_a_database_like_any_other(argus: Argus, postgres_url: str, tmp_path: Path) -> None:
    asked = ("--db-url", postgres_url)
    assert json.loads(argus("db", "migrate", "--json", *asked)[1])["from"] == schema.HEAD
    assert json.loads(argus("db", "check", "--json", *asked)[1])["ok"] is True
    assert argus("db", "backup", str(tmp_path / "copy.dump"), *asked)[0] == 0
    code, out, _ = argus("halt", "--reason", "enough", "--json", *asked)
    assert code == 0
    assert "HALT" in out.upper()
    for verb in ("status", "positions", "orders", "trades", "locks"):
        code, out, err = argus(verb, "--json", *asked)
        assert (code in (0, 3), err) == (True, ""), verb

    store = Store(postgres_url, epoch=1)
    with store.transaction() as tx:
        tx.connection.execute(update(schema.sequence).values(seq=5))
    store.close()
    assert argus("db", "check", *asked)[0] == 1
