"""Renders a role's typed input as the request that a model gets: a prompt file of ``prompts/`` with data in its places.

Data stand between the marks <<< and >>>, which no data can contain: words of people and models are JSON strings in
which < and > are escaped. Only the reader's prompt holds texts from outside. The same input gives the same messages;
the prompts hold no date and no price, and with ``masked`` no name and no time either.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec

from domain.money import to_float
from domain.research import ROLES, Argument, Case, Fact
from domain.timeframe import MINUTE, TIMEFRAMES
from research.answers import schema, schema_name
from research.config import ResearchConfig
from research.inputs import (
    GIVEN,
    CriticInput,
    JudgeInput,
    PlannerInput,
    ReaderInput,
    RebuttalInput,
    SideInput,
    SingleInput,
    ViewInput,
)
from research.masking import Masking
from research.outside import cleaned
from research.port import Message, Request

FOLDER = Path(__file__).with_name("prompts")
NAME, WORD = 64, 400
"""Characters of a name and of a sentence that are shown, at most."""

_FILE = re.compile(r"---\nrole: (\w+)\nversion: (\d+)\n---\n## system\n(.+)\n## user\n(.+)", re.DOTALL)
_PLACE = re.compile(r"\{\{(\w+)\}\}")


class Prompt(msgspec.Struct, frozen=True):
    """A prompt file: two templates with places in double braces."""

    role: str
    version: int
    system: str
    user: str

    @property
    def name(self) -> str:
        return f"{self.role}@{self.version}"


@lru_cache(maxsize=len(ROLES))
def prompt(role: str) -> Prompt:
    """The prompt of a role. Raises ValueError for a file that is none."""
    found = _FILE.fullmatch((FOLDER / f"{role}.md").read_text(encoding="utf-8"))
    if found is None or found[1] != role:
        raise ValueError(f"prompts/{role}.md is no prompt of {role}")
    return Prompt(role, int(found[2]), found[3].strip(), found[4].strip())


def request(role: str, given: Any, config: ResearchConfig, sample: int = 0, names: Iterable[str] = ()) -> Request:
    """What a model is asked. ``names`` are those of the run's symbols, hidden where ``config.masked`` says so. Raises
    TypeError where ``given`` is not that role's input."""
    if not isinstance(given, GIVEN[role]):
        raise TypeError(f"{role} is given {GIVEN[role].__name__}, not {type(given).__name__}")
    asked = prompt(role)
    places = _PLACES[type(given)](given)
    texts = [(kind, filled(text, places)) for kind, text in (("system", asked.system), ("user", asked.user))]
    if config.masked:
        masking = masked(given, names)
        texts = [(kind, masking.hide(text)) for kind, text in texts]
    return Request(
        prompt=asked.name,
        endpoint=config.endpoint,
        model=config.model,
        messages=tuple(Message(kind, text) for kind, text in texts),
        schema_name=schema_name(role),
        schema=_schema(role),
        temperature=config.temperature,
        max_tokens=config.max_tokens,
        seed=config.seed,
        effort=config.effort,
        sample=sample,
    )


def masked(given: Any, names: Iterable[str] = ()) -> Masking:
    """What hides the names in a question, and shows them again in its answer."""
    case = getattr(given, "case", None)
    own = [getattr(one, "symbol", "") for one in (given, case, getattr(given, "closed", None))]
    return _masking(tuple(dict.fromkeys((*names, *(one for one in own if one)))))


@lru_cache(maxsize=64)
def _masking(names: tuple[str, ...]) -> Masking:
    return Masking(names)


def filled(template: str, places: Mapping[str, str]) -> str:
    """A template with its places filled in once: braces in what is filled in stay as they are."""
    return _PLACE.sub(lambda found: places[found[1]], template)


@lru_cache(maxsize=len(ROLES))
def _schema(role: str) -> dict[str, Any]:
    return schema(role)


# -- the places of each input ----------------------------------------------------------------------


def _view(given: ViewInput) -> dict[str, str]:
    return {"subject": _word(given.symbol, NAME) if given.symbol else "the whole book", "facts": _facts(given.facts)}


def _side(given: SideInput) -> dict[str, str]:
    return {"case": _case(given.case), "facts": _facts(given.case.facts)}


def _rebuttal(given: RebuttalInput) -> dict[str, str]:
    return {
        "side": _word(given.side, NAME),
        "case": _case(given.case),
        "facts": _facts(given.case.facts),
        "own": _argument(given.own),
        "other": _argument(given.other),
    }


