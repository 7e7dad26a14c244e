"""What each role may answer: its shape, its JSON Schema, and the check that makes a typed value of it or says why not.

Numbers are finite and inside their ranges, evidence is only what was shown, texts are cleaned and cut; nothing is
guessed or put right that could change a decision.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from domain.research import (
    ANALYST,
    BEAR,
    BULL,
    CRITIC,
    GO,
    JUDGE,
    PLANNER,
    READER,
    REBUTTAL,
    SINGLE,
)
from research.inputs import CriticInput, Knob, PlannerInput, ReaderInput, ViewInput
from research.outside import cleaned
from research.port import Check, UnknownEvidence

SAYS, REASON, LESSON, ANALYSIS = 200, 400, 240, 1_200
"""Characters that are kept of a claim, of a reason, of a lesson and of an analysis."""

MOST = 12
"""Claims, ids of evidence, risks or changes in one answer, at most."""

A = TypeVar("A", bound="Answered")


Says = Annotated[str, AfterValidator(lambda text: cleaned(text, SAYS))]
Reason = Annotated[str, AfterValidator(lambda text: cleaned(text, REASON))]
Lesson = Annotated[str, AfterValidator(lambda text: cleaned(text, LESSON))]
Analysis = Annotated[str, AfterValidator(lambda text: cleaned(text, ANALYSIS))]
Id = Annotated[str, Field(description="the number of a fact, such as E3", max_length=16)]
Currency = Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9]{1,9}$")]
Ids = Annotated[
    tuple[Id, ...], Field(strict=False, max_length=MOST, description="the numbers of the facts that decide")
]
"""A JSON array is no tuple to a strict model; its items stay strict."""

Risk = Literal[
    "NEWS", "VOLATILITY", "LIQUIDITY", "CORRELATION", "GAP", "OVEREXTENDED", "COUNTER_TREND", "CONCENTRATION"
]
Category = Literal[
    "RATES", "INFLATION", "EMPLOYMENT", "GROWTH", "POLITICS", "REGULATION", "SECURITY", "MARKET", "OTHER"
]


class Answered(BaseModel):
    """Why comes before what: a model writes in this order."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class ClaimAnswer(Answered):
    evidence: Id
    says: Says


class ArgumentAnswer(Answered):
    """Bull's, bear's, and either's rebuttal."""

    claims: tuple[ClaimAnswer, ...] = Field(
        strict=False, max_length=MOST, description="what is claimed, each of one fact"
    )
    strength: float = Field(ge=0, le=1, description="how well the facts support this side, from 0 to 1")


class VerdictAnswer(Answered):
    evidence: Ids
    reason: Reason
    p_win: float = Field(
        ge=0,
        le=1,
        description="the probability that the target is touched before the stop within the horizon, from 0 to 1",
    )
    size_factor: float = Field(
        ge=0, le=1, description="the share of the usual size to take, from 0 to 1 and never more than 1"
    )
    verdict: Literal["GO", "NO_GO", "ABSTAIN"]


class ViewAnswer(Answered):
    evidence: Ids
    regime: Literal["TRENDING", "RANGING", "VOLATILE", "NORMAL"]
    bias: Literal["BULLISH", "NEUTRAL", "BEARISH"]
    risks: tuple[Risk, ...] = Field(strict=False, max_length=MOST, description="what may go wrong")


class ReadingAnswer(Answered):
    headline: str = Field(max_length=64, description="the id of the headline")
    sentiment: int = Field(ge=-2, le=2, description="for its currencies, a whole number from -2 to 2")
    relevance: int = Field(ge=0, le=3, description="for trading them, a whole number from 0 to 3")
    category: Category
    currencies: tuple[Currency, ...] = Field(
        strict=False, max_length=6, description="the currencies it is about, such as USD"
    )


class ReadingsAnswer(Answered):
    readings: tuple[ReadingAnswer, ...] = Field(strict=False, max_length=100, description="one for each headline")


class ReviewAnswer(Answered):
    evidence: Ids
    analysis: Analysis
    lesson: Lesson
    score: float = Field(ge=0, le=10, description="of the process, apart from its outcome, from 0 to 10")


class ChangeAnswer(Answered):
    key: str = Field(max_length=64, description="the parameter")
    proposed: float = Field(description="inside the bounds that were shown")
    evidence: Ids


class PlanAnswer(Answered):
    reason: Reason
    changes: tuple[ChangeAnswer, ...] = Field(
        strict=False, max_length=MOST, description="the proposed changes; none is a good answer"
    )


SHAPES: dict[str, type[Answered]] = {
    ANALYST: ViewAnswer,
    BULL: ArgumentAnswer,
    BEAR: ArgumentAnswer,
    REBUTTAL: ArgumentAnswer,
    JUDGE: VerdictAnswer,
    SINGLE: VerdictAnswer,
    READER: ReadingsAnswer,
    CRITIC: ReviewAnswer,
    PLANNER: PlanAnswer,
}
"""The shape of each role's answer."""

_NAMES: dict[type[Answered], str] = {
    ViewAnswer: "view",
    ArgumentAnswer: "argument",
    VerdictAnswer: "verdict",
    ReadingsAnswer: "readings",
    ReviewAnswer: "review",
    PlanAnswer: "plan",
}


def schema_name(role: str) -> str:
    """What the schema is called on the wire."""
    return _NAMES[SHAPES[role]]


