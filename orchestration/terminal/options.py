"""The options of the command line: what is said of a run, and what every verb takes."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

if TYPE_CHECKING:
    from orchestration.settings import Overrides

TRADED, MARKET, DECIDED, PACE, PLACE = (
    "What is traded",
    "Market data",
    "Strategy and risk",
    "Pace and length",
    "Where it runs and is kept",
)


def _option(*names: str, what: str, panel: str, default: str | bool = False, metavar: str | None = None) -> Any:
    return typer.Option(*names, help=what, rich_help_panel=panel, show_default=default, metavar=metavar)


Symbols = Annotated[
    list[str] | None,
    _option("--symbols", "-s", what="Symbols to trade, with commas or one per use.", panel=TRADED, metavar="A,B,…"),
]
Mode = Annotated[
    str | None,
    _option("--mode", what="paper, or live (needs a real feed and venue).", panel=TRADED, default="paper"),
]
Live = Annotated[
    bool, _option("--i-understand-live", what="Needed for --mode live: real money is at risk.", panel=TRADED)
]
Feed = Annotated[
    str | None,
    _option(
        "--feed", what="auto, sim or recorded; auto is recorded where --data is given.", panel=MARKET, default="auto"
    ),
]
Data = Annotated[
    list[str] | None,
    _option(
        "--data",
        "-d",
        what="A folder of SYMBOL_TF.parquet or .csv files, or SYMBOL=FILE, once per symbol.",
        panel=MARKET,
        metavar="DIR|SYMBOL=FILE",
    ),
]
Follow = Annotated[
    bool, _option("--follow", what="Read files that grow, at the clock's pace, as a live feed.", panel=MARKET)
]
Timeframe = Annotated[
    str | None,
    _option(
        "--timeframe",
        "-t",
        what="Length of a bar: S1 … M1 M5 H1 D1 W1; lower data is resampled.",
        panel=MARKET,
        default="M1 for sim, the file's own for recorded",
    ),
]
Timerange = Annotated[
    str | None,
    _option(
        "--timerange",
        what="UTC dates, both inclusive, like 20160104-20160331.",
        panel=MARKET,
        default="all of the data",
        metavar="FROM-TO",
    ),
]
Seed = Annotated[
    int | None,
    _option("--seed", what="Of the simulated market; the same seed, the same bars.", panel=MARKET, default="7"),
]
StrategyName = Annotated[
    str | None,
    _option("--strategy", what="The strategy of every symbol; see strategies.", panel=DECIDED, default="ema_cross"),
]
StrategiesDir = Annotated[
    str | None,
    _option(
        "--strategies-dir",
        what="A folder of strategies of your own: NAME.py is found as --strategy NAME.",
        panel=DECIDED,
        default="none",
        metavar="DIR",
    ),
]
Preset = Annotated[
    str | None,
    _option("--preset", what="Limits and costs to start from; see presets.", panel=DECIDED, default="balanced"),
]
Config = Annotated[
    list[str] | None,
    _option(
        "--config",
        "-c",
        what="Configuration file, YAML; may be repeated, later over earlier.",
        panel=DECIDED,
        default="none",
        metavar="FILE",
    ),
]
Sets = Annotated[
    list[str] | None,
    _option(
        "--set",
        what="One key, like risk.max_open_positions=3; may be repeated; see config show.",
        panel=DECIDED,
        metavar="KEY=VALUE",
    ),
]
Interval = Annotated[
    float | None,
    _option(
        "--interval",
        what="Seconds between live cycles; under sim seconds per bar.",
        panel=PACE,
        default="live: 60 or the timeframe if that is shorter",
    ),
]
Speed = Annotated[
    str | None,
    _option(
        "--speed",
        what="Bars per second, or max for as fast as the machine can.",
        panel=PACE,
        default="max for recorded, 1 for sim",
        metavar="max|N",
    ),
]
Cycles = Annotated[int | None, _option("--cycles", what="End after so many cycles.", panel=PACE, default="no end")]
RunDatabase = Annotated[
    str | None,
    _option(
        "--db-url",
        what="Database: sqlite:///path/to/argus.db or postgresql://user@host/name.",
        panel=PLACE,
        default="argus.db in the data folder",
    ),
]
Address = Annotated[
    str | None,
    _option(
        "--address", what="Ray: local starts a cluster, auto or host:port joins one.", panel=PLACE, default="local"
    ),
]

DatabaseUrl = Annotated[
    str | None,
    typer.Option(
        "--db-url",
        help="Database: sqlite:///path/to/argus.db or postgresql://user@host/name.",
        show_default="ARGUS__DATABASE__URL, else argus.db in the data folder",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="JSON on stdout, for programs.", show_default=False)]


def overrides(
    symbols: Symbols = None,
    mode: Mode = None,
    i_understand_live: Live = False,
    feed: Feed = None,
    data: Data = None,
    follow: Follow = False,
    timeframe: Timeframe = None,
    timerange: Timerange = None,
    seed: Seed = None,
    strategy: StrategyName = None,
    strategies_dir: StrategiesDir = None,
    preset: Preset = None,
    config: Config = None,
    sets: Sets = None,
    interval: Interval = None,
    speed: Speed = None,
    cycles: Cycles = None,
    db_url: RunDatabase = None,
    address: Address = None,
    *,
    needs_symbols: bool = True,
) -> Overrides:
    """The options as they were typed, before anything of them is believed."""
    from orchestration.settings import Overrides

    return Overrides(
        symbols=tuple(symbols or ()),
        mode=mode,
        feed=feed,
        follow=follow,
        data=tuple(data or ()),
        timeframe=timeframe,
        timerange=timerange,
        strategy=strategy,
        strategies_dir=strategies_dir,
        preset=preset,
        interval=interval,
        cycles=cycles,
        seed=seed,
        speed=speed,
        db_url=db_url,
        address=address,
        i_understand_live=i_understand_live,
        config=tuple(config or ()),
        sets=tuple(sets or ()),
        needs_symbols=needs_symbols,
    )


def options_given(given: Overrides) -> list[str]:
    """The options of ``overrides`` that were used."""
    from orchestration.settings.options import option_values

    named = {"--config": given.config, "--set": given.sets}
    return [option for option, _ in option_values(given).values()] + [one for one, used in named.items() if used]


def with_run_options(
    needs_symbols: bool, own_first: bool = False
) -> Callable[[Callable[..., int]], Callable[..., int]]:
    """For a verb whose first argument are Overrides: typer sees the options of ``overrides`` in its place, after those
    of the verb itself with ``own_first``."""
    shared = [one for one in _parameters(overrides) if one.name != "needs_symbols"]

    def wrap(verb: Callable[..., int]) -> Callable[..., int]:
        own = _parameters(verb)[1:]

        def wired(**given: Any) -> int:
            chosen = overrides(**{one.name: given.pop(one.name) for one in shared}, needs_symbols=needs_symbols)
            return verb(chosen, **given)

        every = [*own, *shared] if own_first else [*shared, *own]
        wired.__signature__ = inspect.Signature(every)  # type: ignore[attr-defined]
        wired.__name__, wired.__doc__ = verb.__name__, verb.__doc__
        return wired

    return wrap


def _parameters(function: Callable[..., Any]) -> list[inspect.Parameter]:
    """Its parameters by keyword, with their annotations as typer needs them; Overrides need not be loaded for that."""
    hints = get_type_hints(function, localns={"Overrides": object}, include_extras=True)
    keyword = inspect.Parameter.KEYWORD_ONLY
    found = inspect.signature(function).parameters.values()
    return [one.replace(kind=keyword, annotation=hints[one.name]) for one in found]
