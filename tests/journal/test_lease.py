from __future__ import annotations

import multiprocessing
from pathlib import Path

import pytest
from sqlalchemy import select

from domain.errors import AlreadyRunning, StaleEpoch
from journal import lease, schema
from journal.lease import Lease
from journal.store import Store

NOW = 1_700_000_000_000_000_000
SECOND = 1_000_000_000


def take(url: str, pid: int, host: str = "here", now: int = NOW, living: tuple[int, ...] = ()) -> int:
    return lease.acquire(url, pid, host, now, "run", alive=living.__contains__)


def epoch_of(store: Store) -> int:
    with store.read() as connection:
        return connection.execute(select(schema.sequence.c.epoch)).scalar_one()


def compete(url: str, pid: int) -> int:
    """One process of the test below: its epoch, or 0 when it was refused."""
    try:
        return lease.acquire(url, pid, "here", NOW, "run", alive=lambda _: True)
    except AlreadyRunning:
        return 0


def test_every_start_raises_the_epoch(url: str, store: Store) -> None:
    for expected in (1, 2, 3):
        epoch = take(url, 10)
        assert epoch == epoch_of(store) == expected
        lease.release(store, epoch)


@pytest.mark.parametrize(
    ("host", "living", "age", "taken"),
    [
        ("here", (), 0.0, True),  # the same host and a dead pid: at once
        ("here", (10,), 0.0, False),
        ("here", (10,), 5.0, False),
        ("here", (10,), 5.1, True),  # an old beat: even if the pid lives
        ("there", (), 0.0, False),  # nobody knows the pids of another host
        ("there", (), 5.0, False),
        ("there", (10,), 5.1, True),
        ("here", (), -3600.0, True),  # the clock was set back; the pid is dead all the same
        ("here", (10,), -3.0, False),
        ("here", (10,), -3600.0, False),
        ("there", (), -3600.0, False),
    ],
)
def test_who_may_take_over(url: str, host: str, living: tuple[int, ...], age: float, taken: bool) -> None:
    first = take(url, 10, host)
    now = NOW + int(age * SECOND)

    if taken:
        assert take(url, 20, "here", now, living) == first + 1
        held = lease.holder(url)
        assert held == Lease(pid=20, host="here", beat_at=now, started_at=now, epoch=2, run_id="run")
    else:
        with pytest.raises(AlreadyRunning) as refusal:
            take(url, 20, "here", now, living)
        for part in ("pid 10", f"on {host}", url):
            assert part in str(refusal.value)
        held = lease.holder(url)
        assert held is not None
        assert (held.pid, held.epoch) == (10, 1)


def test_a_refused_start_does_not_fence_the_engine_that_lives(url: str, store: Store) -> None:
    epoch = take(url, 10)
    with pytest.raises(AlreadyRunning):
        take(url, 20, living=(10,))

    lease.beat(store, epoch, NOW + SECOND)
    assert epoch_of(store) == epoch


def test_a_beat_keeps_the_lease_fresh(url: str, store: Store) -> None:
    epoch = take(url, 10)
    for second in range(1, 12):
        lease.beat(store.engine, epoch, NOW + second * SECOND)

    with pytest.raises(AlreadyRunning):
        take(url, 20, now=NOW + 15 * SECOND, living=(10,))


def test_a_living_engine_keeps_the_lease_when_the_clock_is_set_back(url: str, store: Store) -> None:
    epoch = take(url, 10, "there")
    back = NOW - 3600 * SECOND
    for second in range(20):
        with pytest.raises(AlreadyRunning):
            take(url, 20, "here", back + second * SECOND)
        lease.beat(store, epoch, back + second * SECOND)


def test_a_dead_engine_loses_the_lease_soon_after_the_clock_was_set_back(url: str) -> None:
    take(url, 10, "there")
    back = NOW - 3600 * SECOND
    with pytest.raises(AlreadyRunning):
        take(url, 20, "here", back)
    with pytest.raises(AlreadyRunning):
        take(url, 20, "here", back + 5 * SECOND)

    assert take(url, 20, "here", back + 6 * SECOND) == 2


def test_an_engine_that_was_overtaken_may_neither_beat_nor_give_back(url: str, store: Store) -> None:
    old = take(url, 10)
    new = take(url, 20)

    with pytest.raises(StaleEpoch):
        lease.beat(store, old, NOW)
    lease.release(store, old)
    held = lease.holder(url)
    assert held is not None
    assert held.epoch == new


def test_a_released_lease_has_no_holder_and_cannot_beat(url: str, store: Store) -> None:
    epoch = take(url, 10)
    lease.release(store, epoch)

    assert lease.holder(url) is None
    with pytest.raises(StaleEpoch):
        lease.beat(store, epoch, NOW)


def test_a_missing_database_has_no_holder(tmp_path: Path) -> None:
    assert lease.holder(f"sqlite:///{tmp_path / 'argus.db'}") is None


def test_of_engines_that_start_together_one_gets_the_lease(url: str) -> None:
    with multiprocessing.get_context("spawn").Pool(3) as pool:
        epochs = pool.starmap(compete, [(url, pid) for pid in (10, 20, 30)])

    assert sorted(epochs) == [0, 0, 1]
