"""A backtest of Argus beside other programs on the same work: the yardstick, every result checked.

``python -m benchmarks.backtest --data DIR [--case CASE] [--repeat R] [--peer NAME=PYTHON ...] [--json]``

Round by round, each program in a fresh process: ours, the peers, and two floors (one loop over numbers, as plain Python
and compiled). Compared is the engine's run alone, without start, data and compilation; for the case ``small`` the
whole process, ours being ``cli.py backtest``. ``confluence`` measures only ours. A WRONG result ends with code 1.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from benchmarks import backtest_market, rig
from benchmarks import backtest_verdict as verdict
from benchmarks.backtest_verdict import OURS, Expected, Published
from benchmarks.figures import median
from benchmarks.peers import floor
from benchmarks.peers.job import Job, tables

ROOT = Path(__file__).resolve().parents[1]
PEERS = ("vectorbt", "backtesting", "nautilus")
FLOORS = (floor.COMPILED, floor.PLAIN)
TIMEFRAMES = {"M1": 60, "H1": 3600}
PATIENCE = 3600.0
"""Seconds until a process that has not answered is given up."""
WHOLE = "process_s"


@dataclass(frozen=True)
class Case:
    """``symbols`` names for one file of bars. ``by``: the seconds that are compared. ``aims``: what is to take how many
    times as long as ours at least. ``without``: peers that are left out, and why."""

    file: str
    timeframe: str
    symbols: int = 1
    published: Published | None = None
    by: str = "run_s"
    aims: dict[str, float] = field(default_factory=dict)
    without: dict[str, str] = field(default_factory=dict)

    @property
    def names(self) -> list[str]:
        return ["EURUSD"] if self.symbols == 1 else [f"S{number:02d}" for number in range(1, self.symbols + 1)]


H1 = Case("EURUSD_H1__kernc.parquet", "H1", published=Published(168, 99_850.4297, 1e-4))
M1 = Case("EURUSD_M1.parquet", "M1", published=Published(22_871, 53_683.5090, 1e-4))
CASES = {
    "h1": H1,
    "m1": replace(M1, aims={"vectorbt": 1.0, "nautilus": 30.0}),
    "m1x10": replace(
        M1,
        symbols=10,
        published=Published(228_710, -363_164.91, 0.01),
        aims={"vectorbt": 1.0},
        without={"nautilus": "did not end within 5 minutes, at 2.8 GB"},
    ),
    "h1x50": replace(H1, symbols=50, published=Published(8_400, 92_521.48, 0.01), aims={"vectorbt": 1.0}),
    "small": replace(H1, by=WHOLE, aims={"backtesting": 1.0}),
}
CONFLUENCE = "confluence"


class Failed(Exception):
    """A process that did not answer."""


# -- the processes -----------------------------------------------------------------------------------


def environment(ours: bool) -> dict[str, str]:
    """Other programs get nothing of ours: no path, no folder for their kernels."""
    if ours:
        return dict(os.environ)
    return {name: one for name, one in os.environ.items() if name != "PYTHONPATH" and not name.startswith("NUMBA_")}


def process(command: Sequence[str], ours: bool) -> tuple[str, float]:
    """What it prints, and the seconds from its start to its end. Raises Failed."""
    begun, env = time.perf_counter(), environment(ours)
    try:
        done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=PATIENCE)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Failed(str(error)) from error
    spent = time.perf_counter() - begun
    if done.returncode:
        said = [one for one in done.stderr.splitlines() if one.strip()] or ["it said nothing"]
        raise Failed(f"exit code {done.returncode}: {said[-1].strip()}")
    return done.stdout, spent


def answered(command: Sequence[str], ours: bool = False) -> dict[str, Any]:
    """The last line that a process prints, with its seconds as ``process_s``. Raises Failed."""
    printed, spent = process(command, ours)
    lines = [one for one in printed.splitlines() if one.strip()] or [""]
    try:
        return {**json.loads(lines[-1]), WHOLE: spent}
    except (ValueError, TypeError) as error:
        raise Failed(f"not a JSON object: {lines[-1]!r}") from error


def job(case: Case, data: Path) -> Job:
    return Job((str(data / case.file),) * case.symbols, TIMEFRAMES[case.timeframe])


def given(case: Case, data: Path) -> dict[str, Any]:
    """The yardstick as fields of ``Overrides``."""
    return {
        "symbols": case.names,
        "data": [f"{name}={data / case.file}" for name in case.names],
        "timeframe": case.timeframe,
        "preset": "yardstick",
        "strategy": "ema_cross",
        "sets": ["strategy.fast=10", "strategy.slow=30", "strategy.side=both"],
    }


def engine(wanted: dict[str, Any]) -> dict[str, Any]:
    """One run of ours in a fresh process."""
    told = json.dumps({"given": wanted, "repeat": 1})
    return answered([sys.executable, "-m", "benchmarks.backtest_ours", told], ours=True)


def whole(case: Case, data: Path) -> dict[str, Any]:
    """``cli.py backtest`` from its start to its end, and the result that it wrote."""
    wanted, out = given(case, data), Path(os.environ["ARGUS_HOME"]) / "result.json"
    command = [sys.executable, str(ROOT / "cli.py"), "backtest", "--symbols", ",".join(wanted["symbols"])]
    for option in ("timeframe", "preset", "strategy"):
        command += [f"--{option}", wanted[option]]
    for option, texts in (("--data", wanted["data"]), ("--set", wanted["sets"])):
        command += [word for text in texts for word in (option, text)]
    _, spent = process([*command, "--out", str(out)], ours=True)
    found = json.loads(out.read_text())
    same = ("bars", "load_s", "compile_s", "decisions_hash")
    return {key: found[key] for key in same} | {
        "peer": OURS,
        "version": sys.version.split()[0],
        "fills": sum(1 for one in found["fills"] if one["quantity"]),
        "equity": found["equity_final"],
        "run_s": [found["elapsed_s"]],
        WHOLE: spent,
    }


def contestants(case: Case, data: Path, peers: dict[str, str]) -> dict[str, Callable[[], dict[str, Any]]]:
    """What is run in every round, in this order."""
    the_job = job(case, data)

    def other(python: str, script: str, engine: str = "") -> Callable[[], dict[str, Any]]:
        told = json.dumps(asdict(replace(the_job, engine=engine)))
        return lambda: answered([python, "-m", f"benchmarks.peers.{script}", told])

    ours = whole if case.by == WHOLE else lambda case, data: engine(given(case, data))
    found: dict[str, Callable[[], dict[str, Any]]] = {OURS: lambda: ours(case, data)}
    found |= {name: other(peers[name], name) for name in PEERS if name in peers and name not in case.without}
    return found | {name: other(sys.executable, "floor", name) for name in FLOORS}


def expected(the_job: Job) -> Expected:
    """By the plain loop, here."""
    plain = floor.load(replace(the_job, engine=floor.PLAIN), tables(the_job.files))
    opened, closed = floor.run(plain), floor.run(plain, at_close=True)
    return Expected(len(the_job.files), opened.fills, opened.equity, closed.fills, closed.equity)


# -- measuring ---------------------------------------------------------------------------------------


def measure(name: str, case: Case, data: Path, repeat: int, peers: dict[str, str]) -> dict[str, Any]:
    """All rounds of a case, as one JSON object. Ours runs once before they begin, so that its kernels are compiled."""
    before = os.getloadavg()
    right = expected(job(case, data))
    wrong = verdict.published_faults(case.published, right)
    with rig.folder():
        runs = contestants(case, data, peers)
        rig.progress(f"{name}: ours once for its kernels, then {repeat} rounds of {', '.join(runs)}")
        failed: dict[str, str] = {}
        answers: dict[str, list[dict[str, Any]]] = {one: [] for one in runs}
        first = _one(OURS, runs[OURS], failed)
        for number in range(1, repeat + 1):
            for one, run in runs.items():
                told = None if one in failed else _one(one, run, failed)
                if told is not None:
                    answers[one].append(told)
                    wrong += verdict.faults(one, told, right)
                    rig.progress(f"  round {number}: {one} {median(told['run_s']):.3f} s")
    rows = [verdict.row(one, found) for one, found in answers.items() if found]
    wrong += [text for one, found in answers.items() for text in verdict.differing(one, found)]
    rows = verdict.with_ratios(rows, case.by)
    missing = {one: f"give --peer {one}=PYTHON" for one in PEERS if one not in peers} | case.without
    return {
        "case": name,
        "compared": case.by,
        "expected": right._asdict(),
        "rounds": repeat,
        "first_s": first and first[WHOLE],
        "rows": rows,
        "aims": verdict.aims(case.aims, rows),
        "missing": missing,
        "failed": failed,
        "wrong": list(dict.fromkeys(wrong)),
        **conditions(before),
    }


def _one(name: str, run: Callable[[], dict[str, Any]], failed: dict[str, str]) -> dict[str, Any] | None:
    try:
        return run()
    except Failed as error:
        failed[name] = str(error)
        return None


def confluence(data: Path, repeat: int) -> dict[str, Any]:
    """Ours alone over a year of ten symbols, every rule and every exit on."""
    before = os.getloadavg()
    with rig.folder() as home:
        make = [sys.executable, "-m", "benchmarks.backtest_market", "--data", str(data), "--out", str(home)]
        failed: dict[str, str] = {}
        market = _one("market", lambda: answered(make, ours=True), failed)
        answers: list[dict[str, Any]] = []
        for number in range(repeat + 1 if market else 0):
            found = _one(OURS, lambda: engine(backtest_market.given(market["files"] if market else {})), failed)
            if found is None:
                break
            rig.progress(f"round {number}: {found['run_s'][0]:.3f} s" + ("" if number else " (not counted)"))
            answers += [found] if number else []
    told = ("moments", "visits", "trades", "denials", "reasons", "last_fill", "errors", "rules", "exits")
    return {
        "case": CONFLUENCE,
        "rounds": repeat,
        "simulated": market["simulated"] if market else [],
        "rows": [verdict.row(OURS, answers)] if answers else [],
        "told": {key: answers[-1][key] for key in told} if answers else {},
        "failed": failed,
        "wrong": verdict.differing(OURS, answers),
        **conditions(before),
    }


def conditions(before: tuple[float, float, float]) -> dict[str, Any]:
    """The load of the last minute, before and after: its own work is in the second one."""
    loads = {"load_before": round(before[0], 2), "load_after": round(os.getloadavg()[0], 2)}
    return {**loads, "cores": os.cpu_count(), "python": sys.version.split()[0]}


# -- the command line --------------------------------------------------------------------------------


def interpreters(texts: Sequence[str]) -> dict[str, str]:
    """NAME=PYTHON of each peer. Raises ValueError for a name that is none, one given twice, and no such file."""
    found: dict[str, str] = {}
    for text in texts:
        name, _, python = text.partition("=")
        if name not in PEERS:
            raise ValueError(f"--peer {text}: known are {', '.join(PEERS)}, as NAME=PYTHON")
        if name in found:
            raise ValueError(f"--peer {text}: {name} was given before")
        if not Path(python).is_file():
            raise ValueError(f"--peer {text}: there is no file {python or '(nothing)'}")
        found[name] = str(Path(python).absolute())
    return found


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.backtest", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="the folder with the bars")
    parser.add_argument("--case", choices=(*CASES, CONFLUENCE), default="m1")
    parser.add_argument("--repeat", type=int, default=5, metavar="R", help="rounds")
    parser.add_argument("--peer", action="append", default=[], metavar="NAME=PYTHON", help="vectorbt, backtesting, "
                        "nautilus: the Python of an environment that has it and pyarrow; may be repeated")  # fmt: skip
    parser.add_argument("--json", action="store_true", help="one JSON object on one line")
    asked = parser.parse_args(argv)
    if asked.repeat < 1:
        parser.error("--repeat is 1 or more")
    try:
        peers = interpreters(asked.peer)
    except ValueError as error:
        parser.error(str(error))
    data, case = asked.data.absolute(), CASES.get(asked.case)
    if not data.is_dir() or (case is not None and not (data / case.file).is_file()):
        parser.error(f"--data {asked.data}: there is no {case.file if case else 'such folder'}")
    found = confluence(data, asked.repeat) if case is None else measure(asked.case, case, data, asked.repeat, peers)
    print(json.dumps(found) if asked.json else verdict.text(found), flush=True)
    return 1 if found["wrong"] or found["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
