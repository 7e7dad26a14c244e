"""The strategy's parameters, checked against what it declares. Imports the strategy, and with it the compiler:
the kernel cache folder must have been named before."""

from __future__ import annotations

import re
from typing import Any

from domain.registry import build
from orchestration.settings.tree import Settings


def strategy_parameters(settings: Settings) -> dict[str, Any]:
    """What was given, over the preset's values for those parameters that the strategy has."""
    declared = {one.name for one in _strategy(settings).parameters}
    preset = {name: value for name, value in settings.strategy.preset.items() if name in declared}
    return {**preset, **settings.strategy.parameters}


def strategy_problems(settings: Settings) -> list[str]:
    """Everything wrong with the strategy's parameters, each with its source; [] if nothing is."""
    from strategies.base import parameters_problems

    texts = parameters_problems(_strategy(settings), strategy_parameters(settings))
    return [f"{_source(settings, text)}: {text}" for text in texts]


def _strategy(settings: Settings) -> Any:
    from strategies import STRATEGIES

    return build("strategy", settings.strategy.name, STRATEGIES)


def _source(settings: Settings, text: str) -> str:
    """Where the parameters that a problem speaks of were written, else where the strategy was chosen."""
    named = [name for name in re.findall(r"strategy\.(\w+)", text) if name in settings.strategy.parameters]
    keys = [f"strategy.{name}" for name in named] or ["strategy.name"]
    return ", ".join(dict.fromkeys(settings.written[key].source for key in keys))
