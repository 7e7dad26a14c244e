"""``new-strategy`` and ``lint-strategy``, and a folder of one's own at the verbs that take one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from domain.errors import ConfigError
from orchestration import engine, kernel_cache
from orchestration.settings import Overrides
from orchestration.terminal.screens import screen
from strategies.files import read, strategy_named
from tests.flow.system import path, write_bars
from tests.orchestration.terminal.conftest import Argus
from tests.strategies.own import line_of, write

COUNTING = "\n    memory.append(1)\n    return 1 if len(memory) % 13 > 5 else -1\n"


@pytest.fixture(autouse=True)
def kernels_as_they_are(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Path, ...]]:
    """This process has its kernel cache already; what would have been hashed is kept."""
    hashed: list[tuple[Path, ...]] = []

    def prepare(root: Path, now: int, user_files: tuple[Path, ...] = ()) -> kernel_cache.KernelCache:
        hashed.append(tuple(user_files))
        return kernel_cache.KernelCache(None)

    monkeypatch.setattr(kernel_cache, "prepare", prepare)
    return hashed


def test_a_start_hashes_the_file_and_tries_it(
    home: Path, tmp_path: Path, kernels_as_they_are: list[tuple[Path, ...]]
) -> None:
    file = write(tmp_path / "own")
    given = Overrides(symbols=("EURUSD",), strategy="mine", strategies_dir=str(file.parent))

    settings, _, _ = engine.prepare(given, screen(True))
    write(tmp_path / "own", body="\n    if state[SEEN] > 50:\n        return 1 // 0\n    return 1\n")

    assert settings.strategy.file == str(file)
    assert kernels_as_they_are == [(file,)]
    with pytest.raises(ConfigError, match=rf"{file} line \d+: ZeroDivisionError"):
        engine.prepare(given, screen(True))


@pytest.mark.parametrize("plain", [False, True])
def test_a_new_strategy_works_at_once(
    argus: Argus, tmp_path: Path, plain: bool, kernels_as_they_are: list[tuple[Path, ...]]
) -> None:
    folder = tmp_path / "own"
    name = "turtle_plain" if plain else "turtle"

    code, said, _ = argus("new-strategy", name, "--dir", str(folder), *(["--plain"] if plain else []))

    file = folder / f"{name}.py"
    assert code == 0
    assert said.splitlines()[0] == f"wrote {file}"
    assert f"python cli.py lint-strategy {file}" in said
    assert f"--strategies-dir {folder} --strategy {name}" in said
    assert strategy_named(name, read(file)).compiled is not plain
    assert max(map(len, file.read_text().splitlines())) <= 120
    code, said, _ = argus("lint-strategy", str(file), "--bars", "900")
    assert code == 0, said
    assert said.startswith(f"{name} on simulated bars: 900 of EURUSD, 900 of BTC\npassed  own row ")
    assert "note" not in said
    code, said, _ = argus("config", "check", "--symbols", "EURUSD", "--strategies-dir", str(folder), "--strategy", name)
    assert (code, said) == (0, "ok\n")
    assert kernels_as_they_are == [(file,), (file,)]


def test_a_file_that_is_there_stays(argus: Argus, tmp_path: Path) -> None:
    file = write(tmp_path)
    before = file.read_text()

    code, _, said = argus("new-strategy", "mine", "--dir", str(tmp_path))

    assert (code, file.read_text()) == (4, before)
    assert f"{file} is there already and stays as it is" in said


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("my-own", "cannot be the name of a function"),
        ("class", "cannot be the name of a function"),
        ("../up", "cannot be the name of a function"),
        ("bos", "is the name of a shipped strategy"),
    ],
)
def test_names_that_cannot_be_are_refused(argus: Argus, tmp_path: Path, name: str, why: str) -> None:
    code, _, said = argus("new-strategy", name, "--dir", str(tmp_path / "own"))

    assert code == 4
    assert why in said
    assert not (tmp_path / "own").exists()


def test_a_check_that_fails_shows_the_first_difference(argus: Argus, tmp_path: Path) -> None:
    file = write(tmp_path, body=COUNTING)

    code, said, _ = argus("lint-strategy", str(file), "--symbols", "EURUSD", "--bars", "400")
    lines = said.splitlines()

    assert code == 1
    place = next(n for n, one in enumerate(lines) if one.startswith("failed  deterministic"))
    assert lines[place + 1].startswith("        EURUSD: bar ")
    assert "first time stance" in lines[place + 1]
    assert any(one.startswith("passed  sound") for one in lines)


def test_programs_get_json(argus: Argus, tmp_path: Path) -> None:
    file = write(tmp_path, body=COUNTING)

    code, said, _ = argus("lint-strategy", str(file), "--symbols", "EURUSD", "--bars", "400", "--json")
    told = json.loads(said)

    assert code == 1
    assert (told["strategy"], told["file"], told["passed"], told["bars"]) == ("mine", str(file), False, {"EURUSD": 400})
    assert told["changes"]["EURUSD"] > 0
    checks = {one["check"]: one for one in told["checks"]}
    assert checks["sound"] == {
        "check": "sound",
        "asks": "no NaN, and every fact within its bounds",
        "passed": True,
        "first_difference": None,
    }
    assert checks["restart"]["first_difference"].startswith("EURUSD: bar ")


def test_a_shipped_strategy_and_one_of_a_folder_are_found_by_name(
    argus: Argus, tmp_path: Path, kernels_as_they_are: list[tuple[Path, ...]]
) -> None:
    file = write(tmp_path / "own")

    assert argus("lint-strategy", "ema_cross", "--symbols", "EURUSD", "--bars", "300")[0] == 0
    code, said, _ = argus("lint-strategy", "mine", "--strategies-dir", str(file.parent), "--bars", "300")

    assert (code, said.split()[0]) == (0, "mine")
    assert kernels_as_they_are == [(), (file,)]
    code, _, said = argus("lint-strategy", str(file), "--strategies-dir", str(file.parent))
    assert code == 2
    assert "is a file: leave out --strategies-dir" in said


def test_recorded_bars_and_parameters(argus: Argus, tmp_path: Path) -> None:
    file = write(tmp_path)
    bars = write_bars(tmp_path / "EURUSD_M1.csv", path(*[(6, -0.0004), (6, 0.0005)] * 30))
    asked = ("lint-strategy", str(file), "--symbols", "EURUSD", "--data", f"EURUSD={bars}")

    code, said, _ = argus(*asked)

    assert code == 0
    assert said.startswith("mine on recorded bars: 361 of EURUSD\n")
    code, _, said = argus(*asked, "--bars", "50")
    assert code == 4
    assert "EURUSD: 50 bars; needed are 123, its warm-up and some more: give more bars" in said
    code, _, said = argus(*asked, "--set", "strategy.length=0")
    assert code == 4
    assert "strategy.length = 0: allowed is 1 to 100 bars" in said


def test_one_that_says_nothing_is_told(argus: Argus, tmp_path: Path) -> None:
    file = write(tmp_path, body="\n    return 0\n")

    code, said, _ = argus("lint-strategy", str(file), "--symbols", "EURUSD", "--bars", "300")

    assert code == 0
    assert "note: its stance never changed on the bars of EURUSD" in said


def test_what_cannot_even_be_loaded_is_refused_with_its_line(argus: Argus, tmp_path: Path) -> None:
    file = write(tmp_path, body="\n    return 1 // 0\n")

    code, _, said = argus("lint-strategy", str(file))
    assert (code, said) == (
        4,
        f"error: {file} line {line_of(file, '1 // 0')}: ZeroDivisionError: integer division or modulo by zero\n",
    )
    code, _, said = argus(
        "config", "check", "--symbols", "EURUSD", "--strategies-dir", str(tmp_path), "--strategy", "mine"
    )
    assert code == 4
    assert "ZeroDivisionError" in said
    file.write_text("x = (\n")
    code, _, said = argus("lint-strategy", str(file))
    assert (code, said) == (4, f"error: {file} line 1: SyntaxError: '(' was never closed\n")


def test_the_list_of_strategies_shows_those_of_the_folder(argus: Argus, tmp_path: Path) -> None:
    write(tmp_path / "own")

    names = [one["name"] for one in json.loads(argus("strategies", "--json")[1])]
    more = json.loads(argus("strategies", "--strategies-dir", str(tmp_path / "own"), "--json")[1])

    assert [one["name"] for one in more] == [*names, "mine"]
    assert more[-1]["parameters"][0]["name"] == "length"


def test_a_check_without_a_promise_is_skipped_with_the_reason(argus: Argus, tmp_path: Path) -> None:
    file = write(tmp_path)

    shipped = argus("lint-strategy", "grid", "--symbols", "EURUSD", "--bars", "300")[1]
    own = argus("lint-strategy", str(file), "--symbols", "EURUSD", "--bars", "300")[1]

    assert "-       later start    its levels stand where its first bars and every grid since have put them" in shipped
    assert "-       later start    no forget is declared" in own
    file.write_text(file.read_text().replace("compiled=False", "compiled=False, forget=lambda params: 4"))
    code, said, _ = argus("lint-strategy", str(file), "--symbols", "EURUSD", "--bars", "300", "--json")
    told = json.loads(said)
    assert (code, told["forgets_after"], told["checks"][-1]["check"]) == (0, 4, "later start")


def test_a_step_that_never_returns_is_refused_and_not_waited_for(
    argus: Argus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write(tmp_path, body="\n    while state[SEEN] > 20:\n        pass\n    return 1\n")
    monkeypatch.setenv("ARGUS_TRIAL_SECONDS", "4")
    named = ("--symbols", "EURUSD", "--strategies-dir", str(tmp_path), "--strategy", "mine")

    for asked in (("lint-strategy", str(file)), ("config", "check", *named)):
        code, _, said = argus(*asked)
        assert code == 4
        assert f"{file} line {line_of(file, 'while')}: it did not return within 4 seconds" in said or (
            f"{file} line {line_of(file, 'pass')}: it did not return within 4 seconds" in said
        )
