"""Whether a run that is killed with kill -9, every process of it, ends as one that was never disturbed.

``python -m benchmarks.resume [--rounds 100] [--symbols 4] [--bars 400] [--seed 1] [--db-url URL] [--json]``

A round is one kill of the whole tree at a random moment, and ``run --resume`` on the same database. Runs follow one
another until there were so many rounds (a kill after which there is nothing to resume is none); every second one goes
as fast as it can, the others at a pace. After every kill the database is checked; every run that has come to its end
is compared with the undisturbed one of the same bars (decisions, fills, positions) and replayed.
"""

from __future__ import annotations

import argparse
import csv
import json
import random
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from benchmarks.lives import Life, Place, live
from domain.timeframe import MINUTE, iso

PRICES = {
    "EURUSD": 1.1,
    "BTC": 42_000.0,
    "GBPUSD": 1.27,
    "ETH": 2_300.0,
    "AUDUSD": 0.68,
    "SOL": 100.0,
    "XAUUSD": 2_060.0,
}
START = 1_704_153_600_000_000_000
SETTINGS = (
    *("strategy.fast=3", "strategy.slow=8", "risk.max_trades_per_day=100000", "risk.max_daily_loss=100000"),
    *("risk.max_drawdown_soft=0.9", "risk.max_drawdown=0.95"),
)
"""Many trades, with stops and targets, and no limit that would end them early."""
PACED = 12.0
"""Seconds that a paced run would take if nobody killed it."""
WHILE_IT_STARTS = 0.2
"""So many of the resumed engines are killed before they are under way."""


# -- what a run has come to ----------------------------------------------------------------------------


def newest(url: str) -> dict[str, Any] | None:
    from journal import views
    from journal.engines import open_engine

    engine = open_engine(url, read_only=True)
    with engine.begin() as connection:
        found = views.latest_run(connection)
    engine.dispose()
    return found


def outcome(url: str, run_id: str) -> dict[str, Any]:
    """Decisions, fills and positions of a run that has ended: without ids and without machine time."""
    from journal import views
    from journal.engines import open_engine

    engine = open_engine(url, read_only=True)
    with engine.begin() as connection:
        events = views.events(connection, run_id, 0, 10_000_000)
        said = json.loads(next(one["body"] for one in reversed(events) if one["type"] == "RUN_SUMMARY"))
        names = ("at", "symbol", "side", "quantity", "price", "commission", "reason")
        fills = [[one[name] for name in names] for one in views.fills(connection, run_id)]
    engine.dispose()
    return {
        **{name: said[name] for name in ("cycles", "candidates", "orders", "equity", "positions", "decisions_hash")},
        "fills": sorted(fills),
        "executions": sum(one["type"] == "TRADE_EXECUTION" for one in events),
    }


def sound(url: str) -> dict[str, Any]:
    from journal import database

    return database.check(url)


# -- rounds ----------------------------------------------------------------------------------------------


