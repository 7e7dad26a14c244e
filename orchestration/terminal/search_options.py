"""The options of a search, which ``optimize`` and ``backtest --walk-forward`` share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from orchestration.backtest.searches.search import Pool, Stop
    from orchestration.backtest.searches.study import Asked

SEARCHED = "What is searched"


def option(
    *names: str, what: str, panel: str = SEARCHED, default: str | bool = True, metavar: str | None = None
) -> Any:
    return typer.Option(*names, help=what, rich_help_panel=panel, show_default=default, metavar=metavar)


Space = Annotated[
    list[str] | None,
    option(
        "--space",
        what="A key and its values: KEY=LOW..HIGH, LOW..HIGH:STEP, LOW..HIGH:log, or a|b|c; once per key.",
        default="the strategy's numbers, from a quarter of their default to four times it",
        metavar="KEY=VALUES",
    ),
]
Objective = Annotated[
    str | None,
    option(
        "--objective",
        what="What is looked for: sharpe, sortino, calmar, cagr, profit, expectancy, expectancy_r, profit_factor, sqn,"
        " drawdown, probabilistic, deflated.",
        default="sharpe",
    ),
]
Constraints = Annotated[
    list[str] | None,
    option("--constraint", what="What has to hold, like 'max_drawdown>-0.2' or 'trades>=30'; may be repeated.",
            default=False, metavar="MEASURE>N"),
]  # fmt: skip
Trials = Annotated[int | None, option("--trials", what="How many sets are tried.", default="200")]
Algorithm = Annotated[str | None, option("--algorithm", what="tpe (learns), random, or grid (all).", default="tpe")]
Keep = Annotated[
    float | None,
    option("--keep", what="Share of the trials that goes on after 25 % and after 50 % of the time; 1 for all.",
            default="0.5"),
]  # fmt: skip
Jobs = Annotated[
    int | None,
    option("--jobs", "-j", what="Processes that try; 1 is this one alone.", default="one per core where it pays"),
]


def asked_of(
    space: list[str] | None,
    objective: str | None,
    constraints: list[str] | None,
    trials: int | None,
    algorithm: str | None,
    keep: float | None,
    oos: float | None = None,
    seed: int | None = None,
) -> Asked:
    """What was given, over the defaults."""
    from orchestration.backtest.searches.study import Asked

    values: dict[str, Any] = {
        "space": tuple(space) if space else None,
        "objective": objective,
        "constraints": tuple(constraints) if constraints else None,
        "trials": trials,
        "algorithm": algorithm,
        "keep": keep,
        "oos": oos,
        "seed": seed,
    }
    return Asked(**{name: value for name, value in values.items() if value is not None})


def check_jobs(jobs: int | None) -> None:
    if jobs is not None and not 1 <= jobs <= 512:
        from orchestration.settings import UsageError

        raise UsageError(f"--jobs {jobs}: allowed is 1 to 512")


def with_lag(asked: Asked, jobs: int | None) -> Asked:
    """As many proposals open at once as the processes need."""
    import msgspec

    from orchestration.tuning import lag_for

    return msgspec.structs.replace(asked, lag=lag_for(jobs, asked.lag))


def pool_of(jobs: int | None, trials: int, stop: Stop) -> Pool:
    from orchestration.tuning import Growing

    return Growing(jobs, trials, stop)
