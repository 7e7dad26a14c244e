"""How the world is told: what research said of its candidates, what that cost, and what came of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import cache
from random import Random
from types import SimpleNamespace
from typing import Any

from domain.timeframe import nanos
from orchestration.research.figures import GROUPS, document
from tests.api.page_world.facts import HOSTILE, LONG, RUN, Facts, Plain, iso

CASES = 60
FACTS = (
    ("trend", "the close is 0.42 ATR above EMA 20; EMA 20 is 0.81 ATR above EMA 50", 0.81, 0.8, 0.8),
    ("adx", "ADX 14 is 28.4, +DI 27.1, -DI 14.9", 28.4, 0.29, 0.6),
    ("regime", "regime TRENDING", None, 0.0, 0.0),
    ("resistance", "the nearest swing high is 0.35 ATR above", 0.35, -0.825, 0.3),
    ("calendar", "EUR rate decision in 95 minutes", 95.0, -0.5, 0.4),
    ("past", "12 own trades like this: 58 % won, mean +0.21 R", 0.21, 0.42, 0.3),
)
ARGUMENTS = {
    "bull": (0.62, (("E1", "the trend is up and not stretched"), ("E6", "the same setup has paid"))),
    "bear": (0.41, (("E4", "there is little room up to the last high"), ("E5", "a rate decision is near"))),
}
REASONS = {
    "GO": "The trend carries it; half the size before the rate decision.",
    "NO_GO": "Too little room below the last high for the risk.",
    "ABSTAIN": "",
}
PROMPTS = {"bull": "bull@1", "bear": "bear@1", "judge": "judge@1"}
ROLES = ("bull", "bear", "judge")
PLANS = (("fast", 9.0, 10.0, 8.0, 10.0), ("atr_stop", 2.0, 2.2, 1.8, 2.2))


class Researched:
    """The cases of the world so far, the newest last. ``judge`` makes another one and tells it as an event."""

    def __init__(self, world: Facts, emit: Callable[..., Any]) -> None:
        self._world, self._emit, self._random = world, emit, Random(5)
        self.cases: list[Plain] = []
        names = list(world.prices)
        for n in range(CASES):
            at = world.market_at - timedelta(minutes=20 * (CASES - n))
            self.cases.append(self._case(names[n % min(len(names), 8)], at, n))
        self.plans = [self._plan(n) for n in range(2)]

    @property
    def _said(self) -> str:
        return HOSTILE[self._random.randrange(2)] if self._world.hostile else ""

    def judge(self, symbol: str, verdict: str = "NO_GO", reason: str = "") -> Plain:
        made = self._case(symbol, self._world.market_at, len(self.cases), open_=True)
        effect, factor = {"GO": ("NONE", 1.0), "NO_GO": ("VETO", 1.0)}.get(verdict, ("NONE", 1.0))
        made |= {"verdict": verdict, "effect": effect, "factor": factor, "reason": reason or made["reason"]}
        self.cases.append(made)
        data = {name: made[name] for name in ("verdict", "reason", "source", "code", "effect", "factor")}
        self._emit("RESEARCH_RESULT", data, symbol, made["id"])
        return made

    def _case(self, symbol: str, at: datetime, n: int, open_: bool = False) -> Plain:
        verdict = ("GO", "NO_GO", "GO", "GO", "NO_GO", "GO", "ABSTAIN")[n % 7]
        p = None if verdict == "ABSTAIN" else round(self._random.uniform(0.52, 0.9), 2)
        p = round(1 - p, 2) if p is not None and verdict == "NO_GO" else p
        known = not open_ and n < CASES - 4
        won = self._random.random() < (0.5 if p is None else 0.12 + 0.75 * p)
        half = verdict == "GO" and n % 3 == 0
        effect = "VETO" if verdict == "NO_GO" else "SHRINK" if half else "NONE"
        price = self._world.prices[symbol]
        told: Plain = {"run_id": RUN, "id": f"{n:08x}case", "cycle": n + 1, "at": iso(at), "decided_at": iso(at)}
        told |= {"symbol": symbol, "strategy": "momentum", "direction": ("BUY", "SELL")[n % 2], "price": price}
        told |= {"stop": price * 0.002, "target": price * 0.004, "horizon": 20, "score": 0.6, "probability": 0.55}
        told |= {"regime": ("TRENDING", "RANGING")[n % 2], "mode": "veto", "arm": "debate", "model": "gpt-4o-mini"}
        told |= {"prompts": PROMPTS, "verdict": verdict, "code": "OK" if p is not None else "TIMEOUT"}
        told |= {"source": ("llm", "llm", "cache", "rules")[n % 4], "p_win": p, "size_factor": 0.5 if half else 1.0}
        told |= {"disagreement": 0.66, "reason": self._said or REASONS[verdict], "evidence": ["E1", "E4"]}
        told |= {"effect": effect, "factor": 0.5 if half else 1.0, "contaminated": n % 23 == 5, "masked": False}
        touched = ("TARGET" if won else "STOP") if known else ""
        told |= {"won": won if known else None, "touched": touched, "r": (2.0 if won else -1.0) if known else None}
        told |= {"best": (2.1 if won else 0.4) if known else None, "worst": (-0.7 if won else -1.0) if known else None}
        return told | {"known_at": iso(at + timedelta(minutes=18)) if known else None}

    def _plan(self, n: int) -> Plain:
        key, now, proposed, low, high = PLANS[n]
        change = {"key": self._said or key, "now": now, "proposed": proposed, "low": low, "high": high}
        fact = {"id": "E1", "kind": "stopped", "text": self._said or "64 % closed by their stop", "value": 0.64}
        told: Plain = {"id": f"{n:08x}plan", "run_id": RUN, "at": iso(self._world.market_at), "strategy": "momentum"}
        told |= {"changes": [change | {"evidence": ["E1"]}], "facts": [fact | {"lean": 0.0, "weight": 0.0}]}
        told |= {"reason": self._said or "Losers had been far ahead: give them room.", "source": "llm", "code": "OK"}
        return told | {"state": "PROPOSED", "who": "", "decided_at": None}

    def decide(self, id: str, word: str, reason: str) -> Plain:
        """What accept and reject answer; None of it for a proposal that is decided."""
        found = next(one for one in self.plans if one["id"] == id)
        if found["state"] != "PROPOSED":
            return {}
        found["state"] = {"accept": "ACCEPTED", "reject": "REJECTED"}[word]
        found |= {"who": f"api:operator: {reason}", "decided_at": iso(self._world.market_at)}
        return {"state": "DONE", "answer": {"proposal": id, "state": found["state"]}}

    # -- answers -----------------------------------------------------------------------------------

    def whole(self) -> Plain:
        def counted(name: str) -> Plain:
            values = [one[name] for one in self.cases]
            return {value: values.count(value) for value in dict.fromkeys(values)}

        judging = [one for one in self.cases[-50:] if one["verdict"] != "ABSTAIN"]
        rate: Plain = {"cases": 50, "watched": 50, "judging": len(judging), "low": 0.05, "high": 0.95}
        rate |= {"share": sum(one["verdict"] == "GO" for one in judging) / len(judging), "alarm": self._said}
        told: Plain = {"run_id": RUN, "simulated": True, "arm": "debate", "provider": "auto", "model": "gpt-4o-mini"}
        roles = {"analyst": "advisory", "researcher": "veto", "critic": "advisory", "planner": "advisory"}
        told |= {"roles": roles, "answers": "live", "on_abstain": "rules", "masked": False, "cases": len(self.cases)}
        told |= {"verdicts": counted("verdict"), "effects": counted("effect"), "codes": counted("code")}
        told |= {"sources": counted("source"), "go_rate": rate, "today": self.spent("day")[0]}
        waiting = sum(one["state"] == "PROPOSED" for one in self.plans)
        return told | {"by_model": self.spent("model"), "proposals": waiting}

    def case(self, id: str) -> Plain | None:
        found = next((one for one in self.cases if one["id"] == id), None)
        if found is None:
            return None
        names = ("id", "kind", "text", "value", "lean", "weight")
        facts = [dict(zip(names, (f"E{n}", *one), strict=True)) for n, one in enumerate(FACTS, 1)]
        if self._world.hostile:
            facts[0]["text"] = LONG
        arguments = [
            {"side": side, "strength": strength, "source": "llm", "code": "OK"}
            | {"claims": [{"evidence": of, "says": self._said or says} for of, says in claims]}
            for side, (strength, claims) in ARGUMENTS.items()
        ]
        more = {"facts": facts, "arguments": arguments, "calls": self._calls(found), **self._came(found)}
        return found | more | {"review": self.reviews()[0] | {"case_id": id} if found["touched"] else None}

    @staticmethod
    def _came(case: Plain) -> Plain:
        if case["effect"] == "VETO":
            return {"orders": [], "trades": []}
        order = {name: case[name] for name in ("id", "at", "symbol", "stop", "target")}
        order |= {"purpose": "ENTRY", "side": case["direction"], "quantity": 100.0, "entry": case["price"], "code": ""}
        return {"orders": [order | {"status": "FILLED"}], "trades": []}

    def _calls(self, case: Plain) -> list[Plain]:
        return [self._call(case, role, n) | self._texts(case, role) for n, role in enumerate(ROLES)]

    def _call(self, case: Plain, role: str, n: int) -> Plain:
        usage = {"prompt": 1_204 + n, "completion": 143, "cached": 0, "reasoning": 0, "estimated": False}
        told: Plain = {"run_id": RUN, "id": f"{case['id']}{role}", "case_id": case["id"], "subject": case["symbol"]}
        told |= {"role": role, "at": case["at"], "made_at": case["at"], "key": "0" * 64, "prompt": f"{role}@1"}
        told |= {"endpoint": "https://api.openai.com/v1", "model": case["model"], "source": "llm", "outcome": "OK"}
        told |= {"detail": "", "mode": "json_schema", "repaired": False, "tries": 1, "usage": usage, "sample": 0}
        return told | {"cost_usd": 0.00027, "latency": 812.0 + 40 * n, "fingerprint": "fp_0"}

    def _texts(self, case: Plain, role: str) -> Plain:
        facts = "\n".join(f"E{n} {one[1]}" for n, one in enumerate(FACTS, 1))
        messages = [
            {"role": "system", "content": f"You are the {role} of a trading desk.\nCite facts by their numbers."},
            {"role": "user", "content": f"Facts:\n<<<\n{self._said or facts}\n>>>"},
        ]
        parsed = {"verdict": case["verdict"], "p_win": case["p_win"], "reason": case["reason"]}
        return {"request": {"messages": messages}, "answer": json.dumps(parsed), "parsed": parsed}

    def calls(self) -> list[Plain]:
        """The newest first."""
        return [self._call(case, role, n) for case in self.cases[::-1] for n, role in enumerate(ROLES)]

    def views(self) -> list[Plain]:
        told = {"run_id": RUN, "regime": "TRENDING", "risks": ["NEWS"], "evidence": ["E1"], "source": "llm"}
        at = {"at": iso(self._world.market_at), "valid_until": iso(self._world.market_at + timedelta(minutes=24))}
        biases = ("BULLISH", "NEUTRAL", "BEARISH")
        names = ["", *list(self._world.prices)[:5]]
        return [told | at | {"symbol": name, "bias": biases[n % 3], "code": "OK"} for n, name in enumerate(names)]

    def reviews(self) -> list[Plain]:
        known = [one for one in self.cases[::-1] if one["touched"]][:12]
        told = {"run_id": RUN, "strategy": "momentum", "source": "llm", "code": "OK"}
        lesson = self._said or "Before a rate decision the stop is hit first: wait, or halve the size."
        said = {"lesson": lesson, "analysis": self._said or "Entered with the regime, held to plan."}
        names = ("symbol", "known_at", "r")
        return [
            told | said | {"id": f"{one['id']}r", "case_id": one["id"], "taken": one["effect"] != "VETO", "score": 6.5}
            | {name: one[name] for name in names}
            for one in known
        ]  # fmt: skip

    def headlines(self) -> list[Plain]:
        at = iso(self._world.market_at)
        told = {"run_id": RUN, "source": "fx", "trust": 0.8, "published_at": at, "seen_at": at, "read_by": "llm"}
        told |= {"currencies": ["EUR"], "sentiment": -1, "relevance": 2, "category": "RATES"}
        title = HOSTILE[0] if self._world.hostile else "ECB leaves rates unchanged"
        return [told | {"id": "00h", "title": title, "summary": HOSTILE[1] if self._world.hostile else ""}]

    def spent(self, by: str) -> list[Plain]:
        names = {"role": ROLES, "day": (self._world.market_at.date().isoformat(),)}.get(by, (self._said or f"a {by}",))
        count = len(self.cases) * len(ROLES) // len(names)
        told = {"questions": count, "sent": count, "failed": 2, "unpriced": 0, "estimated": 0, "seconds": 0.8 * count}
        told |= {"prompt_tokens": 1_204 * count, "completion_tokens": 143 * count, "cached_tokens": 0}
        return [{"name": name, "usd": 0.00027 * count} | told for name in names]

    def calibration(self) -> Plain:
        known = [one | _times(one) for one in self.cases if one["touched"]]
        return {"run_id": None, "simulated": True} | _figures(json.dumps(known))


def _times(one: Plain) -> Plain:
    at = nanos(datetime.fromisoformat(one["at"]))
    return {"at": at, "known_at": at + 1, "direction": 1 if one["direction"] == "BUY" else -1}


@cache
def _figures(rows: str) -> Plain:
    told = document([SimpleNamespace(**one) for one in json.loads(rows)], 100)
    by = {name: [{"name": one.pop(name)} | one for one in told.pop(f"by_{name}")] for name in GROUPS}
    found: Plain = json.loads(json.dumps(told | {"by": by}))
    return found
