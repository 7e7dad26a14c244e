"""Recorded answers: what a hit costs beside a bare diskcache, and how often many processes ask one question.

``python -m benchmarks.research [--symbols 50] [--processes 8] [--hits 2000] [--rounds 5] [--seconds 0.5] [--json]``

Hits: the whole way of a recorded answer (key, look-up in the store's thread, check of the record and of the answer)
against ``get`` of diskcache with JSONDisk for the same record, in turns. Once: every process asks for every symbol at
once, through the stack that a run has, and a local server that speaks chat completions counts what reaches it. The exit
code is 1 where a question was asked twice or got no answer.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import os
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from benchmarks.figures import median, percentile, table
from domain.money import to_text
from domain.research import JUDGE, OK, Usage
from research.budget import Budgeted
from research.cache import Recorded
from research.config import RECORDED, ResearchConfig
from research.guarded import Guarded
from research.openai_model import OpenAIModel
from research.port import Answer, Message, Model, Request, Task
from research.prices import load

SPAWN = multiprocessing.get_context("spawn")
MODEL = "gpt-4o-mini"
USED = {"prompt_tokens": 1500, "completion_tokens": 60, "total_tokens": 1560}
WITHIN = 120.0


def facts(symbol: str) -> str:
    """About as long as a case of twenty facts and two arguments."""
    return "\n".join(
        f"E{n}: {symbol} stands {n * 0.137:.3f} average true ranges above its level {n}" for n in range(60)
    )


def a_task(symbol: str, endpoint: str) -> Task:
    schema = {
        "type": "object",
        "properties": {"verdict": {"type": "string"}, "p_win": {"type": "number"}},
        "required": ["verdict", "p_win"],
        "additionalProperties": False,
    }
    request = Request(
        prompt="judge@1",
        endpoint=endpoint,
        model=MODEL,
        messages=(Message("system", "You judge by the facts alone."), Message("user", facts(symbol))),
        schema_name="verdict",
        schema=schema,
    )
    return Task(role=JUDGE, subject=symbol, at=0, given=None, request=request, check=lambda value: value)


def symbols(count: int) -> list[str]:
    return [f"S{n:03d}" for n in range(count)]


# -- hits ----------------------------------------------------------------------------------------------


class Ready:
    """A model that has its answer at once."""

    async def answer(self, task: Task, within: float) -> Answer:
        said = {"verdict": "GO", "p_win": 0.61}
        return Answer(
            value=said, parsed=said, text=json.dumps(said), tries=1, usage=Usage(1500, 60), mode="json_schema"
        )

    async def close(self) -> None:
        """Nothing is open."""


def hits(home: Path, count: int, rounds: int) -> dict[str, Any]:
    """Microseconds of a hit, live and recorded, and of a bare ``get``."""
    import diskcache  # type: ignore[import-untyped]

    tasks = [a_task(one, "http://127.0.0.1:1/v1") for one in symbols(50)]
    bare = diskcache.Cache(str(home / "answers"), disk=diskcache.JSONDisk, eviction_policy="none")
    found: dict[str, list[float]] = {"bare": [], "recorded": [], "live": []}

    async def ask(model: Model, times: list[float]) -> None:
        for n in range(count):
            begun = time.perf_counter_ns()
            answer = await model.answer(tasks[n % len(tasks)], WITHIN)
            times.append((time.perf_counter_ns() - begun) / 1000)
            if answer.value is None:
                raise SystemExit(f"no hit: {answer.outcome} {answer.detail}")

    async def rounds_of_all() -> None:
        live, recorded = Recorded(Ready(), home), Recorded(None, home, RECORDED)
        for one in tasks:
            await live.answer(one, WITHIN)
        keys = [one.request.key for one in tasks]
        for _ in range(rounds):
            for n in range(count):
                begun = time.perf_counter_ns()
                raw = bare.get(keys[n % len(keys)])
                found["bare"].append((time.perf_counter_ns() - begun) / 1000)
                if raw is None:
                    raise SystemExit("the bare cache does not see the records")
            await ask(recorded, found["recorded"])
            await ask(live, found["live"])
        await live.close()
        await recorded.close()

    asyncio.run(rounds_of_all())
    bare.close()
    told = {
        name: {"p50_us": round(median(times), 1), "p99_us": round(percentile(times, 0.99), 1), "n": len(times)}
        for name, times in found.items()
    }
    return {**told, "ratio": round(median(found["recorded"]) / median(found["bare"]), 2)}


# -- once ----------------------------------------------------------------------------------------------


@contextmanager
def counting(seconds: float) -> Iterator[tuple[str, Counter[bytes]]]:
    """A server that takes its time over every answer: its base URL, and what was asked."""
    asked: Counter[bytes] = Counter()
    guard = threading.Lock()
    text = json.dumps({"verdict": "GO", "p_win": 0.61})
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}
    said = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": MODEL,
        "choices": [choice],
        "usage": USED,
    }
    body = json.dumps(said).encode()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            given = self.rfile.read(int(self.headers["Content-Length"]))
            with guard:
                asked[given] += 1
            time.sleep(seconds)
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v1", asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def stack(endpoint: str, home: Path) -> tuple[Recorded, Budgeted]:
    config = ResearchConfig(base_url=endpoint, model=MODEL, rate_per_minute=None, tokens_call=None)
    budget = Budgeted(Guarded(OpenAIModel(config, None), config), config, load(), home, time.time_ns)
    return Recorded(budget, home), budget


def ask_all(endpoint: str, home: Path, count: int, ready: Any, begin: Any, answers: Any) -> None:
    """One process: every symbol at once."""
    model, _ = stack(endpoint, home)
    tasks = [a_task(one, endpoint) for one in symbols(count)]
    ready.release()
    begin.wait()

    async def asking() -> list[Answer]:
        try:
            return list(await asyncio.gather(*(model.answer(one, WITHIN) for one in tasks)))
        finally:
            await model.close()

    begun = time.perf_counter()
    said = asyncio.run(asking())
    answers.put((time.perf_counter() - begun, [(one.outcome, one.source, one.cost, one.detail) for one in said]))


def once(home: Path, count: int, processes: int, seconds: float) -> dict[str, Any]:
    ready, begin, answers = SPAWN.Semaphore(0), SPAWN.Event(), SPAWN.Queue()
    with counting(seconds) as (endpoint, asked):
        others = [
            SPAWN.Process(target=ask_all, args=(endpoint, home, count, ready, begin, answers)) for _ in range(processes)
        ]
        for one in others:
            one.start()
        for _ in others:
            ready.acquire()
        begin.set()
        came = [answers.get(timeout=2 * WITHIN) for _ in others]
        for one in others:
            one.join()
    said = [row for _, rows in came for row in rows]
    costs = [cost for _, _, cost, _ in said]
    return {
        "symbols": count,
        "processes": processes,
        "asked": processes * count,
        "requests": asked.total(),
        "distinct": len(asked),
        "outcomes": dict(Counter(outcome for outcome, _, _, _ in said)),
        "sources": dict(Counter(source for _, source, _, _ in said)),
        "failures": sorted({detail for outcome, _, _, detail in said if outcome != OK}),
        "model_s": seconds,
        "slowest_process_s": round(max(took for took, _ in came), 2),
        "cost_usd": None if None in costs else to_text(sum(costs)),
        "ledger_usd": to_text(spent(home).money),
    }


def spent(home: Path) -> Any:
    async def reading() -> Any:
        model, budget = stack("http://127.0.0.1:1/v1", home)
        try:
            return (await budget.day(10.0)).spent
        finally:
            await model.close()

    return asyncio.run(reading())


# -- all of it -----------------------------------------------------------------------------------------


def measure(given: argparse.Namespace) -> dict[str, Any]:
    conditions = {"cores": os.cpu_count(), "load": round(os.getloadavg()[0], 2)}
    with tempfile.TemporaryDirectory(prefix="argus-benchmark-") as home:
        found_hits = hits(Path(home) / "hits", given.hits, given.rounds)
        found_once = once(Path(home) / "once", given.symbols, given.processes, given.seconds)
    return {"hits": found_hits, "once": found_once, "conditions": conditions}


def report(found: dict[str, Any]) -> str:
    rows = [
        (name, found["hits"][name]["p50_us"], found["hits"][name]["p99_us"]) for name in ("bare", "recorded", "live")
    ]
    return "\n\n".join((table(("a hit", "p50 µs", "p99 µs"), rows), table(("", ""), list(found["once"].items()))))


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.research", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--symbols", type=int, default=50)
    parser.add_argument("--processes", type=int, default=8)
    parser.add_argument("--hits", type=int, default=2000, help="of each kind in each round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.5, help="that the server takes over an answer")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    given = parser.parse_args(argv)
    found = measure(given)
    print(json.dumps(found) if given.json else report(found), flush=True)
    once_each = found["once"]["requests"] == found["once"]["distinct"] == given.symbols
    return 0 if once_each and set(found["once"]["outcomes"]) == {OK} else 1


if __name__ == "__main__":
    sys.exit(main())
