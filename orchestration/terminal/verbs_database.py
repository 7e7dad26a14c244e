"""The verbs ``db migrate`` and ``db check``."""

from __future__ import annotations

from typing import Any

from orchestration.terminal.exits import DONE, FAILED, guarded
from orchestration.terminal.options import AsJson, DatabaseUrl
from orchestration.terminal.output import print_facts, print_json, say


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
    """Check the database: the file, gaps in seq, anything twice, orders that are not resolved.

    Exit code 0 if it is sound, 1 if it is not, 4 if there is none. Unresolved orders are no fault: the next
    start reconciles them.
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


def _facts(found: dict[str, Any]) -> list[tuple[str, str]]:
    unresolved = [f"{one['order_id'][:16]} {one['status']}" for one in found["unresolved"]]
    return [
        ("database", found["database"]),
        ("schema", f"{found['schema']} (this program: {found['head']})"),
        ("file", found["integrity"]),
        ("events", f"{found['events']:,}, {found['gaps']:,} missing"),
        ("orders", f"{found['orders']:,}"),
        ("fills", f"{found['fills']:,}, {found['duplicates']:,} twice"),
        ("unresolved", ", ".join(unresolved) or "none"),
        ("", "ok" if found["ok"] else "NOT SOUND: restore a backup, or keep this file and start a new database"),
    ]
