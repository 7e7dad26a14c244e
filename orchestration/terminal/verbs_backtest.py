"""The verb ``backtest``."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestration.terminal.exits import CODES, DONE, guarded, visible
from orchestration.terminal.options import AsJson, with_run_options
from orchestration.terminal.search_options import (
    Algorithm,
    Constraints,
    Jobs,
    Keep,
    Objective,
    Space,
    Trials,
    asked_of,
    check_jobs,
)

if TYPE_CHECKING:
    from orchestration.backtest.result import Result
    from orchestration.settings import Overrides

RESULT = "Result"
EXAMPLES = f"""Examples:

  python cli.py backtest --symbols EURUSD --data my_bars --timeframe H1 --report report.html

  python cli.py backtest --symbols EURUSD,GBPUSD --data my_bars --strategy bos --preset swing --out result.json

  python cli.py backtest --symbols EURUSD --set feed.bars=5000 --seed 7

{CODES}"""

Out = Annotated[
    Path | None,
    typer.Option("--out", help="Write the result as JSON.", metavar="FILE.json", rich_help_panel=RESULT,
                 show_default=False),
]  # fmt: skip
Report = Annotated[
    Path | None,
    typer.Option("--report", help="Write a report with charts, one file that opens anywhere.", metavar="FILE.html",
                 rich_help_panel=RESULT, show_default=False),
]  # fmt: skip
Parquet = Annotated[
    Path | None,
    typer.Option("--parquet", help="Write trades, orders, fills, denials and equity as parquet tables.",
                 metavar="FOLDER", rich_help_panel=RESULT, show_default=False),
]  # fmt: skip
WALKED = "Walk forward"
WalkForward = Annotated[
    str | None,
    typer.Option("--walk-forward", help="Window by window: 180d/30d (h, d, w) or 5000b/1000b (bars), in sample / out "
                 "of sample. With --space each in-sample part is searched first.",
                 metavar="IN/OUT", rich_help_panel=WALKED, show_default=False),
]  # fmt: skip
Anchored = Annotated[
    bool,
    typer.Option("--anchored", help="Every window begins in sample at the first bar.", rich_help_panel=WALKED,
                 show_default=False),
]  # fmt: skip


@guarded
@with_run_options(needs_symbols=True)
def backtest(
    given: Overrides,
    out: Out = None,
    report: Report = None,
    parquet: Parquet = None,
    walk_forward: WalkForward = None,
    anchored: Anchored = False,
    space: Space = None,
    objective: Objective = None,
    constraint: Constraints = None,
    trials: Trials = None,
    algorithm: Algorithm = None,
    keep: Keep = None,
    jobs: Jobs = None,
    as_json: AsJson = False,
) -> int:
    """Trade recorded bars as a run would, in seconds: the same strategies, gate, sizing, exits and venue.

    Everything that `run` takes and that has a meaning without a clock works here, too. Every order passes the gate;
    denials are counted by their code. Ctrl-C ends it early and keeps what was reached. The same bars through `run`
    give the same decisions (`compare` shows it).
    """
    unfit(given)
    from orchestration.backtest import running
    from orchestration.backtest.reports import writing

    for path, option in ((out, "--out"), (report, "--report")):
        if path is not None:
            writing.check_target(path, option)
    if parquet is not None:
        writing.check_folder(parquet, "--parquet")
    if report is not None:
        from orchestration.backtest.reports.report import check_report

        check_report(report)
    searched = [space, objective, constraint, trials, algorithm, keep, jobs]
    if walk_forward is not None:
        from orchestration.terminal.walking import walk

        check_jobs(jobs)
        asked = asked_of(space, objective, constraint, trials, algorithm, keep, seed=given.seed) if space else None
        _without_space(asked is not None, searched)
        files = {"--out": out, "--report": report, "--parquet": parquet}
        return walk(given, walk_forward, anchored, asked, jobs, files, as_json)
    _without_walk(anchored, searched)
    ready = running.prepare(given, notice)
    with interruptible() as stop, progress_bar("backtest", "moments") as progress:
        result = running.run(ready, progress, stop)
    from orchestration.backtest.measures.metrics import metrics

    measured = metrics(result)
    facts = writing.facts(result, measured)
    if out is not None:
        writing.write_json(facts, out)
    if parquet is not None:
        writing.write_parquet(result, parquet)
    if report is not None:
        from orchestration.backtest.reports.report import write_report

        write_report(result, measured, report)
    if as_json:
        from orchestration.terminal.output import print_json

        print_json(facts)
    else:
        _show(result, measured, {"--out": out, "--report": report, "--parquet": parquet})
    return DONE


SEARCHING = ("--space", "--objective", "--constraint", "--trials", "--algorithm", "--keep", "--jobs")


def _without_space(space: bool, searched: list[Any]) -> None:
    wrong = [] if space else [name for name, one in zip(SEARCHING, searched, strict=True) if one is not None]
    if wrong:
        from orchestration.settings import UsageError

        raise UsageError(f"{', '.join(wrong)}: without --space nothing is searched; give one, or leave them out")


def _without_walk(anchored: bool, searched: list[Any]) -> None:
    wrong = [name for name, one in zip(SEARCHING, searched, strict=True) if one is not None]
    wrong += ["--anchored"] if anchored else []
    if wrong:
        from orchestration.settings import UsageError

        raise UsageError(f"{', '.join(wrong)}: only with --walk-forward (a search by itself is optimize)")


def unfit(given: Overrides) -> None:
    """Raises UsageError for options of ``run`` that mean nothing where there is no clock, engine or database."""
    from orchestration.settings import UsageError
    from orchestration.terminal.options import options_given

    meaningless = ("--mode", "--i-understand-live", "--follow", "--interval", "--speed", "--cycles", "--db-url",
                   "--address")  # fmt: skip
    wrong = [one for one in options_given(given) if one in meaningless]
    if wrong:
        raise UsageError(f"{', '.join(wrong)}: options of run that have no meaning in a backtest; leave them out")


def notice(text: str) -> None:
    print(f"notice: {visible(text)}", file=sys.stderr)


@contextmanager
def interruptible() -> Iterator[Callable[[], bool]]:
    """Whether Ctrl-C or SIGTERM has asked for the end; the second time it is obeyed at once."""
    asked: list[int] = []

    def heard(number: int, _: Any) -> None:
        asked.append(number)
        if len(asked) > 1:
            raise KeyboardInterrupt

    before = {one: signal.signal(one, heard) for one in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: bool(asked)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def progress_bar(what: str, units: str) -> Iterator[Callable[[int, int], None]]:
    """A progress bar with the time left on a terminal, nothing in a pipe."""
    if not sys.stderr.isatty():
        yield lambda done, total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TextColumn(units), TimeRemainingColumn())
    shown_at = [0.0]
    with Progress(*columns, console=Console(stderr=True), transient=True) as shown:
        task = shown.add_task(what, total=None)

        def update(done: int, total: int) -> None:
            if done >= total or time.perf_counter() - shown_at[0] > 0.1:
                shown_at[0] = time.perf_counter()
                shown.update(task, completed=done, total=total)

        yield update


def _show(result: Result, measured: dict[str, Any], files: dict[str, Path | None]) -> None:
    from orchestration.terminal.backtest_text import lines
    from orchestration.terminal.output import say

    say(*lines(result, measured))
    for option, path in files.items():
        if path is not None:
            say(f"{option[2:]}: {path}")
