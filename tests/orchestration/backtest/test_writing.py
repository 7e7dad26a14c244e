"""A backtest leaves one strict JSON document and readable tables, whole or not at all."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import pytest

from domain.errors import ArgusError, ConfigError
from domain.money import to_float
from domain.timeframe import iso
from orchestration.backtest.measures.metrics import metrics
from orchestration.backtest.measures.returns import daily_equity
from orchestration.backtest.reports import writing
from orchestration.backtest.reports.writing import TABLES, check_folder, check_target, facts, write_json, write_parquet
from tests.conftest import ROOT
from tests.results import BARS, a_result, simulated

RESULT = a_result()
TOLD = facts(RESULT, metrics(RESULT))


def strict(path: Path) -> Any:
    """What a reader gets that knows no NaN."""

    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is no JSON")

    return json.loads(path.read_bytes(), parse_constant=refuse)


def left_in(folder: Path) -> list[str]:
    return sorted(one.name for one in folder.iterdir())


# -- what is told ----------------------------------------------------------------------------------


def test_the_document_is_what_was_promised(tmp_path: Path) -> None:
    write_json(TOLD, tmp_path / "result.json")
    told = strict(tmp_path / "result.json")
    assert told == TOLD
    assert told["bars"] == 2 * BARS
    assert told["symbols"] == ["EURUSD", "BTC"]
    assert told["equity_final"] == to_float(RESULT.equity_final)
    assert told["metrics"]["trades"] == len(RESULT.closes)
    assert (told["load_s"], told["compile_s"], told["elapsed_s"], told["bars_per_s"]) == (0.5, 1.5, 0.25, 8 * BARS)
    assert told["decisions_hash"] == sha256(b"".join(one + b"\n" for one in RESULT.decisions)).hexdigest()
    assert told["strategy"] == "ema_cross"
    assert told["parameters"] == {"fast": 10, "slow": 30}
    assert (told["preset"], told["timeframe"], told["currency"], told["cash"]) == ("balanced", "H1", "USD", 100_000.0)
    assert (told["start"], told["end"]) == (iso(int(RESULT.moments[0])), iso(int(RESULT.moments[-1])))
    assert (told["partial"], told["simulated"], told["errors"]) == (False, False, [])
    assert told["settings"]["strategy.fast"] == {"value": 10, "from": "--set strategy.fast"}


def test_a_fill_has_the_names_and_plain_numbers_that_others_read() -> None:
    first = RESULT.fills[0]
    assert TOLD["fills"][0] == {
        "ts": "2024-01-01T10:00:00Z",
        "symbol": "EURUSD",
        "side": "BUY",
        "quantity": 10_000.0,
        "price": to_float(first.price),
        "commission": 2.0,
        "order_id": "EURUSD-0-entry",
        "reason": "ENTRY",
    }
    assert [one["order_id"] for one in TOLD["fills"]] == [one.order_id for one in RESULT.fills]
    assert {one["side"] for one in TOLD["fills"]} == {"BUY", "SELL"}


def test_a_trade_is_gross_and_net_and_they_add_up() -> None:
    closed, part = RESULT.closes[1]
    told = TOLD["trades"][1]
    assert told["gross"] - told["commission"] == pytest.approx(told["net"], abs=1e-9)
    assert told["net"] == to_float(part.net)
    assert (told["symbol"], told["side"], told["reason"]) == (closed.symbol, "BUY", closed.reason)
    assert (told["opened_at"], told["closed_at"]) == (iso(closed.opened_at), iso(closed.closed_at))
    assert (told["entry"], told["exit"], told["r"]) == (to_float(closed.entry), to_float(closed.exit), closed.r)
    ends = 100_000 + sum(one["net"] for one in TOLD["trades"])
    assert ends == pytest.approx(TOLD["equity_final"], abs=1e-6)


def test_denials_are_counted_by_code_the_most_frequent_first() -> None:
    assert list(TOLD["denials"].items()) == [("MAX_SPREAD", 74), ("COOLDOWN", 24)]


def test_every_file_has_its_fingerprint() -> None:
    told = TOLD["inputs"]["BTC"]
    assert (told["path"], told["sha256"], told["bars"]) == ("/data/BTC_H1.parquet", f"{2:064x}", BARS)
    assert told["from"] < told["to"]
    generated = facts(simulated(RESULT), {})
    assert generated["simulated"]
    assert generated["inputs"]["*"]["seed"] == "7"


def test_the_equity_of_the_days_is_that_of_the_metrics() -> None:
    assert TOLD["daily"] == daily_equity(RESULT)
    assert list(TOLD["daily"])[-1] == "2024-03-24"


def test_halts_are_told_with_what_caused_them() -> None:
    halted, active = TOLD["states"]
    assert (halted["name"], halted["code"], halted["value"], halted["threshold"]) == (
        "HALTED",
        "MAX_DRAWDOWN",
        0.11,
        0.1,
    )
    assert active["name"] == "ACTIVE"
    assert halted["ts"] == iso(RESULT.states[0][0])


def test_what_is_no_number_is_null(tmp_path: Path) -> None:
    strange = {
        "a": float("nan"),
        "b": np.float64("inf"),
        "c": np.array([1.0, -np.inf]),
        "d": np.int64(3),
        "e": np.bool_(1),
    }
    expected = {"a": None, "b": None, "c": [1.0, None], "d": 3, "e": True}
    assert facts(RESULT, strange)["metrics"] == expected
    write_json(facts(RESULT, strange), tmp_path / "result.json")
    assert strict(tmp_path / "result.json")["metrics"] == expected


def test_half_a_character_in_a_name_is_spelled_out(tmp_path: Path) -> None:
    inputs = {"EURUSD": {"path": os.fsdecode(b"/data/caf\xe9.csv"), "bars": "3"}}
    odd = msgspec.structs.replace(RESULT, info=msgspec.structs.replace(RESULT.info, inputs=inputs))
    write_json(facts(odd, {}), tmp_path / "result.json")
    assert strict(tmp_path / "result.json")["inputs"]["EURUSD"]["path"] == "/data/caf\\udce9.csv"


@pytest.mark.parametrize("count", [0, 1, 5])
def test_a_backtest_without_anything_is_told_as_well(tmp_path: Path, count: int) -> None:
    nothing = a_result(count=count)
    write_json(facts(nothing, metrics(nothing)), tmp_path / "result.json")
    told = strict(tmp_path / "result.json")
    assert (told["fills"], told["trades"], told["denials"], told["equity_final"]) == ([], [], {}, 100_000.0)
    assert (told["start"] is None) == (count == 0)
    write_parquet(nothing, tmp_path / "tables")
    usual = tmp_path / "usual"
    write_parquet(RESULT, usual)
    for name in TABLES:
        empty, full = pd.read_parquet(tmp_path / f"tables/{name}.parquet"), pd.read_parquet(usual / f"{name}.parquet")
        assert list(empty) == list(full)
        assert [str(one) for one in empty.dtypes if "time" in str(one)] == [
            str(one) for one in full.dtypes if "time" in str(one)
        ]


# -- tables ----------------------------------------------------------------------------------------


def test_tables_come_back_as_they_went(tmp_path: Path) -> None:
    write_parquet(RESULT, tmp_path / "tables")
    assert left_in(tmp_path / "tables") == sorted(f"{one}.parquet" for one in TABLES)
    read = {name: pd.read_parquet(tmp_path / f"tables/{name}.parquet") for name in TABLES}
    trades, orders, equity, denials, fills = (read[name] for name in TABLES)
    assert trades.net.tolist() == [to_float(part.net) for _, part in RESULT.closes]
    assert str(trades.closed_at.dtype) == "datetime64[ns, UTC]"
    assert trades.closed_at.astype("int64").tolist() == [closed.closed_at for closed, _ in RESULT.closes]
    assert orders.id.tolist() == [one.order.id for one in RESULT.orders]
    assert orders.quantity.tolist() == [to_float(one.order.quantity) for one in RESULT.orders]
    assert orders.price.isna().all()  # market orders have none
    assert equity.equity.tolist() == RESULT.equity.tolist()
    assert equity.ts.astype("int64").tolist() == RESULT.moments.tolist()
    assert denials.code.value_counts().to_dict() == TOLD["denials"]
    assert set(denials.value) == {"1.5"}
    told = [{**row, "ts": row["ts"].isoformat().replace("+00:00", "Z")} for row in fills.to_dict("records")]
    assert [{name: row[name] for name in TOLD["fills"][0]} for row in told] == TOLD["fills"]


# -- files -----------------------------------------------------------------------------------------


FULL_DISK = """
import resource, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from orchestration.backtest.reports.writing import write_json, write_parquet
from tests.results import a_result
result, folder = a_result(), Path(sys.argv[2])
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[4]), int(sys.argv[4])))
try:
    if sys.argv[3] == "json":
        write_json({"long": "x" * 100_000}, folder / "result.json")
    else:
        write_parquet(result, folder)
