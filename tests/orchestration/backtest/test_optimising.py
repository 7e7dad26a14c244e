"""A search: it never sees what is out of sample, says the same for a seed, and goes on where it was ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest

from domain.errors import ArgusError, ConfigError
from orchestration.backtest import running
from orchestration.backtest.searches import optimise_told, optimising, study
from orchestration.backtest.searches.search import Changed, Setter
from orchestration.backtest.searches.trials import (
    InProcess,
    Trial,
)
from orchestration.settings import load
from tests.orchestration.backtest.searching import a_file, begun, gone_on, options, plain, searched, waves

pytest.importorskip("optuna")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return a_file(tmp_path_factory.mktemp("bars"))


# -- what a search sees --------------------------------------------------------------------------


def test_no_trial_is_ever_handed_a_bar_out_of_sample(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    job = begun(data)
    border, handed = job.window.inside.end, []

    def spied(ready: Any, *args: Any, **named: Any) -> Any:
        handed.append(int(ready.grid.moments[-1]))
        return real(ready, *args, **named)

    real = running.run
    monkeypatch.setattr("orchestration.backtest.searches.trials.run", spied)
    found = searched(job)

    assert len(handed) > len(found.trials)
    assert max(handed) == border < int(job.ready.grid.moments[-1])


def test_every_trial_has_the_fingerprints_of_what_it_saw_and_of_what_it_must_not_see(data: Path) -> None:
    job = begun(data)
    made = [one for one in searched(job).trials if one.made]

    assert {one.seen for one in made} == {job.window.inside.sha256} == {one.in_sample for one in made}
    assert {one.out_of_sample for one in made} == {job.window.outside.sha256}
    assert max(one.last for one in made) <= job.window.inside.end


def test_a_trial_that_saw_other_bars_ends_the_search(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    job = begun(data)

    def all_of_it(ready: Any, start: int, end: int) -> Any:
        return ready

    monkeypatch.setattr("orchestration.backtest.searches.search.inside", all_of_it)
    with pytest.raises(ArgusError, match="nothing of this search can be believed"):
        searched(job)


def test_other_bars_out_of_sample_change_no_trial_and_no_choice(tmp_path: Path) -> None:
    """The rest of the market is replaced by one where the opposite would have been best."""
    bars = waves(900)
    other = bars.copy()
    level = 2 * bars["close"][629]
    other["open"][630:], other["close"][630:] = level - bars["open"][630:], level - bars["close"][630:]
    other["high"][630:], other["low"][630:] = level - bars["low"][630:], level - bars["high"][630:]
    told = []
    for number, made in enumerate((bars, other)):
        (tmp_path / str(number)).mkdir()
        job = begun(a_file(tmp_path / str(number), made))
        told.append((job, searched(job)))

    (one, first), (two, second) = told
    assert one.window.inside == two.window.inside
    assert one.window.outside.sha256 != two.window.outside.sha256
    ignoring = [
        [msgspec.structs.replace(trial, out_of_sample="") for trial in plain(of.trials)] for of in (first, second)
    ]
    assert ignoring[0] == ignoring[1]
    assert first.in_sample == second.in_sample
    assert first.out_of_sample != second.out_of_sample


def test_what_is_out_of_sample_is_looked_at_once_and_that_is_counted(data: Path, tmp_path: Path) -> None:
    found = searched(begun(data, tmp_path / "study"))

    assert found.out_of_sample is not None
    assert found.out_of_sample["moments"] == 270
    assert gone_on(tmp_path / "study").study.looks == 1
    job = gone_on(tmp_path / "study", 14)
    told = optimise_told.told(job, searched(job))
    assert told["looks_out_of_sample"] == 2
    assert any("looked at 2 times" in one for one in told["warnings"])


# -- the same again ------------------------------------------------------------------------------


def test_the_same_seed_gives_the_same_trials_and_another_one_others(data: Path) -> None:
    first = searched(begun(data))

    assert plain(searched(begun(data)).trials) == plain(first.trials)
    assert plain(searched(begun(data, seed=6)).trials) != plain(first.trials)


class Backwards(InProcess):
    """Tries the newest first: what comes back early is what was proposed late."""

    def wait(self, number: int) -> list[Any]:
        return super().wait(max(self._tasks))


def test_who_is_faster_changes_nothing(data: Path) -> None:
    assert plain(searched(begun(data), Backwards()).trials) == plain(searched(begun(data)).trials)


def test_a_study_goes_on_without_trying_anything_twice(data: Path, tmp_path: Path) -> None:
    whole = searched(begun(data))
    job = begun(data, tmp_path / "study")
    found = optimising.optimise(job, InProcess(), lambda done, total: None, stop_after(job, 5))
    assert found.stopped
    assert found.out_of_sample is None
    kept = (tmp_path / "study" / study.TRIALS).read_bytes()

    tried = []

    class Counted(InProcess):
        def submit(self, task: Any) -> None:
            tried.append(task.number)
            super().submit(task)

    again = gone_on(tmp_path / "study")
    rest = searched(again, Counted())

    assert set(tried).isdisjoint(again.known)
    assert len(tried) == len({one.number for one in whole.trials if one.made} - set(again.known))
    assert plain(rest.trials) == plain(whole.trials)
    assert (tmp_path / "study" / study.TRIALS).read_bytes().startswith(kept)


def stop_after(job: Any, trials: int) -> Any:
    folder = job.folder.path / study.TRIALS
    return lambda: folder.exists() and len(folder.read_bytes().splitlines()) >= trials


def test_a_line_that_was_not_written_to_its_end_is_tried_again(data: Path, tmp_path: Path) -> None:
    whole = searched(begun(data, tmp_path / "study"))
    lines = (tmp_path / "study" / study.TRIALS).read_bytes().splitlines(keepends=True)
    (tmp_path / "study" / study.TRIALS).write_bytes(b"".join(lines[:4]) + lines[4][:40])
    job = gone_on(tmp_path / "study")

    assert len(job.known) == 4
    assert plain(searched(job).trials) == plain(whole.trials)
    assert set(gone_on(tmp_path / "study").known) == {one.number for one in whole.trials}


def test_more_trials_than_before_are_those_of_a_search_of_so_many(data: Path, tmp_path: Path) -> None:
    searched(begun(data, tmp_path / "study", trials=8))

    assert plain(searched(gone_on(tmp_path / "study", 14)).trials) == plain(searched(begun(data, trials=14)).trials)


KILLED = """
import sys, time
from pathlib import Path
from orchestration import kernel_cache
from tests.orchestration.backtest import searching
from orchestration.backtest.searches.trials import InProcess

