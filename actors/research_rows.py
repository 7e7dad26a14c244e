"""Rows and events of what research was asked and answered."""

from __future__ import annotations

from typing import Any

import msgspec

from actors.gate_rows import text
from domain.candidate import Candidate
from domain.events import RESEARCH_RESULT, RESEARCH_START, Draft, event_id
from domain.money import to_text
from domain.order import SIDE_NAME
from domain.research import GO, Call, Headline, Judged, Proposal, Reading, Review, View

Row = dict[str, Any]


def start_event(candidate: Candidate, case_id: str) -> Draft:
    data = {"direction": SIDE_NAME[candidate.direction], "score": candidate.score}
    return Draft(RESEARCH_START, candidate.at, case_id, data, candidate.symbol, case_id)


def result_event(run_id: str, one: Judged) -> Draft:
    """``action`` and ``confidence`` are system 002's words: the direction if it may go on, else HOLD."""
    case, said = one.case, one.verdict
    data = {
        "action": SIDE_NAME[case.direction] if said.verdict == GO else "HOLD",
        "verdict": said.verdict,
        "confidence": said.p_win,
        "reason": said.reason,
        "source": said.source,
        "code": said.code,
        "size_factor": said.size_factor,
        "effect": one.effect,
        "mode": one.mode,
        "factor": one.factor,
        "disagreement": said.disagreement,
        "evidence": said.evidence,
        "contaminated": one.contaminated,
    }
    cause = event_id(run_id, RESEARCH_START, case.id)
    return Draft(RESEARCH_RESULT, case.at, case.id, data, case.symbol, case.id, cause)


def case_row(one: Judged, now: int) -> Row:
    case, said = one.case, one.verdict
    return {
        "run_id": case.run_id,
        "id": case.id,
        "cycle": case.cycle,
        "at": case.at,
        "decided_at": now,
        "symbol": case.symbol,
        "strategy": case.strategy,
        "direction": case.direction,
        "price": to_text(case.price),
        "stop": to_text(case.stop),
        "target": to_text(case.target),
        "horizon": case.horizon,
        "score": case.score,
        "probability": case.probability,
        "regime": case.regime,
        "mode": one.mode,
        "arm": one.arm,
        "model": one.model,
        "prompts": text(one.prompts),
        "verdict": said.verdict,
        "code": said.code,
        "source": said.source,
        "p_win": said.p_win,
        "size_factor": said.size_factor,
        "disagreement": said.disagreement,
        "reason": said.reason,
        "evidence": text(said.evidence),
        "effect": one.effect,
        "factor": one.factor,
        "contaminated": one.contaminated,
        "masked": one.masked,
        "facts": text(case.facts),
        "arguments": text(one.arguments),
        "won": None,
        "touched": "",
        "r": None,
        "best": None,
        "worst": None,
        "known_at": None,
    }


def call_row(one: Call) -> Row:
    row = msgspec.structs.asdict(one)
    return row | {"request": text(one.request), "parsed": text(one.parsed), "usage": text(one.usage)}


def view_row(run_id: str, one: View) -> Row:
    row = msgspec.structs.asdict(one)
    return {"run_id": run_id} | row | {"risks": text(one.risks), "evidence": text(one.evidence)}


def review_row(run_id: str, one: Review) -> Row:
    return {"run_id": run_id} | msgspec.structs.asdict(one)


def proposal_row(one: Proposal) -> Row:
    row = msgspec.structs.asdict(one)
    return row | {"changes": text(one.changes), "facts": text(one.facts), "decided_at": None}


def headline_row(run_id: str, one: Headline, reading: Reading) -> Row:
    row = msgspec.structs.asdict(one)
    made = {
        "sentiment": reading.sentiment,
        "relevance": reading.relevance,
        "category": reading.category,
        "read_by": reading.source,
    }
    return {"run_id": run_id} | row | {"currencies": text(one.currencies)} | made