except Exception as error:
    print(type(error).__name__, error)
"""
"""A process that may not write more than so many bytes into a file: what a full disk does."""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit on the size of a file")
@pytest.mark.parametrize("kind", ["json", "parquet"])
def test_a_full_disk_leaves_what_was_there(tmp_path: Path, kind: str) -> None:
    names = ["result.json"] if kind == "json" else [f"{one}.parquet" for one in TABLES]
    for name in names:
        (tmp_path / name).write_text(f"earlier {name}")
    asked = [sys.executable, "-c", FULL_DISK, str(ROOT), str(tmp_path), kind, "20000"]  # enough for some of the tables
    done = subprocess.run(asked, capture_output=True, text=True)
    assert done.stdout.startswith(f"ArgusError --{'out' if kind == 'json' else 'parquet'} {tmp_path}/"), done.stderr
    assert "could not be written (File too large); what was there before is unchanged" in done.stdout
    assert left_in(tmp_path) == sorted(names)
    assert all((tmp_path / name).read_text() == f"earlier {name}" for name in names)


@pytest.mark.parametrize("stop", [KeyboardInterrupt, OSError("disk quota exceeded")])
def test_an_interrupted_write_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stop: Any) -> None:
    """Stopped when the new file is written and before it has taken its place."""
    (tmp_path / "result.json").write_text("earlier")

    def stopped(*_: Any) -> None:
        raise stop

    monkeypatch.setattr(writing.os, "fsync", stopped)
    with pytest.raises((KeyboardInterrupt, ArgusError)):
        write_json({"new": 1}, tmp_path / "result.json")
    assert left_in(tmp_path) == ["result.json"]
    assert (tmp_path / "result.json").read_text() == "earlier"


def test_nothing_but_a_file_is_overwritten(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"--out .* is a folder: name a file in it"):
        write_json({}, tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ConfigError, match=r"pipe is not a file and is not overwritten"):
        write_json({}, tmp_path / "pipe")
    assert left_in(tmp_path) == ["pipe"]


def test_a_folder_that_is_not_there_is_named_and_not_made(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=rf"the folder {tmp_path}/no is not there: make it"):
        check_target(tmp_path / "no/result.json", "--out")
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match=rf"the folder {tmp_path}/file is not a folder"):
        check_target(tmp_path / "file/result.json", "--out")
    with pytest.raises(ConfigError, match=rf"the folder {tmp_path}/no is not there: make it"):
        check_folder(tmp_path / "no/tables", "--parquet")
    with pytest.raises(ConfigError, match="file is not a folder: name one for trades"):
        write_parquet(RESULT, tmp_path / "file")
    assert left_in(tmp_path) == ["file"]


def test_what_is_protected_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Root may write everywhere, so the answer of the system is made up."""
    (tmp_path / "result.json").touch()
    monkeypatch.setattr(writing.os, "access", lambda path, how: Path(path) != tmp_path / "result.json")
    with pytest.raises(ConfigError, match="is write-protected"):
        check_target(tmp_path / "result.json", "--out")
    monkeypatch.setattr(writing.os, "access", lambda path, how: False)
    with pytest.raises(ConfigError, match="cannot be written: name another"):
        check_target(tmp_path / "other.json", "--out")


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / "result.json").symlink_to("kept/result.json")
    write_json({"a": 1}, tmp_path / "result.json")
    assert (tmp_path / "result.json").is_symlink()
    assert strict(tmp_path / "kept/result.json") == {"a": 1}


def test_an_earlier_result_is_replaced(tmp_path: Path) -> None:
    write_json({"a": "long" * 1000}, tmp_path / "result.json")
    write_json({"a": 1}, tmp_path / "result.json")
    assert strict(tmp_path / "result.json") == {"a": 1}
    assert left_in(tmp_path) == ["result.json"]
