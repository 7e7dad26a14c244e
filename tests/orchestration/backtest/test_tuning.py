"""Processes that try sets: the same trials as in one, whatever happens to a process."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil
import pytest

from domain.errors import ActorLost, ArgusError
from orchestration import tuning
from orchestration.backtest.searches import optimising
from orchestration.backtest.searches.study import Asked, Folder
from orchestration.backtest.searches.trials import FAILED, Worker
from orchestration.settings import Overrides
from orchestration.topology import ActorSpec
from orchestration.tuning import Growing, Workers, lag_for
from tests.orchestration.backtest.searching import a_file, begun, plain, searched

pytest.importorskip("optuna")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return a_file(tmp_path_factory.mktemp("bars"))


class Reference:
    """An answer that is computed when somebody asks for it."""

    def __init__(self, worker: Worker, method: str, args: tuple[Any, ...], lost: bool) -> None:
        self._call, self.lost = (worker, method, args), lost
        self.name = args[0].number if method == "evaluate" else -1

    def value(self) -> Any:
        worker, method, args = self._call
        return getattr(worker, method)(*args)


class Runtime:
    """What Workers ask of Ray, in this process. Who gets a task in ``deadly`` ends, with all that it was asked."""

    deadly: frozenset[int] = frozenset()

    def __init__(self, *args: Any) -> None:
        self.workers: dict[str, Worker] = {}
        self.dead: set[str] = set()
        self.ended: list[str] = []
        self.stopped = 0

    def spawn(self, specs: Sequence[ActorSpec]) -> None:
        for one in specs:
            self.workers[one.name] = Worker(one.name)

    def ready(self, within: float, given_up: Any) -> None:
        return

    def ask(self, name: str, method: str, *args: Any) -> Reference:
        assert name not in self.ended
        if method == "evaluate" and args[0].number in self.deadly:
            self.dead.add(name)
        return Reference(self.workers[name], method, args, name in self.dead)

    def get(self, name: str, reference: Reference, within: float) -> Any:
        return reference.value()

    def outcome(self, name: str, reference: Reference, within: float) -> Any:
        return ActorLost(name, "it ended") if reference.lost else reference.value()

    def answered(self, references: Sequence[Reference]) -> list[bool]:
        return [True for _ in references]

    def done(self, reference: Reference, within: float) -> bool:
        return True

    def end(self, name: str) -> None:
        self.ended.append(name)

    def stop(self) -> None:
        self.stopped += 1


@pytest.fixture
def runtime(monkeypatch: pytest.MonkeyPatch) -> type[Runtime]:
    monkeypatch.setattr("orchestration.cluster.RayRuntime", Runtime)
    monkeypatch.setattr(Runtime, "deadly", frozenset())
    return Runtime


def test_workers_make_the_same_trials_as_one_process(data: Path, runtime: type[Runtime]) -> None:
    assert plain(searched(begun(data), Workers(3)).trials) == plain(searched(begun(data)).trials)


def test_a_set_whose_worker_ends_over_it_is_tried_once_more_and_has_failed_then(
    data: Path, runtime: type[Runtime], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runtime, "deadly", frozenset({4}))
    pool = Workers(2)
    found = searched(begun(data), pool)
    usual = searched(begun(data))

    assert found.trials[4].state == FAILED
    assert "its process ended" in found.trials[4].why
    assert plain(found.trials)[:4] == plain(usual.trials)[:4]
    assert sum(one.made for one in found.trials) == 12
    assert len(pool._runtime.ended) == 2
    assert pool._runtime.stopped == 1


def test_a_worker_with_other_bars_is_not_trusted(
    data: Path, runtime: type[Runtime], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Worker, "look_at", lambda self, ready, judging: "0" * 64)
    with pytest.raises(ArgusError, match="holds bars with the fingerprint 0000"):
        searched(begun(data), Workers(2))


def test_workers_are_started_where_they_save_time_and_change_nothing(
    data: Path, runtime: type[Runtime], monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = plain(searched(begun(data)).trials)
    patient = Growing(None, 12)
    assert plain(searched(begun(data), patient).trials) == usual
    assert not isinstance(patient._pool, Workers)

    monkeypatch.setattr(tuning, "START_COSTS", 0.0)
    monkeypatch.setattr(tuning, "cores", lambda: 2)
    eager = Growing(None, 12)
    assert plain(searched(begun(data), eager).trials) == usual
    assert isinstance(eager._pool, Workers)


def test_one_job_is_this_process_alone(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tuning, "START_COSTS", 0.0)
    monkeypatch.setattr(tuning, "Workers", None)
    assert searched(begun(data), Growing(1, 12)).best is not None


def test_a_stop_ends_the_waiting(data: Path, runtime: type[Runtime]) -> None:
    job = begun(data)
    found = optimising.optimise(job, Workers(2, lambda: True), lambda done, total: None, lambda: False)

    assert found.stopped
    assert found.out_of_sample is None


def test_nobody_waits_for_a_proposal() -> None:
    assert [lag_for(jobs, 8) for jobs in (1, 4, 5, 32)] == [8, 8, 10, 64]


@pytest.mark.ray
def test_two_processes_on_ray_make_the_same_trials_and_are_gone_afterwards(data: Path, tmp_path: Path) -> None:
    """In a process of its own: this one may have another cluster."""
    command = [sys.executable, "cli.py", "optimize", "--symbols", "EURUSD", "--data", f"EURUSD={data}", "--seed", "5"]
    command += ["--preset", "yardstick", "--trials", "10", "--jobs", "2", "--out", str(tmp_path / "study")]
    process = subprocess.Popen(command, cwd=Path(__file__).parents[3], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    seen: dict[int, psutil.Process] = {}
    while process.poll() is None:
        with contextlib.suppress(psutil.NoSuchProcess):
            seen |= {one.pid: one for one in psutil.Process(process.pid).children(recursive=True)}
        time.sleep(0.05)
    out, err = process.communicate()
    assert process.returncode == 0, (out, err)
    kept = Folder(tmp_path / "study").trials()
    given = Overrides(symbols=("EURUSD",), data=(f"EURUSD={data}",), preset="yardstick")
    here = searched(optimising.begin(given, Asked(trials=10, seed=5), None, lambda text: None))

    assert plain([kept[number] for number in sorted(kept)]) == plain(here.trials)
    assert len(seen) > 2
    assert [one for one in seen.values() if one.is_running() and one.status() != psutil.STATUS_ZOMBIE] == []
