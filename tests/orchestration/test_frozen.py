"""A run's record is enough to start the same actors again, whatever has become of its files and presets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa

from domain.errors import ConfigError
from journal import database, schema
from journal.engines import open_engine
from orchestration import frozen
from orchestration.frozen import Recorded, settings_of
from orchestration.plan import Identity, Market, actor_specs, market
from orchestration.settings import Overrides, Settings, load, presets, to_json
from tests.flow.system import START, path, write_bars

INSTRUMENTS = "instruments: {EURUSD: {spread: 0.0001}, NEW: {class: crypto, tick: 0.001, quote: USDT}}"
VENUES = "venues: {paper: {commission_bps: {forex: 1, default: 3}, fill_on: next_open}}"
CASES: list[dict[str, Any]] = [
    *({"preset": one["name"]} for one in presets()),
    {"timeframe": "M5", "seed": 3, "cycles": 50, "speed": "max", "sets": ("feed.bars=900", "feed.warm_up=50")},
    {"sets": ("strategy.fast=5", "strategy.slow=50", "strategy.side=long")},
    {"sets": ("risk.max_daily_loss=1000", "risk.rules=null", "risk.stages_off=[5,2]", "risk.max_open_positions=2")},
    {"sets": ("account.currency=EUR", "account.cash=5000.5", "account.convert=false", "ray.agents_per_host=2")},
    {"config": (INSTRUMENTS,), "symbols": ("EURUSD", "NEW", "UNLISTED")},
    {"config": (VENUES,), "interval": 0.5},
    {"symbols": ("USDJPY", "EURGBP")},
    {"data": True},
    {"data": True, "timerange": "20240101-20240102", "timeframe": "M5", "speed": "20"},
    {"data": True, "follow": True, "interval": 7.0},
]


def prepared(folder: Path, case: dict[str, Any]) -> Settings:
    given = {"symbols": ("EURUSD", "BTC"), "db_url": "sqlite:///a.db"} | case
    configs = []
    for number, text in enumerate(case.get("config", ())):
        configs.append(folder / f"{number}.yaml")
        configs[-1].write_text(text, encoding="utf-8")
    if given.pop("data", False):
        files = {
            "EURUSD": write_bars(folder / "EURUSD_M1.csv", path((100, 0.0001))),
            "BTC": write_bars(folder / "BTC_M1.csv", path((120, 3.0), start=40_000.0)),
        }
        given["data"] = tuple(f"{symbol}={file}" for symbol, file in files.items())
    return load(Overrides(**{**given, "config": tuple(configs)}), {})


def recorded(settings: Settings, found: Market) -> Recorded:
    specs = actor_specs(settings, found, Identity("run", 1, "sqlite:////a.db", 5, ""))
    driver = specs[-1].spec
    return Recorded(
        run_id="run",
        epoch=1,
        account=driver.run.account,
        live=found.info.live,
        simulated=found.info.simulated,
        started_at=5,
        ended_at=None,
        exit_reason=None,
        config=driver.configuration,
        inputs=driver.inputs,
        warmed_until=driver.warmed_until,
        strategy=driver.strategy,
        fingerprint=driver.fingerprint,
        anchor=driver.start_at,
        closed=0,
        told=0,
    )


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_record_gives_the_same_actors_with_nothing_of_today(
    tmp_path: Path, case: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = prepared(tmp_path, case)
    found = market(settings)
    before = recorded(settings, found)
    identity = Identity("run", 2, "sqlite:////a.db", 5, "")

    for name, value in {"ARGUS__RISK__UNITS": "77", "ARGUS__PRESET": "yardstick", "ARGUS__FEED__SEED": "99"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("orchestration.settings.instrument_list._file", _nothing)
    monkeypatch.setattr("orchestration.settings.preset_files.presets", _nothing)
    monkeypatch.chdir("/")
    again = settings_of(before.config)
    frozen.same_strategy(before, again)

    assert again == settings
    assert to_json(again).decode() == before.config
    specs = actor_specs(again, frozen.market_of(before, again), identity)
    monkeypatch.undo()
    assert specs == actor_specs(settings, found, identity)


def _nothing() -> Any:
    raise AssertionError("the record is enough")


def test_a_configuration_of_another_version_is_refused() -> None:
    for text in ("{}", "not json", '{"symbols": 5}'):
        with pytest.raises(ConfigError, match="written by another version"):
            settings_of(text)


# -- the inputs --------------------------------------------------------------------------------------


def on_files(folder: Path, **case: Any) -> tuple[Settings, Recorded, Path]:
    settings = prepared(folder, {"data": True} | case)
    return settings, recorded(settings, market(settings)), folder / "EURUSD_M1.csv"


def refused(before: Recorded, settings: Settings) -> str:
    with pytest.raises(ConfigError) as caught:
        frozen.market_of(before, settings)
    return str(caught.value)


def test_a_file_that_moved_away_is_named_with_its_symbol(tmp_path: Path) -> None:
    for follow in (False, True):
        settings, before, file = on_files(tmp_path, follow=follow)
        file.unlink()

        said = refused(before, settings)

        assert said.startswith(f"EURUSD: {file}, which run run reads, is gone")
        assert "BTC" not in said


def test_a_file_that_changed_is_refused_with_what_differs(tmp_path: Path) -> None:
    settings, before, file = on_files(tmp_path)
    text = file.read_text()
    write_bars(file, path((99, 0.0001), (1, 0.00009)))

    said = refused(before, settings)

    assert said.startswith(f"EURUSD: {file} has changed since run run began: sha256 was ")
    assert "bars was" not in said
    file.write_text(text)
    assert frozen.market_of(before, settings).info == market(settings).info


def test_a_file_that_was_truncated_or_goes_on_is_refused(tmp_path: Path) -> None:
    settings, before, file = on_files(tmp_path)
    whole = file.read_text()
    file.write_text("\n".join(whole.splitlines()[:50]) + "\n")
    assert "bars was 101, is 49" in refused(before, settings)
    file.write_text(whole[:-9])
    assert refused(before, settings).startswith(f"EURUSD: {file}: row ")

    write_bars(file, path((200, 0.0001)))
    assert "bars was 101, is 201" in refused(before, settings)


def test_a_file_that_is_followed_may_have_grown(tmp_path: Path) -> None:
    settings, before, file = on_files(tmp_path, follow=True)
    write_bars(file, path((200, 0.0001)))

    found = frozen.market_of(before, settings)

    assert (found.info.warmed_until, found.info.start_at) == (before.warmed_until, before.anchor)
    write_bars(file, path((200, 0.0001)), start=START + 3_600 * 10**9)
    (tmp_path / "BTC_M1.csv").write_text(file.read_text())
    assert frozen.market_of(before, settings).info == found.info


def test_another_generator_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = prepared(tmp_path, {})
    before = recorded(settings, market(settings))
    monkeypatch.setattr("marketdata.simulated.VERSION", "another")

    assert "the simulated market has changed since run run began: version was" in refused(before, settings)


def test_a_market_that_was_not_recorded_is_found_by_the_settings(tmp_path: Path) -> None:
    settings, before, file = on_files(tmp_path)
    kept = market(settings).kept()
    old = {"feed": kept.feed, "inputs": kept.inputs}
    before = recorded_with(before, old)

    assert frozen.market_of(before, settings).info == market(settings).info
    write_bars(file, path((99, 0.0001)))
    assert "has changed" in refused(before, settings)


def recorded_with(before: Recorded, inputs: dict[str, Any]) -> Recorded:
    return msgspec.structs.replace(before, inputs=msgspec.json.encode(inputs).decode())


def test_a_strategy_that_changed_or_is_gone_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings, before, _ = on_files(tmp_path)
    frozen.same_strategy(before, settings)
    other = msgspec.structs.replace(before, fingerprint=before.fingerprint.replace("10", "11"))
    with pytest.raises(ConfigError, match="strategy ema_cross has changed since run run began"):
        frozen.same_strategy(other, settings)
    gone = msgspec.structs.replace(before, strategy="gone")
    with pytest.raises(ConfigError, match="unknown strategy 'gone'"):
        frozen.same_strategy(gone, settings)


def test_a_secret_comes_from_the_environment_of_now_and_is_missed() -> None:
    variable = "ARGUS__SUPERVISION__HEARTBEAT_URL"
    there = {variable: "https://example.org/alive", "ARGUS__RISK__NONSENSE": "1"}
    recorded = settings_of(to_json(load(Overrides(symbols=("EURUSD",)), {variable: "https://example.org/a"})).decode())
    assert recorded.supervision.heartbeat_url is None

    settings, missing = frozen.with_secrets(recorded, there)
    assert (settings.supervision.heartbeat_url, missing) == ("https://example.org/alive", [])
    assert frozen.with_secrets(recorded, {}) == (recorded, ["supervision.heartbeat_url"])
    never_had = settings_of(to_json(load(Overrides(symbols=("EURUSD",)), {})).decode())
    assert frozen.with_secrets(never_had, {}) == (never_had, [])
    with pytest.raises(ConfigError, match="HEARTBEAT_URL"):
        frozen.with_secrets(recorded, {variable: "no address"})


# -- which run ---------------------------------------------------------------------------------------


class Runs:
    """A database with runs of which only what a choice needs is there."""

    def __init__(self, folder: Path) -> None:
        self.url = f"sqlite:///{folder / 'argus.db'}"
        database.prepare(self.url)
        self._epoch = 0

    def add(self, run_id: str, reason: str | None, *, live: bool = False, cycles: int = 3, closed: int = 2) -> None:
        self._epoch += 1
        row = {
            "run_id": run_id,
            "epoch": self._epoch,
            "account": "paper" if live else f"paper:{run_id}",
            "live": live,
            "simulated": not live,
            "started_at": self._epoch * 10,
            "ended_at": None if reason is None else 7,
            "config": "{}",
            "symbols": "[]",
            "codes": "[]",
            "inputs": "{}",
            "warmed_until": 5,
            "exit_reason": reason,
        }
        anchor = {"run_id": run_id, "symbol": "A", "strategy": "s", "parameters": "p", "at": 1}
        engine = open_engine(self.url)
        with engine.begin() as c:
            c.execute(sa.insert(schema.runs), [row])
            c.execute(sa.insert(schema.anchors), [anchor])
            for n in range(1, cycles + 1):
                cycle = {"run_id": run_id, "n": n, "at": n, "digest": "", "snapshot": b"", "closed": n <= closed}
                c.execute(sa.insert(schema.cycles), [cycle])
        engine.dispose()

    def chosen(self, run_id: str | None = None) -> str:
        return frozen.to_resume(self.url, run_id).run_id

    def refused(self, run_id: str | None = None) -> str:
        with pytest.raises(ConfigError) as caught:
            frozen.to_resume(self.url, run_id)
        return str(caught.value)


@pytest.fixture
def runs(tmp_path: Path) -> Runs:
    return Runs(tmp_path)


def test_the_newest_run_that_is_not_complete_goes_on(runs: Runs) -> None:
    assert runs.refused() == "nothing to resume; start a new run without --resume"
    runs.add("r1", None)
    runs.add("r2", "interrupted")
    assert runs.chosen() == "r2"
    runs.add("r3", "cycles")
    runs.add("r4", "end_of_data")

    assert runs.chosen() == "r2"
    assert runs.chosen("r1") == "r1"
    found = frozen.to_resume(runs.url)
    assert (found.closed, found.started_at, found.epoch, found.told) == (2, 20, 2, 0)
    assert frozen.run_of(runs.url).run_id == "r4"


def test_a_complete_run_says_why_it_does_not_go_on_and_what_does(runs: Runs) -> None:
    runs.add("r1", "cycles")
    assert "nothing to resume: run r1 is complete: it ended with cycles after 2 cycles;" in runs.refused()
    assert "no run of this database can be resumed" in runs.refused("r1")
    for number in range(7):
        runs.add(f"open{number}", None)

    said = runs.refused("r1")

    assert said.endswith("can be resumed: open6, open5, open4, open3, open2 and 2 more")


def test_an_unknown_run_names_those_that_can_go_on(runs: Runs) -> None:
    runs.add("20240102T01", None)
    runs.add("20240102T02", "cycles")

    assert runs.refused("2023") == "there is no run 2023 in this database; can be resumed: 20240102T01"
    assert "is the beginning of several runs: 20240102T02, 20240102T01" in runs.refused("2024")
    runs.add("20240102T011", None)
    assert runs.chosen("20240102T01") == "20240102T01"
    with pytest.raises(ConfigError, match="there is no run nonsense"):
        frozen.run_of(runs.url, "nonsense")


def test_a_live_run_whose_account_another_one_has_continued_is_refused(runs: Runs) -> None:
    runs.add("old", None, live=True)
    runs.add("own account", "cycles")
    runs.add("without a cycle", "interrupted", live=True, cycles=0, closed=0)
    assert runs.chosen("old") == "old"
    runs.add("newer", "cycles", live=True)

    assert runs.refused("old").startswith("run old cannot go on: run newer has traded on its account paper since;")
    assert "nothing to resume: run newer is complete" in runs.refused()
