from __future__ import annotations

from typing import Any

import pytest

from benchmarks.verdict import settled, verdict

SLOW_START = [100.0, 130.0, 131.0, 131.0, 131.0, 131.0]
LEAK = [100.0, 110.0, 120.0, 130.0, 140.0, 150.0]


def samples(rss: list[float], bytes_per_cycle: int = 300) -> list[dict[str, Any]]:
    return [
        {
            "cycle": place * 5_000,
            "rss_mb": {"RiskManager": value},
            "object_store": 0,
            "database": 100_000 + place * 5_000 * bytes_per_cycle,
            "log": 4_000_000,
            "cycles": place * 5_000,
            "decisions": place * 100,
            "events": place * 10_500,
        }
        for place, value in enumerate(rss)
    ]


def test_memory_that_fills_at_the_start_and_then_stays_is_level() -> None:
    found = verdict(samples(SLOW_START))

    assert found["level"]
    assert found["rss_mb_per_10k_cycles"]["RiskManager"] < 0.5


def test_memory_that_grows_with_every_cycle_is_not_level() -> None:
    found = verdict(samples(LEAK))

    assert not found["level"]
    assert found["rss_mb_per_10k_cycles"]["RiskManager"] == pytest.approx(20.0)


def test_a_database_that_grows_by_the_row_is_linear() -> None:
    found = verdict(samples(SLOW_START))

    assert found["linear"]
    assert found["database_bytes_per_cycle"] == pytest.approx(300.0)


def test_a_short_run_keeps_all_its_samples() -> None:
    few = samples(LEAK)[:2]

    assert settled(few) == few
