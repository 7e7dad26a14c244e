"""Faults come from the seed alone, and every one of them comes."""

from __future__ import annotations

import sqlite3

import pytest
from sqlalchemy import create_engine
from sqlalchemy.exc import OperationalError

from benchmarks import chaos_faults as kinds
from benchmarks.chaos_faults import POINTS, Faults, point_of
from benchmarks.chaos_store import raised
from domain.errors import DatabaseAway, DatabaseBroken
from journal.outages import named


def drawn(seed: int, count: int = 4000) -> list[str]:
    faults = Faults(seed)
    return [faults.at(name) or faults.at(name, kinds.EARLIER) for _ in range(count) for name in POINTS]


def test_the_same_seed_draws_the_same() -> None:
    assert drawn(1, 300) == drawn(1, 300) != drawn(2, 300)


def test_every_fault_strikes_sooner_or_later() -> None:
    faults = Faults(3)
    assert len(faults.never()) == sum(len(point.kinds) for point in POINTS.values() if point.must)

    for _ in range(4000):
        for name in POINTS:
            faults.at(name)
            faults.at(name, kinds.EARLIER)

    assert faults.never() == []
    assert 0 < faults.kills() < faults.struck.total()


def test_nothing_strikes_when_they_are_off() -> None:
    faults = Faults(4)
    faults.on = False

    assert {faults.at(name) for _ in range(1000) for name in POINTS} == {""}


@pytest.mark.parametrize(
    ("name", "method", "point"),
    [
        ("PairAgent:EURUSD", "scan", "AgentHost.scan"),
        ("AgentHost:1 (A,B)", "scan", "AgentHost.scan"),
        ("VenueGateway:paper", "submit", "VenueGateway.submit"),
        ("VenueGateway:paper", "lookup", "VenueGateway.query"),
        ("RiskManager", "position", "RiskManager.position"),
    ],
)
def test_a_message_has_its_point(name: str, method: str, point: str) -> None:
    assert point_of(name, method) == point


@pytest.mark.parametrize(
    ("fault", "means"),
    [(kinds.BUSY, DatabaseAway), (kinds.AWAY, DatabaseAway), (kinds.FULL, DatabaseBroken)],
)
def test_what_the_driver_would_say_is_understood(fault: str, means: type[Exception]) -> None:
    error = raised(create_engine("sqlite://").dialect, fault)

    assert isinstance(error, sqlite3.OperationalError)
    assert isinstance(named(OperationalError("COMMIT", None, error), "sqlite://"), means)
