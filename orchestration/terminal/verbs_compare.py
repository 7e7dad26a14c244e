"""The verb ``compare``."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestration.terminal.exits import DONE, guarded
from orchestration.terminal.options import AsJson, DatabaseUrl

if TYPE_CHECKING:
    from orchestration.backtest.comparisons.comparing_told import Comparison

EXAMPLES = """Examples:

  python cli.py compare

  python cli.py compare --run 2024 --out compare.json

  python cli.py compare --set venues.paper.slippage_bps=0.5 --set risk.max_open_positions=3

Exit codes: 0 compared (the same or different), 1 failed, 2 wrong usage, 4 no such run, or its inputs are gone."""

RunId = Annotated[
    str | None, typer.Option("--run", help="This run; its beginning is enough.", show_default="the newest run")
]
Data = Annotated[
    list[str] | None,
    typer.Option("--data", "-d", help="Other bars: a folder of SYMBOL_TF files, or SYMBOL=FILE, once per symbol.",
                 metavar="DIR|SYMBOL=FILE", show_default="the bars that the run recorded"),
]  # fmt: skip
Sets = Annotated[
    list[str] | None,
    typer.Option("--set", help="One key that is otherwise in the backtest: what if? May be repeated.",
                 metavar="KEY=VALUE", show_default="the settings of the run"),
]  # fmt: skip
Out = Annotated[
    Path | None,
    typer.Option("--out", help="Write all differences as JSON.", metavar="FILE.json", show_default=False),
]


@guarded
def compare(
    run: RunId = None,
    db_url: DatabaseUrl = None,
    data: Data = None,
    sets: Sets = None,
    out: Out = None,
    as_json: AsJson = False,
) -> int:
    """Backtest over the time, symbols, settings and bars of a recorded run, and compare decision by decision.

    Every difference is named with its cause, as far as the record tells it, and with its cost: what the run got minus
    what the backtest got, in the account currency. The costs add up to the difference of both equities; what does not
    is shown as unexplained. With --set or --data the backtest is otherwise on purpose, and the differences are what
    that would have changed.

    The database is only read. A difference is no error (exit code 0): a live run is told by the clock, and differs.
    """
    from orchestration.backtest.reports.writing import check_target, plain, write_json
    from orchestration.terminal.output import print_json
    from orchestration.terminal.place import database_url
    from orchestration.terminal.verbs_backtest import interruptible, notice, progress_bar

    if out is not None:
        check_target(out, "--out")
    _kernels(database_url(db_url), run, notice)
    from orchestration.backtest.comparisons.comparing import compare as compared
    from orchestration.backtest.comparisons.comparing_told import facts

    with interruptible() as stop, progress_bar("compare", "moments") as progress:
        found = compared(database_url(db_url), run, sets or (), data or (), progress, stop, notice)
    told = plain(facts(found)) if as_json or out is not None else {}
    if out is not None:
        write_json(told, out)
    if as_json:
        print_json(told)
    else:
        _show(found, out)
    return DONE


def _kernels(url: str, run: str | None, notice: Callable[[str], None]) -> None:
    """Where compiled code is kept, before anything imports numba. Raises ConfigError if there is no such run."""
    from orchestration import frozen, kernel_cache
    from orchestration.terminal.place import now

    chosen = frozen.settings_of(frozen.run_of(url, run).config).strategy
    cache = kernel_cache.prepare(kernel_cache.cache_root(os.environ), now(), kernel_cache.user_files(chosen.file))
    if cache.notice:
        notice(cache.notice)


def _show(found: Comparison, out: Path | None) -> None:
    from orchestration.terminal.compare_text import lines
    from orchestration.terminal.output import say

    say(*lines(found))
    if out is not None:
        say(f"out: {out}")
