"""The strategy's parameters, checked against what it declares. Imports the strategy, and with it the compiler:
the kernel cache folder must have been named before."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from domain.errors import ConfigError
from orchestration.settings.tree import Settings, Strategy
from strategies.files import OwnFile, read, strategy_named

if TYPE_CHECKING:
    from strategies.base import Strategy as BuiltStrategy


def strategy_parameters(settings: Settings) -> dict[str, Any]:
    """What was given, over the preset's values for those parameters that the strategy has."""
    return _parameters(settings.strategy)


def strategy_problems(settings: Settings) -> list[str]:
    """Everything wrong with the strategy's parameters, each with its source; [] if nothing is."""
    return problems_of(settings.strategy, {key: one.source for key, one in settings.written.items()})


def problems_of(strategy: Strategy, sources: Mapping[str, str]) -> list[str]:
    """As ``strategy_problems``; ``sources`` says where each key was written. A file of the user's own is tried."""
    own = own_file(strategy)
    if own is None:
        from strategies.base import parameters_problems

        texts, rest = parameters_problems(built(strategy), _parameters(strategy)), []
    else:
        from orchestration.trial import tried  # in a process of its own, before this one imports the file

        found = tried(own, strategy.preset, strategy.parameters)
        texts, rest = list(found.parameters), [*found.refused, *found.unsound]
    return [*(f"{_source(strategy, sources, text)}: {text}" for text in texts), *rest]


def own_file(strategy: Strategy) -> OwnFile | None:
    """The user's file as it is now, None for a shipped strategy. Raises ConfigError if it is not as it was read."""
    if not strategy.file:
        return None
    own = read(strategy.file)
    if own.sha256 != strategy.sha256:
        raise ConfigError(
            f"strategy {strategy.name}: {own.path} has changed: sha256 was {strategy.sha256}, is {own.sha256}; put it "
            "back as it was, or start a new run"
        )
    return own


def built(strategy: Strategy) -> BuiltStrategy:
    """The chosen strategy itself. Raises ConfigError if it is gone, or its file is another one."""
    return strategy_named(strategy.name, own_file(strategy))


def _parameters(strategy: Strategy) -> dict[str, Any]:
    declared = {one.name for one in built(strategy).parameters}
    preset = {name: value for name, value in strategy.preset.items() if name in declared}
    return {**preset, **strategy.parameters}


def _source(strategy: Strategy, sources: Mapping[str, str], text: str) -> str:
    """Where the parameters that a problem speaks of were written, else where the strategy was chosen."""
    named = [name for name in re.findall(r"strategy\.(\w+)", text) if name in strategy.parameters]
    keys = [f"strategy.{name}" for name in named] or ["strategy.name"]
    return ", ".join(dict.fromkeys(sources[key] for key in keys))
