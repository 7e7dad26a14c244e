"""The verb ``run``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from orchestration.terminal.exits import CODES, guarded
from orchestration.terminal.options import PLACE, AsJson, options_given, with_run_options
from orchestration.terminal.server_options import (
    PANEL,
    AllowHost,
    AllowInsecure,
    Host,
    Port,
    TlsCert,
    TlsKey,
    serving,
)

if TYPE_CHECKING:
    from orchestration.settings import Overrides

EXAMPLES = f"""Examples:

  python cli.py run --symbols EURUSD,BTC

  python cli.py run --symbols EURUSD --data my_bars --timeframe H1 --timerange 20160104-20160331

  python cli.py run -c conf/paper.yaml --set risk.max_daily_loss=500 --set strategy.fast=20

  python cli.py run --symbols EURUSD,BTC --cycles 100 --speed max --json > events.jsonl

  python cli.py run --resume

{CODES}"""


@guarded
@with_run_options(needs_symbols=True)
def run(
    given: Overrides,
    run_id: Annotated[
        str | None,
        typer.Argument(metavar="RUN_ID", help="With --resume: the run; its beginning is enough.", show_default=False),
    ] = None,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume",
            help="Go on with a recorded run, as it was configured: RUN_ID, else the newest that is not complete. "
            "Only --db-url, --address, --json and the server's options may stand beside it.",
            rich_help_panel=PLACE,
            show_default=False,
        ),
    ] = False,
    no_api: Annotated[
        bool,
        typer.Option(
            "--no-api",
            help="Start no server beside the run.",
            rich_help_panel=PANEL,
            show_default=False,
        ),
    ] = False,
    host: Host = None,
    port: Port = None,
    allow_host: AllowHost = None,
    tls_cert: TlsCert = None,
    tls_key: TlsKey = None,
    allow_insecure: AllowInsecure = False,
    as_json: AsJson = False,
) -> int:
    """Trade symbols in parallel under one risk gate, on paper.

    Without data the market is simulated, one bar a second, and everything says SIMULATED. A terminal shows a
    live table, a pipe one line per cycle, --json one event per line with RUN_SUMMARY as the last. A page shows the
    same in a browser: its address, good once, is in the table's head, else on stderr. Ctrl-C or SIGTERM ends the
    run after its cycle; open positions stay open. --resume goes on with it, as it does after a crash, at the cycle
    that was not finished.

    Settings: command line over environment (ARGUS__RISK__MAX_DAILY_LOSS=100) over files over preset over
    defaults.
    """
    _fit(given, resume, run_id)
    from orchestration import engine
    from orchestration.terminal.screens import screen

    where = None if no_api else serving(host, port, allow_host, tls_cert, tls_key, allow_insecure)
    shown = screen(as_json)
    try:
        return engine.resume(run_id, given, shown, where) if resume else engine.run(given, shown, where)
    finally:
        shown.close()


def _fit(given: Overrides, resume: bool, run_id: str | None) -> None:
    """Raises UsageError for what contradicts --resume, or needs it."""
    from orchestration.settings import UsageError

    if run_id is not None and not resume:
        raise UsageError(f"{run_id}: an argument that only --resume takes; symbols are given with --symbols")
    others = [one for one in options_given(given) if one not in ("--db-url", "--address")]
    if resume and others:
        raise UsageError(
            f"--resume goes on with the configuration that the run recorded: leave out {', '.join(others)}"
        )
