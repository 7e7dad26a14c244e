"""One of the things that research has seen, by the beginning of an id, and everything of it for a person."""

from __future__ import annotations

from typing import Any

from orchestration.terminal import research_text as text
from orchestration.terminal.exits import Failed
from orchestration.terminal.figures import moment
from orchestration.terminal.output import Plain, print_facts, print_table, say


def found_by(connection: Any, beginning: str, run: str | None) -> tuple[str, Plain]:
    """What has an id that begins so, and everything of it. Raises Failed unless it is one."""
    from journal import research_views

    found = [one for one in research_views.identified(connection, beginning) if run in (None, one[1])]
    if not found:
        raise Failed(f"nothing that research has seen has an id that begins with {beginning!r}: `research show` lists")
    if len(found) > 1:
        known = "; ".join(f"{kind} {id[:16]} of run {of}" for kind, of, id in found)
        raise Failed(f"more than one id begins with {beginning!r}: {known}; give more of it, or --run")
    kind, of, id = found[0]
    if kind == "proposal":
        return kind, research_views.proposal(connection, id) or {}
    asked = {"case": research_views.case, "call": research_views.call, "review": research_views.review}
    return kind, asked[kind](connection, of, id) or {}


def _case(told: Plain) -> None:
    print_facts(text.head(told))
    say("")
    print_table(text.FACTS, told["facts"], "no facts")
    say("", *text.arguments(told), "")
    print_facts([*text.verdict(told), ("the market", text.became(told))])
    say("")
    print_table(text.ORDERS, told["orders"], "no orders")
    if told["trades"]:
        say("")
        print_table(text.TRADES, told["trades"], "")
    if told["review"] is not None:
        say("")
        _review(told["review"])
    say(*text.asked(told["calls"]))


def _call(told: Plain) -> None:
    about = f"{told['subject'] or 'the book'} at {moment(told['at'])} UTC, run {told['run_id']}"
    print_facts([("question", told["id"]), ("about", about), *([("case", told["case_id"])] if told["case_id"] else [])])
    say(*text.asked([told]))


def _review(told: Plain) -> None:
    said = [
        ("review", f"process {told['score']:g} of 10, result {text.times_r(told['r'])} R, by {told['source']}"),
        ("lesson", told["lesson"]),
        ("analysis", told["analysis"]),
        ("known", f"{moment(told['known_at'])} UTC: used for later decisions only"),
    ]
    print_facts(said)


def _proposal(told: Plain) -> None:
    said = [
        ("proposal", f"{told['id']}, {told['state']}{' by ' + told['who'] if told['who'] else ''}"),
        ("of", f"run {told['run_id']} at {moment(told['at'])} UTC, by {told['source']}"),
        ("strategy", told["strategy"]),
        *((one["key"], f"{text.changed(one)}, allowed {one['low']:g} to {one['high']:g}") for one in told["changes"]),
        ("reason", told["reason"]),
    ]
    print_facts(said)
    say("", *(f"{one['id']}: {one['text']}" for one in told["facts"]))


TELL = {"case": _case, "call": _call, "review": _review, "proposal": _proposal}
