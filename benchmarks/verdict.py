"""Whether a soak's samples are level in memory and straight in the database: plain arithmetic."""

from __future__ import annotations

from typing import Any

from benchmarks.figures import line

LEVEL = 1.0
"""MB per actor and 10,000 cycles that still count as level."""
STORE_LEVEL = 1 << 20
"""Bytes of object store per 10,000 cycles that still count as level."""
STRAIGHT = 0.99
"""Least R² of a database that grows in a straight line."""


def settled(samples: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those after the first fifth of the cycles; all of them if that leaves fewer than three."""
    later = [one for one in samples if one["cycle"] >= samples[-1]["cycle"] / 5]
    return later if len(later) >= 3 else samples


def verdict(samples: list[dict[str, Any]]) -> dict[str, Any]:
    """Slopes per 10,000 cycles, and how straight the database grows. Raises ValueError for fewer than two samples."""
    later = settled(samples)
    cycles = [one["cycle"] for one in later]
    slopes = {
        name: round(line(cycles, [one["rss_mb"].get(name, 0.0) for one in later])[0] * 10_000, 3)
        for name in later[-1]["rss_mb"]
    }
    store, _ = line(cycles, [one["object_store"] for one in later])
    kept = [one["cycles"] + one["decisions"] for one in later]
    per_row, straight = line(kept, [one["database"] for one in later])
    per_cycle, _ = line(cycles, [one["database"] for one in later])
    level = max(slopes.values()) <= LEVEL and store * 10_000 <= STORE_LEVEL
    return {
        "rss_mb_per_10k_cycles": slopes,
        "rss_mb_per_10k_cycles_all": round(sum(slopes.values()), 3),
        "object_store_bytes_per_10k_cycles": round(store * 10_000),
        "database_bytes_per_kept_row": round(per_row, 1),
        "database_bytes_per_cycle": round(per_cycle, 1),
        "r2": round(straight, 5),
        "level": level,
        "linear": straight >= STRAIGHT,
    }
