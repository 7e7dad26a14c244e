"""One backtest of Argus in a process of its own, for ``benchmarks.backtest``.

``python -m benchmarks.backtest_ours JOB``, a JSON object of ``given`` (fields of ``Overrides``) and ``repeat``; the
answer is one JSON line.
"""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from typing import Any

from benchmarks.peers.job import peak_rss

LISTS = ("symbols", "data", "sets")


def overrides(given: dict[str, Any]) -> Any:
    from orchestration.settings import Overrides

    fields: dict[str, Any] = {key: tuple(value) if key in LISTS else value for key, value in given.items()}
    return Overrides(**fields)


def measure(given: dict[str, Any], repeat: int) -> dict[str, Any]:
    """``run_s`` is the engine alone (``Result.elapsed_s``), ``total_s`` from the settings to the last result."""
    from domain.money import to_float
    from domain.timeframe import iso
    from orchestration.backtest import running

    begun = time.perf_counter()
    ready = running.prepare(overrides(given), lambda text: None)
    from orchestration.backtest.engine import SHOWN
    from risk.exits.base import policies
    from risk.gate import Rules

    walls, processors, asked = [], [], [0]

    def stop() -> bool:
        asked[0] += 1
        return False

    for _ in range(repeat):
        asked[0], busy = 0, time.process_time()
        result = running.run(ready, stop=stop)
        walls.append(result.elapsed_s)
        processors.append(time.process_time() - busy)
    orders = [one for one in result.fills if one.quantity]
    return {
        "peer": "argus",
        "version": sys.version.split()[0],
        "bars": result.bars,
        "symbols": len(result.settings.symbols),
        "fills": len(orders),
        "equity": to_float(result.equity_final),
        "load_s": result.load_s,
        "compile_s": result.compile_s,
        "run_s": walls,
        "cpu_s": processors,
        "total_s": time.perf_counter() - begun,
        "peak_rss_mb": peak_rss(),
        "moments": len(result.moments),
        "visits": asked[0] * SHOWN,
        "trades": len(result.closes),
        "denials": dict(Counter(one.denied.code for one in result.refusals).most_common()),
        "reasons": dict(Counter(one.reason for one in result.fills).most_common()),
        "last_fill": iso(orders[-1].at) if orders else None,
        "errors": list(result.errors),
        "rules": len(Rules(result.settings.risk).names),
        "exits": len(policies(result.settings.exits)),
        "decisions_hash": result.decisions_hash,
    }


def main() -> None:
    job = json.loads(sys.argv[1])
    print(json.dumps(measure(job["given"], job["repeat"])), flush=True)


if __name__ == "__main__":
    main()
