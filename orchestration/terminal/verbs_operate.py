"""Verbs that ask something of the engine: rows of the command table, and waiting for the answer."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from domain.errors import NotRunning
from orchestration.terminal.exits import DONE, Failed, NoAnswer, explained, guarded
from orchestration.terminal.options import AsJson, DatabaseUrl
from orchestration.terminal.output import print_json, say
from orchestration.terminal.server_options import TokenFile, Url

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from journal.lease import Lease
    from orchestration.terminal.remote import Remote

LATCHED = {
    "halt": "halted: no engine runs, and none that starts will take new risk until reset-kill-switch",
    "reset-kill-switch": "reset: no engine runs; the next one starts with the kill switch released",
}

EVERY = 0.05
"""Seconds between two looks for the answer."""

Reason = Annotated[str, typer.Option("--reason", help="Why; kept with the command and shown by status.")]
NoWait = Annotated[bool, typer.Option("--no-wait", help="Do not wait for the engine's answer.", show_default=False)]
Timeout = Annotated[float, typer.Option("--timeout", min=0.0, help="Seconds to wait for the answer.")]


@guarded
def pause(
    reason: Reason = "",
    no_wait: NoWait = False,
    timeout: Timeout = 10.0,
    db_url: DatabaseUrl = None,
    server: Url = None,
    token_file: TokenFile = None,
    as_json: AsJson = False,
) -> int:
    """Deny new entries until resume; exits and stops go on.

    Needs a running engine (else exit code 3).
    """
    with asked_of(server, token_file) as there:
        return ask("pause", {}, reason, db_url, as_json, 0 if no_wait else timeout, there=there)


@guarded
def resume(
    reason: Reason = "",
    no_wait: NoWait = False,
    timeout: Timeout = 10.0,
    db_url: DatabaseUrl = None,
    server: Url = None,
    token_file: TokenFile = None,
    as_json: AsJson = False,
) -> int:
    """Take entries again after pause.

    Needs a running engine (else exit code 3). A latched kill switch needs reset-kill-switch instead.
    """
    with asked_of(server, token_file) as there:
        return ask("resume", {}, reason, db_url, as_json, 0 if no_wait else timeout, there=there)


@guarded
def close(
    symbol: Annotated[str, typer.Argument(help="The symbol whose position is closed.", show_default=False)],
    fraction: Annotated[float, typer.Option("--fraction", help="How much of it, above 0 and at most 1.")] = 1.0,
    reason: Reason = "",
    no_wait: NoWait = False,
    timeout: Timeout = 10.0,
    db_url: DatabaseUrl = None,
    server: Url = None,
    token_file: TokenFile = None,
    as_json: AsJson = False,
) -> int:
    """Close a position, or a part of it, at the market in the next cycle.

    Needs a running engine (else exit code 3); refused without a position in the symbol (exit code 1).
    """
    if not 0 < fraction <= 1:
        from orchestration.settings import UsageError

        raise UsageError(f"--fraction {fraction:g}: allowed: above 0 and at most 1, like 0.5 for half of it")
    arguments = {"symbol": symbol, "fraction": fraction}
    with asked_of(server, token_file) as there:
        return ask("close", arguments, reason, db_url, as_json, 0 if no_wait else timeout, there=there)


@guarded
def cancel(
    order_id: Annotated[
        str, typer.Argument(help="The order's id as orders shows it; its beginning is enough.", show_default=False)
    ],
    reason: Reason = "",
    no_wait: NoWait = False,
    timeout: Timeout = 10.0,
    db_url: DatabaseUrl = None,
    server: Url = None,
    token_file: TokenFile = None,
    as_json: AsJson = False,
) -> int:
    """Cancel a working order at its venue.

    Needs a running engine (else exit code 3); an order that has ended, or that nobody knows, is exit code 1.
    """
    with asked_of(server, token_file) as there:
        found = order_of(running("cancel", db_url), order_id) if there is None else there.order(order_id)
        arguments = {"order_id": found}
        return ask("cancel", arguments, reason, db_url, as_json, 0 if no_wait else timeout, there=there)


@guarded
def halt(
    flatten: Annotated[
        bool, typer.Option("--flatten", help="Close every position as well.", show_default=False)
    ] = False,
    reason: Reason = "",
    no_wait: NoWait = False,
    timeout: Timeout = 10.0,
    db_url: DatabaseUrl = None,
    server: Url = None,
    token_file: TokenFile = None,
    as_json: AsJson = False,
) -> int:
    """Latch the kill switch: no new risk on any account, now and in every later run.

    Works without an engine too. Working entries are cancelled; stops, exits and closes still pass. Only
    reset-kill-switch --reason … releases it. If the database cannot be written, create a file named HALT in
    the data folder instead: every engine obeys it.
    """
    arguments = {"flatten": flatten}
    with asked_of(server, token_file) as there:
        return ask("halt", arguments, reason, db_url, as_json, 0 if no_wait else timeout, latch=True, there=there)


@guarded
def reset_kill_switch(
    reason: Annotated[
        str, typer.Option("--reason", help="Why trading may go on; kept with the command.", show_default=False)
    ],
    no_wait: NoWait = False,
    timeout: Timeout = 10.0,
    db_url: DatabaseUrl = None,
    server: Url = None,
    token_file: TokenFile = None,
    as_json: AsJson = False,
) -> int:
    """Release the kill switch after a halt or a hard limit; trading goes on as after resume.

    Works without an engine too: the next run starts released. A file named HALT in the data folder has to be
    removed by hand first (exit code 1 while it is there).
    """
    from orchestration.terminal.place import halt_file

    if not reason.strip():
        from orchestration.settings import UsageError

        raise UsageError("--reason is empty: say why trading may go on")
    if server is None and halt_file().exists():
        raise Failed(f"the file {halt_file()} halts every engine of this data folder: remove it first")
    with asked_of(server, token_file) as there:
        within = 0 if no_wait else timeout
        return ask("reset-kill-switch", {}, reason, db_url, as_json, within, latch=True, there=there)


# -- asking ------------------------------------------------------------------------------------------


class Asked(NamedTuple):
    """A command as it stands: its row, whom it was asked of, and how it is told.

    ``engine`` names the engine that may answer, None where there was none; ``alive`` says whether one lives now.
    ``latch``: the row holds by itself, without an engine too.
    """

    verb: str
    engine: str | None
    alive: Callable[[], bool]
    row: dict[str, Any]
    as_json: bool
    waited: bool
    latch: bool


@contextmanager
def asked_of(server: str | None, token_file: str | None) -> Iterator[Remote | None]:
    """The server that is asked; None for the database."""
    if server is None:
        yield None
        return
    from orchestration.terminal.remote import remote

    with remote(server, token_file) as there:
        yield there


def ask(
    verb: str,
    arguments: dict[str, Any],
    why: str,
    db_url: str | None,
    as_json: bool,
    within: float,
    latch: bool = False,
    there: Remote | None = None,
) -> int:
    """Write the row, wait for its answer, and say what came of it; the exit code."""
    from orchestration.terminal.place import living, opened

    if there is not None:
        return report(verb, there.command(verb, arguments, why, within), as_json, within, latch)
    url, held = _place(db_url)
    if held is None and not latch:
        raise _nobody(verb, url)
    with opened(url) as database:
        number = _write(database, verb, arguments, why)
        row = _answer(database, url, number, within) if held is not None and within > 0 else _row(database, number)
    engine = None if held is None else f"pid {held.pid} on {held.host}"
    return _report(Asked(verb, engine, lambda: living(url) is not None, row, as_json, within > 0, latch))


def report(verb: str, row: dict[str, Any], as_json: bool, within: float, latch: bool = False) -> int:
    """Say what came of a command that was asked of a server."""
    engine = row.pop("engine")
    return _report(Asked(verb, engine, lambda: engine is not None, row, as_json, within > 0, latch))


def running(verb: str, db_url: str | None) -> str:
    """The URL of a database on which an engine runs. Raises NotRunning."""
    url, held = _place(db_url)
    if held is None:
        raise _nobody(verb, url)
    return url


def _place(db_url: str | None) -> tuple[str, Lease | None]:
    from journal.database import require
    from orchestration.terminal.place import database_url, living

    url = database_url(db_url)
    require(url)
    return url, living(url)


def _nobody(verb: str, url: str) -> NotRunning:
    from journal.address import password_hidden

    return NotRunning(f"{verb} needs a running engine, and none runs on {password_hidden(url)}: start one with run")


def _write(engine: Engine, verb: str, arguments: dict[str, Any], why: str) -> int:
    from sqlalchemy.exc import DatabaseError

    from journal import commands
    from orchestration.terminal.place import halt_file, now, operator

    try:
        return commands.add(engine, verb, arguments, operator(), why, now())
    except DatabaseError as error:
        if verb != "halt":
            raise
        raise Failed(
            f"{explained(error)[0]}\nnothing is halted yet: create the file {halt_file()}, which every engine of "
            "this data folder obeys"
        ) from error


def _row(engine: Engine, number: int) -> dict[str, Any]:
    from journal import commands
    from journal.engines import reading

    with reading(engine).begin() as connection:
        found = commands.get(connection, number)
    if found is None:
        raise Failed(f"command {number} is gone from the database")
    return found


def _answer(engine: Engine, url: str, number: int, within: float) -> dict[str, Any]:
    """The row once it is answered, or as it stands when time is up or the engine has ended."""
    from journal.commands import PENDING
    from orchestration.terminal.place import living

    until = time.monotonic() + within
    for look in itertools.count(1):
        row = _row(engine, number)
        left = until - time.monotonic()
        if row["state"] != PENDING or left <= 0 or (look % 20 == 0 and living(url) is None):
            break
        time.sleep(min(EVERY, left))
    return row


def _report(asked: Asked) -> int:
    """Say what came of it. Raises what stands for a refusal or an answer that did not come."""
    from journal.commands import PENDING, REFUSED

    row, said = asked.row, _said(asked.row["answer"])
    if asked.as_json:
        fields = {name: row[name] for name in ("id", "verb", "arguments", "state", "cycle", "step")}
        print_json(fields | {"answer": said, "engine": asked.engine is not None})
    if row["state"] == REFUSED:
        raise Failed(f"{asked.verb} was refused: {said.get('reason') or said}")
    text = _unanswered(asked) if row["state"] == PENDING else _answered(row, said)
    if not asked.as_json:
        say(text)
    return DONE


def _unanswered(asked: Asked) -> str:
    verb = asked.verb
    alive = asked.engine is not None and (not asked.waited or asked.alive())
    if not alive and not asked.latch:
        raise NotRunning(f"the engine ended before it answered {verb}")
    if not alive:
        return LATCHED[verb]
    if not asked.waited:
        return f"{verb} was asked for (command {asked.row['id']}); not waiting for the answer"
    kept = "; it is latched in the database all the same" if asked.latch else "; it may still be obeyed"
    raise NoAnswer(f"no answer to {verb} (command {asked.row['id']}) from the engine, {asked.engine}{kept}")


def _answered(row: dict[str, Any], said: dict[str, Any]) -> str:
    verb = str(row["verb"])
    if verb == "cancel":
        order_id = row["arguments"]["order_id"]
        status = str(said.get(order_id, ""))
        if status not in ("CANCELLED", "PENDING_CANCEL"):
            raise Failed(f"order {order_id} was not cancelled: {status or 'nobody knows it'}")
    where = f" at cycle {row['cycle']}" if row["cycle"] is not None else ""
    if verb == "halt":
        return _halted(where, said)
    return f"{verb} done{where}" + (f": closing {', '.join(said['closing'])}" if said.get("closing") else "")


def _halted(where: str, said: dict[str, Any]) -> str:
    """What was done and what the venue then had. Raises Failed if entries still work there."""
    cancelled = sum(one == "CANCELLED" for one in said.get("cancelled", {}).values())
    done = [f"{cancelled} working entr{'y' if cancelled == 1 else 'ies'} cancelled"] if cancelled else []
    done += [f"closing {', '.join(said['closing'])} (at the next price)"] if said.get("closing") else []
    if not said.get("verified"):
        left = ", ".join(one[:16] for one in said.get("left", ())) or "unknown"
        raise Failed(f"halted{where}: {'; '.join([*done, f'entries still work at the venue: {left}'])}; see orders")
    held = ", ".join(f"{symbol} {quantity:+g}" for symbol, quantity in said["positions"].items()) or "none"
    return f"halted{where}: {'; '.join([*done, f'verified at the venue: no entry works, positions: {held}'])}"


def _said(answer: str | None) -> dict[str, Any]:
    """The engine's answer; a text is its reason."""
    import msgspec

    try:
        found = msgspec.json.decode(answer) if answer else {}
    except msgspec.DecodeError:
        found = answer
    return found if isinstance(found, dict) else {"reason": found}


def order_of(url: str, beginning: str) -> str:
    """The one order whose id begins so. Raises Failed if there is none, or more than one."""
    from sqlalchemy import select

    from journal.schema import orders
    from orchestration.terminal.place import reading

    with reading(url) as connection:
        query = select(orders.c.id).where(orders.c.id.startswith(beginning, autoescape=True)).limit(2)
        found = [str(one) for one in connection.execute(query).scalars()]
    if len(found) == 1:
        return found[0]
    what = "no order's id begins" if not found else "more than one order's id begins"
    raise Failed(f"{what} with {beginning!r}: `python cli.py orders` shows them")
