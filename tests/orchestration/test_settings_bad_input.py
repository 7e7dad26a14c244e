"""Wrong input: every problem is reported at once, naming source, key, value and what is allowed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from domain.errors import ConfigError
from orchestration.settings import Overrides, UsageError, load


def problems_of(environ: dict[str, str] | None = None, **given: Any) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        load(Overrides(**{"symbols": ("EURUSD",), **given}), environ or {})
    return caught.value


USAGE: list[tuple[dict[str, Any], list[str]]] = [
    ({"symbols": ()}, ["no symbols", "--symbols EURUSD,BTC"]),
    ({"symbols": ("",)}, ["--symbols", "no symbols"]),
    ({"symbols": ("EURUSD,EURUSD",)}, ["--symbols", "'EURUSD' is there twice"]),
    ({"symbols": ("EURUSD,,BTC",)}, ["''", "cannot be a symbol"]),
    ({"symbols": ("../etc",)}, ["'../etc' cannot be a symbol", "letters, digits"]),
    ({"symbols": ("x" * 33,)}, ["cannot be a symbol", "1 to 32"]),
    ({"symbols": ("BTC\u0660",)}, ["cannot be a symbol"]),
    ({"symbols": (",".join(f"S{n}" for n in range(100_001)),)}, ["100,001 symbols; at most 100,000"]),
    ({"mode": "demo"}, ["--mode", "'demo'", "one of paper, live"]),
    ({"feed": "simm"}, ["--feed", "'simm'", "auto, sim, recorded"]),
    ({"feed": "mt5"}, ["--feed", "feed mt5", "not part of this version"]),
    ({"feed": "jupiter"}, ["feed jupiter", "not part of this version"]),
    ({"feed": "recorded"}, ["--feed", "needs data", "--data DIR"]),
    ({"timeframe": "M7"}, ["--timeframe", "unknown timeframe 'M7'", "M5"]),
    ({"strategy": "ema_crosss"}, ["--strategy", "did you mean 'ema_cross'?"]),
    ({"preset": "balance"}, ["--preset", "did you mean 'balanced'?", "yardstick"]),
    ({"address": "lokal"}, ["--address", "'lokal'", "did you mean local?"]),
    ({"db_url": "argus.db"}, ["--db-url", "'argus.db'", "sqlite:///"]),
    ({"db_url": "mysql://u:s3cret@h/d"}, ["--db-url", "u:***@h", "postgresql://"]),
    ({"cycles": 0}, ["--cycles", "cycle.cycles = 0", "a whole number >= 1"]),
    ({"interval": 0.0}, ["--interval", "a number > 0"]),
    ({"interval": float("nan")}, ["--interval", "not a finite number"]),
    ({"seed": -1}, ["--seed", "a whole number >= 0"]),
    ({"speed": "0"}, ["--speed", "a number > 0"]),
    ({"speed": "fast"}, ["--speed", "'fast'", "max, or a number"]),
    ({"speed": "inf"}, ["--speed", "not a finite number"]),
    ({"follow": True}, ["--follow", "belongs to feed recorded", "--feed recorded --data DIR"]),
    ({"timerange": "20160104-20160331"}, ["--timerange", "belongs to feed recorded"]),
    ({"feed": "sim", "data": ("bars",)}, ["--data", "belongs to feed recorded", "feed sim"]),
    ({"data": ("bars",), "seed": 0}, ["--seed", "belongs to feed sim", "--data makes the feed recorded"]),
    ({"data": ("bars",), "follow": True, "speed": "max"}, ["--speed", "follow conflict", "--interval"]),
    ({"speed": "3", "interval": 1.0}, ["--speed and --interval conflict"]),
    ({"data": ("bars",), "timerange": "20160331-20160104"}, ["ends before it begins", "20160104-20160331?"]),
    ({"data": ("bars",), "timerange": "2016-01-04"}, ["--timerange", "two UTC dates like"]),
    ({"data": ("bars",), "timerange": "20160132-20160201"}, ["20160132 is not a date"]),
    ({"data": ("bars",), "timerange": "00010101-20160201"}, ["00010101 is out of reach"]),
    ({"data": ("EURUSD=",)}, ["--data", "SYMBOL=FILE"]),
    ({"data": ("",)}, ["--data", "a folder, or SYMBOL=FILE"]),
    ({"data": ("EURUSD=a", "EURUSD=b")}, ["EURUSD has two files"]),
    ({"data": ("EURUSD=a", "bars")}, ["one folder, or SYMBOL=FILE", "not both"]),
    ({"data": ("bars", "others")}, ["one folder"]),
    ({"data": ("EURUSD=a", "GBPUSD=b")}, ["a file for GBPUSD", "add it to --symbols"]),
    ({"symbols": ("EURUSD,BTC",), "data": ("EURUSD=a",)}, ["no file for BTC", "add SYMBOL=FILE"]),
    ({"sets": ("risk.max_drawdown",)}, ["--set 'risk.max_drawdown'", "KEY=VALUE"]),
    ({"sets": ("=3",)}, ["--set '=3'", "KEY=VALUE"]),
    ({"sets": ("risk.rules=[a",)}, ["--set 'risk.rules=[a'", "not YAML"]),
    ({"strategy": "ema_cross", "sets": ("strategy.name=x",)}, ["--strategy 'ema_cross' and --set strategy.name='x'"]),
]


@pytest.mark.parametrize(("given", "parts"), USAGE)
def test_a_wrong_command_line_is_a_usage_error(given: dict[str, Any], parts: list[str]) -> None:
    error = problems_of(**given)

    assert isinstance(error, UsageError)
    for part in parts:
        assert part in str(error)
    assert "s3cret" not in str(error)


FILES: list[tuple[str, list[str]]] = [
    ("risk: {max_open_postions: 3}", ["risk.max_open_postions is not a known key", "risk.max_open_positions?"]),
    ("risks: {}", ["risks is not a known key", "did you mean risk?"]),
    ("max_drawdown: 0.1", ["did you mean risk.max_drawdown?"]),
    ("risk: {zzz: 1}", ["risk.zzz is not a known key; python cli.py config show lists"]),
    ("ray: {zzz: 1}", ["ray.zzz is not a known key (known in ray: address"]),
    ("risk: 3", ["risk must be a mapping", "not 3"]),
    ("risk: {max_open_positions: three}", ["risk.max_open_positions = 'three'", "a whole number >= 1", "null"]),
    ("risk: {max_open_positions: '3'}", ["'3'", "a whole number", "without quotes"]),
    ("risk: {max_open_positions: 3.0}", ["= 3.0", "a whole number"]),
    ("risk: {max_open_positions: true}", ["= True", "a whole number"]),
    ("risk: {max_open_positions: 0}", ["= 0", ">= 1"]),
    ("risk: {max_open_positions: [1]}", ["= [1]", "a whole number"]),
    ("risk:\n  max_daily_loss:\n", ["line 2: risk.max_daily_loss has no value", "null for none"]),
    ("risk: {max_daily_loss: .nan}", ["not a finite number"]),
    ("risk: {max_daily_loss: .inf}", ["not a finite number"]),
    ("risk: {max_daily_loss: 1e999}", ["not a finite number"]),
    ("risk: {max_daily_loss: 1_000}", ["'1_000'", "a number > 0"]),
    ("risk: {max_daily_loss: yes}", ["'yes'", "a number > 0"]),
    ("risk: {max_drawdown: 15}", ["= 15", "<= 1"]),
    (
        "risk: {max_drawdown_soft: 0.2, max_drawdown: 0.1}",
        ["max_drawdown_soft = 0.2 is above", "the soft limit comes first"],
    ),
    ("risk: {require_stop: no}", ["'no'", "true or false"]),
    ("risk: {day_start: '25:00 UTC'}", ["risk.day_start", "no such time of day"]),
    ("risk: {day_start: 17:00}", ["'17:00'", "17:00 America/New_York"]),
    ("risk: {day_start: '17:00 Atlantis/City'}", ["Atlantis", "00:00 UTC"]),
    ("risk: {sizing: kelli}", ["unknown sizing method 'kelli'", "did you mean 'kelly'"]),
    ("risk: {stages_off: [3]}", ["risk.stages_off = [3]", "one of 2, 5, 6, 7, 8, 10"]),
    ("risk: {rules: [trading_stat]}", ["unknown rule 'trading_stat'", "did you mean 'trading_state'"]),
    ("risk: {rules: [locks, locks]}", ["a name is there twice"]),
    ("risk: {rules: []}", ["leaves out trading_state", "always hold"]),
    (
        "risk: {rules: [trading_state, in_flight, not_expired], max_daily_loss: 5}",
        ["leaves out max_daily_loss, but", "sets risk.max_daily_loss"],
    ),
    ("strategy: ema_cross", ["strategy must be a mapping"]),
    ("strategy: {name: nope}", ["strategy.name = 'nope'", "unknown strategy"]),
    ("strategy: {fast: [1]}", ["strategy.fast = [1]", "one number"]),
    ("strategy: {fast: .nan}", ["strategy.fast = nan", "not a finite number"]),
    ("strategy: {'fa st': 1}", ["strategy.fa st is not a known key"]),
    ("feed: {name: recorded}", ["feed recorded needs data"]),
    ("feed: {name: sim, data: bars}", ["feed.data", "belongs to feed recorded", "feed sim"]),
    ("feed: {name: recorded, data: bars, seed: 3}", ["feed.seed = 3 belongs to feed sim"]),
    ("feed: {speed: true}", ["feed.speed = True", "max, or a number"]),
    ("venues: paper", ["venues must be a mapping"]),
    ("venues: [{commission_bps: 1}]", ["venues, entry 1", "{name: paper}"]),
    ("venues: [{name: papr}]", ["unknown venue 'papr'", "did you mean 'paper'"]),
    ("venues: [{name: mt5}]", ["venue mt5", "not part of this version"]),
    ("venues: [{name: paper, fee_bps: 2}]", ["venues.paper.fee_bps is not a known key"]),
    ("venues: [{name: paper, commission_bps: {stocks: 1}}]", ["stocks: no such asset class", "crypto"]),
    ("venues: [{name: paper, commission_bps: -1}]", ["commission_bps = -1", ">= 0"]),
    ("venues: [{name: paper, spread: wide}]", ["one of data, none"]),
    ("venues: [{name: paper, participation: 2}]", ["participation = 2", "<= 1"]),
    ("venues: [{name: paper, financing_bps: {forex: 1}}]", ["financing_bps", "long, short"]),
    ("account: {currency: usd}", ["account.currency = 'usd'", "capital letters"]),
    ("account: {cash: 0}", ["account.cash = 0", "> 0"]),
    ("account: {equivalents: {usdt: 1}}", ["usdt", "capital letters"]),
    ("account: {equivalents: {USDT: 0}}", ["account.equivalents", "> 0"]),
    ("ray: {agents_per_host: 0}", ["ray.agents_per_host = 0", "auto, or a whole number >= 1"]),
    ("ray: {metrics_port: 99999}", ["ray.metrics_port = 99999", "65535"]),
    ("database: {url: 3}", ["database.url = 3", "text"]),
    ("symbols: {a: 1}", ["symbols", "text, or a list"]),
    ("symbols: [1]", ["symbols = [1]", "text"]),
    ("instruments: {EURUSD: {tick: 0}}", ["instruments.EURUSD.tick = 0", "> 0"]),
    ("instruments: {FOO: {class: stock}}", ["instruments.FOO.class = 'stock'", "forex, metal, crypto, other"]),
    ("instruments: {FOO: 3}", ["instruments.FOO must be a mapping"]),
    ("mode: live", ["mode live needs a real feed", "--i-understand-live", "no live venue", "mode paper"]),
    ("mode: live\ni_understand_live: true", ["no live venue is available in this version"]),
]


@pytest.mark.parametrize(("text", "parts"), FILES)
def test_a_wrong_file_names_itself_the_line_the_key_and_what_is_allowed(
    tmp_path: Path, text: str, parts: list[str]
) -> None:
    file = tmp_path / "my.yaml"
    file.write_text(text, encoding="utf-8")

    error = problems_of(config=(file,))

    assert not isinstance(error, UsageError)
    assert f"{file} line " in str(error)
    for part in parts:
        assert part in str(error)


ENVIRONMENT: list[tuple[str, str, list[str]]] = [
    ("ARGUS__RISK__MAX_DAILY_LOS", "1", ["risk.max_daily_los is not a known key", "risk.max_daily_loss?"]),
    ("ARGUS__RISK__MAX_DAILY_LOSS", "a lot", ["risk.max_daily_loss = 'a lot'", "a number > 0"]),
    ("ARGUS__RISK__MAX_DAILY_LOSS", "", ["has no value"]),
    ("ARGUS__RISK__MAX_DAILY_LOSS", "{a", ["not YAML"]),
    ("ARGUS__RISK", "3", ["risk must be a mapping"]),
    ("ARGUS__", "3", ["not a known key"]),
    ("ARGUS__FEED__NAME", "mt5", ["not part of this version"]),
    ("ARGUS__DATABASE__URL", "mysql://u:s3cret@h/d", ["sqlite:///", "***"]),
]


@pytest.mark.parametrize(("name", "value", "parts"), ENVIRONMENT)
def test_a_wrong_environment_variable_is_named(name: str, value: str, parts: list[str]) -> None:
    error = problems_of({name: value})

    assert not isinstance(error, UsageError)
    assert f"environment {name}: " in str(error)
    assert "s3cret" not in str(error)
    for part in parts:
        assert part in str(error)


def test_all_problems_of_all_layers_come_together(tmp_path: Path) -> None:
    file = tmp_path / "my.yaml"
    file.write_text("riks: {}\nrisk: {max_drawdown: 2, require_stop: 1}\n", encoding="utf-8")

    error = problems_of({"ARGUS__FEED__SED": "1"}, config=(file, tmp_path / "no.yaml"), sets=("cycle.cycles=0",))

    assert len(error.problems) == 6
    assert not isinstance(error, UsageError)
    for part in ("riks", "max_drawdown", "require_stop", "FEED__SED", "no.yaml: does not exist", "--set cycle.cycles"):
        assert part in str(error)


def test_a_wrong_value_in_a_set_is_a_wrong_configuration_and_beside_a_wrong_option_all_is_usage() -> None:
    assert not isinstance(problems_of(sets=("cycle.cycles=0",)), UsageError)

    both = problems_of(sets=("cycle.cycles=0",), cycles=0)

    assert isinstance(both, UsageError)
    assert len(both.problems) == 2


def test_a_wrong_value_that_a_higher_layer_hides_is_still_reported(tmp_path: Path) -> None:
    file = tmp_path / "my.yaml"
    file.write_text("risk: {max_drawdown: high}", encoding="utf-8")

    assert "risk.max_drawdown = 'high'" in str(problems_of(config=(file,), sets=("risk.max_drawdown=0.2",)))
