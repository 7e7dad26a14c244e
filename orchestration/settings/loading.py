"""Command line, environment, files, preset and defaults become Settings, or every problem at once."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import msgspec

from domain.errors import ConfigError
from domain.money import from_decimal
from domain.registry import load as load_registered
from domain.registry import unknown
from orchestration.alerts.rules import parsed as parsed_rules
from orchestration.settings import instrument_list, parse
from orchestration.settings.check import not_in_this_version, sound
from orchestration.settings.keys import KEYS, SECRET, VENUE_KEYS
from orchestration.settings.layers import (
    DEFAULT,
    FILE,
    PRESET,
    Given,
    from_environment,
    from_files,
    from_options,
    from_preset,
    shown,
)
from orchestration.settings.merge import Merged
from orchestration.settings.options import Overrides
from orchestration.settings.problems import Problems
from orchestration.settings.strategy import problems_of
from orchestration.settings.tree import (
    Account,
    Alerts,
    Cycle,
    Feed,
    Ray,
    Resources,
    Settings,
    Strategy,
    Supervision,
    Venue,
    Written,
    masked,
)
from research.config import ResearchConfig
from risk.config import ExitConfig, RiskConfig
from risk.contradictions import contradictions
from strategies import STRATEGIES
from strategies.files import files_in, read

SIM_START = 1_704_153_600_000_000_000
"""2024-01-02T00:00Z: when simulated time begins."""

MONEY = (
    "max_order_notional",
    "max_daily_loss",
    "max_symbol_loss",
    "max_exposure",
    "min_free_balance",
    "units",
)
MONEY_BY_CLASS = ("max_risk_money",)


def load(overrides: Overrides, environ: Mapping[str, str] | None = None) -> Settings:
    """The settings of a run.

    Precedence: command line > environment > files, later over earlier > preset > defaults. Raises
    ConfigError with all problems, or UsageError if the command line is among what is wrong. A strategy's
    parameters are checked by ``strategy_problems``, which needs the compiler; here only beside other problems.
    """
    problems = Problems()
    written = from_files(overrides.config, problems)
    written += from_environment(os.environ if environ is None else environ, problems)
    written += from_options(overrides, problems)
    given = sound(written, problems)
    name = max((one for one in given if one.key == "preset"), key=lambda one: one.rank, default=None)
    preset = sound(from_preset(name.value if name else KEYS["preset"].default, problems), problems)
    merged = Merged(preset + given, {one.key for one in written})
    settings = _resolve(merged, overrides, problems)
    if problems.texts:
        _parameters_too(merged, problems)
    problems.raise_if_any()
    assert settings is not None
    return settings


def _parameters_too(merged: Merged, problems: Problems) -> None:
    """What is wrong with parameters that somebody wrote, if it is known for which strategy."""
    name, (given, _) = merged.keys["strategy.name"], merged.parameters()
    if given and (name.rank > DEFAULT or "strategy.name" not in merged.tried):
        strategy = _strategy(merged, Problems())
        if strategy is None:
            return
        try:
            texts = problems_of(strategy, {key: one.source for key, one in merged.keys.items()})
        except ConfigError as error:
            texts = list(error.problems)
        for text in texts:
            problems.config(text)


def _resolve(merged: Merged, overrides: Overrides, problems: Problems) -> Settings | None:
    symbols = parse.symbols(merged["symbols"]) if merged["symbols"] else ()
    if not symbols and overrides.needs_symbols and "symbols" not in merged.tried:
        problems.usage("no symbols: give --symbols EURUSD,BTC, or symbols: [EURUSD, BTC] in a file")
    chosen = merged.choose_feed(problems)
    feed = _feed(merged, chosen, symbols, problems)
    _live(merged, problems)
    _rules(merged, problems)
    _limits(merged, problems)
    _calls(merged, problems)
    _told(merged, problems)
    own = _own_instruments(merged, problems)
    if problems.texts:
        return None
    strategy = _strategy(merged, problems)
    if strategy is None:
        return None
    timeframe = merged["timeframe"] or ("M1" if chosen == "sim" else None)
    merged.put("timeframe", timeframe)
    merged.put("feed.speed", "max" if feed.speed is None else feed.speed)
    return Settings(
        symbols=symbols,
        mode=merged["mode"],
        timeframe=timeframe,
        preset=merged["preset"],
        account=_account(merged),
        feed=feed,
        strategy=strategy,
        risk=_risk(merged),
        exits=_exits(merged),
        venues=_venues(merged),
        ray=_ray(merged),
        cycle=_cycle(merged),
        supervision=_supervision(merged),
        alerts=_alerts(merged),
        resources=_resources(merged),
        research=_research(merged),
        database_url=merged["database.url"],
        instruments=own,
        written={key: _as_written(key, one) for key, one in sorted(merged.keys.items())},
        notices=tuple(merged.notices),
    )


def _as_written(key: str, one: Given) -> Written:
    if key in SECRET:
        hidden: Any = dict.fromkeys(sorted(one.value), "***") if isinstance(one.value, dict) else "***"
        return Written(hidden if one.value else one.value, one.source)
    return Written(masked(one.value) if key == "database.url" and one.value else one.value, one.source)


def _strategy(merged: Merged, problems: Problems) -> Strategy | None:
    """The chosen one, with its file if it is the user's own; None beside a problem."""
    name, folder = merged.keys["strategy.name"], merged.keys["strategies_dir"]
    parameters, preset = merged.parameters()
    path = files_in(parse.folder(folder.value)).get(name.value) if folder.value else None
    if path is None:
        if name.value in STRATEGIES:
            return Strategy(name=name.value, parameters=parameters, preset=preset)
        problems.config(f"{name.source}: {unknown('strategy', name.value, STRATEGIES)}")
        return None
    if name.value in STRATEGIES:
        shipped = STRATEGIES[name.value].partition(":")[0]
        problems.config(
            f"{name.source}: there are two strategies {name.value}: {path} and the shipped {shipped}; rename the file "
            "and its function"
        )
        return None
    try:
        own = read(path)
    except ConfigError as error:
        for text in error.problems:
            problems.config(f"{folder.source}: {text}")
        return None
    return Strategy(name=name.value, parameters=parameters, preset=preset, file=own.path, sha256=own.sha256)


