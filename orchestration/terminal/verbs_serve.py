"""The verbs ``serve`` and ``page``: the server without an engine, and the page's address once more."""

from __future__ import annotations

from typing import Annotated

import typer

from orchestration.terminal.exits import CODES, DONE, FAILED, guarded
from orchestration.terminal.options import AsJson, DatabaseUrl
from orchestration.terminal.output import print_json, say
from orchestration.terminal.server_options import (
    AllowHost,
    AllowInsecure,
    Host,
    Port,
    TlsCert,
    TlsKey,
    TokenFile,
    Url,
    serving,
)

EXAMPLES = f"""Examples:

  python cli.py serve

  python cli.py serve --port 9000 -c conf/paper.yaml

  python cli.py serve --host 0.0.0.0 --allow-host argus.example.org --tls-cert cert.pem --tls-key key.pem

{CODES}"""


@guarded
def serve(
    host: Host = None,
    port: Port = None,
    allow_host: AllowHost = None,
    tls_cert: TlsCert = None,
    tls_key: TlsKey = None,
    allow_insecure: AllowInsecure = False,
    config: Annotated[
        list[str] | None,
        typer.Option(
            "--config",
            "-c",
            help="Configuration file of the runs that are started from the page; may be repeated, later over earlier.",
            show_default=False,
            metavar="FILE",
        ),
    ] = None,
    reports: Annotated[
        str | None,
        typer.Option("--reports", help="Folder of backtest results that the page lists.", show_default=False),
    ] = None,
    db_url: DatabaseUrl = None,
    as_json: AsJson = False,
) -> int:
    """Show the page and answer programs, with or without an engine; start one from there.

    It shows the newest run of the database. An engine that is started from the page is a process of its own: it goes
    on when this server ends. Ctrl-C or SIGTERM ends the server. --json prints one line: {url, page_url, pid, database}.
    """
    from domain.registry import load
    from journal.address import data_folder, password_hidden
    from orchestration.terminal.lines import tell
    from orchestration.terminal.place import database_url

    where = serving(host, port, allow_host, tls_cert, tls_key, allow_insecure)
    load("api.security.binding:check")(where)
    url = database_url(db_url)

    def shown(address: str, page: str) -> None:
        import os

        if as_json:
            print_json({"url": address, "page_url": page, "pid": os.getpid(), "database": password_hidden(url)})
        else:
            say(f"page      {page}", f"address   {address}", f"token     {data_folder() / 'api-token'}")
            say(f"database  {password_hidden(url)}")
            say("Ctrl-C ends the server; the page's address is good once: python cli.py page prints another")

    alone = load("api.server:alone")
    return DONE if alone(where, url, tuple(config or ()), reports, tell, shown) else FAILED


@guarded
def page(url: Url = None, token_file: TokenFile = None, as_json: AsJson = False) -> int:
    """Print the address of a running server's page with a new one-time code, good once and for 15 minutes.

    Without --url the server is looked for at http://127.0.0.1:8765.
    """
    from orchestration.terminal.remote import DEFAULT, remote

    with remote(url or DEFAULT, token_file) as there:
        found = there.post("/api/session/code", {})
    if as_json:
        print_json(found)
    else:
        say(found["url"])
    return DONE
