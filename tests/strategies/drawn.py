"""Parameters of a strategy, drawn by hypothesis."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from strategies.base import Strategy, parameters_problems

SHORT = 10
"""Lengths far beyond it are drawn seldom: most of a test's bars would be warm-up."""


def parameters(strategy: Strategy) -> st.SearchStrategy[dict[str, Any]]:
    """Any parameters within their bounds that go together."""
    drawn: dict[str, st.SearchStrategy[Any]] = {}
    for one in strategy.parameters:
        if one.type == "choice":
            drawn[one.name] = st.sampled_from(one.choices)
        elif one.type == "int":
            low, high = int(one.low or 0), int(one.high or 0)
            short = st.integers(low, min(high, low + SHORT))
            drawn[one.name] = st.one_of(short, short, short, st.integers(low, min(high, 10 * SHORT)))
        else:
            low, high = float(one.low or 0), float(one.high or 0)
            near = st.floats(low, min(high, low + 3.0))
            drawn[one.name] = st.one_of(near, near, st.floats(low, high), st.just(float(one.default)))
    return st.fixed_dictionaries(drawn).filter(lambda given: not parameters_problems(strategy, given))