def _judge(given: JudgeInput) -> dict[str, str]:
    shown = [("The bull's argument", given.bull), ("The bear's argument", given.bear)]
    shown += [(f"The {_word(one.side, NAME)}'s answer to the other side", one) for one in given.rebuttals]
    halves = shown[:2], shown[2:]
    if not given.bull_first:
        halves = halves[0][::-1], halves[1][::-1]
    return {
        "threshold": f"{given.threshold:g}",
        "case": _case(given.case),
        "facts": _facts(given.case.facts),
        "arguments": "\n\n".join(f"{title}:\n{_argument(one)}" for half in halves for title, one in half),
    }


def _single(given: SingleInput) -> dict[str, str]:
    return {
        "threshold": f"{given.threshold:g}",
        "case": _case(given.case),
        "facts": _facts(given.case.facts),
    }


def _reader(given: ReaderInput) -> dict[str, str]:
    lines = [
        _json(
            {
                "id": one.id,
                "source": one.source,
                "currencies": list(one.currencies),
                "title": one.title,
                "summary": one.summary,
            }
        )
        for one in given.headlines
    ]
    return {"headlines": _block(lines)}


def _critic(given: CriticInput) -> dict[str, str]:
    closed = given.closed
    known = {
        "taken": closed.taken,
        "direction": _direction(closed.direction),
        "strategy": cleaned(closed.strategy, NAME),
        "result_r": _rounded(closed.r),
        "best_r": _rounded(closed.best),
        "worst_r": _rounded(closed.worst),
        "bars": closed.bars,
        "exit": cleaned(closed.exit_reason, NAME),
        "reasons_of_entry": [cleaned(one, NAME) for one in closed.reasons],
        "verdict": closed.verdict,
        "p_win": _rounded(closed.p_win),
    }
    case = f"The trade as it was judged:\n{_case(given.case)}" if given.case else "How it was judged is not known."
    return {
        "closed": _block([_json(known)]),
        "case": case,
        "facts": _facts(given.facts),
        "lessons": _block([_json(cleaned(one, WORD)) for one in given.lessons]),
    }


def _planner(given: PlannerInput) -> dict[str, str]:
    lines = [
        _json(
            {
                "key": one.key,
                "type": one.type,
                "now": one.now,
                "low": one.low,
                "high": one.high,
                "unit": cleaned(one.unit, NAME),
                "means": cleaned(one.doc, WORD),
            }
        )
        for one in given.parameters
    ]
    return {
        "strategy": _word(given.strategy, NAME),
        "parameters": _block(lines),
        "facts": _facts(given.facts),
    }


_PLACES: dict[type, Callable[[Any], dict[str, str]]] = {
    ViewInput: _view,
    SideInput: _side,
    RebuttalInput: _rebuttal,
    JudgeInput: _judge,
    SingleInput: _single,
    ReaderInput: _reader,
    CriticInput: _critic,
    PlannerInput: _planner,
}


# -- parts -----------------------------------------------------------------------------------------


def _case(case: Case) -> str:
    """The trade without its date and its prices: distances in per cent of the price."""
    lines = [
        f"symbol {_word(case.symbol, NAME)}, {_direction(case.direction)}, strategy {_word(case.strategy, NAME)}",
        f"score {case.score:.2f}, probability by the strategy {case.probability:.2f}, regime {_regime(case)}",
        f"bars of {_bars(case.timeframe)}, horizon {case.horizon} bars",
    ]
    if case.stop > 0 and case.target > 0 and case.price > 0:
        stop, target = (100.0 * to_float(one) / to_float(case.price) for one in (case.stop, case.target))
        lines.append(
            f"stop {stop:.3f} % and target {target:.3f} % away from the price, reward to risk {target / stop:.2f}"
        )
    return _block(lines)


def _facts(facts: Iterable[Fact]) -> str:
    return _block([f"{_word(one.id, 16)}: {_word(one.text, WORD)}" for one in facts])


def _argument(argument: Argument) -> str:
    lines = [f"strength {argument.strength:.2f}"]
    lines += [f"{_word(one.evidence, 16)}: {_json(cleaned(one.says, WORD))}" for one in argument.claims]
    return _block(lines)


def _block(lines: Iterable[str]) -> str:
    return "\n".join(("<<<", *(tuple(lines) or ("(none)",)), ">>>"))


def _json(value: Any) -> str:
    """One line of JSON in which no mark can stand."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e")


def _word(text: str, most: int) -> str:
    """A short text of this program's own, in which no mark can stand either."""
    return cleaned(text, most).replace("<", "(").replace(">", ")")


def _direction(direction: int) -> str:
    return "LONG (it wins if the price rises)" if direction > 0 else "SHORT (it wins if the price falls)"


def _regime(case: Case) -> str:
    return _word(case.regime, NAME) or "not known"


def _bars(timeframe: int) -> str:
    name = next((name for name, length in TIMEFRAMES.items() if length == timeframe), "")
    return name or f"{timeframe / MINUTE:g} min"


def _rounded(number: float | None) -> float | None:
    return None if number is None or number != number or abs(number) == float("inf") else round(number, 4)
