"""From command line, environment, files, preset and defaults to one frozen tree."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from domain.money import NANO
from domain.timeframe import DAY, HOUR, MINUTE
from orchestration.settings import (
    Overrides,
    Settings,
    describe,
    from_json,
    load,
    strategy_parameters,
    strategy_problems,
    to_json,
)

ROOT = Path(__file__).parents[2]


def settings(environ: dict[str, str] | None = None, **given: Any) -> Settings:
    return load(Overrides(**{"symbols": ("EURUSD,BTC",), **given}), environ or {})


def a_file(folder: Path, text: str, name: str = "my.yaml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_without_anything_said_it_is_sim_on_balanced_with_ema_cross() -> None:
    run = settings()

    assert run.symbols == ("EURUSD", "BTC")
    assert (run.mode, run.preset, run.timeframe) == ("paper", "balanced", "M1")
    assert (run.feed.name, run.feed.speed, run.feed.warm_up) == ("sim", 1.0, 500)
    assert run.feed.start_at == 1_704_153_600 * NANO
    assert (run.strategy.name, run.strategy.parameters) == ("ema_cross", {})
    assert (run.account.currency, run.account.cash) == ("USD", 100_000 * NANO)
    assert run.account.equivalents == {"USDC": NANO, "USDT": NANO}
    assert (run.ray.address, run.ray.agents_per_host, run.ray.deadline) == ("local", None, 5.0)
    assert (run.cycle.interval, run.cycle.cycles, run.cycle.summary_keep_hours) == (None, None, 24.0)
    assert run.database_url is None
    assert run.notices == ()


def test_data_makes_the_feed_recorded_at_the_speed_of_the_machine_and_the_files_own_timeframe() -> None:
    run = settings(data=("bars",))

    assert (run.feed.name, run.feed.speed, run.timeframe) == ("recorded", None, None)
    assert run.feed.folder == str(Path("bars").absolute())


def test_data_by_symbol_names_a_file_for_each() -> None:
    run = settings(data=("EURUSD=a.parquet", "BTC=b.csv"))

    assert run.feed.folder is None
    assert run.feed.files == {"EURUSD": str(Path("a.parquet").absolute()), "BTC": str(Path("b.csv").absolute())}


def test_the_time_range_holds_both_dates() -> None:
    first, end = settings(data=("bars",), timerange="20160104-20160331").feed.timerange or (0, 0)

    assert first == 1_451_865_600 * NANO
    assert end - first == 88 * DAY


@pytest.mark.parametrize(
    ("given", "speed"),
    [
        ({}, 1.0),
        ({"interval": 0.5}, 2.0),
        ({"speed": "max"}, None),
        ({"speed": "20"}, 20.0),
        ({"data": ("bars",)}, None),
        ({"data": ("bars",), "speed": "3"}, 3.0),
        ({"data": ("bars",), "follow": True}, None),
    ],
)
def test_the_speed_is_bars_per_second_and_an_interval_of_sim_is_seconds_per_bar(
    given: dict[str, Any], speed: float | None
) -> None:
    assert settings(**given).feed.speed == speed


def test_an_interval_under_recorded_bars_is_ignored_with_a_notice() -> None:
    run = settings(data=("bars",), interval=5.0)

    assert run.feed.speed is None
    assert any("--interval" in one and "ignored" in one for one in run.notices)


@pytest.mark.parametrize(
    ("interval", "timeframe", "seconds"),
    [(None, MINUTE, 60.0), (None, HOUR, 60.0), (None, 5 * NANO, 5.0), (7.0, HOUR, 7.0)],
)
def test_live_cycles_come_every_minute_or_every_bar_unless_set(
    interval: float | None, timeframe: int, seconds: float
) -> None:
    run = settings(data=("bars",), follow=True, interval=interval)

    assert run.feed.live
    assert run.cycle.interval_for(timeframe) == seconds


def test_command_line_over_environment_over_files_over_preset_over_defaults(tmp_path: Path) -> None:
    first = a_file(tmp_path, "risk: {max_open_positions: 1, max_trades_per_day: 1, max_order_notional: 1}")
    second = a_file(tmp_path, "risk: {max_trades_per_day: 2, max_order_notional: 2}", "second.yaml")
    environ = {"ARGUS__RISK__MAX_ORDER_NOTIONAL": "3", "ARGUS__RISK__MAX_DAILY_LOSS": "3"}

    risk = settings(environ, config=(first, second), sets=("risk.max_daily_loss=4",)).risk

    assert risk.max_data_age == 3  # default
    assert risk.max_drawdown == 0.15  # preset
    assert risk.max_open_positions == 1  # first file
    assert risk.max_trades_per_day == 2  # second file
    assert risk.max_order_notional == 3 * NANO  # environment
    assert risk.max_daily_loss == 4 * NANO  # command line


def test_the_preset_may_be_named_by_every_layer(tmp_path: Path) -> None:
    file = a_file(tmp_path, "preset: yardstick")

    assert settings(config=(file,)).preset == "yardstick"
    assert settings({"ARGUS__PRESET": "balanced"}, config=(file,)).preset == "balanced"
    assert settings({"ARGUS__PRESET": "balanced"}, preset="yardstick").preset == "yardstick"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ARGUS__RISK__MAX_OPEN_POSITIONS", "7"),
        ("argus__risk__max_open_positions", "7"),
        ("Argus__Risk__Max_Open_Positions", " 7 "),
    ],
)
def test_an_environment_name_is_the_same_in_upper_and_lower_case(name: str, value: str) -> None:
    assert settings({name: value}).risk.max_open_positions == 7


def test_the_environment_reaches_every_section() -> None:
    run = settings(
        {
            "ARGUS__ACCOUNT__EQUIVALENTS__EURC": "1.1",
            "ARGUS__VENUES__PAPER__COMMISSION_BPS__CRYPTO": "20",
            "ARGUS__VENUES__PAPER__SLIPPAGE_BPS": "1",
            "ARGUS__STRATEGY__FAST": "5",
            "ARGUS__RAY__AGENTS_PER_HOST": "4",
            "ARGUS__TIMEFRAME": "M5",
            "ARGUS_HOME": "elsewhere",
            "OTHER": "x",
        }
    )

    assert run.account.equivalents == {"EURC": 1_100_000_000, "USDC": NANO, "USDT": NANO}
    assert run.venues[0].commission_bps == {"default": 1.0, "crypto": 20.0}
    assert run.venues[0].slippage_bps == {"default": 1.0}
    assert run.strategy.parameters == {"fast": 5}
    assert (run.ray.agents_per_host, run.timeframe) == (4, "M5")


def test_a_mapping_in_a_file_replaces_and_a_dotted_entry_is_laid_over(tmp_path: Path) -> None:
    file = a_file(tmp_path, "venues: [{name: paper, commission_bps: {default: 3}}]\naccount: {equivalents: {DAI: 1}}")

    whole = settings(config=(file,))
    laid = settings(config=(file,), sets=("venues.paper.commission_bps.metal=4", "account.equivalents.USDT=1"))

    assert whole.venues[0].commission_bps == {"default": 3.0}
    assert whole.account.equivalents == {"DAI": NANO}
    assert laid.venues[0].commission_bps == {"default": 3.0, "metal": 4.0}
    assert laid.account.equivalents == {"DAI": NANO, "USDT": NANO}


def test_explicit_keys_are_those_set_above_the_preset(tmp_path: Path) -> None:
    file = a_file(tmp_path, "risk: {max_drawdown: 0.2}")
    given = {"config": (file,), "sets": ("risk.max_open_positions=3",)}

    for preset in ("balanced", "yardstick"):
        risk = settings({"ARGUS__RISK__MAX_DAILY_LOSS": "100"}, preset=preset, **given).risk
        assert risk.explicit == {"max_drawdown", "max_open_positions", "max_daily_loss"}
    assert settings().risk.explicit == frozenset()


def test_settings_survive_json_and_pickle_and_give_the_same_bytes(tmp_path: Path) -> None:
    file = a_file(tmp_path, "instruments: {EURUSD: {spread: 0.0001}}\nrisk: {rules: null, stages_off: [5, 2]}")
    run = settings({"ARGUS__RISK__MAX_DAILY_LOSS": "1e3"}, config=(file,), sets=("strategy.fast=5",))

    assert from_json(to_json(run)) == run
    assert to_json(from_json(to_json(run))) == to_json(run)
    assert pickle.loads(pickle.dumps(run)) == run


def test_a_password_is_neither_in_the_frozen_configuration_nor_shown() -> None:
    run = settings(db_url="postgresql://argus:s3cret@host/argus")

    assert run.database_url == "postgresql://argus:s3cret@host/argus"
    assert b"s3cret" not in to_json(run)
    assert "s3cret" not in repr(describe(run))
    assert describe(run)["database.url"]["value"] == "postgresql://argus:***@host/argus"


def test_every_key_is_shown_with_where_it_came_from(tmp_path: Path) -> None:
    file = a_file(tmp_path, "timeframe: M5\nrisk:\n  max_drawdown: 0.2\n")
    shown = describe(settings({"ARGUS__RISK__UNITS": "5"}, config=(file,), seed=3, sets=("risk.require_stop=false",)))

    assert shown["risk.max_drawdown"] | {"value": 0.2, "from": f"{file} line 3"} == shown["risk.max_drawdown"]
    assert shown["timeframe"]["from"] == f"{file} line 1"
    assert shown["risk.units"]["from"] == "environment ARGUS__RISK__UNITS"
    assert shown["feed.seed"]["from"] == "--seed"
    assert shown["risk.require_stop"]["from"] == "--set risk.require_stop"
    assert shown["risk.risk_fraction"]["from"].startswith("preset balanced")
    assert shown["ray.deadline"] == {
        "value": 5.0,
        "from": "default",
        "allowed": "a number > 0 and <= 3600",
        "what": "seconds a step of a cycle may take",
    }
    assert shown["venues.paper.participation"]["from"] == "default"


def test_parameters_of_a_feed_that_was_chosen_over_are_left_out_with_a_notice(tmp_path: Path) -> None:
    file = a_file(tmp_path, "feed: {name: sim, seed: 3, speed: 5}")

    run = settings(config=(file,), data=("bars",))

    assert (run.feed.name, run.feed.seed, run.feed.speed) == ("recorded", 7, 5.0)
    assert [one for one in run.notices if "feed.seed is left out" in one]
    assert describe(run)["feed.name"]["from"] == "--data"


def test_the_feed_of_the_command_line_leaves_a_files_data_out(tmp_path: Path) -> None:
    run = settings(config=(a_file(tmp_path, "feed: {data: bars, timerange: 20160104-20160331}"),), feed="sim")

    assert (run.feed.name, run.feed.folder, run.feed.timerange) == ("sim", None, None)


def test_parameters_of_a_strategy_that_was_chosen_over_are_left_out() -> None:
    from orchestration.settings.layers import COMMAND_LINE, FILE, PRESET, Given
    from orchestration.settings.merge import Merged

    merged = Merged(
        [
            Given("strategy.stop_atr", 0, "preset yardstick", PRESET),
            Given("strategy.name", "other", "file", FILE),
            Given("strategy.stop_atr", 9, "file", FILE),
            Given("strategy.name", "ema_cross", "--strategy", COMMAND_LINE),
            Given("strategy.fast", 5, "--set strategy.fast", COMMAND_LINE),
        ],
        set(),
    )

    assert merged.parameters() == ({"fast": 5}, {"stop_atr": 0})
    assert merged.notices == [
        "file: strategy.stop_atr is left out: it belongs to strategy other, and ema_cross was chosen over it"
    ]


def test_the_strategys_parameters_are_checked_with_their_source(tmp_path: Path) -> None:
    file = a_file(tmp_path, "strategy:\n  fast: 50\n  slwo: 30\n")

    texts = strategy_problems(settings(config=(file,)))

    assert any(text.startswith(f"{file} line 3: ") and "slwo" in text and "slow" in text for text in texts)
    assert strategy_problems(settings()) == []


def test_yardstick_takes_stop_and_target_from_a_strategy_that_has_them_unless_they_are_given() -> None:
    assert strategy_parameters(settings(preset="yardstick")) == {"stop_atr": 0, "target_atr": 0}
    given = strategy_parameters(settings(preset="yardstick", sets=("strategy.stop_atr=2",)))
    assert given == {"stop_atr": 2, "target_atr": 0}
    assert strategy_problems(settings(preset="yardstick")) == []


def test_the_example_file_is_a_whole_configuration() -> None:
    run = load(Overrides(config=(ROOT / "conf/paper.yaml",)), {})

    assert run.symbols == ("EURUSD", "BTC")
    assert run.strategy.parameters == {"fast": 10, "slow": 30}
    assert run.risk.max_daily_loss == 2000 * NANO
    assert strategy_problems(run) == []


def test_a_hundred_thousand_symbols_are_taken() -> None:
    assert len(settings(symbols=(",".join(f"S{n}" for n in range(100_000)),)).symbols) == 100_000


def test_settings_import_neither_the_compiler_nor_ray_nor_pandas() -> None:
    script = (
        "import sys; from orchestration.settings import Overrides, load; load(Overrides(symbols=('EURUSD',)), {});"
        "print([one for one in ('numba', 'ray', 'pandas', 'pyarrow', 'sqlalchemy') if one in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_two_options_for_two_entries_of_one_mapping_both_count() -> None:
    sets = ("venues.paper.financing_bps.forex.long=5", "venues.paper.financing_bps.forex.short=6")

    settings = load(Overrides(symbols=("EURUSD",), sets=sets), {})

    assert settings.venues[0].financing_bps == {"forex": {"long": 5.0, "short": 6.0}}
