"""The keys of the section ``research``: type, default, and what each means with its unit."""

from __future__ import annotations

from typing import Annotated, Literal

from annotated_types import Ge, Gt, Le

from orchestration.settings.key import Key, Money, Seconds, Whole

Mode = Literal["off", "advisory", "veto"]
Quiet = Literal["off", "advisory"]
Share = Annotated[float, Ge(0), Le(1)]
Many = Annotated[int, Ge(1), Le(10**12)]

RESEARCH_KEYS: dict[str, Key] = {
    # what each role may do
    "research.analyst": Key(Mode, "off", "looks at each symbol and the book; veto: no entry against its view"),
    "research.researcher": Key(Mode, "off", "bull, bear and judge on each candidate; veto: may refuse or shrink it"),
    "research.critic": Key(Quiet, "off", "reviews every closed trade, and what refused ones would have become"),
    "research.planner": Key(Quiet, "off", "proposes parameters inside their bounds"),
    "research.arm": Key(
        Literal["single", "debate", "rules"], "debate", "one call, bull and bear and a judge, or the rules alone"
    ),
    "research.rebuttal": Key(bool, False, "bull and bear may answer each other once"),
    "research.top_k": Key(Annotated[int, Ge(1), Le(100)], 3, "best candidates of a cycle that are looked at"),
    "research.deadline": Key(Annotated[float, Gt(0), Le(600)], 8.0, "seconds of a cycle that research may take"),
    "research.on_abstain": Key(
        Literal["rules", "deny"], "rules", "when no verdict comes: what the rules say, or no entry"
    ),
    "research.threshold": Key(Share, 0.5, "probability below which the rules say no"),
    "research.horizon": Key(
        Annotated[int, Ge(1), Le(10_000)], 20, "bars in which the target must be touched before the stop"
    ),
    "research.view_bars": Key(Annotated[int, Ge(1), Le(10_000)], 24, "bars for which the analyst's view holds"),
    "research.planner_every": Key(Annotated[int, Ge(5), Le(10_000)], 20, "closed trades between two proposals"),
    "research.planner_apply": Key(
        Literal["operator", "next_run"], "operator", "who accepts proposals: a person, or the next run by itself"
    ),
    # who answers
    "research.provider": Key(
        Literal["auto", "openai", "rules"], "auto", "auto: openai where there is a key or a base_url, else rules"
    ),
    "research.base_url": Key(str | None, None, "of an endpoint that speaks chat completions", parse="web"),
    "research.model": Key(str, "gpt-4o-mini", "as the endpoint calls it"),
    "research.key_file": Key(str | None, None, "a file with the key that only its owner may read; else OPENAI_API_KEY"),
    "research.temperature": Key(Annotated[float, Ge(0), Le(2)] | None, 0.0, "null for the endpoint's own"),
    "research.max_tokens": Key(Annotated[int, Ge(64), Le(100_000)], 800, "of one answer"),
    "research.seed": Key(Annotated[int, Ge(0), Le(2**31 - 1)] | None, 7, "asked for, never guaranteed"),
    "research.effort": Key(
        Literal["minimal", "low", "medium", "high"] | None, None, "of models that think, null for their own"
    ),
    "research.parallel": Key(Annotated[int, Ge(1), Le(64)], 4, "calls at once"),
    "research.retries": Key(Annotated[int, Ge(0), Le(5)], 1, "of a call that failed, inside the deadline"),
    "research.rate_per_minute": Key(Annotated[float, Gt(0), Le(100_000)] | None, 60.0, "calls, null for no limit"),
    "research.breaker_failures": Key(Whole, 5, "failed calls in a row after which the endpoint is left alone"),
    "research.breaker_seconds": Key(Seconds, 60.0, "until an open breaker lets one call try"),
    "research.answers": Key(
        Literal["live", "recorded"], "live", "recorded: only answers that are in the cache, nobody is asked"
    ),
    "research.missing": Key(
        Literal["rules", "abstain", "error"], "rules", "what an answer that is not recorded becomes"
    ),
    "research.folder": Key(str | None, None, "of recorded answers, null for the one in the user's data folder"),
    # what it may cost
    "research.budget_call": Key(Money | None, 0.05, "US dollars for one call at its worst"),
    "research.budget_symbol": Key(Money | None, 1.0, "US dollars a day for one symbol"),
    "research.budget_day": Key(Money | None, 5.0, "US dollars a day"),
    "research.tokens_call": Key(Many | None, 32_000, "tokens of one call at its worst"),
    "research.tokens_symbol": Key(Many | None, None, "tokens a day for one symbol"),
    "research.tokens_day": Key(Many | None, 1_000_000, "tokens a day"),
    "research.prices": Key(str | None, None, "a file of prices, null for conf/model_prices.yaml"),
    # honesty
    "research.cutoff": Key(str | None, None, "UTC date up to which the model may have learned", parse="day"),
    "research.cutoff_margin": Key(Annotated[int, Ge(0), Le(3650)], 30, "days after it that count as learned too"),
    "research.masked": Key(bool, False, "names and dates are hidden from the model"),
    "research.calibrated_after": Key(Annotated[int, Ge(20), Le(10**6)], 100, "cases before a probability may shrink"),
    "research.go_rate_cases": Key(Annotated[int, Ge(10), Le(10_000)], 50, "last cases whose share of GO is watched"),
    "research.go_rate_low": Key(Share, 0.05, "share of GO below which there is an alarm"),
    "research.go_rate_high": Key(Share, 0.95, "share of GO above which there is an alarm"),
    # news
    "research.news": Key(list[str], [], "headlines: addresses or files, as docs/research.md says", parse="headlines"),
    "research.news_minutes": Key(Annotated[float, Ge(1), Le(1440)], 10.0, "minutes between two readings"),
    "research.news_hours": Key(Annotated[float, Gt(0), Le(720)], 24.0, "age in hours after which a headline is old"),
}
