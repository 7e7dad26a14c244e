"""An engine that was frozen, with a newer one started meanwhile, trades nothing when it thaws.

A process of its own runs the whole system on a database and stops itself (SIGSTOP) between a check and what it
checked for. Another engine takes the next epoch and runs the same run to its end. Then the first one goes on.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from actors.specs import RunSpec
from domain.errors import DatabaseAway
from domain.order import Order, OrderStep
from domain.ports import Venue
from domain.timeframe import SECOND
from journal import database, lease
from journal import schema as s
from journal.engines import open_engine
from journal.fence import newest
from journal.store import Store, Tx
from orchestration import parts
from orchestration.local import LocalRuntime
from orchestration.plan import Identity, actor_specs, market
from orchestration.settings import Overrides, load
from orchestration.topology import ActorSpec
from tests.flow.system import START, path, write_bars

ROOT = Path(__file__).resolve().parents[2]
RUN = "run"
CLOSES = path((20, -0.0002), (12, 0.0006), (12, -0.0006), (6, 0.0004))

MESSAGE = "message"
VENUE = "venue"
"""Where it stops: with the message in hand; in the gateway, past the fence and before the paper venue has committed;
any other name is an actor, which stops when it is about to write."""

FREEZES = [
    ("VenueGateway:paper", "submit", MESSAGE),
    ("VenueGateway:paper", "submit", VENUE),
    ("VenueGateway:paper", "advance", MESSAGE),
    ("Executor", "submit", "Executor"),
    ("RiskManager", "reserve", "RiskManager"),
    ("VenueGateway:paper", "submit", "InstitutionalStrategy"),
]


TURN = threading.RLock()
"""One transaction at a time in this process."""


def freeze() -> None:
    """Stop this whole process here, in no transaction: that would hold a SQLite database for everybody."""
    with TURN:
        signal.pthread_kill(threading.get_ident(), signal.SIGSTOP)


class World:
    """The paper venue, with a list of what really left this machine: nothing takes that back."""

    def __init__(self, venue: Venue, sent: Path, epoch: int, reached: Callable[[], None]) -> None:
        self._venue, self._sent, self._epoch, self._reached = venue, sent, epoch, reached

    def __getattr__(self, name: str) -> Any:
        return getattr(self._venue, name)

    def submit(self, order: Order) -> list[OrderStep]:
        with self._sent.open("a") as out:
            out.write(f"{self._epoch} {order.id}\n")
        self._reached()
        return self._venue.submit(order)


class OneByOne(Store):
    """An actor's way to the database. Stops before its next transaction once it is armed."""

    armed = ""

    def __init__(self, run: RunSpec, actor: str) -> None:
        super().__init__(run.db_url, run.epoch)
        self._actor = actor

    @contextmanager
    def transaction(self) -> Iterator[Tx]:
        with TURN:
            if OneByOne.armed == self._actor:
                OneByOne.armed = ""
                freeze()
            with super().transaction() as tx:
                yield tx


class Engine(LocalRuntime):
    """The actors of one engine. With ``stop`` it freezes once, at that actor's second such message."""

    def __init__(self, folder: Path, url: str, epoch: int, stop: tuple[str, str, str] | None = None) -> None:
        self.folder, self.url, self.epoch, self.stop = folder, url, epoch, stop
        self.seen = 0
        self.inside = False
        super().__init__(self._look)

    def make(self, spec: ActorSpec, life: Any) -> Any:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(parts, "_store", lambda run, meter=None: OneByOne(run, spec.name))
            made = super().make(spec, life)
        if spec.name == "VenueGateway:paper":
            made._venue = World(made._venue, self.folder / "sent", self.epoch, self._in_the_gateway)
        return made

    def _look(self, name: str, method: str) -> None:
        if self.stop is None or (name, method) != self.stop[:2]:
            return
        self.seen += 1
        if self.seen != 2:
            return
        if self.stop[2] == MESSAGE:
            freeze()
        elif self.stop[2] == VENUE:
            self.inside = True
        else:
            OneByOne.armed = self.stop[2]

    def _in_the_gateway(self) -> None:
        if self.inside:
            self.inside = False
            freeze()

    async def run(self) -> Any:
        sets = ("strategy.fast=3", "strategy.slow=6")
        data = (f"EURUSD={self.folder / 'EURUSD_M1.csv'}",)
        settings = load(Overrides(symbols=("EURUSD",), data=data, db_url=self.url, preset="yardstick", sets=sets), {})
        identity = Identity(RUN, self.epoch, self.url, 0, str(self.folder / "HALT"))
        self.spawn(actor_specs(settings, market(settings), identity))
        return await self.ask("InstitutionalStrategy", "run")


