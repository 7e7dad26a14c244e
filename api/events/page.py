"""docs/events.md, made from the models: ``python -m api.events.page`` writes it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from api.events import alerts
from api.events.base import Data, Envelope
from api.events.registry import MODELS
from domain.events import ALERT, ORDER_STEPS, TYPES
from journal.retention import DROPPABLE

PAGE = Path(__file__).resolve().parents[2] / "docs" / "events.md"

Field = tuple[str, str, str]

WRITERS = {
    "CANDIDATE": "gate",
    "RISK_DENIED": "gate",
    "RISK_APPROVED": "gate",
    "TRADE_EXECUTION": "executor",
    "POSITION_OPENED": "gate",
    "POSITION_CLOSED": "gate",
    "POSITION_UPDATE": "executor, and by the gate with `positions`",
    "ACCOUNT_UPDATE": "gate",
    "CRITIC_REVIEW": "research",
    "HEALTH": "supervisor",
    "HEARTBEAT": "supervisor",
    "ALERT": "gate, executor, driver, supervisor, research",
    **{f"ORDER_{one}": "executor" for one in ORDER_STEPS},
}
"""Who writes it, where it is not the driver."""


def fields(model: Any) -> list[Field]:
    """Name, what it may be, and what it means, of every field that the model adds."""
    made = TypeAdapter(model).json_schema()
    required = made.get("required", ())
    return [
        (name, _kind(one) + ("" if name in required else ", or left out"), _plain(one.get("description", "")))
        for name, one in made["properties"].items()
        if name != "simulated"
    ]


def meaning(model: Any) -> str:
    """What its docstring says, on one line."""
    return _plain(model.__doc__ or "")


def groups() -> Iterator[tuple[tuple[str, ...], Any]]:
    """Types that have the same data, and its model, in the order in which the types are listed."""
    steps = tuple(f"ORDER_{one}" for one in ORDER_STEPS)
    for kind in TYPES:
        if kind not in steps:
            yield (kind,), MODELS[kind]
        elif kind == steps[0]:
            yield steps, MODELS[kind]


def parts(model: Any) -> list[Any]:
    """Mappings inside the data, which have fields of their own."""
    found = []
    for one in model.model_fields.values():
        found += [each for each in _inside(one.annotation) if isinstance(each, type) and hasattr(each, "model_fields")]
    return found


def _inside(annotation: Any) -> Iterator[Any]:
    """A type and what it is made of."""
    yield annotation
    for one in getattr(annotation, "__args__", ()):
        yield from _inside(one)


def page() -> str:
    return "\n".join([*_head(), *_types(), *_alerts(), *_stream()]) + "\n"


def _head() -> Iterator[str]:
    yield _FIRST
    yield from _table([one for one in fields(Envelope) if one[0] != "data"])
    yield "| data | the fields of its type, below | |"
    yield ""
    yield f"In every `data`: `simulated`, {_lower(Data)}"
    yield _THEN


def _types() -> Iterator[str]:
    for kinds, model in groups():
        if kinds == (ALERT,):
            continue
        yield f"### {' · '.join(kinds)}"
        yield ""
        writer = f"Written by the {_writer(kinds[0])}."
        dropped = " Of live runs it is kept for a time only." if kinds[0] in DROPPABLE else ""
        yield f"{meaning(model)} {writer}{dropped}"
        yield ""
        yield from _table(fields(model))
        for part in parts(model):
            yield ""
            yield f"`{part.__name__}`: {meaning(part)}"
            yield ""
            yield from _table(fields(part))
        yield ""


def _alerts() -> Iterator[str]:
    yield f"### {ALERT}"
    yield ""
    yield f"What a person should hear of; `alert` says what it is. Written by the {_writer(ALERT)}."
    yield ""
    for kind in alerts.KINDS:
        yield f"#### {' · '.join(alerts.names(kind))}"
        yield ""
        yield meaning(kind)
        yield ""
        yield from _table([one for one in fields(kind) if one[0] != "alert"])
        yield ""


def _stream() -> Iterator[str]:
    yield _STREAM.format(dropped=", ".join(DROPPABLE))


def _writer(kind: str) -> str:
    return WRITERS.get(kind, "driver")


def _table(rows: list[Field]) -> Iterator[str]:
    yield "| field | is | meaning |"
    yield "|---|---|---|"
    for name, kind, what in rows:
        yield f"| {name} | {kind} | {what} |".replace("|  |", "| |")


def _kind(one: dict[str, Any]) -> str:
    """A JSON Schema in words."""
    if "anyOf" in one:
        several = dict.fromkeys(_kind(each) for each in one["anyOf"])
        return " or ".join(each for each in several if each != "number" or "whole number" not in several)
    if "$ref" in one:
        return f"`{one['$ref'].rpartition('/')[2]}`"
    if "enum" in one or "const" in one:
        return " or ".join(f"`{each}`" for each in one.get("enum", [one.get("const")]))
    if one["type"] == "array":
        return f"list of {_kind(one['items'])}"
    if one["type"] == "object":
        return f"mapping of text to {_kind(one['additionalProperties'])}"
    if one.get("format") == "date-time":
        return "time"
    return {"integer": "whole number", "number": "number", "boolean": "true or false", "null": "null"}.get(
        one["type"], "text"
    )


def _plain(text: str) -> str:
    return re.sub(r"\s+", " ", text.replace("``", "`")).strip().replace("|", "\\|")


def _lower(model: Any) -> str:
    said = TypeAdapter(model).json_schema()["properties"]["simulated"]["description"]
    return str(said[0].lower() + said[1:])


_FIRST = """# Events

Everything that happens is an event: a row of the database, written in the transaction that made it true. The same
envelope comes from `run --json`, `events --json`, `/api/events` and `/ws`. Times are ISO 8601 in UTC; money, prices
and quantities are JSON numbers. `python cli.py events schema [TYPE] --json` prints the JSON Schema; this page is made
from the same models by `python -m api.events.page`. How to listen: [how-to/embed.md](how-to/embed.md).

## The envelope
"""

_THEN = """Fields may be added in later versions: ignore those you do not know. `v` changes when one goes away or
changes.

## Types
"""

_STREAM = """## The stream

`seq` is one counter of the database, taken in the transaction that writes the event: no gaps, in the order in which
it became true. A reader keeps the last `seq` it has seen and asks for what comes after it; it misses nothing and gets
nothing twice, however often it is cut off. A reader that is too slow is cut off and may resume; it never slows the
trading or another reader.

Events of live runs that only tell how it was ({dropped}) are
dropped when they are older than `cycle.summary_keep_hours` and `cycle.keep_hours` say. The newest of each type stays,
and so does everything else, and everything of a recorded or simulated run. `db compact` does the same at once, also
for runs that have ended.

Who reads a run without a filter gets a marker where numbers are missing: their events were dropped, or they are those
of another run, between two starts of this one.

`{{type: COMPACTED, seq: TO, run_id, data: {{from_seq: FROM, to_seq: TO}}, …}}`, the rest of the envelope null.

Its `seq` is the last of the missing numbers, so that it is resumed from like any other. It is made for the stream and
is no row of the database."""

if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