def _amount(value: float) -> int:
    return from_decimal(repr(value))


# -- what must fit together ------------------------------------------------------------------------


def _live(merged: Merged, problems: Problems) -> None:
    if merged["mode"] != "live":
        return
    consent = "" if merged["i_understand_live"] else " and --i-understand-live"
    problems.config(
        f"{merged.keys['mode'].source}: mode live needs a real feed, a real venue{consent}; no live venue is available "
        f"in this version ({not_in_this_version('venue', 'mt5')}, jupiter likewise); use mode paper"
    )


def _rules(merged: Merged, problems: Problems) -> None:
    """A list of rules may leave out neither what always holds nor a limit that was set."""
    names = merged["risk.rules"]
    if names is None:
        return
    from risk.rules import ALWAYS, RULES

    source = merged.keys["risk.rules"].source
    missing = [one for one in ALWAYS if one not in names]
    if missing:
        problems.config(f"{source}: risk.rules leaves out {', '.join(missing)}, which always hold; add them")
    for name in RULES:
        for key in load_registered(RULES[name]).keys if name not in names else ():
            limit = merged.keys.get(f"risk.{key}")
            if limit is not None and limit.rank > PRESET and limit.value is not None and limit.value is not False:
                problems.config(
                    f"{source}: risk.rules leaves out {name}, but {limit.source} sets risk.{key}; add {name}"
                )


def _limits(merged: Merged, problems: Problems) -> None:
    """Limits that contradict each other: refused, or told where somebody has set one over a preset's."""
    for one in contradictions(_risk(merged), _exits(merged)):
        found = [merged.keys[key] for key in one.keys]
        sources = ", ".join(dict.fromkeys(given.source for given in found))
        if min(given.rank for given in found) <= PRESET < max(given.rank for given in found):
            merged.notices.append(f"{sources}: {one.why}")
        else:
            problems.config(f"{sources}: {one.why}; change one of them")


