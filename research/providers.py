"""Who answers: a language model behind its cache, its budget and its breaker, or the rules."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from domain.research import RULES
from research import secrets
from research.config import AUTO, OPENAI, RECORDED, RULES_ONLY, ResearchConfig
from research.port import Model
from research.rules import RulesModel


class Provided(NamedTuple):
    """The model that is asked, and the rules, which are the same where nobody else answers. ``name`` is the model's, or
    "rules"."""

    model: Model
    rules: Model
    name: str


def provider(config: ResearchConfig, environ: Mapping[str, str]) -> str:
    """``openai`` or ``rules``: what ``auto`` comes to here. Raises ConfigError for a key that is none."""
    if config.arm == RULES_ONLY or config.provider == RULES:
        return RULES
    if config.provider == OPENAI or config.answers == RECORDED or config.base_url is not None:
        return OPENAI
    return OPENAI if secrets.find(environ, config.key_file, config.base_url) is not None else RULES


def provided(config: ResearchConfig, folder: Path, environ: Mapping[str, str], now: Callable[[], int]) -> Provided:
    """Raises ConfigError for a key or prices that cannot be used. ``folder`` is where research keeps its files, ``now``
    the machine's clock (UTC ns)."""
    rules = RulesModel()
    if provider(config, environ) == RULES:
        return Provided(rules, rules, RULES)
    from research.cache import Recorded

    if config.answers == RECORDED:
        return Provided(Recorded(None, folder, config.answers, config.missing), rules, config.model)
    from research.budget import Budgeted
    from research.guarded import Guarded
    from research.openai_model import OpenAIModel
    from research.prices import load

    key = secrets.find(environ, config.key_file, config.base_url)
    asked = Guarded(OpenAIModel(config, key), config)
    budgeted = Budgeted(asked, config, load(config.prices), folder, now)
    return Provided(Recorded(budgeted, folder, config.answers, config.missing), rules, config.model)


def notice(config: ResearchConfig, environ: Mapping[str, str]) -> str:
    """What a person is told before the start; "" where research is off. Raises ConfigError like ``provider``."""
    if not config.on:
        return ""
    if provider(config, environ) == RULES:
        if config.provider == AUTO and config.arm != RULES_ONLY:
            return (
                "research answers by rules, nothing is sent anywhere: there is no key for a language model "
                "(OPENAI_API_KEY; or research.base_url, with ARGUS__RESEARCH__API_KEY or research.key_file)"
            )
        return "research answers by rules, nothing is sent anywhere"
    if config.answers == RECORDED:
        return f"research answers from what {config.model} has said before; nobody is asked"
    most = "no limit" if config.budget_day is None else f"at most {config.budget_day:g} US dollars a day"
    return f"research asks {config.model} at {config.endpoint} about candidates: {most}"


__all__ = ["AUTO", "OPENAI", "Provided", "notice", "provided", "provider"]
