"""What ``risk explain`` is asked about, and which gate it asks."""

from __future__ import annotations

import dataclasses
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from orchestration.terminal.exits import visible
from orchestration.terminal.options import options_given

if TYPE_CHECKING:
    from orchestration.asking import Standing
    from orchestration.frozen import Recorded
    from orchestration.settings import Overrides, Settings
    from risk.explain import Ladder

REGIMES = ("TRENDING", "RANGING", "VOLATILE", "NORMAL")
LIMITS = ("--config", "--set", "--preset", "--strategy")
"""Options of a run that say what is allowed; the others say which market."""


class Wished(NamedTuple):
    """A wish as it was typed, in 1e-9; 0 for what was not given. ``at`` is when (UTC ns), None for now."""

    symbol: str
    side: int
    price: int
    stop: int
    target: int
    score: float
    regime: str
    at: int | None


def wished(
    symbol: str | None,
    direction: str | None,
    price: float | None,
    stop: float | None,
    target: float | None,
    score: float,
    regime: str | None,
    at: str | None,
) -> Wished:
    """Raises UsageError with everything that is wrong."""
    from domain.money import from_decimal
    from orchestration.settings import UsageError

    wrong = []
    if not symbol:
        wrong.append("no wish and no id: give --symbol EURUSD --direction long, or the id of an event or an order")
    elif direction is None:
        wrong.append("--direction is missing: long or short")
    if direction not in (None, "long", "short"):
        wrong.append(f"--direction {direction}: allowed: long or short")
    amounts = {"--price": price, "--stop": stop, "--target": target}
    for name, value in amounts.items():
        if value is not None and not 0 < value < 1e12:
            wrong.append(f"{name} {value}: allowed: a number above 0, in the unit of the price")
    if not 0 <= score <= 1:
        wrong.append(f"--score {score}: allowed: 0 to 1")
    if regime not in (None, *REGIMES):
        wrong.append(f"--regime {regime}: allowed: {', '.join(REGIMES)}")
    moment = moment_at(at, wrong)
    if wrong or symbol is None:
        raise UsageError(wrong)
    bid, off, aim = (0 if value is None else from_decimal(str(value)) for value in amounts.values())
    return Wished(symbol, 1 if direction == "long" else -1, bid, off, aim, score, regime or "", moment)


def moment_at(text: str | None, wrong: list[str]) -> int | None:
    from datetime import UTC, datetime

    from domain.timeframe import nanos

    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        wrong.append(f"--at {text}: allowed: a time like 2024-01-02T14:30 (UTC)")
        return None
    return nanos(found if found.tzinfo else found.replace(tzinfo=UTC))


# -- which gate ------------------------------------------------------------------------------------


@contextmanager
def standing(given: Overrides, run: str | None, wish: Wished | None = None) -> Iterator[tuple[Standing, bool]]:
    """The gate that is asked, and whether its engine is paused.

    That of ``run``, or of the newest live run where no option names a market; else one with an empty book. Raises
    ConfigError or UsageError.
    """
    from orchestration.settings import UsageError
    from orchestration.terminal.place import halt_file

    market = [one for one in options_given(given) if one not in ("--db-url", *LIMITS)]
    if run is not None and market:
        raise UsageError(f"--run brings its own market: leave out {', '.join(market)}")
    kernels()
    from orchestration import asking

    settings, url = _said(given, wish)
    found = _run(url, run, must_be_there=run is not None or given.db_url is not None) if not market else None
    halted = str(halt_file())
    if found is None:
        with asking.of_nothing(settings, halted, wish.at if wish else None) as empty:
            yield empty, False
        return
    with asking.of_run(url, found, _limited(given, settings, found), halted) as whole:
        yield whole, paused(url, found)


def _said(given: Overrides, wish: Wished | None) -> tuple[Settings, str]:
    """The settings of the command line, the wish's symbol among theirs, and the database."""
    from orchestration.settings import load
    from orchestration.terminal.place import database_url

    settings = load(given)
    if wish is not None and wish.symbol not in settings.symbols:
        settings = load(dataclasses.replace(given, symbols=(*settings.symbols, wish.symbol)))
    return settings, database_url(settings.database_url)


def _run(url: str, run: str | None, must_be_there: bool) -> Recorded | None:
    """The run whose account it is: the one that is named, else the newest live one. Raises ConfigError."""
    from journal import database, views
    from orchestration import frozen
    from orchestration.terminal.place import reading

    if must_be_there:
        database.require(url)
    elif not database.exists(url):
        return None
    if run is None:
        with reading(url) as connection:
            run = next((one["run_id"] for one in views.runs(connection) if one["live"]), None)
    return frozen.run_of(url, run) if run is not None else None


def _limited(given: Overrides, settings: Settings, found: Recorded) -> Settings:
    """The recorded settings, with the limits and costs of the command line where it names any."""
    import msgspec

    from orchestration import frozen

    recorded, limits = frozen.settings_of(found.config), set(options_given(given)) & set(LIMITS)
    if not limits:
        return recorded
    changed = {name: getattr(settings, name) for name in ("risk", "exits", "venues", "preset")}
    strategy = {"strategy": settings.strategy} if "--strategy" in limits else {}
    return msgspec.structs.replace(recorded, **changed, **strategy)


def paused(url: str, found: Recorded) -> bool:
    """Whether the engine lives, and takes no entries because somebody has paused it."""
    from domain.engine_state import PAUSED
    from orchestration.terminal.state import of

    said = of(url)
    return said["state"] == PAUSED and (said["run"] or {}).get("run_id") == found.run_id


def asked(found: Standing, wish: Wished, paused: bool) -> Ladder:
    """The wish, as a strategy would have it, before the gate. Raises UsageError for one that cannot be asked."""
    from domain.candidate import Candidate
    from domain.timeframe import iso
    from orchestration.settings import UsageError

    gate, run, symbol = found.gate, found.spec.run, wish.symbol
    if symbol not in run.symbols:
        raise UsageError(
            f"{symbol} is not traded by run {run.run_id} ({', '.join(run.symbols[:10])}): name one of these, or leave "
            "out --run and give --symbols or --data"
        )
    now = found.now if wish.at is None else wish.at
    if found.found is not None and now < found.at:
        raise UsageError(
            f"--at {iso(now)} is before the last cycle of run {run.run_id} ({iso(found.at)}): what was decided then is "
            "explained by the id of its event"
        )
    if wish.price:
        gate.quote(symbol, wish.price, now)
    price = gate.price(symbol)
    if not price:
        raise UsageError(
            f"{symbol} has no price here: give --price, its bars with --data, or --run with a run that trades it"
        )
    candidate = Candidate(
        symbol=symbol,
        strategy=found.settings.strategy.name,
        direction=wish.side,
        at=now,
        price=price,
        stop=wish.stop,
        target=wish.target,
        score=wish.score,
        probability=0.5,
        expires_at=now + run.timeframe_ns,
        regime=wish.regime,
    )
    return gate.ask(candidate, now, paused)


def kernels() -> None:
    """Where compiled code is kept, before anything imports numba."""
    from orchestration import kernel_cache
    from orchestration.terminal.place import now

    cache = kernel_cache.prepare(kernel_cache.cache_root(os.environ), now())
    if cache.notice:
        print(f"notice: {visible(cache.notice)}", file=sys.stderr)
