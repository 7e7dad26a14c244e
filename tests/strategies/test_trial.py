"""A file of a user's own that never returns, takes all memory or ends its process is noticed before the start."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from domain.errors import ConfigError
from orchestration import trial
from orchestration.settings import Overrides, load, strategy_problems
from orchestration.trial import COMPILING, LOADING, STEPPING, Trial, tried
from strategies.files import read
from tests.strategies.own import FOLLOWING, line_of, write

SHORT = {LOADING: 3.0, COMPILING: 120.0, STEPPING: 3.0}
"""Seconds; a machine under load loads and steps a file of a test well within them."""
GENEROUS = {LOADING: 60.0, COMPILING: 120.0, STEPPING: 60.0}
LOOPING = "\n    count = 0\n    while state[SEEN] > 20:\n        count += 1\n    return 1\n"
HOARDING = "\n    while state[SEEN] > 20:\n        memory.append(bytearray(10_000_000))\n    return 1\n"


def refused(file: Path, seconds: dict[str, float] = GENEROUS, memory: int = trial.MEMORY) -> str:
    found = tried(read(file), {}, {}, seconds, memory)
    assert found.parameters == found.unsound == ()
    (text,) = found.refused
    return text


@pytest.mark.parametrize("compiled", [False, True])
def test_a_good_file_passes(tmp_path: Path, compiled: bool) -> None:
    assert tried(read(write(tmp_path, compiled=compiled)), {}, {"length": 7}) == Trial()


def test_a_step_that_never_returns_is_told_with_its_line(tmp_path: Path) -> None:
    file = write(tmp_path, body=LOOPING)

    said = refused(file, SHORT)

    lines = [f"{file} line {line_of(file, text)}" for text in ("while state", "count += 1")]
    assert said.startswith(tuple(f"{one}: it did not return within 3 seconds while it was stepped" for one in lines))
    assert "ARGUS_TRIAL_SECONDS" in said


def test_a_compiled_step_that_never_returns_is_told_with_its_step(tmp_path: Path) -> None:
    """Nothing can interrupt it, so no line of it is known."""
    file = write(tmp_path, body=LOOPING.replace("return 1", "return count"), compiled=True)

    assert refused(file, SHORT).startswith(
        f"{file} line {line_of(file, '@strategy')}: it did not return within 3 seconds while it was stepped over"
    )


def test_a_file_that_never_ends_to_be_imported_is_told(tmp_path: Path) -> None:
    file = write(tmp_path)
    file.write_text("while True:\n    pass\n" + file.read_text())

    assert "it did not return within 3 seconds while it was imported" in refused(file, SHORT)


@pytest.mark.skipif(sys.platform != "linux", reason="memory is limited on Linux only")
@pytest.mark.parametrize("compiled", [False, True])
def test_one_that_allocates_without_end_is_refused(tmp_path: Path, compiled: bool) -> None:
    file = write(tmp_path, body=HOARDING)
    if compiled:
        file = write(tmp_path, "numbers", "\n    held = np.ones(10**9)\n    return int(held[3])\n", compiled=True)
        file.write_text("import numpy as np\n" + file.read_text())

    said = refused(file, memory=800 * trial.MEGABYTE)

    assert said.startswith(str(file) if compiled else f"{file} line {line_of(file, 'bytearray')}: ")
    assert "MemoryError" in said
    assert said.endswith("a trial may take 800 MB beyond the compiler's")


@pytest.mark.skipif(sys.platform != "linux", reason="memory is limited on Linux only")
def test_slots_beyond_all_measure_are_refused(tmp_path: Path) -> None:
    file = write(tmp_path)
    file.write_text(file.read_text().replace("own_slots=lambda params: 1", "own_slots=lambda params: 9_999_999"))

    assert "Unable to allocate" in refused(file)


@pytest.mark.parametrize(
    ("body", "how"),
    [
        ("import os\n    os._exit(3)", "with exit code 3"),
        ("import os\n    os._exit(0)", "with exit code 0"),
        ("import os, signal\n    os.kill(os.getpid(), signal.SIGKILL)", "by SIGKILL"),
    ],
)
def test_one_that_ends_its_process_is_refused(tmp_path: Path, body: str, how: str) -> None:
    file = write(tmp_path, body=f"\n    {body}\n    return 1\n")

    said = refused(file)

    assert said.startswith(f"{file} line {line_of(file, '@strategy')}: its process ended {how} while it was stepped")


def test_what_it_prints_does_not_disturb(tmp_path: Path) -> None:
    body = "\n    print('{\"refused\": []}')\n    print('half a line', end='', flush=True)" + FOLLOWING

    assert tried(read(write(tmp_path, body=body)), {}, {}) == Trial()


def test_parameters_are_checked_with_those_of_the_preset_that_it_has(tmp_path: Path) -> None:
    own = read(write(tmp_path))

    assert tried(own, {"stop_atr": 0, "length": 500}, {"length": 2}) == Trial()
    wrong = tried(own, {"length": 500}, {"lenth": 3}).parameters
    assert wrong[0].startswith("strategy.lenth: unknown parameter of mine 'lenth'; did you mean 'length'?")
    assert wrong[1] == "strategy.length = 500: allowed is 1 to 100 bars"


def test_what_it_says_without_sense_is_told_apart(tmp_path: Path) -> None:
    """``lint-strategy`` shows it by its checks."""
    found = tried(read(write(tmp_path, body="\n    return 7\n")), {}, {})

    assert found.refused == found.parameters == ()
    assert "stance 7" in found.unsound[0]
    assert found.problems == list(found.unsound)


def test_every_start_asks_before_the_file_is_imported_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write(tmp_path / "own", body=LOOPING)
    monkeypatch.setenv("ARGUS_TRIAL_SECONDS", "3")
    settings = load(Overrides(symbols=("EURUSD",), strategy="mine", strategies_dir=str(file.parent)), {})

    (said,) = strategy_problems(settings)

    assert "it did not return within 3 seconds while it was stepped over made bars" in said
    assert not [
        one for one in sys.modules if one.startswith("argus_own_mine") and sys.modules[one].__file__ == str(file)
    ]


def test_a_time_that_is_none_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = read(write(tmp_path))

    for wrong in ("soon", "0", "nan", "-1"):
        monkeypatch.setenv("ARGUS_TRIAL_SECONDS", wrong)
        with pytest.raises(ConfigError, match=f"ARGUS_TRIAL_SECONDS = '{wrong}': give the seconds"):
            tried(own, {}, {})


def test_shipped_strategies_are_not_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*given: object, **more: object) -> None:
        raise AssertionError("a process was started")

    monkeypatch.setattr(trial.subprocess, "run", never)

    assert strategy_problems(load(Overrides(symbols=("EURUSD",), strategy="grid"), {})) == []
