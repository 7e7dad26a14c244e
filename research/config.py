"""How research is set: what each role may do, whom it asks, and what that may cost."""

from __future__ import annotations

import msgspec

from domain.research import ADVISORY, OFF, VETO

SINGLE_CALL, DEBATE, RULES_ONLY = "single", "debate", "rules"
ARMS = (SINGLE_CALL, DEBATE, RULES_ONLY)
AUTO, OPENAI = "auto", "openai"
LIVE, RECORDED = "live", "recorded"
OPERATOR, NEXT_RUN = "operator", "next_run"
OFFICIAL = "https://api.openai.com/v1"
"""Where a model is asked without a ``base_url``."""


class ResearchConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Modes are off, advisory or veto (critic and planner: off or advisory).

    ``provider`` auto is openai where a key or a ``base_url`` is given, else rules. ``answers`` recorded asks nobody:
    what is not in the cache is ``missing`` (rules, abstain or error). ``on_abstain`` rules lets the rules' debate
    decide, deny refuses. Seconds: ``deadline`` bounds the step of a cycle, ``breaker_seconds``. ``horizon`` and
    ``view_bars`` in bars. Budgets in US dollars and tokens, None for no limit; ``cutoff`` (ISO date) is the day up to
    which the model's training reaches, ``cutoff_margin`` in days.
    """

    analyst: str = OFF
    researcher: str = OFF
    critic: str = OFF
    planner: str = OFF
    provider: str = AUTO
    arm: str = DEBATE
    rebuttal: bool = False
    answers: str = LIVE
    missing: str = "rules"
    on_abstain: str = "rules"
    top_k: int = 3
    deadline: float = 8.0
    horizon: int = 20
    view_bars: int = 24
    threshold: float = 0.5
    base_url: str | None = None
    model: str = "gpt-4o-mini"
    key_file: str | None = None
    temperature: float | None = 0.0
    max_tokens: int = 800
    seed: int | None = 7
    effort: str | None = None
    parallel: int = 4
    rate_per_minute: float | None = 60.0
    breaker_failures: int = 5
    breaker_seconds: float = 60.0
    retries: int = 1
    budget_call: float | None = 0.05
    budget_symbol: float | None = 1.0
    budget_day: float | None = 5.0
    tokens_call: int | None = 32_000
    tokens_symbol: int | None = None
    tokens_day: int | None = 1_000_000
    prices: str | None = None
    cutoff: str | None = None
    cutoff_margin: int = 30
    masked: bool = False
    planner_every: int = 20
    planner_apply: str = OPERATOR
    news: tuple[str, ...] = ()
    news_minutes: float = 10.0
    news_hours: float = 24.0
    folder: str | None = None
    go_rate_cases: int = 50
    go_rate_low: float = 0.05
    go_rate_high: float = 0.95
    calibrated_after: int = 100

    @property
    def endpoint(self) -> str:
        """The base URL that is asked."""
        return self.base_url or OFFICIAL

    @property
    def on(self) -> bool:
        """Whether any role does anything."""
        return any(one != OFF for one in (self.analyst, self.researcher, self.critic, self.planner))

    @property
    def weighs(self) -> bool:
        """Whether anybody looks at candidates."""
        return self.researcher != OFF or self.analyst != OFF

    @property
    def vetoes(self) -> bool:
        """Whether a candidate has to wait for an answer."""
        return VETO in (self.researcher, self.analyst)


MODES = (OFF, ADVISORY, VETO)
