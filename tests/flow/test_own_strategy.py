"""A strategy of the user's own in a whole run: the same actors, the same record, and a file that must not change."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from actors.specs import HostSpec
from domain.errors import ConfigError
from orchestration import frozen
from orchestration.plan import Identity, actor_specs, market
from orchestration.settings import Overrides, Settings, load, strategy_problems
from tests.flow.replaying import WAVES, again, identical, resumed
from tests.flow.system import Story, System
from tests.strategies.own import FOLLOWING, write

RAISING = FOLLOWING.replace("    up", "    if bar.close < 1.0989:\n        raise ValueError('too low')\n    up")


def own_run(system: System, folder: Path, name: str = "mine", **more: object) -> Story:
    return system.run({"EURUSD": WAVES}, strategy=name, strategies_dir=str(folder), **more)


@pytest.fixture
def system(tmp_path: Path) -> System:
    return System(tmp_path, ["strategy.length=2"])


def settings(folder: Path, **more: object) -> Settings:
    given = {"symbols": ("EURUSD",), "strategy": "mine", "strategies_dir": str(folder), "db_url": "sqlite:///a.db"}
    return load(Overrides(**{**given, **more}), {})


@pytest.mark.parametrize("compiled", [False, True])
def test_it_trades_and_its_run_is_replayed_identically(system: System, compiled: bool) -> None:
    file = write(system.folder / "own", compiled=compiled)

    story = own_run(system, file.parent)

    assert story.summary.fills > 4
    assert {one["data"]["strategy"] for one in story.of("CANDIDATE")} == {"mine"}
    assert story.settings.strategy.file == str(file)
    identical(again(system), story)


def test_a_changed_file_is_refused_by_replay_and_resume(system: System) -> None:
    file = write(system.folder / "own")
    story = own_run(system, file.parent, cycles=20)
    recorded = frozen.run_of(system.url)
    before = file.read_text()
    frozen.same_strategy(recorded, frozen.settings_of(recorded.config))

    file.write_text(before.replace("else -1", "else 0"))

    for asked in (lambda: again(system), lambda: frozen.same_strategy(recorded, frozen.settings_of(recorded.config))):
        with pytest.raises(ConfigError, match=rf"strategy mine: {file} has changed: sha256 was [0-9a-f]{{64}}, is "):
            asked()
    file.unlink()
    with pytest.raises(ConfigError, match=r"mine\.py cannot be read: No such file"):
        again(system)
    file.write_text(before)
    identical(again(system), story)


def test_a_run_that_was_cut_short_goes_on_with_the_same_file(system: System) -> None:
    file = write(system.folder / "own")
    whole = own_run(System(_made(system.folder / "whole"), system.sets), file.parent)

    def cut(name: str, method: str) -> None:
        if name == "RiskManager" and method == "reserve":
            calls.append(method)
            if len(calls) == 12:
                raise Cut

    calls: list[str] = []
    with pytest.raises(Cut):
        own_run(system, file.parent, fault=cut)
    resumed(system, "run-0")
    report = again(system)

    assert report.difference is None
    assert report.cycles == whole.summary.cycles


class Cut(BaseException):
    """The whole process ends here."""


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def test_the_file_travels_to_the_hosts_and_is_recorded(tmp_path: Path) -> None:
    file = write(tmp_path / "own")
    chosen = settings(file.parent)
    specs = actor_specs(chosen, market(chosen), Identity("run", 1, "sqlite:////a.db", 0, ""))
    hosts = [one.spec for one in specs if isinstance(one.spec, HostSpec)]

    assert [one.own.source for one in hosts if one.own] == [file.read_bytes()] * len(hosts)
    kept = msgspec.json.decode(specs[-1].spec.configuration)["strategy"]
    assert kept["file"] == str(file)
    assert len(kept["sha256"]) == 64


def test_what_it_raises_live_is_its_own_symbols_error(system: System) -> None:
    file = write(system.folder / "own", body=RAISING)

    story = own_run(system, file.parent)

    assert "ERROR: ValueError: too low" in " ".join(story.reasons("EURUSD"))
    assert story.summary.cycles == len(WAVES)


def test_a_name_that_both_have_is_refused_with_both_places(tmp_path: Path) -> None:
    file = write(tmp_path / "own", "momentum")

    with pytest.raises(ConfigError) as caught:
        settings(file.parent, strategy="momentum")

    assert str(file) in caught.value.problems[0]
    assert "the shipped strategies.momentum" in caught.value.problems[0]
    assert settings(file.parent, strategy="bos").strategy.file == ""


def test_the_folder_may_stand_in_a_file_or_the_environment(tmp_path: Path) -> None:
    file = write(tmp_path / "own")
    written = tmp_path / "run.yaml"
    written.write_text(f"symbols: EURUSD\nstrategies_dir: {file.parent}\nstrategy: {{name: mine, length: 7}}\n")

    from_file = load(Overrides(config=(written,)), {})
    from_environment = load(
        Overrides(symbols=("EURUSD",), strategy="mine"), {"ARGUS__STRATEGIES_DIR": str(file.parent)}
    )

    assert from_file.strategy.file == from_environment.strategy.file == str(file)
    assert from_file.strategy.parameters == {"length": 7}
    assert strategy_problems(from_file) == []


def test_its_parameters_are_checked_as_those_of_any_other(tmp_path: Path) -> None:
    file = write(tmp_path / "own")

    wrong = settings(file.parent, sets=("strategy.length=0", "strategy.lenth=3"))

    assert strategy_problems(wrong) == [
        "--set strategy.lenth: strategy.lenth: unknown parameter of mine 'lenth'; did you mean 'length'? "
        "(known: length)",
        "--set strategy.length: strategy.length = 0: allowed is 1 to 100 bars",
    ]


def test_a_bad_file_is_told_beside_other_problems(tmp_path: Path) -> None:
    file = write(tmp_path / "own")
    file.write_text("def mine(:\n")

    with pytest.raises(ConfigError) as caught:
        settings(file.parent, sets=("risk.units=-1", "strategy.length=3"))

    told = " ".join(caught.value.problems)
    assert f"{file} line 1: SyntaxError" in told
    assert "risk.units" in told


def test_no_folder_and_no_such_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no folder"):
        settings(tmp_path / "nothing")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigError, match="unknown strategy 'mine'"):
        settings(tmp_path / "empty")
    write(tmp_path / "near", "mined")
    with pytest.raises(ConfigError, match="did you mean 'mined'"):
        settings(tmp_path / "near")
