"""The answers about what research was asked, as the OpenAPI document describes them. Texts are as models, news and
people wrote them: show them as text only."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from api.read.shapes import Moment, Page, Shape, Side, Trade

Share = Annotated[float, Field(ge=0, le=1)]


class Fact(Shape):
    """A numbered piece of evidence, made by code."""

    id: str
    """E1, E2, …"""
    kind: str
    text: str
    """All that a model sees of it, beside the id."""
    value: float | None
    lean: float
    """What the rules make of it: -1 bearish to 1 bullish."""
    weight: float


class Claim(Shape):
    """What a side makes of one fact."""

    evidence: str
    says: str


class Argument(Shape):
    """One side's case."""

    side: str
    """bull or bear."""
    strength: float
    """0 to 1: how well the evidence supports this side."""
    claims: list[Claim]
    source: str
    code: str


class Case(Shape):
    """A candidate that was judged, and what the market then did."""

    run_id: str
    id: str
    """The correlation id of everything that came of the candidate."""
    cycle: int
    at: Moment
    decided_at: Moment
    """By the clock of the run."""
    symbol: str
    strategy: str
    direction: Side
    price: float
    stop: float
    """Distance from ``price``, as ``target``; 0 where the candidate has none."""
    target: float
    horizon: int
    """In bars: p_win is of the target being touched before the stop within so many."""
    score: float
    probability: float | None
    """The strategy's."""
    regime: str
    mode: str
    """off, advisory or veto, as the role had it."""
    arm: str
    model: str
    prompts: dict[str, str]
    """Version by role."""
    verdict: str
    """GO, NO_GO or ABSTAIN."""
    code: str
    """OK, or why it is ABSTAIN."""
    source: str
    """llm, cache (a recorded answer) or rules."""
    p_win: Share | None
    size_factor: Share
    disagreement: Share | None
    reason: str
    evidence: list[str]
    effect: str
    """NONE, VETO or SHRINK."""
    factor: Share
    """By which the size was multiplied."""
    contaminated: bool
    """The model may have learned what came after."""
    masked: bool
    won: bool | None
    """Whether the target came first; null while that is open."""
    touched: str
    """TARGET, STOP, TIME, or empty while that is open."""
    r: float | None
    """What the market then did in R, taken or not; ``best`` and ``worst`` are the extremes on the way."""
    best: float | None
    worst: float | None
    known_at: Moment | None


class Call(Shape):
    """A question to a model or to the rules, without its texts."""

    run_id: str
    id: str
    case_id: str
    """Empty for views, reviews, headlines and proposals."""
    subject: str
    role: str
    at: Moment
    made_at: Moment
    """By the clock."""
    key: str
    """Hash of the whole request: the name of its answer in the cache."""
    prompt: str
    endpoint: str
    model: str
    source: str
    outcome: str
    detail: str
    mode: str
    """How the answer's form was asked for: json_schema, json_object or text; empty for rules."""
    repaired: bool
    tries: int
    """Requests that were sent now; 0 for rules and recorded answers."""
    usage: dict[str, Any] | None
    """Tokens: prompt, completion, cached, reasoning, estimated."""
    cost_usd: float | None
    """Null where the price is not known."""
    latency: float
    """Milliseconds."""
    fingerprint: str
    sample: int


class WholeCall(Call):
    """A question with what was sent and what came back."""

    request: Any
    """messages, schema, temperature, …; it holds no key."""
    answer: str
    """As it came."""
    parsed: Any


class CaseOrder(Shape):
    """An order that came of a case."""

    id: str
    at: Moment
    symbol: str
    purpose: str
    side: Side
    quantity: float
    entry: float
    stop: float
    target: float
    code: str
    status: str


class Review(Shape):
    """The critic's word on a closed trade or a refused candidate."""

    run_id: str
    id: str
    case_id: str
    symbol: str
    strategy: str
    taken: bool
    score: Annotated[float, Field(ge=0, le=10)]
    """Of the process, apart from the outcome."""
    lesson: str
    analysis: str
    known_at: Moment
    """Usable for decisions after that only."""
    r: float | None
    source: str
    code: str


class WholeCase(Case):
    """A case with everything that belongs to it."""

    facts: list[Fact]
    arguments: list[Argument]
    calls: list[WholeCall]
    orders: list[CaseOrder]
    trades: list[Trade]
    review: Review | None


class View(Shape):
    """What the analyst thinks of a symbol, or of the book (empty symbol)."""

    run_id: str
    symbol: str
    at: Moment
    valid_until: Moment
    regime: str
    bias: str
    """BULLISH, NEUTRAL or BEARISH."""
    risks: list[str]
    evidence: list[str]
    source: str
    code: str


class Change(Shape):
    """A parameter as it is and as it might be, inside its bounds."""

    key: str
    now: float
    proposed: float
    low: float
    high: float
    evidence: list[str]