class Slow(InProcess):
    def wait(self, number):
        found = super().wait(number)
        time.sleep(0.2)
        return found

if __name__ == "__main__":
    searching.searched(searching.begun(Path(sys.argv[1]), Path(sys.argv[2])), Slow())
"""


def test_a_killed_search_goes_on_to_the_same_trials(data: Path, tmp_path: Path) -> None:
    script, folder = tmp_path / "killed.py", tmp_path / "study"
    script.write_text(KILLED)
    root = Path(__file__).parents[3]
    process = subprocess.Popen(
        [sys.executable, str(script), str(data), str(folder)], env=os.environ | {"PYTHONPATH": str(root)}
    )
    lines, ends = folder / study.TRIALS, time.monotonic() + 120
    while not (lines.exists() and len(lines.read_bytes().splitlines()) >= 3) and time.monotonic() < ends:
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait(30)
    job = gone_on(folder)

    assert 3 <= len(job.known) < 12
    assert plain(searched(job).trials) == plain(searched(begun(data)).trials)


# -- what changed in between -----------------------------------------------------------------------


def test_a_data_file_that_changed_between_two_halves_is_refused(tmp_path: Path) -> None:
    file = a_file(tmp_path)
    searched(begun(file, tmp_path / "study", trials=3))
    bars = waves(900)
    bars["close"][800] += 1e-5
    a_file(tmp_path, bars)

    with pytest.raises(ConfigError, match=r"the data file .* has changed since the study began: sha256 was") as error:
        gone_on(tmp_path / "study")
    assert str(file) in str(error.value)


def test_other_settings_or_another_library_are_refused(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    searched(begun(data, tmp_path / "study", trials=2))
    with monkeypatch.context() as patch:
        patch.setenv("ARGUS__ACCOUNT__CASH", "5000")
        with pytest.raises(ConfigError, match=r"account.cash was 100000.0, is 5000"):
            gone_on(tmp_path / "study")
    monkeypatch.setattr(optimising, "version", lambda algorithm: "optuna 99")
    with pytest.raises(ConfigError, match="here is optuna 99"):
        gone_on(tmp_path / "study")


def test_a_study_whose_trials_are_not_its_own_is_refused(data: Path, tmp_path: Path) -> None:
    searched(begun(data, tmp_path / "study", trials=2))
    path = tmp_path / "study" / study.TRIALS
    first = msgspec.json.decode(path.read_bytes().splitlines()[0], type=Trial)
    path.write_bytes(msgspec.json.encode(msgspec.structs.replace(first, values={"strategy.fast": 9})) + b"\n")

    with pytest.raises(Changed, match="trial 0 of this study had"):
        searched(gone_on(tmp_path / "study"))


def test_settings_that_change_while_it_runs_end_it(data: Path, tmp_path: Path) -> None:
    given = tmp_path / "my.yaml"
    given.write_text("account: {cash: 100000}\n")
    base = load(options(data, config=(given,)))
    setter = Setter(options(data, config=(given,)), base)
    assert setter.settings({"strategy.fast": 7}).strategy.parameters["fast"] == 7

    given.write_text("account: {cash: 200000}\n")
    with pytest.raises(Changed, match=r"account.cash"):
        setter.settings({"strategy.fast": 7})


def test_a_folder_with_a_study_is_not_written_over_and_one_without_cannot_go_on(data: Path, tmp_path: Path) -> None:
    begun(data, tmp_path / "study")
    with pytest.raises(ConfigError, match=r"holds a study: go on with it by --resume"):
        begun(data, tmp_path / "study")
    with pytest.raises(ConfigError, match="no study is there"):
        gone_on(tmp_path)
