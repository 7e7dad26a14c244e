"""What research is asked and what it answers: cases with numbered facts, arguments, verdicts, views, reviews.

Code computes every number; whoever judges may cite the numbers of facts and nothing else. A verdict can stop a trade
or make it smaller, never more.
"""

from __future__ import annotations

from typing import Any

import msgspec

from domain.candidate import Veto

GO, NO_GO, ABSTAIN = "GO", "NO_GO", "ABSTAIN"
VERDICTS = (GO, NO_GO, ABSTAIN)

OFF, ADVISORY, VETO = "off", "advisory", "veto"
"""What a role may do: nothing, be recorded, or stop and shrink."""

LLM, CACHE, RULES = "llm", "cache", "rules"
"""Where an answer is from: a model now, a recorded answer of a model, or the rules of this program."""

ANALYST, BULL, BEAR, REBUTTAL, JUDGE, SINGLE, READER, CRITIC, PLANNER = (
    "analyst",
    "bull",
    "bear",
    "rebuttal",
    "judge",
    "single",
    "reader",
    "critic",
    "planner",
)
ROLES = (ANALYST, BULL, BEAR, REBUTTAL, JUDGE, SINGLE, READER, CRITIC, PLANNER)

OK = "OK"
OUTCOMES = (
    OK,
    "NO_KEY",  # no client can be built
    "DEADLINE",  # the step's time was over
    "TOP_K",  # not among the best of its cycle
    "BUDGET",  # money or tokens are used up
    "NOT_RECORDED",  # only recorded answers are allowed and there is none
    "BREAKER_OPEN",
    "RATE_LIMITED",  # by the endpoint (429) or by our own limit within the deadline
    "SERVER_ERROR",  # 5xx, 408, 409
    "UNREACHABLE",
    "TIMEOUT",
    "UNAUTHORISED",  # 401, 403
    "UNKNOWN_MODEL",  # 404
    "BAD_REQUEST",  # 400, 422
    "REFUSAL",
    "CONTENT_FILTER",
    "TRUNCATED",  # finish_reason length
    "EMPTY",
    "NO_CHOICES",
    "NOT_JSON",
    "INVALID",  # JSON that is not what was asked for, after the repair
    "UNKNOWN_EVIDENCE",  # cites what it was not shown, after the repair
    "EXPIRED",  # the answer came after what it was about
    "CACHE_DAMAGED",
    "ACTOR_LOST",  # the research actor did not answer
    "NO_FACTS",  # too little is known to judge
    "OFF",
    "ERROR",  # a fault of this program
)
"""What may come of a question, in one word. Everything but OK means ABSTAIN."""


class Fact(msgspec.Struct, frozen=True, gc=False):
    """One numbered piece of evidence. ``id`` is E1, E2, …; ``text`` is all that a model sees of it besides the id.

    ``lean`` is what code makes of it for the candidate's symbol: -1 bearish to 1 bullish; ``weight`` 0 to 1 how much
    the rules give for it. ``value`` is None for a fact without one number.
    """

    id: str
    kind: str
    text: str
    value: float | None = None
    lean: float = 0.0
    weight: float = 0.0


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """A candidate as research sees it. ``id`` is the entry's correlation id. Prices and distances in 1e-9, times in ns.

    ``horizon`` is in bars of ``timeframe`` (ns): the question is whether the target is touched before the stop within
    so many bars after ``at`` (the barriers are ``stop`` and ``target``, distances from ``price``; 1.5 and 3 times the
    average true range where the candidate has none).
    """

    id: str
    run_id: str
    cycle: int
    at: int
    symbol: str
    strategy: str
    direction: int
    price: int
    stop: int
    target: int
    score: float
    probability: float
    regime: str
    timeframe: int
    horizon: int
    facts: tuple[Fact, ...] = ()

    @property
    def ids(self) -> frozenset[str]:
        return frozenset(one.id for one in self.facts)


class Claim(msgspec.Struct, frozen=True, gc=False):
    evidence: str
    says: str


