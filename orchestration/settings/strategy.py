"""The strategy's parameters, checked against what it declares. Imports the strategy, and with it the compiler:
the kernel cache folder must have been named before."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from domain.registry import build
from orchestration.settings.tree import Settings, Strategy


def strategy_parameters(settings: Settings) -> dict[str, Any]:
    """What was given, over the preset's values for those parameters that the strategy has."""
    return _parameters(settings.strategy)


def strategy_problems(settings: Settings) -> list[str]:
    """Everything wrong with the strategy's parameters, each with its source; [] if nothing is."""
    return problems_of(settings.strategy, {key: one.source for key, one in settings.written.items()})


def problems_of(strategy: Strategy, sources: Mapping[str, str]) -> list[str]:
    """As ``strategy_problems``; ``sources`` says where each key was written."""
    from strategies.base import parameters_problems

    texts = parameters_problems(_built(strategy), _parameters(strategy))
    return [f"{_source(strategy, sources, text)}: {text}" for text in texts]


def _built(strategy: Strategy) -> Any:
    from strategies import STRATEGIES

    return build("strategy", strategy.name, STRATEGIES)


def _parameters(strategy: Strategy) -> dict[str, Any]:
    declared = {one.name for one in _built(strategy).parameters}
    preset = {name: value for name, value in strategy.preset.items() if name in declared}
    return {**preset, **strategy.parameters}


def _source(strategy: Strategy, sources: Mapping[str, str], text: str) -> str:
    """Where the parameters that a problem speaks of were written, else where the strategy was chosen."""
    named = [name for name in re.findall(r"strategy\.(\w+)", text) if name in strategy.parameters]
    keys = [f"strategy.{name}" for name in named] or ["strategy.name"]
    return ", ".join(dict.fromkeys(sources[key] for key in keys))
