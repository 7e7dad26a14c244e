"""What research was asked in a run, made by hand, and the database that holds it."""

from __future__ import annotations

from typing import Any

from actors import research_rows as rows
from domain.candidate import Veto
from domain.money import NANO
from domain.research import (
    BEAR,
    BULL,
    GO,
    LLM,
    NO_GO,
    Argument,
    Call,
    Case,
    Change,
    Claim,
    Fact,
    Judged,
    Proposal,
    Review,
    Usage,
    Verdict,
)
from domain.timeframe import MINUTE
from journal import schema
from journal.store import Store
from research.port import Message, Request
from tests.orchestration.terminal.story import RUN, T, write_book, write_run

CASE, REFUSED = "c", "0dd1e5"
"""The candidate of the story's order, and one that was refused."""

ASKED = Request(
    prompt="judge@1",
    endpoint="https://llm.example/v1",
    model="gpt-x",
    messages=(Message("system", "You judge."), Message("user", "Facts:\nE1: it rose\x1b[31m")),
    schema_name="verdict",
    schema={"type": "object"},
)


def a_judged(id: str = CASE, **changed: Any) -> Judged:
    case = Case(
        id=id,
        run_id=RUN,
        cycle=2,
        at=T,
        symbol="EURUSD",
        strategy="ema_cross",
        direction=1,
        price=NANO,
        stop=NANO // 1000,
        target=NANO // 500,
        score=0.5,
        probability=0.5,
        regime="TRENDING",
        timeframe=MINUTE,
        horizon=20,
        facts=(Fact("E1", "trend", "the close is above EMA 20", 1.0, 0.8, 0.5),),
    )
    usual: dict[str, Any] = {
        "case": case,
        "verdict": Verdict(
            verdict=GO, p_win=0.7, size_factor=0.5, evidence=("E1",), reason="it rose", source=LLM, disagreement=0.4
        ),
        "factor": 0.5,
        "arguments": (
            Argument(BULL, 0.7, (Claim("E1", "the trend is up"),), LLM),
            Argument(BEAR, 0.3, (), LLM, "TIMEOUT"),
        ),
        "mode": "veto",
        "arm": "debate",
        "model": "gpt-x",
        "prompts": {"bull": "bull@1", "judge": "judge@1"},
    }
    return Judged(**{**usual, **changed})


def a_call(id: str = "q1", **changed: Any) -> Call:
    usual: dict[str, Any] = {
        "id": id,
        "run_id": RUN,
        "case_id": CASE,
        "subject": "EURUSD",
        "role": "judge",
        "at": T,
        "made_at": T + MINUTE,
        "key": ASKED.key,
        "prompt": "judge@1",
        "endpoint": "https://llm.example/v1",
        "model": "gpt-x",
        "source": LLM,
        "outcome": "OK",
        "detail": "",
        "request": ASKED,
        "answer": '{"verdict": "GO"}',
        "parsed": {"verdict": "GO"},
        "mode": "json_schema",
        "repaired": False,
        "tries": 1,
        "usage": Usage(prompt=1200, completion=150),
        "cost": 270_000,
        "latency": 812.5,
        "fingerprint": "fp_1",
    }
    return Call(**{**usual, **changed})


def a_proposal(id: str = "b0b1", **changed: Any) -> Proposal:
    usual: dict[str, Any] = {
        "id": id,
        "run_id": RUN,
        "at": T,
        "strategy": "ema_cross",
        "changes": (Change("slow", 30.0, 33.0, 27.0, 33.0, ("E2",)), Change("stop_atr", 1.5, 1.65, 1.35, 1.65, ())),
        "reason": "the stops were too near",
        "facts": (Fact("E2", "result", "40 % won"),),
    }
    return Proposal(**{**usual, **changed})


REVIEW = Review(
    id="9e11",
    case_id=REFUSED,
    symbol="EURUSD",
    strategy="ema_cross",
    taken=False,
    score=7.5,
    lesson="Listen to the verdict.",
    analysis="the verdict was right",
    known_at=T + 9 * MINUTE,
    r=-1.0,
)


def write_research(store: Store) -> None:
    """A shrunk case with its order, trade and question; a refused one with its end and its review; a proposal."""
    write_run(store)
    write_book(store)
    said = Verdict(verdict=NO_GO, p_win=0.2, evidence=("E1",), reason="against the trend", source="rules")
    refused = a_judged(REFUSED, verdict=said, veto=Veto("RESEARCH_NO_GO", 0.2, 0.5), factor=1.0, arguments=())
    ended = {"won": 0, "touched": "STOP", "r": -1.0, "best": 0.25, "worst": -1.0, "known_at": T + 9 * MINUTE}
    one = a_judged()
    with store.transaction() as tx:
        tx.insert(schema.research_cases, [rows.case_row(one, T + MINUTE), rows.case_row(refused, T) | ended])
        calls = [
            a_call(),
            a_call(
                "q2", role="bear", outcome="TIMEOUT", detail="no answer within 8 s", cost=None, answer="", parsed=None
            ),
            a_call("q3", case_id="", subject="", role="analyst", source="cache", tries=0, cost=0, made_at=T),
            a_call("q4", case_id=REFUSED, source="rules", tries=0, cost=None, usage=None, answer="", model="gpt-x"),
        ]
        tx.insert(schema.research_calls, [rows.call_row(one) for one in calls])
        tx.insert(schema.research_reviews, [rows.review_row(RUN, REVIEW)])
        tx.insert(schema.research_proposals, [rows.proposal_row(a_proposal())])
        tx.emit(RUN, [rows.result_event(RUN, one)])