def _calls(merged: Merged, problems: Problems) -> None:
    """A limit on the calls to a venue that has nothing to work on would look as if it protected."""
    for key, one in merged.under("venues").items():
        section, _, name = key.rpartition(".")
        needed = {"burst": "rate_per_second", "breaker_seconds": "breaker_failures"}.get(name, "")
        found = merged.keys.get(f"{section}.{needed}")
        if needed and one.value is not None and (found is None or found.value is None):
            problems.config(f"{one.source}: {key} needs {section}.{needed}; set it, or leave {name} out")


def _told(merged: Merged, problems: Problems) -> None:
    """A rule that names a channel nobody has configured would tell nobody."""
    known, one = merged["alerts.channels"], merged.keys["alerts.rules"]
    for rule in parsed_rules(one.value):
        for name in rule.channels or ():
            if name not in known:
                problems.config(f"{one.source}: alerts.rules: {rule.name}: {unknown('channel', name, sorted(known))}")


def _own_instruments(merged: Merged, problems: Problems) -> dict[str, dict[str, Any]]:
    own: dict[str, dict[str, Any]] = {}
    sources: dict[str, str] = {}
    for key, one in merged.under("instruments").items():
        symbol, _, name = key.removeprefix("instruments.").rpartition(".")
        own.setdefault(symbol, {})[name] = one.value
        sources[symbol] = one.source
    for symbol, texts in instrument_list.problems(own).items():
        for text in texts:
            problems.config(f"{sources[symbol]}: instruments.{text}")
    return own


def _feed(merged: Merged, chosen: str, symbols: tuple[str, ...], problems: Problems) -> Feed:
    folder, files = parse.data(merged["feed.data"]) if chosen == "recorded" and merged["feed.data"] else (None, {})
    _files_fit(merged.keys["feed.data"], files, symbols, problems)
    timerange = merged["feed.timerange"]
    return Feed(
        name=chosen,
        speed=_speed(merged, chosen, problems),
        seed=merged["feed.seed"],
        warm_up=merged["feed.warm_up"],
        bars=merged["feed.bars"],
        start_at=SIM_START,
        folder=folder,
        files=files,
        timerange=parse.timerange(timerange) if timerange is not None else None,
        follow=merged["feed.follow"],
    )


def _files_fit(data: Given, files: dict[str, str], symbols: tuple[str, ...], problems: Problems) -> None:
    if not files or not symbols:
        return
    known = set(symbols)
    without = [one for one in symbols if one not in files]
    if without:
        problems.add(f"{data.source}: no file for {', '.join(without[:5])}; add SYMBOL=FILE", usage=data.usage)
    extra = [one for one in files if one not in known]
    if extra:
        problems.add(
            f"{data.source}: a file for {', '.join(extra[:5])}, which is not among the symbols; add it to --symbols",
            usage=data.usage,
        )


def _speed(merged: Merged, chosen: str, problems: Problems) -> float | None:
    """Bars per second, None as fast as the machine; a live cadence has none."""
    speed, interval = merged.keys["feed.speed"], merged.keys["cycle.interval"]
    fixed = None if speed.value in (None, "max") else float(speed.value)
    if chosen == "recorded":
        if merged["feed.follow"]:
            if speed.rank >= FILE:
                problems.add(
                    f"{speed.source}: feed.speed = {shown(speed.value)} and follow conflict: files that grow keep "
                    "the clock's cadence; use --interval",
                    usage=speed.usage,
                )
        elif interval.rank >= FILE and interval.value is not None:
            merged.notices.append(
                f"{interval.source}: cycle.interval is ignored: recorded bars do not wait for the clock"
            )
        return fixed
    if interval.value is None:
        return fixed if speed.value is not None else 1.0
    if speed.value is not None and speed.rank == interval.rank:
        problems.add(
            f"{speed.source} and {interval.source} conflict: under sim an interval of S seconds is S seconds per bar; "
            "give one of them",
            usage=speed.usage and interval.usage,
        )
    return fixed if speed.value is not None and speed.rank > interval.rank else 1.0 / interval.value


