"""The verb ``replay``."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestration.terminal.exits import DONE, FAILED, guarded, visible
from orchestration.terminal.options import AsJson, DatabaseUrl
from orchestration.terminal.output import aligned, print_json, say

if TYPE_CHECKING:
    from orchestration.replay import Report
    from orchestration.replay.comparison import Difference

RunId = Annotated[
    str | None, typer.Option("--run", help="This run; its beginning is enough.", show_default="the newest run")
]


@guarded
def replay(run: RunId = None, db_url: DatabaseUrl = None, as_json: AsJson = False) -> int:
    """Make every decision of a recorded run again from its recorded inputs, and compare.

    Prints identical, or the first difference (exit code 1): decisions, fills, the gate's state of every cycle,
    and the bars themselves. A run that was killed is compared as far as it got. The database is only read. Exit
    code 4 where there is no such run, or the files it read are gone.
    """
    from orchestration import frozen, kernel_cache
    from orchestration.clock import WallClock
    from orchestration.terminal.place import database_url

    chosen = frozen.settings_of(frozen.run_of(database_url(db_url), run).config).strategy
    files = kernel_cache.user_files(chosen.file)
    cache = kernel_cache.prepare(kernel_cache.cache_root(os.environ), WallClock().now(), files)  # before numba comes
    if cache.notice:
        _notice(cache.notice)
    from orchestration.replay import replay as replayed

    with progress_bar() as progress:
        report = replayed(database_url(db_url), run, progress, _notice)
    if as_json:
        print_json(_facts(report))
    else:
        say(*_lines(report))
    return FAILED if report.difference else DONE


def _notice(text: str) -> None:
    print(f"notice: {visible(text)}", file=sys.stderr)


def _facts(report: Report) -> dict[str, Any]:
    difference = report.difference
    return {
        "run_id": report.run_id,
        "result": report.result,
        "decisions": report.decisions,
        "compared_cycles": report.cycles,
        "first_difference": None if difference is None else difference.facts(),
    }


def _lines(report: Report) -> list[str]:
    if report.difference is None:
        return [f"identical: {report.decisions:,} decisions in {report.cycles:,} cycles of run {report.run_id}"]
    return [f"different: run {report.run_id}", *told(report.difference)]


def told(one: Difference) -> list[str]:
    """The difference as a person can act on it: what, when, and both sides of what is not the same."""
    from domain.timeframe import iso

    where = f"{iso(one.at)} (cycle {one.cycle:,})"
    if one.kind == "bars" and one.symbol:
        return [f"the bars of {one.symbol} differ from the recorded ones, first at {where}"]
    if one.kind == "bars":
        return [f"the bars differ from the recorded ones, first at {where}"]
    what = {
        "decision": f"decision {(one.rank or 0) + 1} on {one.symbol} at {where}",
        "fill": f"a fill of {one.symbol} at {where}",
        "gate": f"the gate before it decided at {where}",
        "summary": "the figures of the whole run",
        "parameters": "the parameters of the strategy in the recorded configuration",
    }[one.kind]
    if one.recorded is None or one.replayed is None:
        sides = ("only recorded", one.recorded) if one.replayed is None else ("only in the replay", one.replayed)
        return [
            f"{what}: {sides[0]}",
            *aligned([[f"  {k}", _text(v)] for k, v in (sides[1] or {}).items()], [False] * 2),
        ]
    rows = [[f"  {name}", _text(one.recorded.get(name)), _text(one.replayed.get(name))] for name in one.names]
    return [what, *aligned([["", "recorded", "replayed"], *rows], [False] * 3)]


def _text(value: Any) -> str:
    return visible(str(value)) if value not in (None, "") else "none"


@contextmanager
def progress_bar() -> Iterator[Callable[[int, int], None]]:
    """A progress bar on a terminal, nothing in a pipe."""
    if not sys.stderr.isatty():
        yield lambda done, total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("replay"), BarColumn(), MofNCompleteColumn(), TextColumn("cycles"), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as shown:
        task = shown.add_task("replay", total=None)
        yield lambda done, total: shown.update(task, completed=done, total=total)
