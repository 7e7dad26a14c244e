"""The verb ``optimize``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from orchestration.terminal.exits import CODES, DONE, FAILED, guarded
from orchestration.terminal.options import AsJson, options_given, with_run_options
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
    option,
    pool_of,
    with_lag,
)
from orchestration.terminal.verbs_backtest import interruptible, notice, progress_bar, unfit

if TYPE_CHECKING:
    from orchestration.backtest.searches.optimising import Found, Job
    from orchestration.settings import Overrides

KEPT = "What is kept"
EXAMPLES = f"""Examples:

  python cli.py optimize --symbols EURUSD --data my_bars --timeframe H1 --space strategy.fast=5..50
  --space strategy.slow=20..200 --constraint "trades>=30" --out study

  python cli.py optimize --resume study

{CODES}"""


Oos = Annotated[
    float | None,
    option("--oos", what="The last share of the bars: the search never sees it, the best set is tried on it once.",
            default="0.3"),
]  # fmt: skip
Out = Annotated[
    Path | None,
    option("--out", "-o", what="Keep the study here: trials, best.yaml (for run -c), optimise.json, report.html.",
            panel=KEPT, default=False, metavar="FOLDER"),
]  # fmt: skip
Resume = Annotated[
    Path | None,
    option("--resume", what="Go on with the study in this folder; --trials and --jobs may be given with it.",
            panel=KEPT, default=False, metavar="FOLDER"),
]  # fmt: skip


@guarded
@with_run_options(needs_symbols=False, own_first=True)
def optimize(
    given: Overrides,
    space: Space = None,
    objective: Objective = None,
    constraint: Constraints = None,
    trials: Trials = None,
    algorithm: Algorithm = None,
    keep: Keep = None,
    oos: Oos = None,
    jobs: Jobs = None,
    out: Out = None,
    resume: Resume = None,
    as_json: AsJson = False,
) -> int:
    """Search for better parameters, and say how much of what was found is luck.

    Every trial is a backtest of the in-sample bars; hopeless ones are stopped early and count all the same. The best
    set is tried once on the bars out of sample, which the search never sees. --seed is that of the search, too: the
    same seed gives the same trials. Ctrl-C keeps what was found.
    """
    asked = asked_of(space, objective, constraint, trials, algorithm, keep, oos, given.seed)
    check_jobs(jobs)
    from orchestration.backtest.searches import optimise_told, optimising

    if resume is not None:
        _alone(given, [space, objective, constraint, algorithm, keep, oos, out])
        job = optimising.resume(resume, trials, notice)
    else:
        unfit(given)
        job = optimising.begin(_with_symbols(given), with_lag(asked, jobs), out, notice)
    with interruptible() as stop, progress_bar("optimize", "trials") as progress:
        found = optimising.optimise(job, pool_of(jobs, job.plan.trials, stop), progress, stop)
    told = optimise_told.told(job, found)
    files = _kept(job, found, told)
    if as_json:
        from orchestration.backtest.reports.writing import plain
        from orchestration.terminal.output import print_json

        print_json(plain(told))
    else:
        _show(told, files, job)
    return DONE if found.best is not None else FAILED


def _with_symbols(given: Overrides) -> Overrides:
    from dataclasses import replace

    return replace(given, needs_symbols=True)


def _alone(given: Overrides, others: list[Any]) -> None:
    """Raises UsageError: a study knows what it is about."""
    from orchestration.settings import UsageError

    named = ["--space", "--objective", "--constraint", "--algorithm", "--keep", "--oos", "--out"]
    wrong = options_given(given) + [name for name, one in zip(named, others, strict=True) if one is not None]
    if wrong:
        raise UsageError(f"--resume goes on with the study as it is: leave out {', '.join(wrong)}")


def _kept(job: Job, found: Found, told: dict[str, Any]) -> list[Path]:
    """The files of the study, besides those that it goes on with."""
    if job.folder is None:
        return []
    from orchestration.backtest.reports import writing
    from orchestration.backtest.searches import study
    from orchestration.backtest.searches.best_file import best_yaml

    folder = job.folder.path
    job.folder.table(found.trials)
    writing.write_json(told, folder / study.TOLD)
    names = [study.TABLE, study.TOLD]
    if found.settings is not None and found.best is not None:
        said = f"Found by a search for {told['objective']}: trial {found.best.number} of {told['trials']['made']}.\n"
        said += "".join(f"Warning: {one}.\n" for one in told["warnings"])
        writing.write_bytes(best_yaml(found.settings, said).encode(), folder / study.BEST, "--out")
        names.append(study.BEST)
    page = _page(job, found, told)
    if page is not None:
        writing.write_bytes(page, folder / study.PAGE, "--out")
        names.append(study.PAGE)
    return [folder / name for name in names]


def _page(job: Job, found: Found, told: dict[str, Any]) -> bytes | None:
    """The report; None without plotly."""
    from domain.errors import ConfigError
    from orchestration.backtest.reports.report_page import plotly_source
    from orchestration.backtest.searches.optimise_page import optimise_page

    try:
        plotly = plotly_source()
    except ConfigError:
        notice("no report.html: it needs plotly (pip install argus-trading[reports])")
        return None
    return optimise_page(told, found.trials, job.plan.space, plotly).encode("utf-8", "backslashreplace")


def _show(told: dict[str, Any], files: list[Path], job: Job) -> None:
    from orchestration.terminal.optimize_text import lines
    from orchestration.terminal.output import say

    say(*lines(told))
    say(*(f"wrote {one}" for one in files))
    if told["stopped"]:
        if job.folder is None:
            say("stopped: without --out nothing was kept to go on with")
        else:
            say(f"stopped: go on with python cli.py optimize --resume {job.folder.path}")