def rows(url: str) -> dict[str, list[Any]]:
    """Everything in the database but the lease."""
    engine = open_engine(url, read_only=True)
    with engine.begin() as connection:
        found = {one.name: list(connection.execute(sa.select(one))) for one in s.metadata.sorted_tables}
    engine.dispose()
    found.pop("lease")
    return found


def lines(file: Path) -> list[str]:
    return file.read_text().splitlines() if file.exists() else []


def take(url: str, pid: int, later: int) -> int:
    """The next epoch, while the process of the last one lives but has not been heard of."""
    return lease.acquire(url, pid, "here", START + later * SECOND, RUN, lambda pid: True)


CASES = [*(("sqlite", one) for one in FREEZES), ("postgres", FREEZES[0]), ("postgres", FREEZES[3])]


@pytest.fixture
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "postgres":
        return str(request.getfixturevalue("postgres_url"))
    url = f"sqlite:///{tmp_path / 'argus.db'}"
    database.prepare(url)
    return url


@pytest.mark.parametrize(("url", "stop"), CASES, indirect=["url"], ids=str)
def test_a_frozen_engine_trades_nothing_after_a_newer_one_has_started(
    tmp_path: Path, url: str, stop: tuple[str, str, str]
) -> None:
    write_bars(tmp_path / "EURUSD_M1.csv", CLOSES)
    old = take(url, 1, 0)
    asked = [sys.executable, "-m", "tests.actors.test_fencing", str(tmp_path), url, str(old), *stop]
    with subprocess.Popen(asked, cwd=ROOT, stdout=subprocess.PIPE, text=True) as frozen:
        try:
            _, status = os.waitpid(frozen.pid, os.WUNTRACED)
            assert os.WIFSTOPPED(status), frozen.communicate()[0]
            before = lines(tmp_path / "sent")

            new = take(url, 2, 10)
            summary = asyncio.run(Engine(tmp_path, url, new).run())
            found, sent = rows(url), lines(tmp_path / "sent")
            os.kill(frozen.pid, signal.SIGCONT)
            said, _ = frozen.communicate(timeout=60)
        finally:
            frozen.kill()

    assert said.strip() == "StaleEpoch"
    assert lines(tmp_path / "sent") == sent
    assert rows(url) == found
    assert summary.exit_reason == "end_of_data"
    assert summary.fills == summary.orders == len({one.order_id for one in found["fills"]}) >= 4
    assert [one for one in sent if one not in before] == [one for one in sent if one.startswith(f"{new} ")] != []


def test_an_epoch_that_was_long_under_way_is_no_answer(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'argus.db'}"
    database.prepare(url)
    epoch = take(url, 1, 0)
    store = Store(url, epoch)
    quick, slow = iter([10.0, 10.9]), iter([10.0, 11.1])

    assert newest(store, lambda: next(quick))() == epoch
    with pytest.raises(DatabaseAway, match="too long to rely on"):
        newest(store, lambda: next(slow))()
    store.close()


if __name__ == "__main__":
    folder, address, epoch, actor, method, place = sys.argv[1:]
    try:
        print(asyncio.run(Engine(Path(folder), address, int(epoch), (actor, method, place)).run()))
    except Exception as error:
        print(type(error).__name__)
