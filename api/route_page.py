"""docs/api-routes.md, made from the routes and their models: ``python -m api.route_page`` writes it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fastapi import FastAPI

from api import agent_v1, commands, proposals
from api.asking import WITHIN
from api.read import ROUTERS, live

PAGE = Path(__file__).resolve().parents[1] / "docs" / "api-routes.md"

Plain = dict[str, Any]

SUBJECTS = {
    "state": "How things stand",
    "account": "Account",
    "trading": "Orders, trades, candidates, locks",
    "risk": "Limits",
    "symbols": "One symbol",
    "performance": "What came of it",
    "journal": "Journal",
    "research": "Research",
    "engine": "Engine, runs, events",
    "health": "Health",
    "settings": "What can be chosen",
    "backtests": "Backtests",
    "commands": "Commands",
    "agent (system 000)": "The names of system 000",
}
COMMON = ("run", "symbol", "from", "to", "limit", "after")
"""Parameters that are told once."""

HEAD = """# Routes of the API

Made from the routes themselves by `python -m api.route_page`; how to prove a role, errors, the socket and the server
are in [api.md](api.md), every shape as JSON Schema in `/api/openapi.json`. All of it is read from the database alone,
so that the engine notices nothing of it, and works on a database without an engine too.

- `run` is the beginning of a run's id, else the newest run is meant; an id that nobody knows is 404.
- `symbol`, `from` and `to` (ISO 8601; from inclusive, to exclusive, by the time of the rows) make a list shorter.
- A list is `{items, next}`, the newest first; `next` given as `after` goes on behind it, null is the end. Pages are cut
  by key, so that what is written meanwhile neither moves nor repeats a row. `limit` is 100, at most 1,000.
- `/api/events` goes upwards instead: `after` and `before` are numbers (`seq`), and `next` is the last one.
- Every answer has an ETag; `If-None-Match` with it is answered 304 while nothing has changed.
- Money is in the account currency, prices in the symbol's, shares are fractions; null is not known or not defined.
"""

ASKING = f"""A command is a row of the command table, as the command line writes it, with `who` = `api:ROLE@ADDRESS`
and the `reason`, which every one needs. The engine takes it up between two steps of a cycle and tells of it as an event
(ALERT `COMMAND`); it passes the same gate as everything else. The request waits {WITHIN:g} s for the answer: 200 with
`state` DONE or REFUSED, else 202 with PENDING, and `GET /api/commands/{{id}}` (its Location) tells it later.

`Idempotency-Key` (up to 200 printable characters) makes a command the same command: it is done once, however often and
by however many connections it is sent, also after a restart of the server, and answered as it then stands. The same key
with another command is 422 `KEY_REUSED`. What was refused with 4xx is not kept, and the key is still free; a `start` is
kept once the process was asked for, and its refusal with it.

What is not possible now is 409 `ILLEGAL_STATE` with the commands that are, as `legal` of `/api/engine` lists them:
"""

ODD = """- `emergency-stop` is legal always, also without an engine: it then holds for the next one. If the database
  cannot be written for some seconds, the file HALT is made in the data folder, which every engine there obeys (202,
  `command_id` null); remove it by hand before `reset-kill-switch`.
- `reset-kill-switch` is legal where something is latched, in every state.
- `start` is legal without a living engine, and not at the server of a run; DONE means that a process was started,
  `/api/engine` tells how far it is.
- `stop` ends the run after the cycle under way, positions keep their stops; `exit_reason` is `stopped: REASON`. It can
  be resumed. An engine of this server that does not answer gets a signal too.
- `reload` reads the news calendars of a live run again. Nothing else of a run can change while it goes on, so that it
  can be replayed: else 409 `NOTHING_TO_RELOAD`.
- `cancel` is REFUSED if the order filled first; an order that has ended is 409 `ORDER_ENDED`.
- `accept` and `reject` of a proposal work without an engine and are answered at once; one for which there is no such
  step any more is 409 `PROPOSAL_DECIDED`. A running engine keeps its parameters.
