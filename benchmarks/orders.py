"""The order path: from the candidate through gate, executor and paper venue to the settled fill.

``python -m benchmarks.orders [--orders N] [--rounds R] [--symbols S] [--db-url URL] [--json]``

Beside it, in the same cluster and interleaved with it, the same hops and commits bare: four calls between
actors (gate, executor, venue, gate) and five durable commits of as many bytes in the same places. Then as many
orders a second as go through when a cycle brings one for each of S symbols. Fills at the close of the bar.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from typing import Any

import ray

from benchmarks import rig
from benchmarks.figures import median, percentile, table
from benchmarks.order_path import Sender, bare
from journal import database, lease
from journal.engines import open_engine
from orchestration.clock import WallClock
from orchestration.cluster import RayRuntime
from orchestration.plan import Identity, actor_specs, market
from orchestration.settings import Overrides, load

COMMITS = 5
BYTES = 900
"""Of one commit: what an order writes (order, reservation, decision, order events, fill, events) over its commits."""
WARM_UP = 20


def measure(orders: int, rounds: int, count: int, url: str | None) -> dict[str, Any]:
    """Milliseconds an order, and orders a second."""
    with rig.folder() as home:
        address = url or f"sqlite:///{home / 'argus.db'}"
        floor_url = url or f"sqlite:///{home / 'floor.db'}"
        names = rig.symbols(count)
        settings = load(
            Overrides(
                symbols=(",".join(names),),
                feed="sim",
                preset="yardstick",
                db_url=address,
                sets=("venues.paper.fill_on=same_close", "ray.deadline=60"),
            ),
            {},
        )
        database.prepare(address)
        now = WallClock().now()
        run_id = f"orders-{now}"
        epoch = lease.acquire(address, os.getpid(), "benchmark", now, run_id, lambda pid: False)
        runtime = RayRuntime("local", dashboard=False, metrics_port=None)
        try:
            found = market(settings)
            specs = actor_specs(settings, found, Identity(run_id, epoch, address, now, ""))
            run = next(one.spec.run for one in specs if one.name == "RiskManager")
            wanted = ("RiskManager", "Executor", "VenueGateway:paper")
            runtime.spawn([one for one in specs if one.name in wanted])
            runtime.ready(120)
            sender = (
                ray.remote(Sender)
                .options(num_cpus=0)
                .remote(names, len(run.rows), epoch, run.timeframe_ns, found.info.start_at)
            )
            ray.get(sender.begin.remote())
            floor, _actors = bare(floor_url, BYTES)  # they live as long as they are held
            return _rounds(orders, rounds, count, sender, floor) | {"database": address.split(":")[0]}
        finally:
            runtime.stop()
            engine = open_engine(address)
            lease.release(engine, epoch)
            engine.dispose()


def _rounds(orders: int, rounds: int, count: int, sender: Any, floor: Any) -> dict[str, Any]:
    ray.get([sender.send.remote(WARM_UP, 1), floor.send.remote(WARM_UP)])
    path: list[float] = []
    bare_path: list[float] = []
    rates: list[float] = []
    share = max(1, orders // rounds)
    for number in range(1, rounds + 1):
        rig.progress(f"round {number} of {rounds}")
        bare_path += ray.get(floor.send.remote(share // 2))
        sent = ray.get(sender.send.remote(share, 1))
        bare_path += ray.get(floor.send.remote(share - share // 2))
        if sum(one.fills for one in sent) != share:
            raise SystemExit(f"only {sum(one.fills for one in sent)} of {share} orders filled")
        path += [one.ms for one in sent]
        many = ray.get(sender.send.remote(20, count))
        rates += [one.fills / one.ms * 1e3 for one in many]
    return {
        "orders": len(path),
        "p50_ms": round(median(path), 2),
        "p99_ms": round(percentile(path, 0.99), 2),
        "floor_p50_ms": round(median(bare_path), 2),
        "floor_p99_ms": round(percentile(bare_path, 0.99), 2),
        "ratio": round(median(path) / median(bare_path), 2),
        "symbols": count,
        "orders_per_s": round(median(rates)),
    } | rig.conditions()


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.orders", description=__doc__.split("\n")[0])
    parser.add_argument("--orders", type=int, default=600, help="orders one at a time")
    parser.add_argument("--rounds", type=int, default=3, help="path and floor alternate so often")
    parser.add_argument("--symbols", type=int, default=40, help="orders of one cycle when counting orders a second")
    parser.add_argument("--db-url", help="a PostgreSQL database; SQLite in a folder of its own if not given")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    given = parser.parse_args(argv)
    found = measure(given.orders, given.rounds, given.symbols, given.db_url)
    if given.json:
        print(json.dumps(found))
    else:
        rows = [(name, value) for name, value in found.items()]
        print(table(("order path", ""), rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