class Rounds:
    """Kills and resumes on one database, run after run."""

    def __init__(self, place: Place, given: argparse.Namespace) -> None:
        self.place, self.given = place, given
        self.random = random.Random(f"resume|{given.seed}")
        self.counts: Counter[str] = Counter()
        self.wrong: list[str] = []
        self.fastest = 1.0

    def run(self) -> dict[str, Any]:
        """All rounds, then the last run to its end."""
        undisturbed = self._undisturbed()
        try:
            while self.counts["resumed"] < self.given.rounds and not self.wrong:
                self._one_run(undisturbed)
        except KeyboardInterrupt:
            progress("interrupted: what has been measured so far")
        counts = self.counts
        return {
            "rounds": counts["resumed"],
            "kills": counts["kills"],
            "resumed": counts["resumed"],
            "runs": counts["runs"],
            "ok": counts["sound"] == counts["kills"] and not self.wrong,
            "equal": counts["equal"] == counts["runs"] > 0,
            "replays": {name: counts[name] for name in ("identical", "different")},
            "fills": len(undisturbed["fills"]),
            "wrong": self.wrong,
        }

    def _undisturbed(self) -> dict[str, Any]:
        life = live(self.place, self._start("max"), None, None)
        if life.code != 0:
            raise RuntimeError(f"the undisturbed run failed: {life.said[-2000:]}")
        self.fastest = life.seconds
        run = newest(self.place.url)
        assert run is not None
        found = outcome(self.place.url, run["run_id"])
        progress(f"undisturbed: {len(found['fills'])} fills in {life.seconds:.1f} s of {self.given.bars} bars")
        return found

    def _start(self, speed: str) -> list[str]:
        data = [part for one in self.place.bars for part in ("--data", one)]
        sets = [part for one in SETTINGS for part in ("--set", one)]
        symbols = ",".join(one.partition("=")[0] for one in self.place.bars)
        return self.place.command(
            *("run", "--symbols", symbols, *data, "--strategy", "ema_cross", "--preset", "balanced", *sets),
            *("--speed", speed, "--json", "--no-api"),
        )

    def _one_run(self, undisturbed: dict[str, Any]) -> None:
        """One run from its start to its end, killed on the way as often as there are rounds left."""
        paced = self.counts["runs"] % 2 == 0
        lasts = PACED if paced else self.fastest
        before = newest(self.place.url)
        start = self._start(f"{self.given.bars / PACED:.2f}" if paced else "max")
        while True:
            now = newest(self.place.url)
            there = now is not None and now["run_id"] != (before or {}).get("run_id")
            if now is not None and there and now["exit_reason"] == "end_of_data":  # killed after its last commit
                return self._ended(now["run_id"], undisturbed)
            arguments = self.place.command("run", "--resume", "--json", "--no-api") if there else start
            self.counts["resumed"] += there
            life = live(self.place, arguments, *self._end(there, lasts))
            if life.code is None:
                self._killed(life)
                continue
            run = newest(self.place.url)
            if life.code != 0 or run is None or run["exit_reason"] != "end_of_data":
                self.wrong.append(f"exit code {life.code}: {life.said[-2000:]}")
                return
            return self._ended(run["run_id"], undisturbed)

    def _end(self, resumed: bool, lasts: float) -> tuple[float | None, float | None]:
        """When the next engine is killed: seconds after its start, or after its first event; neither in the end."""
        early, after = self.random.uniform(0.0, 6.0), self.random.uniform(0.0, lasts * 0.7)
        if self.counts["resumed"] >= self.given.rounds:
            return None, None
        return (early, None) if resumed and self.random.random() < WHILE_IT_STARTS else (None, after)

    def _killed(self, life: Life) -> None:
        self.counts["kills"] += 1
        found = sound(self.place.url)
        self.counts["sound"] += found["ok"]
        if not found["ok"]:
            self.wrong.append(f"db check after kill {self.counts['kills']}: {json.dumps(found)}")
        when = f"{life.seconds:.2f} s under way" if life.seconds else "while it started"
        progress(f"kill {self.counts['kills']}, round {self.counts['resumed']}: {when}, db check {found['ok']}")

    def _ended(self, run_id: str, undisturbed: dict[str, Any]) -> None:
        self.counts["runs"] += 1
        found = outcome(self.place.url, run_id)
        different = [name for name, value in undisturbed.items() if found[name] != value]
        self.counts["equal"] += not different
        if different:
            self.wrong.append(f"run {run_id} differs in {', '.join(different)}")
        said = subprocess.run(
            self.place.command("replay", "--run", run_id, "--json"),
            capture_output=True,
            text=True,
            env=self.place.environment(),
            check=False,
        )
        identical = said.returncode == 0
        self.counts["identical" if identical else "different"] += 1
        if not identical:
            self.wrong.append(f"replay of run {run_id}: {said.stdout or said.stderr[-2000:]}")
        progress(f"run {run_id}: {'differs' if different else 'equal'}, replay {'identical' if identical else 'not'}")


def write_bars(folder: Path, symbol: str, bars: int, seed: int) -> Path:
    """One-minute bars of a seeded walk, with wicks and a spread in the file."""
    walk, before = random.Random(f"bars|{seed}|{symbol}"), PRICES[symbol]
    places = 5 if before < 10 else 2
    file = folder / f"{symbol}_M1.csv"
    with file.open("w", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(["ts", "open", "high", "low", "close", "spread"])
        for number in range(bars):
            close = round(before * (1 + walk.gauss(0.0, 4e-4)), places)
            wick = before * abs(walk.gauss(0.0, 2e-4))
            high, low = round(max(before, close) + wick, places), round(min(before, close) - wick, places)
            writer.writerow([iso(START + number * MINUTE), before, high, low, close, round(before * 2e-5, places)])
            before = close
    return file


def progress(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.resume", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--symbols", type=int, default=4, metavar="N", help=f"at most {len(PRICES)}")
    parser.add_argument("--bars", type=int, default=400)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--db-url", help="an empty database (default: a SQLite file that is removed)")
    parser.add_argument("--json", action="store_true", help="one JSON object on one line")
    given = parser.parse_args()
    if min(given.rounds, given.symbols, given.bars) < 1 or given.symbols > len(PRICES):
        parser.error(f"every number is 1 or more, and symbols at most {len(PRICES)}")
    with tempfile.TemporaryDirectory(prefix="argus-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        (folder / "home").mkdir()
        files = [f"{one}={write_bars(folder, one, given.bars, given.seed)}" for one in list(PRICES)[: given.symbols]]
        url = given.db_url or f"sqlite:///{folder / 'argus.db'}"
        found = Rounds(Place(folder, url, tuple(files)), given).run()
    print(json.dumps(found) if given.json else "\n".join(f"{key:<10} {value}" for key, value in found.items()))
    return 0 if found["ok"] and found["equal"] and not found["replays"]["different"] else 1


if __name__ == "__main__":
    sys.exit(main())
