"""The verbs ``db migrate``, ``db check``, ``db backup`` and ``db compact``."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from orchestration.terminal.exits import DONE, FAILED, guarded
from orchestration.terminal.options import AsJson, DatabaseUrl
from orchestration.terminal.output import print_facts, print_json, say

BackupFile = Annotated[
    str | None,
    typer.Argument(metavar="FILE", help="The copy.", show_default="beside the database, named by the time"),
]


@guarded
def migrate(db_url: DatabaseUrl = None, as_json: AsJson = False) -> int:
    """Make the database, or bring it to the schema of this program.

    run does the same by itself; nothing is left half-done. A database of a newer program is refused (exit
    code 4).
    """
    from journal import database
    from orchestration.terminal.place import database_url

    url = database_url(db_url)
    done = database.migrate(url) | {"database": database.password_hidden(url)}
    if as_json:
        print_json(done)
    elif done["from"] is None:
        say(f"made {done['database']} with schema {done['to']}")
    elif done["from"] == done["to"]:
        say(f"{done['database']} has schema {done['to']} already")
    else:
        say(f"brought {done['database']} from schema {done['from']} to {done['to']}")
    return DONE


@guarded
def check(db_url: DatabaseUrl = None, as_json: AsJson = False) -> int:
    """Check the database: the file, gaps in seq, anything twice, and whether the books agree.

    Exit code 0 if it is sound, 1 if it is not, 4 if there is none. The books: every position is the sum of its
    fills, our orders and fills are those of the paper venue, each order's steps are possible ones, and each plan
    opened at most one position. Unresolved orders and unrecorded fills are no fault: the next start reconciles them.
    """
    from journal import database
    from orchestration.terminal.place import database_url

    url = database_url(db_url)
    found = database.check(url) | {"database": database.password_hidden(url)}
    if as_json:
        print_json(found)
    else:
        print_facts(_facts(found))
    return DONE if found["ok"] else FAILED


@guarded
def backup(file: BackupFile = None, db_url: DatabaseUrl = None, as_json: AsJson = False) -> int:
    """Copy the database into one file, also while an engine runs.

    A file that is there already is not overwritten (exit code 4). PostgreSQL is copied by pg_dump, which must be
    installed.

    To restore SQLite: stop the engine, move argus.db, argus.db-wal and argus.db-shm away, put the copy in the place
    of argus.db. To restore PostgreSQL: createdb NEW, then pg_restore --dbname=NEW FILE, then name NEW in --db-url.
    Run db check afterwards; the next start reconciles with the venue what happened since the copy.
    """
    from journal import database
    from journal.backup import backup
    from orchestration.terminal.place import database_url, now

    url = database_url(db_url)
    copy = backup(url, file, now())
    done = {"backup": str(copy), "bytes": copy.stat().st_size, "database": database.password_hidden(url)}
    if as_json:
        print_json(done)
    else:
        say(f"copied {done['database']} to {done['backup']} ({done['bytes']:,} bytes)")
    return DONE


@guarded
def compact(
    keep_hours: Annotated[
        float | None,
        typer.Option(
            "--keep-hours",
            min=0.0,
            help="Keep events of these types for so long, whatever the run was told.",
            show_default="as each run was configured",
        ),
    ] = None,
    db_url: DatabaseUrl = None,
    as_json: AsJson = False,
) -> int:
    """Drop events of live runs that are older than they are kept for, also of runs that have ended.

    Scans, account updates, health and heartbeats only, and the newest of each stays. Decisions, orders, fills, trades
    and alerts are never touched, nor is any recorded or simulated run. Works beside a running engine. The file of
    SQLite becomes smaller only where no engine runs.
    """
    from journal import database
    from orchestration.terminal.compacting import compacted
    from orchestration.terminal.place import database_url

    url = database_url(db_url)
    database.require(url)
    done = compacted(url, keep_hours) | {"database": database.password_hidden(url)}
    if as_json:
        print_json(done)
    else:
        smaller = ", and the file made smaller" if done["vacuumed"] else ""
        say(f"dropped {done['dropped']:,} events of {done['database']}{smaller}")
    return DONE


SHOWN = 5
"""So many findings of a kind are named to people; --json names all."""

_BOOKS = {
    "reservations": "reservations that nothing needs",
    "positions": "positions that differ from their fills",
    "mismatches": "differences from the venue",
    "illegal": "impossible steps of orders",
    "doubled": "plans with more than one position",
    "trades": "closes that differ from their fills",
    "locks": "locks that can hold nothing",
}


def _facts(found: dict[str, Any]) -> list[tuple[str, str]]:
    first = [
        ("database", found["database"]),
        ("schema", f"{found['schema']} (this program: {found['head']})"),
        ("file", found["integrity"]),
    ]
    last = ("", "ok" if found["ok"] else "NOT SOUND: restore a backup, or keep this file and start a new database")
    return [*first, last] if found["events"] is None else [*first, *_content(found), last]


def _content(found: dict[str, Any]) -> list[tuple[str, str]]:
    unresolved = [f"{one['order_id'][:16]} {one['status']}" for one in found["unresolved"]]
    unrecorded = [f"{one['fill_id'][:16]} {one['symbol']}" for one in found["unrecorded"]]
    faults = [
        ("", f"{what}: {_shown([_words(one) for one in found[name]])}") for name, what in _BOOKS.items() if found[name]
    ]
    return [
        ("events", f"{found['events']:,}, {found['gaps']:,} missing"),
        ("orders", f"{found['orders']:,}"),
        ("fills", f"{found['fills']:,}, {found['duplicates']:,} twice"),
        ("unresolved", _shown(unresolved)),
        ("unrecorded", _shown(unrecorded)),
        ("books", "agree" if not faults else "do not agree"),
        *faults,
    ]


def _shown(found: list[str]) -> str:
    more = [f"and {len(found) - SHOWN:,} more"] if len(found) > SHOWN else []
    return ", ".join([*found[:SHOWN], *more]) or "none"


def _words(finding: dict[str, Any]) -> str:
    """One finding in a few words: ids cut to what tells two of them apart."""
    values = (" ".join(value) if isinstance(value, list) else str(value) for value in finding.values() if value)
    names = (name for name, value in finding.items() if value)
    return " ".join(value if name == "what" else f"{name} {value}" for name, value in zip(names, values, strict=True))