class Argument(msgspec.Struct, frozen=True):
    """One side's case. ``strength`` 0 to 1: how well the evidence supports this side. ``code`` is OK or why not."""

    side: str
    strength: float
    claims: tuple[Claim, ...]
    source: str
    code: str = OK


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What research says of a case. ``p_win``: the probability that the target is touched before the stop within the
    horizon (None: not said); ``size_factor`` 0 to 1; ``disagreement`` 0 to 1 is arithmetic of both arguments'
    strengths, None where nobody argued. ``code`` is OK, or why it is ABSTAIN."""

    verdict: str
    p_win: float | None = None
    size_factor: float = 1.0
    evidence: tuple[str, ...] = ()
    reason: str = ""
    source: str = RULES
    code: str = OK
    disagreement: float | None = None


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """A case with its verdict and what that does: ``veto`` and ``factor`` as the gate takes them, None and 1 where
    research is only recorded. ``prompts``: version by role. ``contaminated``: the model may know what came after."""

    case: Case
    verdict: Verdict
    veto: Veto | None = None
    factor: float = 1.0
    arguments: tuple[Argument, ...] = ()
    mode: str = ADVISORY
    arm: str = ""
    model: str = ""
    prompts: dict[str, str] = {}
    contaminated: bool = False
    masked: bool = False

    @property
    def effect(self) -> str:
        """NONE, VETO or SHRINK."""
        return "VETO" if self.veto is not None else "SHRINK" if self.factor < 1 else "NONE"


class View(msgspec.Struct, frozen=True, kw_only=True):
    """What the analyst thinks of a symbol ("" for the book) until ``valid_until`` (ns)."""

    symbol: str
    at: int
    valid_until: int
    regime: str
    bias: str
    risks: tuple[str, ...] = ()
    evidence: tuple[str, ...] = ()
    source: str = RULES
    code: str = OK


BULLISH, BEARISH, NEUTRAL = "BULLISH", "BEARISH", "NEUTRAL"
BIASES = (BULLISH, NEUTRAL, BEARISH)
RISKS = ("NEWS", "VOLATILITY", "LIQUIDITY", "CORRELATION", "GAP", "OVEREXTENDED", "COUNTER_TREND", "CONCENTRATION")


class Closed(msgspec.Struct, frozen=True, kw_only=True):
    """A trade that is over, or a refused candidate with what would have become of it (``taken`` False).

    ``case_id`` is its correlation id; ``r`` the result over the first stop's distance; ``pnl`` in account currency.
    ``best`` and ``worst`` are the extremes in R on the way, ``bars`` how long it lasted, ``known_at`` (ns) when the
    result was known.
    """

    id: str
    case_id: str
    symbol: str
    strategy: str
    direction: int
    taken: bool
    opened_at: int
    known_at: int
    r: float | None
    pnl: float | None
    best: float | None
    worst: float | None
    bars: int
    exit_reason: str
    reasons: tuple[str, ...] = ()
    verdict: str = ""
    p_win: float | None = None


class Review(msgspec.Struct, frozen=True, kw_only=True):
    """The critic's word on a closed trade or a refused one: ``score`` 0 to 10 is of the process, apart from the
    outcome. ``known_at``: a lesson may be used for decisions later than that, never before."""

    id: str
    case_id: str
    symbol: str
    strategy: str
    taken: bool
    score: float
    lesson: str
    analysis: str
    known_at: int
    r: float | None
    source: str = RULES
    code: str = OK


class Change(msgspec.Struct, frozen=True):
    """A parameter as it is and as it might be, inside its bounds."""

    key: str
    now: float
    proposed: float
    low: float
    high: float
    evidence: tuple[str, ...]


class Proposal(msgspec.Struct, frozen=True, kw_only=True):
    """What the planner suggests. ``state``: PROPOSED, ACCEPTED, REJECTED or APPLIED (then ``who`` says by whom)."""

    id: str
    run_id: str
    at: int
    strategy: str
    changes: tuple[Change, ...]
    reason: str
    facts: tuple[Fact, ...]
    source: str = RULES
    code: str = OK
    state: str = "PROPOSED"
    who: str = ""


class Headline(msgspec.Struct, frozen=True, kw_only=True):
    """A text from outside, cleaned and capped: data, never instructions. Times in ns; ``trust`` 0 to 1 is its
    source's."""

    id: str
    source: str
    trust: float
    published_at: int
    seen_at: int
    title: str
    summary: str = ""
    currencies: tuple[str, ...] = ()


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """A headline as enums and scores: all of it that goes on. ``sentiment`` -2 to 2 for its currencies, ``relevance``
    0 to 3."""

    headline: str
    sentiment: int
    relevance: int
    category: str
    currencies: tuple[str, ...]
    source: str = RULES
    code: str = OK


CATEGORIES = ("RATES", "INFLATION", "EMPLOYMENT", "GROWTH", "POLITICS", "REGULATION", "SECURITY", "MARKET", "OTHER")


class Usage(msgspec.Struct, frozen=True, gc=False):
    """Tokens. ``estimated`` where the endpoint has said nothing."""

    prompt: int
    completion: int
    cached: int = 0
    reasoning: int = 0
    estimated: bool = False


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One question to a model (or to the rules) and what came of it, as it is recorded.

    ``cost`` in 1e-9 US dollars, None where the price is not known; ``latency`` in milliseconds; ``made_at`` machine
    time (ns), ``at`` market time. ``request`` and ``answer`` hold no key. ``case_id`` is "" for views, reviews
    and plans; ``subject`` says what it is about (a symbol, a trade, a strategy).
    """

    id: str
    run_id: str
    case_id: str
    subject: str
    role: str
    at: int
    made_at: int
    key: str
    prompt: str
    endpoint: str
    model: str
    source: str
    outcome: str
    detail: str
    request: Any
    answer: str
    parsed: Any
    mode: str
    repaired: bool
    tries: int
    usage: Usage | None
    cost: int | None
    latency: float
    fingerprint: str
    sample: int = 0
