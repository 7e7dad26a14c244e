"""Who holds a database, and which run an engine takes up with it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from domain.errors import AlreadyRunning
from journal import database, lease
from orchestration import tenure
from orchestration.frozen import Recorded
from orchestration.tenure import alive, leased

RECORDED = Recorded(
    run_id="the run",
    epoch=1,
    account="paper:the run",
    live=False,
    simulated=True,
    started_at=77,
    ended_at=None,
    exit_reason=None,
    config="{}",
    inputs="{}",
    warmed_until=0,
    strategy="s",
    fingerprint="p",
    anchor=1,
    closed=9,
    told=123,
)


@pytest.fixture
def url(tmp_path: Path) -> str:
    found = f"sqlite:///{tmp_path / 'argus.db'}"
    database.prepare(found)
    return found


def test_a_run_that_goes_on_keeps_its_id_and_its_beginning_and_gets_a_new_epoch(url: str) -> None:
    with leased(url) as (first, _):
        held = lease.holder(url)
        assert held is not None
        assert (held.run_id, held.epoch) == (first.run_id, first.epoch)
        assert (first.epoch, first.told) == (1, 0)

    with leased(url, RECORDED) as (again, _):
        assert (again.run_id, again.started_at, again.told, again.epoch) == ("the run", 77, 123, 2)
        held = lease.holder(url)
        assert held is not None
        assert (held.run_id, held.pid) == ("the run", os.getpid())
    assert lease.holder(url) is None


def test_an_engine_that_had_our_number_before_us_is_dead(url: str) -> None:
    """Containers give the same number to the first process of every start."""
    lease.acquire(url, os.getpid(), socket.gethostname(), time.time_ns(), "before", lambda pid: False)

    with leased(url) as (identity, _):
        assert identity.epoch == 2


def test_an_engine_that_lives_keeps_the_database(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        lease.acquire(url, other.pid, socket.gethostname(), time.time_ns(), "before", lambda pid: False)
        assert alive(other.pid)
        with pytest.raises(AlreadyRunning, match=f"pid {other.pid} "), leased(url, RECORDED):
            raise AssertionError("two engines on one database")
        other.kill()
        for _ in range(500):
            if not alive(other.pid):
                break
            time.sleep(0.01)
        assert other.returncode is None  # dead, and nobody has asked for its end: a zombie
        with leased(url, RECORDED) as (identity, _):
            assert identity.epoch == 2


def test_a_process_that_may_not_be_looked_at_lives(monkeypatch: pytest.MonkeyPatch) -> None:
    def hidden(pid: int) -> None:
        raise tenure.psutil.AccessDenied(pid)

    monkeypatch.setattr(tenure.psutil, "Process", hidden)

    assert alive(os.getpid() + 1)
    assert not alive(os.getpid())
