"""Real processes under Ray: killed one after another, or lost with their node, while the run trades on."""

from __future__ import annotations

import os
import random
import signal
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

from benchmarks import chaos_specs, rig
from benchmarks.chaos_checks import check, journal
from benchmarks.chaos_seed import mistakes
from benchmarks.chaos_venues import VENUES, ChaosVenue
from benchmarks.figures import percentile
from journal import commands
from journal.engines import open_engine
from orchestration import engine
from orchestration.clock import WallClock
from orchestration.plan import actor_specs
from orchestration.settings import Overrides

SYMBOLS = 6
SPEED = "20"
"""Bars a second."""
FIRST = 60
"""Cycles before the first harm: the supervisor has heard of every actor by then."""
BACK_WITHIN = 60.0
"""Seconds after which a run that does not trade again counts as stuck."""
SETTINGS = ("ray.dashboard=false", "ray.agents_per_host=1", "supervision.restarts=100000", "ray.deadline=5")


class Killer(rig.Watcher):
    """Follows a run, and does ``harm`` to it from another thread; then has it stopped."""

    def __init__(self, url: str, harm: Callable[[Killer], None]) -> None:
        self._url, self._harm = url, harm
        self._thread = threading.Thread(target=self._work, name="chaos", daemon=True)
        self._closed = threading.Condition()
        self._cycles = 0
        self.again: list[float] = []
        self.problems: list[str] = []
        self.killed: Counter[str] = Counter()

    def started(self, info: Any) -> None:
        self.account: str = info.account
        self._thread.start()

    def row(self, row: Any) -> None:
        if rig.is_summary(row):
            with self._closed:
                self._cycles += 1
                self._closed.notify_all()

    def ended(self, code: int) -> None:
        if code:
            self.problems.append(f"the run ended with exit code {code}")
        with self._closed:
            self._closed.notify_all()

    def _work(self) -> None:
        try:
            if self.cycle_closes(BACK_WITHIN, FIRST):
                self._harm(self)
            else:
                self.problems.append("the run did not begin to trade")
        finally:
            found = open_engine(self._url)
            commands.add(found, "stop", {}, "chaos", "chaos is over", WallClock().now())
            found.dispose()

    def cycle_closes(self, within: float, count: int = 1) -> bool:
        """Whether so many more cycles close in so many seconds."""
        with self._closed:
            wanted = self._cycles + count
            return self._closed.wait_for(lambda: self._cycles >= wanted, within)

    def trades_again(self, since: float) -> bool:
        """After a harm: whether a cycle closes that began with everybody there. Keeps how long it took."""
        if not self.cycle_closes(BACK_WITHIN, 2):
            self.problems.append(f"no cycle was closed for {BACK_WITHIN:g} s")
            return False
        self.again.append(time.monotonic() - since)
        return True


def killed(home: Path, venue: str, seed: int, kills: int) -> dict[str, Any]:
    """SIGKILL of an actor of a random kind at a random moment, again whenever the run trades again."""
    rng = random.Random(f"kills|{seed}")

    def harm(killer: Killer) -> None:
        for number in range(kills):
            time.sleep(rng.random())
            pids = rig.actor_pids()
            kind = rng.choice(sorted({one.partition(":")[0] for one in pids}))
            name = rng.choice(sorted(one for one in pids if one.partition(":")[0] == kind))
            begun = time.monotonic()
            os.kill(pids[name], signal.SIGKILL)
            killer.killed[kind] += 1
            if not (_replaced(name, pids[name]) and killer.trades_again(begun)):
                killer.problems.append(f"{name} was killed ({number + 1} of {kills}), and the run did not go on")
                return
            rig.progress(f"kill {number + 1} of {kills}: {name}, trading again after {killer.again[-1]:.1f} s")

    return _part("SIGKILL", home, venue, seed, harm, "local")


def _replaced(name: str, pid: int) -> bool:
    """Whether another process has taken the place of the one that was killed."""
    ends = time.monotonic() + BACK_WITHIN
    while rig.actor_pids().get(name, pid) == pid:
        if time.monotonic() > ends:
            return False
        time.sleep(0.02)
    return True


def node_lost(home: Path, venue: str, seed: int) -> dict[str, Any]:
    """A cluster of two nodes; the one that holds some of the hosts is taken away."""
    from ray.cluster_utils import Cluster

    head = {"num_cpus": 1, "include_dashboard": False, "dashboard_port": _a_port()}
    cluster = Cluster(initialize_head=True, head_node_args=head)
    try:
        node = cluster.add_node(num_cpus=1)

        def harm(killer: Killer) -> None:
            begun = time.monotonic()
            cluster.remove_node(node)
            killer.killed["node"] += 1
            if killer.trades_again(begun):
                killer.cycle_closes(BACK_WITHIN, 40)

        return _part("node", home, venue, seed, harm, cluster.address)
    finally:
        cluster.shutdown()


def _a_port() -> int:
    """One that is free now: the usual one of the dashboard may be taken by another Ray."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _part(part: str, home: Path, venue: str, seed: int, harm: Callable[[Killer], None], address: str) -> dict[str, Any]:
    begun = time.perf_counter()
    url = f"sqlite:///{home / part}.db"
    killer = Killer(url, harm)
    _run(killer, url, VENUES[venue], seed, address)
    found = open_engine(url)
    try:
        with found.connect() as c:
            ours = journal(c, killer.account, killer.run_id)
            findings = check(ours, VENUES[venue].truth(c, killer.account))
            killer.problems += mistakes(c, killer.run_id)
    finally:
        found.dispose()
    return {
        "part": part,
        "intents": sum(1 for one in ours.approved.values() if one.purpose not in ("STOP", "TARGET")),
        **findings.counts(),
        "crashes": killer.killed.total(),
        "seconds": round(time.perf_counter() - begun, 1),
        "again_p50": round(percentile(killer.again, 0.5), 2) if killer.again else None,
        "again_max": round(max(killer.again), 2) if killer.again else None,
        "killed": dict(sorted(killer.killed.items())),
        "problems": killer.problems,
        "findings": findings.lines(),
    }


def _run(killer: Killer, url: str, venue: ChaosVenue, seed: int, address: str) -> None:
    """The shipped engine to its end, with hosts that always have something to say."""
    screen: Any = killer
    overrides = Overrides(
        symbols=(",".join(chaos_specs.symbols(SYMBOLS)),),
        feed="sim",
        seed=seed,
        speed=SPEED,
        preset="yardstick",
        address=address,
        sets=(*chaos_specs.SETTINGS, *SETTINGS, *venue.sets(seed)),
        db_url=url,
    )
    with patch.object(engine, "actor_specs", chaos_specs.scripted(actor_specs, seed)):
        engine.run(overrides, screen)