class Proposal(Shape):
    """What the planner suggests; nothing of it holds before it is accepted and a run has taken it."""

    id: str
    run_id: str
    at: Moment
    strategy: str
    changes: list[Change]
    reason: str
    facts: list[Fact]
    source: str
    code: str
    state: str
    """PROPOSED, ACCEPTED, REJECTED or APPLIED."""
    who: str
    """Who decided, and why."""
    decided_at: Moment | None


class Headline(Shape):
    """A text from outside and what the reader made of it."""

    run_id: str
    id: str
    source: str
    trust: Share
    published_at: Moment
    seen_at: Moment
    title: str
    summary: str
    currencies: list[str]
    sentiment: int | None
    """-2 to 2, null before it was read."""
    relevance: int | None
    """0 to 3."""
    category: str
    read_by: str
    """llm, cache or rules; empty before it was read."""


# -- figures ---------------------------------------------------------------------------------------


class Cost(Shape):
    """Questions, tokens and money, added up."""

    name: str
    """Of what: a model, a role, a symbol, a day (UTC), …"""
    questions: int
    sent: int
    """For which somebody was asked now."""
    failed: int
    unpriced: int
    """Sent ones whose price is not known: they are not in ``usd``."""
    estimated: int
    """Sent ones whose tokens the endpoint did not tell."""
    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int
    usd: float
    seconds: float
    """Waited for answers."""


class Costs(Shape):
    """The dearest first."""

    run_id: str | None
    by: str
    items: list[Cost]


class GoRate(Shape):
    """The share of GO in the newest cases; a judge that always says the same judges nothing."""

    cases: int
    watched: int
    """Over so many cases (research.go_rate_cases)."""
    judging: int
    """Those that are not ABSTAIN."""
    share: float | None
    low: float
    high: float
    alarm: str
    """What is wrong with it; empty where nothing is, or while there are too few cases."""


class Research(Shape):
    """How research is set in a run, and what has come of it."""

    run_id: str | None
    simulated: bool
    roles: dict[str, str]
    """off, advisory or veto for analyst, researcher, critic and planner."""
    arm: str | None
    provider: str | None
    """As configured: auto is openai where there is a key or a base_url, else rules."""
    model: str | None
    answers: str | None
    """live, or recorded: nobody is asked."""
    on_abstain: str | None
    masked: bool
    cases: int
    verdicts: dict[str, int]
    effects: dict[str, int]
    codes: dict[str, int]
    sources: dict[str, int]
    go_rate: GoRate | None
    today: Cost
    """Of all runs of this database since midnight UTC by the clock."""
    by_model: list[Cost]
    """Of this run."""
    proposals: int
    """Open ones, of all runs."""


class Measured(Shape):
    """How what was said agrees with what came; null is not defined. ``research calibration --help`` defines each."""

    cases: int
    won: int
    base: float | None
    """Share that won."""
    said: float | None
    """Mean p_win."""
    brier: float | None
    reference: float | None
    """Brier score of always saying the base rate."""
    skill: float | None
    skill_low: float | None
    skill_high: float | None
    log_loss: float | None
    ece: float | None
    few: bool


class Group(Measured):
    """The same of one model, version of prompts, regime, arm or source."""

    name: str


class ReliabilityBin(Shape):
    """A row of the reliability table: cases of which ``low`` to ``high`` was said."""

    low: float
    high: float
    cases: int
    said: float | None
    share: float | None
    """That won; ``share_low`` to ``share_high`` is its 95 % interval."""
    share_low: float | None
    share_high: float | None


class Judge(Shape):
    """A model with its arm and prompts, and whether its probabilities have earned a say in the size."""

    model: str
    arm: str
    prompts: str
    cases: int
    skill: float | None
    skill_low: float | None
    earned: bool


class Arms(Shape):
    """Two arms on the candidates that both have judged; results are means in R for each candidate."""

    first: str
    second: str
    pairs: int
    contaminated: int
    agree: int
    first_r: float | None
    second_r: float | None
    difference: float | None
    p_difference: float | None
    only_first: int
    only_second: int
    p_right: float | None
    first_brier: float | None
    second_brier: float | None
    p_brier: float | None


class Calibrated(Shape):
    """Whether what was said came true. Contaminated cases are in ``contaminated`` alone."""

    run_id: str | None
    """Null: of all runs over such a market."""
    simulated: bool
    cases: int
    """Whose end is known."""
    scored: int
    """Of them with a probability, each candidate once for each judge."""
    all: Measured
    bins: list[ReliabilityBin]
    contaminated: Measured | None
    by: dict[str, list[Group]]
    """By model, prompts, regime, arm and source."""
    judges: list[Judge]
    arms: list[Arms]
    conventions: dict[str, float]


class Headlines(Page[Headline]):
    """Texts from outside, the newest first by when they were published."""
