"""``backtest --walk-forward``: window by window, and what a person reads of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestration.backtest.searches.space import written
from orchestration.terminal.exits import DONE
from orchestration.terminal.optimize_text import NUMBER, SHARE, shown
from orchestration.terminal.output import aligned, print_json, say

if TYPE_CHECKING:
    from orchestration.backtest.searches.study import Asked
    from orchestration.settings import Overrides


def walk(
    given: Overrides,
    lengths: str,
    anchored: bool,
    asked: Asked | None,
    jobs: int | None,
    files: Mapping[str, Path | None],
    as_json: bool,
) -> int:
    """``files`` are those of ``backtest``, by option; they have been checked."""
    from orchestration.backtest.measures.metrics import metrics
    from orchestration.backtest.reports import writing
    from orchestration.backtest.running import prepare
    from orchestration.backtest.searches import splits, walk_forward
    from orchestration.backtest.searches.optimising import without_seed
    from orchestration.terminal.search_options import pool_of, with_lag
    from orchestration.terminal.verbs_backtest import interruptible, notice, progress_bar

    splits.read_lengths(lengths)
    if asked is not None:
        given = without_seed(given)
        asked = with_lag(asked, jobs)
    ready = prepare(given, notice)
    made = splits.windows(ready, lengths, anchored)
    with interruptible() as stop, progress_bar("walk forward", "windows") as progress:
        pool = None if asked is None else pool_of(jobs, asked.trials * len(made), stop)
        try:
            walked = walk_forward.Walker(given, ready, asked, pool).walk(made, anchored, progress, stop)
        finally:
            if pool is not None:
                pool.close()
    measured = metrics(walked.result)
    told = walk_forward.told(walked)
    facts = {**writing.facts(walked.result, measured), "walk_forward": told}
    out, report, parquet = files["--out"], files["--report"], files["--parquet"]
    if out is not None:
        writing.write_json(facts, out)
    if parquet is not None:
        writing.write_parquet(walked.result, parquet)
    if report is not None:
        from orchestration.backtest.searches.walk_page import write_walk

        write_walk(walked.result, measured, told, report)
    if as_json:
        print_json(writing.plain(facts))
        return DONE
    say(*lines(told, measured))
    say(*(f"wrote {path}" for path in files.values() if path is not None))
    return DONE


def lines(told: Mapping[str, Any], measured: Mapping[str, Any]) -> Iterator[str]:
    """The windows as a table, then what came of them together."""
    windows = told["windows"]
    keys = list(dict.fromkeys(key for one in windows for key in one["values"]))
    names = [key.partition(".")[2] for key in keys]
    rows = [["out of sample", "to", "in sample", "a year", "Sharpe", "out of sample", "a year", "Sharpe", *names]]
    for one in windows:
        inside, outside = one["metrics_in_sample"], one["metrics_out_of_sample"]
        mark = "" if one["values_are"] == "chosen" else " *"
        rows.append(
            [
                one["out_of_sample"]["from"][:10],
                one["out_of_sample"]["to"][:10],
                shown(inside["total_return"], SHARE),
                shown(one["return_a_year_in_sample"], SHARE),
                shown(inside["sharpe"], NUMBER),
                shown(outside["total_return"], SHARE),
                shown(one["return_a_year_out_of_sample"], SHARE),
                shown(outside["sharpe"], NUMBER),
                *(written(one["values"].get(key, "-")) + mark for key in keys),
            ]
        )
    yield from aligned(rows, [False, False, *[True] * (len(rows[0]) - 2)])
    yield from _notes(told)
    yield ""
    yield (
        f"out of sample: {measured['cash']:,.2f} became {measured['equity_final']:,.2f} "
        f"({shown(measured['total_return'], SHARE)}), Sharpe {shown(measured['sharpe'], NUMBER)}, drawdown "
        f"{shown(measured['max_drawdown'], SHARE)}, {measured['trades']:,} trades"
    )
    yield (
        f"a year: {shown(told['return_a_year_in_sample'], SHARE)} in sample, "
        f"{shown(told['return_a_year_out_of_sample'], SHARE)} out of sample; walk-forward efficiency "
        f"{shown(told['efficiency'], '{:.2f}')}; {told['windows_won']} of {len(windows)} windows won"
    )


def _notes(told: Mapping[str, Any]) -> Iterator[str]:
    windows = told["windows"]
    if any(one["values"] and one["values_are"] != "chosen" for one in windows):
        yield "* no trial kept the constraints: the values of the window before"
    if any(not one["values"] and one["trials"] for one in windows):
        yield "- no trial kept the constraints: the parameters as they were given"
    if told["trials"]:
        yield f"{told['trials']:,} trials in all; none of them saw a bar out of sample"
    still = sum(one["open_at_end"] for one in windows[:-1])
    if still:
        yield f"{still:,} positions open at the ends of windows count at the last close; the next window begins flat"
    if told["unused"] is not None:
        yield f"{told['unused']['from'][:10]} to {told['unused']['to'][:10]} makes no whole window and was not used"
    if told["stopped"]:
        yield "STOPPED EARLY: later windows are missing"
    if told["ruined"]:
        yield "RUINED: nothing was left to begin the next window with"
