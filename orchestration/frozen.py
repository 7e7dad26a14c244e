"""A recorded run as the database has it, and everything it was started from: nothing of today is asked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import sqlalchemy as sa

from domain.errors import ConfigError
from domain.registry import build
from orchestration.plan import Kept, Market
from orchestration.plan import market as found_today
from orchestration.settings import Settings, from_json, own_file, strategy_parameters
from orchestration.settings.check import sound
from orchestration.settings.keys import SECRET
from orchestration.settings.layers import from_environment
from orchestration.settings.problems import Problems
from strategies.files import strategy_named

COMPLETE = ("cycles", "end_of_data")
"""Reasons of a run that has done all it was asked for; after any other one it can go on."""
SHOWN = 5
"""So many run ids are listed to choose from."""


class Recorded(msgspec.Struct, frozen=True, kw_only=True):
    """One run. Times in UTC nanoseconds; ``closed`` is its last closed cycle; ``inputs`` as ``plan.Kept``.

    ``strategy`` and ``fingerprint`` are those of its anchors, ``anchor`` is the first T that a state has seen;
    ``told`` is the ``seq`` of its last event.
    """

    run_id: str
    epoch: int
    account: str
    live: bool
    simulated: bool
    started_at: int
    ended_at: int | None
    exit_reason: str | None
    config: str
    inputs: str
    warmed_until: int
    strategy: str
    fingerprint: str
    anchor: int
    closed: int
    told: int


def settings_of(config: str) -> Settings:
    """The settings that ``settings.to_json`` froze, a password in the database's URL excepted. Raises ConfigError."""
    try:
        return from_json(config)
    except (msgspec.DecodeError, TypeError, ValueError) as error:
        raise ConfigError(
            f"the recorded configuration cannot be read ({error}): it was written by another version of this program"
        ) from error


def with_secrets(settings: Settings, environ: Mapping[str, str]) -> tuple[Settings, list[str]]:
    """With what is never recorded, from the environment of now; and which keys are missing. Raises ConfigError."""
    problems = Problems()
    given = [one for one in from_environment(environ, Problems()) if one.key in SECRET]
    found: dict[str, Any] = {}
    for one in sound(given, problems):
        found[one.key] = found.get(one.key, {}) | one.value if isinstance(one.value, dict) else one.value
    problems.raise_if_any()
    hidden = {key: one.value for key, one in settings.written.items() if key in SECRET and one.value}
    missing = [one for key, value in hidden.items() for one in _missing(key, value, found.get(key))]
    supervision = msgspec.structs.replace(settings.supervision, heartbeat_url=found.get("supervision.heartbeat_url"))
    alerts = msgspec.structs.replace(settings.alerts, channels=found.get("alerts.channels", {}))
    return msgspec.structs.replace(settings, supervision=supervision, alerts=alerts), missing


def _missing(key: str, hidden: Any, found: Any) -> list[str]:
    """Keys, or names of a mapping, that had a value and have none now."""
    if isinstance(hidden, dict):
        return [f"{key}.{name}" for name in hidden if name not in (found or {})]
    return [] if found else [key]


# -- which run -------------------------------------------------------------------------------------


def run_of(url: str, run_id: str | None = None) -> Recorded:
    """The run whose id begins so, else the newest. Raises ConfigError if there is none, or more than one."""
    with _reader(url) as connection:
        known = _known(connection)
        return _recorded(connection, _chosen(known, run_id) if run_id else _newest(known))


def to_resume(url: str, run_id: str | None = None) -> Recorded:
    """The run to go on with: the one that is named, else the newest that is not complete. Raises ConfigError."""
    with _reader(url) as connection:
        known = _known(connection)
        open_ones = [one for one in known if not _refusal(one, known)]
        if run_id is None:
            if not open_ones:
                why = f": {_refusal(known[0], known)}" if known else ""
                raise ConfigError(f"nothing to resume{why}; start a new run without --resume")
            return _recorded(connection, open_ones[0])
        try:
            chosen = _chosen(known, run_id)
        except ConfigError as error:
            raise ConfigError(f"{error}; {_listed(open_ones)}") from error
        refusal = _refusal(chosen, known)
        if refusal:
            raise ConfigError(f"{refusal}; {_listed(open_ones)}")
        return _recorded(connection, chosen)


def _newest(known: list[Any]) -> Any:
    if not known:
        raise ConfigError("no run is recorded in this database")
    return known[0]


def _chosen(known: list[Any], beginning: str) -> Any:
    found = [one for one in known if one.run_id.startswith(beginning)]
    found = [one for one in found if one.run_id == beginning] or found
    if len(found) == 1:
        return found[0]
    if not found:
        raise ConfigError(f"there is no run {beginning} in this database")
    raise ConfigError(f"{beginning} is the beginning of several runs: {_some(found)}")


def _refusal(one: Any, known: list[Any]) -> str:
    """Why this run cannot go on; empty if it can."""
    if one.exit_reason in COMPLETE:
        return f"run {one.run_id} is complete: it ended with {one.exit_reason} after {_cycles(one.closed)}"
    later = _continued_by(one, known)
    if later:
        return f"run {one.run_id} cannot go on: run {later} has traded on its account {one.account} since"
    return ""


def _continued_by(one: Any, known: list[Any]) -> str:
    later = (other for other in known if other.account == one.account and other.epoch > one.epoch and other.opened)
    return next((str(other.run_id) for other in later), "")


def _listed(found: list[Any]) -> str:
    return f"can be resumed: {_some(found)}" if found else "no run of this database can be resumed: start a new one"


