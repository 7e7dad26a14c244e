"""The verb ``run``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from orchestration.terminal.exits import CODES, guarded
from orchestration.terminal.options import PLACE, AsJson, with_run_options

if TYPE_CHECKING:
    from orchestration.settings import Overrides

EXAMPLES = f"""Examples:

  python cli.py run --symbols EURUSD,BTC

  python cli.py run --symbols EURUSD --data my_bars --timeframe H1 --timerange 20160104-20160331

  python cli.py run -c conf/paper.yaml --set risk.max_daily_loss=500 --set strategy.fast=20

  python cli.py run --symbols EURUSD,BTC --cycles 100 --speed max --json > events.jsonl

{CODES}"""


@guarded
@with_run_options(needs_symbols=True)
def run(
    given: Overrides,
    no_api: Annotated[
        bool,
        typer.Option(
            "--no-api",
            help="Start no API server (this version has none to start).",
            rich_help_panel=PLACE,
            show_default=False,
        ),
    ] = False,
    as_json: AsJson = False,
) -> int:
    """Trade symbols in parallel under one risk gate, on paper.

    Without data the market is simulated, one bar a second, and everything says SIMULATED. A terminal shows a
    live table, a pipe one line per cycle, --json one event per line with RUN_SUMMARY as the last. Ctrl-C or
    SIGTERM ends the run after its cycle; open positions stay open.

    Settings: command line over environment (ARGUS__RISK__MAX_DAILY_LOSS=100) over files over preset over
    defaults.
    """
    from orchestration import engine
    from orchestration.terminal.screens import screen

    shown = screen(as_json)
    try:
        return engine.run(given, shown)
    finally:
        shown.close()
