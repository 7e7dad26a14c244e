"""The least that starts as many actors: ``ray.init``, bare actors named like the run's, one answer from each.

``python -m benchmarks.bare '{"dashboard": true, "actors": [["RiskManager", false], …]}'`` (name, whether it is
asynchronous). Prints ``ready`` when all have answered. Started by ``startup``, in a process of its own.
"""

from __future__ import annotations

import json
import os
import sys

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")

import ray


class Sync:
    def health(self) -> None:
        return None


class Async:
    async def health(self) -> None:
        return None


def main(given: str) -> None:
    wanted = json.loads(given)
    ray.init(
        address="local",
        namespace="bare",
        log_to_driver=False,
        logging_level="ERROR",
        include_dashboard=wanted["dashboard"],
    )
    handles = [
        ray.remote(type(name.partition(":")[0], (Async if asynchronous else Sync,), {}))
        .options(name=name, num_cpus=0, max_restarts=-1, max_task_retries=0)
        .remote()
        for name, asynchronous in wanted["actors"]
    ]
    ray.get([one.health.remote() for one in handles])
    print("ready", flush=True)
    ray.shutdown()


if __name__ == "__main__":
    main(sys.argv[1])
