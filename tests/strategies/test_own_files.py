"""A user's own file: found by its path, and what is wrong with it told with file and line."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import pytest

from domain.errors import ConfigError
from strategies import lint
from strategies.base import resolve
from strategies.files import OwnFile, files_in, nameable, read, strategy_named
from tests.strategies.own import line_of, write


def refused(file: Path) -> str:
    with pytest.raises(ConfigError) as caught:
        strategy_named(file.stem, read(file))
    (told,) = caught.value.problems
    return told


def tried(file: Path) -> list[str]:
    own = read(file)
    strategy = strategy_named(file.stem, own)
    return lint.trial_problems(strategy, resolve(strategy, {}), own)


@pytest.mark.parametrize("compiled", [False, True])
def test_a_file_is_found_by_its_path_and_sound(tmp_path: Path, compiled: bool) -> None:
    file = write(tmp_path, compiled=compiled)

    own = read(file)
    strategy = strategy_named("mine", own)

    assert (own.path, own.name) == (str(file), "mine")
    assert own.sha256 == hashlib.sha256(file.read_bytes()).hexdigest()
    assert (strategy.name, strategy.compiled, [one.name for one in strategy.parameters]) == (
        "mine",
        compiled,
        ["length"],
    )
    assert lint.trial_problems(strategy, resolve(strategy, {}), own) == []


def test_the_same_file_is_one_strategy_and_a_changed_one_another(tmp_path: Path) -> None:
    file = write(tmp_path)
    before = read(file)
    first = strategy_named("mine", before)
    file.write_text(file.read_text().replace("else -1", "else 0"))
    after = read(file)

    assert strategy_named("mine", before) is first
    assert strategy_named("mine", after) is not first
    assert strategy_named("mine", read(write(tmp_path / "beside"))) is not first
    assert sum(one.startswith("argus_own_mine_") for one in sys.modules) >= 2


def test_what_a_process_was_given_counts_not_what_the_file_has_become(tmp_path: Path) -> None:
    file = write(tmp_path, "gone")
    own = read(file)
    file.write_text("raise ValueError")

    assert strategy_named("gone", OwnFile(own.path, own.source)).name == "gone"


def test_a_shipped_strategy_needs_no_file() -> None:
    assert strategy_named("ema_cross").name == "ema_cross"
    with pytest.raises(ConfigError, match="unknown strategy 'ema_cros'; did you mean 'ema_cross'"):
        strategy_named("ema_cros")


def test_only_files_that_can_be_a_function_are_listed(tmp_path: Path) -> None:
    for name in ("a.py", "b2.py", "_c.py", "d-e.py", "class.py", "f.txt"):
        (tmp_path / name).touch()
    (tmp_path / "g.py").mkdir()

    assert files_in(tmp_path) == {"a": tmp_path / "a.py", "b2": tmp_path / "b2.py"}
    assert [one for one in ("a", "_a", "a b", "2a", "if", "", "é1") if nameable(one)] == ["a", "é1"]
    with pytest.raises(ConfigError, match="nothing cannot be read: No such file"):
        files_in(tmp_path / "nothing")


def test_a_file_that_cannot_be_read_or_named_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.py cannot be read: No such file"):
        read(tmp_path / "none.py")
    with pytest.raises(ConfigError, match=r"name it NAME\.py"):
        read(write(tmp_path).rename(tmp_path / "my-own.py"))


@pytest.mark.parametrize(
    ("text", "line", "told"),
    [
        ("x = 1\ndef broken(state\n", 2, "SyntaxError: '(' was never closed"),
        ("import math\n\nmath.nothing\n", 3, "AttributeError: module 'math' has no attribute 'nothing'"),
        ("import not_installed_anywhere\n", 1, "ModuleNotFoundError: No module named 'not_installed_anywhere'"),
        ("import sys\nsys.exit(3)\n", 2, "SystemExit: 3"),
        ("def deep():\n    raise KeyError('x')\ndeep()\n", 2, "KeyError: 'x'"),
        ("def broken(state, bar, params):\n    return 1\n", 1, "@strategy does not stand over broken"),
    ],
)
def test_what_is_wrong_at_import_is_told_with_its_line(tmp_path: Path, text: str, line: int, told: str) -> None:
    file = tmp_path / "broken.py"
    file.write_text(text)

    said = refused(file)

    assert said.startswith(f"{file} line {line}: {told}")
    assert not [one for one in sys.modules if one.startswith("argus_own_broken_")] or "@strategy" in told


def test_a_file_without_its_function_is_refused(tmp_path: Path) -> None:
    file = write(tmp_path, "mine").rename(tmp_path / "other.py")

    assert refused(file).startswith(f"{file} has no function other: it needs a function other decorated by")


def test_another_name_for_the_function_is_refused(tmp_path: Path) -> None:
    file = write(tmp_path, "mine").rename(tmp_path / "alias.py")
    file.write_text(file.read_text() + "\nalias = mine\n")

    assert refused(file) == f"{file} line {line_of(file, '@strategy')}: the function is called mine, not alias"


def test_wrong_parameters_are_told_with_the_line(tmp_path: Path) -> None:
    file = write(tmp_path)
    file.write_text(file.read_text().replace('Annotated[int, Between(1, 100, "bars", "how far back it looks")]', "int"))

    assert refused(file).startswith(f"{file} line {line_of(file, '@strategy')}: TypeError: ")
    assert "Params.length: declare Annotated" in refused(file)


def test_a_parameter_that_the_configuration_takes_for_itself_is_refused(tmp_path: Path) -> None:
    file = write(tmp_path)
    file.write_text(file.read_text().replace("    length:", "    name:").replace("params.length", "params.name"))

    assert refused(file) == f"{file}: a parameter may not be called name; give it another name"


def test_a_step_that_raises_on_a_later_bar_is_told_with_its_line(tmp_path: Path) -> None:
    file = write(tmp_path, body="\n    if state[SEEN] > 50:\n        return 1 // 0\n    return 1\n")

    assert tried(file) == [
        f"{file} line {line_of(file, '1 // 0')}: ZeroDivisionError: integer division or modulo by zero"
    ]


def test_a_step_that_does_not_compile_is_told_with_its_line(tmp_path: Path) -> None:
    file = write(tmp_path, body="\n    return len(bar.nothing)\n", compiled=True)

    (said,) = tried(file)

    assert said.startswith(f"{file} line {line_of(file, 'bar.nothing')}: TypingError: ")
    assert "\n" not in said


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("\n    return 7\n", "stance 7 with score 0"),
        ("\n    return None\n", "stance None with score 0"),
        ("\n    state[SCORE] = float('nan')\n    return 1\n", "stance 1 with score nan"),
        ("\n    state[STOP] = -1.0\n    return 1\n", "stop -1, target 0"),
        ("\n    state[REASON] = 1\n    return 1\n", "and a reason below 1"),
    ],
)
def test_nonsense_is_told_with_the_first_bar(tmp_path: Path, body: str, told: str) -> None:
    file = write(tmp_path, body=body)

    (said,) = tried(file)

    assert said.startswith(f"{file} line {line_of(file, '@strategy')}: bar 3 (1970-01-01T00:03:00Z, close ")
    assert told in said


@pytest.mark.parametrize("slot", ["OWN + 1", "OWN + 200", "-1 - OWN - 1"])
def test_a_compiled_step_that_writes_beyond_its_slots_is_refused(tmp_path: Path, slot: str) -> None:
    file = write(tmp_path, body=f"\n    state[{slot}] = bar.close\n    return 1\n", compiled=True)

    (said,) = tried(file)

    assert "it writes outside of its own row: own_slots gives it 1 slots from OWN on" in said


def test_sizes_that_are_no_sizes_are_refused(tmp_path: Path) -> None:
    assert "warm_up gives 1.5: it must be a whole number, 0 or more" in tried(write(tmp_path, warm_up="1.5"))[0]
    assert "warm_up gives -1" in tried(write(tmp_path, warm_up="-1"))[0]
    assert "ZeroDivisionError" in tried(write(tmp_path, warm_up="1 // 0"))[0]
