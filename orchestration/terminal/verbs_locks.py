"""The verbs ``locks`` and ``locks remove``: what may not enter and why, and an operator who knows better."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from orchestration.terminal.exits import DONE, Failed, guarded
from orchestration.terminal.figures import moment
from orchestration.terminal.options import AsJson, DatabaseUrl
from orchestration.terminal.output import Column, Plain, print_json, say
from orchestration.terminal.server_options import TokenFile, Url
from orchestration.terminal.verbs_look import Every, RunId, show, whose
from orchestration.terminal.verbs_operate import NoWait, Timeout, ask, report

Ended = Annotated[
    bool, typer.Option("--ended", help="Those that are over or were removed as well.", show_default=False)
]


@guarded
def locks(
    context: typer.Context,
    run: RunId = None,
    every: Every = False,
    ended: Ended = False,
    db_url: DatabaseUrl = None,
    server: Url = None,
    token_file: TokenFile = None,
    as_json: AsJson = False,
) -> int:
    """Show what may not enter, and until when: symbols, sides, or everything.

    Protections leave locks behind; exits and stops go on. locks remove takes one away.
    """
    if context.invoked_subcommand is not None:
        return DONE
    from orchestration.terminal.place import database_url, reading
    from orchestration.terminal.remote import remote

    if server is not None:
        with remote(server, token_file) as there:
            found = there.items("/api/terminal/locks", run=run, all=every, ended=ended)
    else:
        with reading(database_url(db_url)) as connection:
            found = standing(connection, run, every, ended)
    columns = [
        Column("symbol", lambda row: row["symbol"] or "all"),
        Column("side", lambda row: row["side"] or "both"),
        Column("code", lambda row: row["code"]),
        Column("from (UTC)", lambda row: moment(row["from_at"])),
        Column("until (UTC)", lambda row: moment(row["until_at"])),
        Column("id", lambda row: row["id"][:16]),
        Column("reason", lambda row: row["reason"]),
    ]
    if ended:
        columns[5:5] = [Column("state", lambda row: row["state"].lower())]
        columns.append(Column("removed (UTC)", _removed))
    return show(found, [*columns, *whose(every)], as_json, "no locks")


def standing(connection: Any, run: str | None, every: bool, ended: bool) -> list[Plain]:
    """Locks of a run's account, or of every account in its own time; with those that are over where ``ended``."""
    from journal import views
    from orchestration.terminal.state import account_of, moment_of

    if not every or run is not None:
        return views.locks(connection, account_of(connection, run, every), moment_of(connection, run, every), ended)
    newest = {one["account"]: one["run_id"] for one in reversed(views.runs(connection))}
    return [
        lock
        for account, run_id in sorted(newest.items())
        for lock in views.locks(connection, account, moment_of(connection, run_id, False), ended)
    ]


def _removed(row: Plain) -> str:
    return f"{moment(row['removed_at'])} by {row['removed_why']}" if row["removed_at"] else ""


@guarded
def remove(
    lock_id: Annotated[
        str, typer.Argument(help="The lock's id as locks shows it; its beginning is enough.", show_default=False)
    ],
    reason: Annotated[
        str, typer.Option("--reason", help="Why it may enter again; kept with the lock.", show_default=False)
    ],
    no_wait: NoWait = False,
    timeout: Timeout = 10.0,
    db_url: DatabaseUrl = None,
    server: Url = None,
    token_file: TokenFile = None,
    as_json: AsJson = False,
) -> int:
    """Take a lock away: what it covered may enter again, until a protection locks it anew.

    Works without an engine too. One that nobody knows, is over or was removed already is exit code 1. After the lock
    of a drawdown guard equity is compared with what it is now.
    """
    from journal.database import require
    from journal.locks import REMOVE
    from orchestration.terminal.place import database_url, living

    if not reason.strip():
        from orchestration.settings import UsageError

        raise UsageError("--reason is empty: say why it may enter again")
    within = 0 if no_wait else timeout
    if server is not None:
        return _remote(server, token_file, lock_id, reason, within, as_json)
    url = database_url(db_url)
    require(url)
    lock = lock_of(url, lock_id)
    if living(url) is None and _remove(url, lock, reason):
        return _tell(lock.id, lock.code, lock.symbol, as_json)
    return ask(REMOVE, {"id": lock.id}, reason, db_url, as_json, within)


def _remote(server: str, token_file: str | None, beginning: str, reason: str, within: float, as_json: bool) -> int:
    """As ``remove``, of a running server."""
    from urllib.parse import quote

    from journal.commands import DONE as ANSWERED
    from journal.locks import REMOVE
    from orchestration.terminal.remote import remote

    with remote(server, token_file) as there:
        lock = there.get(f"/api/terminal/lock/{quote(beginning, safe='')}")
        row = there.command(REMOVE, {"id": lock["id"]}, reason, within)
    if row["engine"] is None and row["state"] == ANSWERED:
        return _tell(lock["id"], lock["code"], lock["symbol"], as_json)
    return report(REMOVE, row, as_json, within)


def lock_of(url: str, beginning: str) -> Any:
    """The row of the one lock whose id begins so. Raises Failed, also for one that does not hold any more."""
    from journal import locks as table
    from orchestration.terminal.place import reading

    with reading(url) as connection:
        found = table.beginning(connection, beginning) if beginning else []
        if len(found) != 1:
            what = "more than one lock's id begins" if found else "no lock's id begins"
            raise Failed(f"{what} with {beginning!r}: `python cli.py locks` shows them")
        reason = table.against(found[0], _moment(connection, found[0].account))
    if reason is not None:
        raise Failed(reason)
    return found[0]


def _remove(url: str, lock: Any, why: str) -> bool:
    """Whether it was removed: not if an engine has been started meanwhile. Raises Failed."""
    from journal import locks as table
    from orchestration.terminal.place import living, now, opened, operator

    with opened(url) as engine, engine.begin() as connection:
        table.keep_engines_away(connection)
        if living(url) is not None:
            return False
        at = _moment(connection, lock.account)
        reason = table.remove(connection, lock.id, operator(), why, at, now())
    if reason is not None:
        raise Failed(reason)
    return True


def _moment(connection: Any, account: str) -> int:
    """Now, in the time by which the account's newest run lives; 0 before its first cycle."""
    from journal import views
    from orchestration.terminal.state import moment_of

    run_id = next((one["run_id"] for one in views.runs(connection) if one["account"] == account), None)
    return (moment_of(connection, run_id, False) or 0) if run_id is not None else 0


def _tell(id: str, code: str, symbol: str | None, as_json: bool) -> int:
    if as_json:
        print_json({"verb": "remove-lock", "arguments": {"id": id}, "state": "DONE", "engine": False})
    else:
        say(f"removed: {code} of {symbol or 'all symbols'}; no engine runs")
    return DONE
