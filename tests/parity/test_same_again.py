"""Later bars change nothing earlier, and neither does the process, its hash seed or how many cores it has."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from domain.timeframe import iso
from strategies import STRATEGIES
from tests.parity import everything
from tests.parity.left import backtested, of_backtest
from tests.parity.made import Made

CLI = Path(__file__).parents[2] / "cli.py"
OF_THE_MACHINE = ("load_s", "compile_s", "elapsed_s", "bars_per_s")


@pytest.fixture(scope="module")
def bars(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return everything.market(tmp_path_factory.mktemp("bars"), 600)


def until(market: Made, folder: Path, end: pd.Timestamp) -> Made:
    """The same files without the bars that close after ``end``."""
    folder.mkdir()
    for file in market.folder.iterdir():
        table = pd.read_parquet(file)
        table[table["ts"] + pd.Timedelta(minutes=15) <= end].to_parquet(folder / file.name, index=False)
    return Made(folder, market.symbols, market.timeframe)


@pytest.mark.parametrize("strategy", list(STRATEGIES))
def test_appending_later_bars_changes_no_earlier_decision(tmp_path: Path, bars: Made, strategy: str) -> None:
    given = {"strategy": strategy, "sets": everything.sets(strategy)}
    whole = of_backtest(backtested({**bars.given, **given}))
    earlier = 0
    for number, end in enumerate(("2024-01-04T01:30Z", "2024-01-05T16:00Z", "2024-01-06T12:15Z")):
        cut = until(bars, tmp_path / str(number), pd.Timestamp(end))
        last = iso(pd.Timestamp(end).value)

        part = of_backtest(backtested({**cut.given, **given}))

        assert part.decisions == [one for one in whole.decisions if json.loads(one)["T"] <= last]
        assert part.fills == [one for one in whole.fills if one[0] <= last]
        assert part.states == [one for one in whole.states if one[0] <= last]
        assert len(part.decisions) > earlier
        earlier = len(part.decisions)
    assert len(whole.decisions) > earlier


def backtest(place: Path, arguments: list[str], **environment: str) -> subprocess.Popen[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ARGUS", "NUMBA", "PYTHONHASH"))}
    kept |= {"ARGUS_HOME": os.environ["ARGUS_HOME"], "TERM": "dumb"}
    pipe = subprocess.PIPE
    command = [sys.executable, str(CLI), "backtest", *arguments]
    return subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, env=kept | environment, cwd=place)


def test_hash_seed_process_and_cores_change_nothing(tmp_path: Path, bars: Made) -> None:
    arguments = ["--symbols", ",".join(bars.symbols), "--data", str(bars.folder), "--timeframe", "M15", "--json"]
    arguments += [
        "--strategy",
        "confluence",
        *(part for one in everything.sets("confluence") for part in ("--set", one)),
    ]
    alone = (
        "import os, sys; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))}); "
        "os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"
    )
    running = [
        backtest(tmp_path, arguments, PYTHONHASHSEED="0", NUMBA_NUM_THREADS="1"),
        backtest(tmp_path, arguments, PYTHONHASHSEED="4711", OMP_NUM_THREADS="1"),
    ]
    if hasattr(os, "sched_setaffinity"):
        kept = {**os.environ, "PYTHONHASHSEED": "99"}
        command = [sys.executable, "-c", alone, str(CLI), "backtest", *arguments]
        pipe = subprocess.PIPE
        running.append(subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, env=kept, cwd=tmp_path))

    told: list[dict[str, Any]] = []
    for process in running:
        out, err = process.communicate(timeout=180)
        assert process.returncode == 0, err
        told.append({name: one for name, one in json.loads(out).items() if name not in OF_THE_MACHINE})

    here = backtested({**bars.given, "strategy": "confluence", "sets": everything.sets("confluence")})
    assert {one["decisions_hash"] for one in told} == {here.decisions_hash}
    assert all(one == told[0] for one in told)
    assert len(told[0]["fills"]) > 50
