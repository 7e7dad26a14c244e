"""The verb ``events``: the journal, from the beginning or from a ``seq`` on, and then what is added to it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Annotated, Any

import typer

from orchestration.terminal.exits import DONE, guarded
from orchestration.terminal.figures import moment
from orchestration.terminal.options import AsJson, DatabaseUrl
from orchestration.terminal.output import put_bytes, say
from orchestration.terminal.server_options import TokenFile, Url

BATCH = 1000
EVERY = 0.25
"""Seconds between two looks for more."""

Envelope = dict[str, Any]


@guarded
def events(
    context: typer.Context,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on with what is added, until Ctrl-C.", show_default=False)
    ] = False,
    run: Annotated[
        str | None, typer.Option("--run", help="Of this run; its beginning is enough.", show_default="all runs")
    ] = None,
    after: Annotated[
        int, typer.Option("--after", min=0, help="Only those with a greater seq: how a reader resumes without a gap.")
    ] = 0,
    kinds: Annotated[
        list[str] | None,
        typer.Option(
            "--type", help="Only these, like TRADE_EXECUTION; with commas or repeated.", show_default="all types"
        ),
    ] = None,
    symbol: Annotated[
        str | None, typer.Option("--symbol", help="Only those of this symbol.", show_default="all, and those of none")
    ] = None,
    db_url: DatabaseUrl = None,
    server: Url = None,
    token_file: TokenFile = None,
    as_json: AsJson = False,
) -> int:
    """Print the journal in the order of seq: everything that happened, and why.

    With --json one envelope per line: {v, seq, id, type, ts, run_id, symbol, correlation_id, causation_id,
    data}. The correlation id runs from a candidate to its order and fills. events schema tells what each type says.
    """
    if context.invoked_subcommand is not None:
        return DONE
    from orchestration.terminal.place import database_url, reading
    from orchestration.terminal.state import run_of

    wanted = types_of(kinds or [])
    with ExitStack() as asked:
        if server is not None:
            from orchestration.terminal.remote import remote

            found = _remote(asked.enter_context(remote(server, token_file)), run, after, wanted, symbol, follow)
        else:
            url = database_url(db_url)
            with reading(url) as connection:
                run_id = run_of(connection, run, every=run is None)
            found = _journal(url, run_id, after, wanted, symbol, follow)
        return _printed(found, as_json, follow)


def _printed(found: Iterator[Envelope], as_json: bool, follow: bool) -> int:
    try:
        for one in found:
            _print(one, as_json)
    except KeyboardInterrupt:
        if not follow:
            raise
    return DONE


def types_of(given: list[str]) -> tuple[str, ...]:
    """The types that are meant. Raises UsageError for one that does not exist."""
    from domain.events import TYPES
    from domain.registry import unknown
    from orchestration.settings import UsageError

    names = [name.strip().upper() for text in given for name in text.split(",") if name.strip()]
    wrong = [f"--type: {unknown('event type', name, TYPES)}" for name in names if name not in TYPES]
    if wrong:
        raise UsageError(wrong)
    return tuple(names)


def _journal(
    url: str, run_id: str | None, after: int, kinds: tuple[str, ...], symbol: str | None, follow: bool
) -> Iterator[Envelope]:
    """Envelopes in the order of ``seq``; each batch is one short read, so that no writer ever waits."""
    from journal.engines import reading
    from orchestration.terminal.place import opened

    with opened(url, read_only=True) as engine:
        known: dict[str, dict[str, Any]] = {}
        while True:
            with reading(engine).begin() as connection:
                rows = batch(connection, run_id, after, kinds, symbol)
                found = [envelope_of(connection, row, known) for row in rows]
            yield from found
            if rows:
                after = rows[-1]["seq"]
            if len(rows) < BATCH:
                if not follow:
                    return
                time.sleep(EVERY)


def _remote(
    there: Any, run: str | None, after: int, kinds: tuple[str, ...], symbol: str | None, follow: bool
) -> Iterator[Envelope]:
    """As ``_journal``, of a running server."""
    asked = {"run": run, "types": ",".join(kinds) or None, "symbol": symbol}
    while True:
        found = there.items("/api/terminal/events", after=after, **asked)
        yield from found
        if found:
            after = found[-1]["seq"]
        if len(found) < BATCH:
            if not follow:
                return
            time.sleep(EVERY)


def batch(
    connection: Any, run_id: str | None, after: int, kinds: tuple[str, ...], symbol: str | None
) -> list[dict[str, Any]]:
    """Rows with a greater ``seq``, ``BATCH`` of them at most."""
    from sqlalchemy import select

    from journal.schema import events as table

    query = select(table).where(table.c.seq > after)
    if run_id is not None:
        query = query.where(table.c.run_id == run_id)
    if kinds:
        query = query.where(table.c.type.in_(kinds))
    if symbol is not None:
        query = query.where(table.c.symbol == symbol)
    return [dict(row) for row in connection.execute(query.order_by(table.c.seq).limit(BATCH)).mappings()]


def envelope_of(connection: Any, row: dict[str, Any], known: dict[str, dict[str, Any]]) -> Envelope:
    """A row as everybody may see it; ``known`` keeps what is needed of its run."""
    from journal import views
    from orchestration.terminal.envelopes import public

    run_id = row["run_id"]
    if run_id not in known:
        known[run_id] = views.run(connection, run_id) or {"symbols": [], "codes": [], "simulated": False}
    run = known[run_id]
    return public(row, run["symbols"], run["codes"], run["simulated"])


def _print(envelope: Envelope, as_json: bool) -> None:
    from orchestration.terminal.envelopes import line
    from orchestration.terminal.sentences import sentence

    if as_json:
        put_bytes(line(envelope))
        return
    data = envelope["data"]
    mark = "SIMULATED " if data.get("simulated") else ""
    text = sentence(envelope["type"], envelope["symbol"], {key: one for key, one in data.items() if key != "simulated"})
    say(f"{envelope['seq']:>8}  {moment(envelope['ts'])}  {mark}{envelope['type']:<16}  {text}")
