"""Windows of bars and candidates for the tests of evidence and prompts."""

from __future__ import annotations

import math
from typing import Any

import msgspec
import numpy as np

from domain.candidate import Candidate
from domain.market import BAR, Bars
from domain.research import Argument, Case, Claim, Closed, Fact, Headline
from domain.timeframe import HOUR
from research.evidence import Context, facts
from tests.factories import EURUSD, T, nano


def a_window(count: int = 300, seed: int = 1, drift: float = 0.0, start: float = 1.1, end: int = T) -> Bars:
    """Bars of H1 whose last one closes at ``end``: a seeded walk."""
    random = np.random.default_rng(seed)
    bars = np.zeros(count, BAR)
    close = start * np.exp(np.cumsum(random.normal(drift, 0.001, count)))
    bars["ts"] = end - HOUR * np.arange(count, 0, -1)
    bars["close"] = close
    bars["open"] = np.concatenate(([start], close))[:count]
    reach = random.random((2, count)) * 0.0005
    bars["high"] = np.maximum(bars["open"], close) + reach[0]
    bars["low"] = np.minimum(bars["open"], close) - reach[1]
    bars["volume"] = random.integers(50, 150, count)
    bars["spread"] = math.nan
    return bars


def a_wish(**changed: Any) -> Candidate:
    """Long EURUSD at 1.1, stop 40 pips, target 80."""
    usual: dict[str, Any] = {
        "symbol": "EURUSD",
        "strategy": "ema_cross",
        "direction": 1,
        "at": T,
        "price": nano("1.1"),
        "stop": nano("0.004"),
        "target": nano("0.008"),
        "score": 0.7,
        "probability": 0.55,
        "expires_at": T + HOUR,
    }
    return Candidate(**usual | changed)


def a_context(**changed: Any) -> Context:
    usual: dict[str, Any] = {"at": T, "timeframe": HOUR, "instrument": EURUSD}
    return Context(**usual | changed)


def some_facts() -> tuple[Fact, ...]:
    return facts(a_wish(), a_window(), a_context(spread=nano("0.0001")))


def a_dispute(**changed: Any) -> Case:
    """The case of ``a_wish``."""
    wish = a_wish()
    usual = msgspec.structs.asdict(wish) | {
        "id": "case-1",
        "run_id": "run-1",
        "cycle": 7,
        "regime": "TRENDING",
        "timeframe": HOUR,
        "horizon": 20,
        "facts": some_facts(),
    }
    names = Case.__struct_fields__
    return Case(**{name: one for name, one in (usual | changed).items() if name in names})


def argued(side: str, strength: float = 0.6, says: str = "The trend is with it.") -> Argument:
    return Argument(side, strength, (Claim("E1", says), Claim("E2", "It is strong.")), "llm")


def a_closed(**changed: Any) -> Closed:
    usual: dict[str, Any] = {
        "id": "trade-1",
        "case_id": "case-1",
        "symbol": "EURUSD",
        "strategy": "ema_cross",
        "direction": 1,
        "taken": True,
        "opened_at": T,
        "known_at": T + 9 * HOUR,
        "r": -1.0,
        "pnl": -40.0,
        "best": 0.4,
        "worst": -1.0,
        "bars": 9,
        "exit_reason": "STOP",
        "reasons": ("ema_cross",),
        "verdict": "GO",
        "p_win": 0.6,
    }
    return Closed(**usual | changed)


def a_headline(title: str = "ECB raises rates", **changed: Any) -> Headline:
    usual: dict[str, Any] = {
        "id": "0123456789ab",
        "source": "wire",
        "trust": 0.8,
        "published_at": T - HOUR,
        "seen_at": T - HOUR,
        "title": title,
    }
    return Headline(**usual | changed)