def schema(role: str) -> dict[str, Any]:
    """The JSON Schema of a role's answer in the subset that strict endpoints take: no references and no bounds
    (descriptions tell them), every property required, none added."""
    whole = SHAPES[role].model_json_schema()
    return _strict(whole, whole.get("$defs", {}))


def _strict(part: dict[str, Any], known: dict[str, Any]) -> dict[str, Any]:
    if "$ref" in part:
        part = {**known[part["$ref"].rpartition("/")[2]], **part}
    kept: dict[str, Any] = {key: part[key] for key in ("type", "enum", "description") if key in part}
    if "items" in part:
        kept["items"] = _strict(part["items"], known)
    if part.get("type") == "object":
        kept.pop("description", None)  # the class's docstring
        kept["properties"] = {name: _strict(one, known) for name, one in part["properties"].items()}
        kept["required"] = list(part["properties"])
        kept["additionalProperties"] = False
    return kept


def checking(role: str, given: Any) -> Check:
    """The check of a role's answer to ``given``; what it makes is of the role's shape."""
    check = _CHECKS[role]
    return lambda parsed: check(parsed, given)


def _shaped(shape: type[A], parsed: Any) -> A:
    try:
        return shape.model_validate(parsed)
    except ValidationError as wrong:
        raise ValueError("; ".join(_told(error) for error in wrong.errors()[:5])) from None


def _told(error: Any) -> str:
    place = cleaned(".".join(map(str, error["loc"])), 64) or "answer"
    return f"{place}: {error['msg']}"


def _known(cited: Iterable[str], shown: Iterable[str]) -> None:
    shown = list(shown)
    unknown = sorted(set(cited) - set(shown))
    if unknown:
        listed = f"known are {shown[0]} to {shown[-1]}" if shown else "nothing was"
        raise UnknownEvidence(f"evidence {', '.join(cleaned(one, 16) for one in unknown[:3])} was not shown; {listed}")


def _ids(given: Any) -> list[str]:
    facts = given.facts if isinstance(given, ViewInput | CriticInput | PlannerInput) else given.case.facts
    return [one.id for one in facts]


def _argument(parsed: Any, given: Any) -> ArgumentAnswer:
    answer = _shaped(ArgumentAnswer, parsed)
    _known((claim.evidence for claim in answer.claims), _ids(given))
    if answer.strength > 0.0 and not answer.claims:
        raise ValueError(f"strength {answer.strength:g} without a claim: cite the facts, or say strength 0")
    return answer


def _verdict(parsed: Any, given: Any) -> VerdictAnswer:
    answer = _shaped(VerdictAnswer, parsed)
    _known(answer.evidence, _ids(given))
    if answer.verdict != GO:
        return answer
    if not answer.evidence:
        raise ValueError("GO without evidence: cite the facts that decide")
    if answer.p_win < given.threshold:
        raise ValueError(f"GO with p_win {answer.p_win:g}, below {given.threshold:g}: say NO_GO or ABSTAIN")
    if answer.size_factor == 0.0:
        raise ValueError("GO with size_factor 0: say NO_GO or ABSTAIN")
    return answer


def _view(parsed: Any, given: ViewInput) -> ViewAnswer:
    answer = _shaped(ViewAnswer, parsed)
    _known(answer.evidence, _ids(given))
    return answer


def _readings(parsed: Any, given: ReaderInput) -> ReadingsAnswer:
    answer = _shaped(ReadingsAnswer, parsed)
    shown = [one.id for one in given.headlines]
    told = [one.headline for one in answer.readings]
    _known(told, shown)
    if len(told) != len(set(told)):
        raise ValueError("a headline is answered twice: answer each once")
    missing = [one for one in shown if one not in told]
    if missing:
        raise ValueError(f"headline {missing[0]} is not answered: answer each once")
    return answer


def _review(parsed: Any, given: CriticInput) -> ReviewAnswer:
    answer = _shaped(ReviewAnswer, parsed)
    _known(answer.evidence, _ids(given))
    if not answer.lesson:
        raise ValueError("lesson: is empty")
    return answer


def _plan(parsed: Any, given: PlannerInput) -> PlanAnswer:
    answer = _shaped(PlanAnswer, parsed)
    knobs = {one.key: one for one in given.parameters}
    for change in answer.changes:
        _known(change.evidence, _ids(given))
        problem = _change_problem(change, knobs.get(change.key))
        if problem:
            raise ValueError(f"changes.{cleaned(change.key, 64)}: {problem}")
    keys = [one.key for one in answer.changes]
    if len(keys) != len(set(keys)):
        raise ValueError("a parameter is changed twice: change each at most once")
    return answer


def _change_problem(change: ChangeAnswer, knob: Knob | None) -> str:
    if knob is None:
        return "is not a parameter that may be changed"
    if not change.evidence:
        return "has no evidence: cite the facts that speak for it"
    if knob.type == "int" and change.proposed != int(change.proposed):
        return f"{change.proposed:g} is not a whole number"
    if not knob.low <= change.proposed <= knob.high:
        return f"{change.proposed:g} is outside {knob.low:g} to {knob.high:g}"
    return f"{change.proposed:g} is what it is now: leave it out" if change.proposed == knob.now else ""


_CHECKS: dict[str, Callable[[Any, Any], Answered]] = {
    ANALYST: _view,
    BULL: _argument,
    BEAR: _argument,
    REBUTTAL: _argument,
    JUDGE: _verdict,
    SINGLE: _verdict,
    READER: _readings,
    CRITIC: _review,
    PLANNER: _plan,
}