- `remove` of a lock works without an engine; one that is over is 409 `LOCK_OVER`.
"""

AGENT = """For clients of system 000, with its field names: thin, over the same commands and figures, with a `reason`
of their own if none is sent. What Argus has no use for is named in `message`. A key, secret, password or mnemonic
anywhere in a body is 422 `KEY_IN_BODY` and is kept nowhere: keys belong into the environment of the server. `strategy`
and `rebalance` are 409: a run keeps its strategy, and positions follow it.
"""


def described() -> Plain:
    """The routes of this package as OpenAPI describes them."""
    app = FastAPI(title="routes")
    for router in (*ROUTERS, commands.router, proposals.router, agent_v1.router):
        app.include_router(router)
    return app.openapi()


def lines() -> Iterator[str]:
    schema = described()
    yield HEAD
    for tag, title in SUBJECTS.items():
        yield f"## {title}"
        yield ""
        yield from _preface(tag)
        for path, method, one in _operations(schema, tag):
            yield f"### `{method} {path}`"
            yield ""
            yield one["description"].strip()
            yield ""
            told = _parameters(one)
            yield from told
            yield from [""] if told else []
            yield from _body(schema, one)
            yield from _answer(schema, one)
            yield ""
    yield from _shapes(schema)


def _preface(tag: str) -> Iterator[str]:
    if tag == "commands":
        yield ASKING
        yield "| the engine is | possible |"
        yield "|---|---|"
        for state, names in live.WITH_AN_ENGINE.items():
            yield f"| {state} | {', '.join(names)} |"
        yield f"| not there | {', '.join((*live.WITHOUT, live.START))} |"
        yield ""
        yield ODD
    elif tag.startswith("agent"):
        yield AGENT


def _operations(schema: Plain, tag: str) -> Iterator[tuple[str, str, Plain]]:
    for path, methods in schema["paths"].items():
        for method, one in methods.items():
            if one["tags"][-1] == tag:
                yield path, method.upper(), one


def _parameters(one: Plain) -> list[str]:
    told = []
    asked = {each["name"] for each in one.get("parameters", ()) if each["in"] == "query"}
    named = [each for each in COMMON if each in asked]
    upwards = one["operationId"].startswith("events_api")
    if named:
        told.append(f"Takes {', '.join(f'`{name}`' for name in named)}.")
    for each in one.get("parameters", ()):
        if each["in"] == "query" and (each["name"] not in COMMON or (upwards and each["name"] == "after")):
            default = each["schema"].get("default")
            else_ = "" if default in (None, False) else f" Else {default}."
            told.append(f"`{each['name']}`: {each.get('description') or 'a number of an event.'}{else_}")
    return [f"- {one}" for one in told]


def _body(schema: Plain, one: Plain) -> Iterator[str]:
    content = one.get("requestBody", {}).get("content", {}).get("application/json")
    if content:
        yield f"Body: {_fields(schema, content['schema'])}."
        yield ""


def _answer(schema: Plain, one: Plain) -> Iterator[str]:
    content = one["responses"]["200"].get("content", {})
    if "application/json" in content:
        found = content["application/json"]["schema"]
        names = _names(found)
        if names:
            yield f"Answer: {', '.join(f'[{name}](#{_anchor(name)})' for name in names)}."


def _fields(schema: Plain, found: Plain) -> str:
    names = _names(found)
    if not names:
        return "JSON"
    model = schema["components"]["schemas"][_key(schema, names[0])]
    required = model.get("required", ())
    return ", ".join(f"`{name}`" + ("" if name in required else " (optional)") for name in model["properties"])


def _shapes(schema: Plain) -> Iterator[str]:
    yield "## Shapes"
    yield ""
    for key, model in sorted(schema["components"]["schemas"].items()):
        name = _name(key)
        if "properties" not in model or name in ("HTTPValidationError", "ValidationError"):
            continue
        yield f"### {name}"
        yield ""
        if model.get("description"):
            yield _plain(model["description"])
            yield ""
        yield "| field | is | |"
        yield "|---|---|---|"
        for field, one in model["properties"].items():
            yield f"| `{field}` | {_kind(one)} | {_plain(one.get('description', ''))} |"
        yield ""


def _names(found: Plain) -> list[str]:
    """The models that a schema names."""
    return list(dict.fromkeys(_name(one) for one in re.findall(r"#/components/schemas/([\w-]+)", str(found))))


def _key(schema: Plain, name: str) -> str:
    return next(str(one) for one in schema["components"]["schemas"] if _name(one) == name)


def _name(key: str) -> str:
    """``Page_Order_`` is a page of orders."""
    found = re.fullmatch(r"Page_(\w+)_", key)
    return f"Page of {found[1]}" if found else key


def _anchor(name: str) -> str:
    return name.lower().replace(" ", "-")


def _kind(one: Plain) -> str:
    """What a field may be, in words."""
    if "$ref" in one:
        return f"[{_names(one)[0]}](#{_anchor(_names(one)[0])})"
    if "enum" in one:
        return ", ".join(map(str, one["enum"]))
    if "const" in one:
        return str(one["const"])
    if "anyOf" in one:
        return " or ".join(dict.fromkeys(_kind(each) for each in one["anyOf"]))
    if one.get("format") == "date-time":
        return "time"
    kind = one.get("type", "anything")
    if kind == "array":
        return f"list of {_kind(one.get('items', {}))}"
    if kind == "object" and isinstance(one.get("additionalProperties"), dict):
        return f"mapping to {_kind(one['additionalProperties'])}"
    return {"object": "mapping", "string": "text"}.get(kind, str(kind))


def _plain(text: str) -> str:
    return " ".join(text.replace("``", "`").replace("|", "\\|").split())


def page() -> str:
    text = "\n".join(one.replace("``", "`") for one in lines())
    return re.sub(r"\n{3,}", "\n\n", text).rstrip() + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
