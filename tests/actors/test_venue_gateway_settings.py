"""From the configuration to the limits that stand before the paper venue."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from actors.venue_gateway import VenueGateway
from domain.errors import ConfigError, Unavailable
from journal import database
from orchestration import parts
from orchestration.local import LocalRuntime, NoMeter
from orchestration.plan import Identity, actor_specs, market
from orchestration.settings import Overrides, from_json, load, to_json
from orchestration.topology import LimitsSpec, PaperSpec
from tests.flow.system import path, write_bars


def limits(*sets: str) -> LimitsSpec:
    settings = load(Overrides(symbols=("EURUSD",), sets=sets), {})
    (again,) = from_json(to_json(settings)).venues
    assert (again,) == settings.venues
    return LimitsSpec(**again.limits())


def gateway(folder: Path, found: LimitsSpec) -> VenueGateway:
    """The paper gateway as a run builds it, under these limits."""
    url = f"sqlite:///{folder / 'argus.db'}"
    bars = write_bars(folder / "EURUSD_M1.csv", path((50, 0.0001)))
    settings = load(Overrides(symbols=("EURUSD",), data=(f"EURUSD={bars}",), db_url=url), {})
    database.prepare(url)
    specs = actor_specs(settings, market(settings), Identity("run", 0, url, 0, ""))
    (spec,) = (one.spec for one in specs if one.name == "VenueGateway:paper")
    assert isinstance(spec, PaperSpec)
    made: Any = parts.paper_gateway(msgspec.structs.replace(spec, limits=found), LocalRuntime(), NoMeter())
    assert isinstance(made, VenueGateway)
    return made


def test_without_configuration_there_is_no_limit(tmp_path: Path) -> None:
    found = gateway(tmp_path, limits())

    assert limits() == LimitsSpec()
    assert parts.guard("paper", LimitsSpec()) is None
    assert found.health().detail["breaker"] == "off"


def test_limits_are_built_as_configured(tmp_path: Path) -> None:
    found = limits("venues.paper.rate_per_second=0.1", "venues.paper.burst=3", "venues.paper.breaker_failures=2")
    made = gateway(tmp_path, found)

    assert found == LimitsSpec(rate_per_second=0.1, burst=3, breaker_failures=2, breaker_seconds=60.0)
    assert made.health().detail["breaker"] == "closed"
    assert [made.positions(), made.orders()] == [[], []]
    with pytest.raises(Unavailable) as refused:
        made.positions()
    assert refused.value.code == "RATE_LIMITED"


@pytest.mark.parametrize(("rate", "at_once"), [("0.2", 1), ("2.5", 3), ("5", 5)])
def test_without_a_burst_as_many_pass_at_once_as_in_a_second(rate: str, at_once: int) -> None:
    guard = parts.guard("service", limits(f"venues.paper.rate_per_second={rate}"))

    assert guard._bucket.burst == at_once


@pytest.mark.parametrize(
    ("sets", "says"),
    [
        ("venues.paper.rate_per_second=0", "allowed: a number > 0"),
        ("venues.paper.burst=0", "allowed: a whole number >= 1"),
        ("venues.paper.breaker_failures=0", "allowed: a whole number >= 1"),
        ("venues.paper.breaker_seconds=0", "allowed: a number > 0"),
        ("venues.paper.burst=5", "venues.paper.burst needs venues.paper.rate_per_second"),
        ("venues.paper.breaker_seconds=5", "venues.paper.breaker_seconds needs venues.paper.breaker_failures"),
    ],
)
def test_a_limit_that_would_not_limit_is_refused(sets: str, says: str) -> None:
    with pytest.raises(ConfigError) as refused:
        limits(sets)
    assert says in str(refused.value)