# -- the sections ----------------------------------------------------------------------------------


def _account(merged: Merged) -> Account:
    return Account(
        currency=merged["account.currency"],
        cash=_amount(merged["account.cash"]),
        equivalents={name: _amount(rate) for name, rate in sorted(merged["account.equivalents"].items())},
        convert=merged["account.convert"],
    )


def _risk(merged: Merged) -> RiskConfig:
    keys = {key.removeprefix("risk."): one for key, one in merged.under("risk").items()}
    values = {name: _tupled(one.value) for name, one in keys.items()}
    for name in MONEY:
        values[name] = None if values[name] is None else _amount(values[name])
    for name in MONEY_BY_CLASS:
        values[name] = {kind: _amount(value) for kind, value in values[name].items()}
    values["stages_off"] = tuple(sorted(set(values["stages_off"])))
    explicit = frozenset(name for name, one in keys.items() if one.rank > PRESET)
    return msgspec.convert({**values, "explicit": explicit}, RiskConfig)  # 1 becomes 1.0, as after a round trip


def _exits(merged: Merged) -> ExitConfig:
    values = {key.removeprefix("exits."): one.value for key, one in merged.under("exits").items()}
    return msgspec.convert({**values, "targets": parse.targets(values["targets"])}, ExitConfig)


def _tupled(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _venues(merged: Merged) -> tuple[Venue, ...]:
    names = sorted({key.split(".")[1] for key in merged.under("venues")})
    return tuple(_venue(merged, name) for name in names)


def _venue(merged: Merged, name: str) -> Venue:
    values: dict[str, Any] = {}
    for key, known in VENUE_KEYS.items():
        one = merged.keys.get(f"venues.{name}.{key}")
        value = known.default if one is None else one.value
        values[key] = {"default": value} if known.sub == "class" and not isinstance(value, dict) else value
    return msgspec.convert({"name": name, **values}, Venue)  # 1 becomes 1.0: the same bytes after a round trip


def _ray(merged: Merged) -> Ray:
    per_host = merged["ray.agents_per_host"]
    return Ray(
        address=merged["ray.address"],
        dashboard=merged["ray.dashboard"],
        agents_per_host=None if per_host == "auto" else per_host,
        deadline=float(merged["ray.deadline"]),
        metrics_port=merged["ray.metrics_port"],
    )


def _cycle(merged: Merged) -> Cycle:
    interval = merged["cycle.interval"]
    return Cycle(
        interval=None if interval is None else float(interval),
        cycles=merged["cycle.cycles"],
        summary_keep_hours=float(merged["cycle.summary_keep_hours"]),
        keep_hours={kind: float(hours) for kind, hours in sorted(merged["cycle.keep_hours"].items())},
    )


def _supervision(merged: Merged) -> Supervision:
    return Supervision(
        restarts=merged["supervision.restarts"],
        window=float(merged["supervision.window"]),
        patience=float(merged["supervision.patience"]),
        heartbeat_url=merged["supervision.heartbeat_url"],
    )


def _alerts(merged: Merged) -> Alerts:
    return Alerts(
        channels=dict(sorted(merged["alerts.channels"].items())),
        rules=parsed_rules(merged["alerts.rules"]),
        defaults=merged["alerts.defaults"],
        dedup=float(merged["alerts.dedup"]),
        rate=merged["alerts.rate"],
        timeout=float(merged["alerts.timeout"]),
        quiet=merged["alerts.quiet"],
        summary=merged["alerts.summary"],
    )


def _resources(merged: Merged) -> Resources:
    values = {key.removeprefix("resources."): one.value for key, one in merged.under("resources").items()}
    return msgspec.convert(values, Resources)


def _research(merged: Merged) -> ResearchConfig:
    values = {key.removeprefix("research."): _tupled(one.value) for key, one in merged.under("research").items()}
    return msgspec.convert(values, ResearchConfig)
