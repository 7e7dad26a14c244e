"""Whether an order is ever lost or sent twice, whatever breaks: faults of every kind, then the book against the venue.

``python -m benchmarks.chaos --venue paper --intents 10000 --seed 1 [--seeds 20] [--kills 200] [--db-url URL] [--json]``

Part one, in this process: engines that run on one database under seeded faults until so many orders were approved,
once for each seed. Part two, ``--kills``: a run on Ray whose processes are killed, and one that loses a node.
``--naive`` puts an executor in the place of ours that sends again after a time-out: then there must be duplicates.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress

from orchestration import kernel_cache
from orchestration.clock import WallClock

COUNTED = ("intents", "duplicates", "lost", "mismatches", "unresolved", "crashes")
ENOUGH = 400
"""Intents from which on a seed must have met every fault."""


def one_seed(given: argparse.Namespace, seed: int, progress: Callable[[int], None]) -> dict[str, Any]:
    """The row of one seed; on a database of its own, unless one was named."""
    from benchmarks.chaos_seed import Plan, Seed

    with tempfile.TemporaryDirectory(prefix="argus-chaos-", ignore_cleanup_errors=True) as folder:
        url = given.db_url or f"sqlite:///{Path(folder) / 'argus.db'}"
        plan = Plan(
            venue=given.venue,
            intents=given.intents,
            seed=seed,
            url=url,
            symbols=given.symbols,
            naive=given.naive,
        )
        outcome = Seed(plan, progress).run()
    missed = outcome.never if given.intents >= ENOUGH else []
    return {"seed": seed} | outcome.row() | {"never": missed}


def seeds(given: argparse.Namespace) -> list[dict[str, Any]]:
    rows = []
    wanted = range(given.seed, given.seed + given.seeds) if given.intents else range(0)
    with Progress(console=Console(stderr=True)) as bar:
        for seed in wanted:
            task = bar.add_task(f"seed {seed}", total=given.intents)
            rows.append(one_seed(given, seed, lambda count, task=task: bar.update(task, completed=count)))  # type: ignore[misc]
    return rows


def killing(given: argparse.Namespace, home: Path) -> list[dict[str, Any]]:
    from benchmarks.chaos_kills import killed, node_lost

    return [killed(home, given.venue, given.seed, given.kills), node_lost(home, given.venue, given.seed)]


@contextlib.contextmanager
def _home(needed: bool) -> Iterator[Path]:
    """A data folder of its own for engines under Ray, which look for one."""
    if not needed:
        yield Path()
        return
    from benchmarks import rig

    with rig.folder() as home:
        yield home


def summed(given: argparse.Namespace, rows: list[dict[str, Any]], parts: list[dict[str, Any]]) -> dict[str, Any]:
    """The numbers of all seeds and parts together, then each by itself."""
    struck: Counter[str] = Counter()
    for row in rows:
        struck.update(row["struck"])
    total: dict[str, Any] = {name: sum(row[name] for row in (*rows, *parts)) for name in COUNTED}
    total |= {
        "venue": given.venue,
        "seed": given.seed,
        "seconds": round(sum(row["seconds"] for row in rows + parts), 1),
    }
    shown = [{name: value for name, value in row.items() if name != "struck"} for row in rows]
    return total | {"seeds": shown, "struck": dict(sorted(struck.items())), "kills": parts}


def sound(found: dict[str, Any]) -> bool:
    wrong = [found[name] for name in COUNTED[1:5]]
    return not any(wrong) and not any(row["problems"] or row.get("never") for row in (*found["seeds"], *found["kills"]))


def table(found: dict[str, Any]) -> str:
    from benchmarks.figures import table as drawn

    rows = [(row["seed"], *(row[name] for name in COUNTED), row["seconds"]) for row in found["seeds"]]
    rows += [(row["part"], *(row[name] for name in COUNTED), row["seconds"]) for row in found["kills"]]
    rows.append(("all", *(found[name] for name in COUNTED), found["seconds"]))
    text = drawn(("seed", *COUNTED, "s"), rows)
    for row in found["kills"]:
        text += f"\n{row['part']}: trading again after {row['again_p50']} s (p50), {row['again_max']} s at most"
    for row in (*found["seeds"], *found["kills"]):
        for line in (*row["findings"], *row["problems"], *(f"never met: {one}" for one in row.get("never", ()))):
            text += f"\n{line}"
    return text


def arguments() -> argparse.ArgumentParser:
    from benchmarks.chaos_venues import VENUES

    parser = argparse.ArgumentParser(prog="python -m benchmarks.chaos", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--venue", choices=sorted(VENUES), default="paper")
    parser.add_argument(
        "--intents", type=int, default=10_000, metavar="N", help="approved orders a seed; 0: no part one"
    )
    parser.add_argument("--seed", type=int, default=1, metavar="S", help="the first seed")
    parser.add_argument("--seeds", type=int, default=1, metavar="K", help="how many seeds")
    parser.add_argument("--symbols", type=int, default=20, metavar="N")
    parser.add_argument("--kills", type=int, default=0, metavar="K", help="SIGKILLs under Ray; 0: no part two")
    parser.add_argument("--db-url", metavar="URL", help="a fresh database for part one, instead of one a seed")
    parser.add_argument("--naive", action="store_true", help="with an executor that sends again after a time-out")
    parser.add_argument("--json", action="store_true", help="one JSON object on one line")
    return parser


def main() -> int:
    parser = arguments()
    given = parser.parse_args()
    if min(given.intents, given.kills) < 0 or min(given.seeds, given.symbols) < 1:
        parser.error("every number is 1 or more; intents and kills may be 0")
    with _home(given.kills > 0) as home:
        kernel_cache.prepare(kernel_cache.cache_root(os.environ), WallClock().now())
        rows = seeds(given)
        parts = killing(given, home) if given.kills else []
    found = summed(given, rows, parts)
    print(json.dumps(found) if given.json else table(found), flush=True)
    return 0 if (found["duplicates"] > 0 if given.naive else sound(found)) else 1


if __name__ == "__main__":
    sys.exit(main())