def _some(found: list[Any]) -> str:
    more = f" and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
    return ", ".join(one.run_id for one in found[:SHOWN]) + more


def _cycles(count: int) -> str:
    return f"{count:,} cycle{'' if count == 1 else 's'}"


# -- reading it ------------------------------------------------------------------------------------


@contextmanager
def _reader(url: str) -> Iterator[sa.Connection]:
    from journal import database
    from journal.engines import open_engine

    database.require(url)
    engine = open_engine(url, read_only=True)
    try:
        with engine.begin() as connection:
            yield connection
    finally:
        engine.dispose()


def _known(connection: sa.Connection) -> list[Any]:
    """Every run without what is large, the newest first; ``opened`` and ``closed`` are its last such cycles."""
    from journal import schema as s

    n, mine = sa.func.max(s.cycles.c.n), s.cycles.c.run_id == s.runs.c.run_id
    opened = sa.select(n).where(mine).scalar_subquery()
    closed = sa.select(n).where(mine, s.cycles.c.closed).scalar_subquery()
    query = sa.select(
        *(s.runs.c[name] for name in ("run_id", "epoch", "account", "exit_reason")),
        sa.func.coalesce(opened, 0).label("opened"),
        sa.func.coalesce(closed, 0).label("closed"),
    )
    return list(connection.execute(query.order_by(s.runs.c.epoch.desc(), s.runs.c.started_at.desc(), s.runs.c.run_id)))


def _recorded(connection: sa.Connection, one: Any) -> Recorded:
    from journal import schema as s

    row = connection.execute(sa.select(s.runs).where(s.runs.c.run_id == one.run_id)).mappings().one()
    anchors = sa.select(s.anchors.c.strategy, s.anchors.c.parameters, s.anchors.c.at)
    anchor = connection.execute(anchors.where(s.anchors.c.run_id == one.run_id).limit(1)).one()
    return Recorded(
        **{name: row[name] for name in Recorded.__struct_fields__ if name in row},
        strategy=anchor.strategy,
        fingerprint=anchor.parameters,
        anchor=anchor.at,
        closed=one.closed,
        told=connection.execute(sa.select(sa.func.max(s.events.c.seq)).where(s.events.c.run_id == one.run_id)).scalar()
        or 0,
    )


# -- its market, as it was -------------------------------------------------------------------------


def market_of(found: Recorded, settings: Settings) -> Market:
    """The market of a recorded run from what was recorded, its inputs verified. Raises ConfigError with what differs.

    Files that grow only need to be there.
    """
    from marketdata import FEEDS

    kept = msgspec.json.decode(found.inputs, type=Kept)
    if not kept.arguments:  # written before markets were recorded
        return _as_recorded(found, kept, found_today(settings))
    arguments = {**kept.arguments, "symbols": tuple(kept.arguments["symbols"])}
    files = arguments.get("sources", {})
    gone = [f"{one}: {path}, which run {found.run_id} reads, is gone" for one, path in files.items() if _gone(path)]
    if gone:
        raise ConfigError([f"{text}: put it back, or start a new run" for text in gone])
    try:
        info = build("feed", kept.feed, FEEDS)(**arguments).info()
    except ConfigError as error:
        raise ConfigError(_by_symbol(files) or error.problems) from error
    today = Market(arguments, info, kept.instruments, kept.subscribed, (), kept.calendar)
    return _as_recorded(found, kept, today)


def _as_recorded(found: Recorded, kept: Kept, today: Market) -> Market:
    info = today.info
    if info.live:
        was = {"inputs": kept.inputs, "warmed_until": found.warmed_until, "start_at": found.anchor}
        return msgspec.structs.replace(today, info=msgspec.structs.replace(info, **was), notices=())
    wrong = [
        f"{_subject(symbol, was)} has changed since run {found.run_id} began: {_difference(was, now)}; put it back as "
        "it was, or start a new run"
        for symbol, was in kept.inputs.items()
        if (now := info.inputs.get(symbol, {})) != was
    ]
    if wrong:
        raise ConfigError(wrong)
    return today


def _subject(symbol: str, was: dict[str, str]) -> str:
    return f"{symbol}: {was['path']}" if "path" in was else "the simulated market"


def _difference(was: dict[str, str], now: dict[str, str]) -> str:
    names = [name for name in (*was, *(one for one in now if one not in was)) if was.get(name) != now.get(name)]
    return ", ".join(f"{name} was {was.get(name) or 'none'}, is {now.get(name) or 'none'}" for name in names)


def _gone(path: str) -> bool:
    return not Path(path).is_file()


def _by_symbol(files: dict[str, str]) -> list[str]:
    """What is wrong with single files, each under its symbol."""
    from marketdata.files import read_bars

    wrong = []
    for symbol, path in files.items():
        try:
            read_bars(path)
        except ConfigError as error:
            wrong += [f"{symbol}: {problem}" for problem in error.problems]
    return wrong


# -- its strategy ----------------------------------------------------------------------------------


def same_strategy(found: Recorded, settings: Settings) -> None:
    """Raises ConfigError if the strategy of a recorded run is gone, or would not compute what it did."""
    from strategies.base import fingerprint, resolve

    kernel = strategy_named(found.strategy, own_file(settings.strategy))
    now = fingerprint(resolve(kernel, strategy_parameters(settings)))
    if now != found.fingerprint:
        raise ConfigError(
            f"strategy {found.strategy} has changed since run {found.run_id} began: its parameters were "
            f"{found.fingerprint}, are {now}; start a new run"
        )
