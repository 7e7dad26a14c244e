"""The verbs ``research ask`` and ``research check``: an opinion without a trade, and whether an endpoint works."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated

import typer

from orchestration.terminal.exits import CODES, DONE, FAILED, REFUSED, guarded
from orchestration.terminal.options import AsJson, with_run_options
from orchestration.terminal.output import Plain, print_facts, print_json, print_table, say

if TYPE_CHECKING:
    from orchestration.research.questions import Checked, Opinion
    from orchestration.settings import Overrides, Settings
    from research.prices import Price

HELP = (
    "Ask research for an opinion, see what it was asked and said, and whether it is worth anything.\n\n"
    "The preset or a key research.* turns roles on: researcher and analyst may be advisory (recorded only) or"
    " veto (may refuse or shrink an entry, never enlarge it), critic and planner advisory. Without a key of a "
    "language model the rules of this program answer. More: docs/research.md"
)

GROUP_EXAMPLES = f"""Examples:

  python cli.py research ask EURUSD --data ./data --side buy

  OPENAI_API_KEY=file:/home/me/key python cli.py research check

  python cli.py run --symbols EURUSD,BTC --set research.researcher=veto

  python cli.py research show

  python cli.py research calibration --report calibration.html

{CODES}"""

ASK_EXAMPLES = f"""Examples:

  python cli.py research ask EURUSD

  python cli.py research ask BTC --data BTC=btc_m5.parquet --at 2024-03-01T12:00 --side sell

  python cli.py research ask EURUSD --set research.arm=single --set research.model=gpt-4o --json

{CODES}"""

CHECK_EXAMPLES = f"""Examples:

  OPENAI_API_KEY=file:/home/me/key python cli.py research check

  python cli.py research check --set research.base_url=http://127.0.0.1:11434/v1 --set research.model=llama3.1

{CODES}"""

SIDES = {"buy": (1,), "sell": (-1,), "both": (1, -1)}


@guarded
@with_run_options(needs_symbols=False, own_first=True)
def ask(
    given: Overrides,
    symbol: Annotated[str, typer.Argument(help="What would be entered.", show_default=False)],
    side: Annotated[str, typer.Option("--side", help="The entry that is judged.", metavar="buy|sell|both")] = "both",
    score: Annotated[float, typer.Option("--score", help="A strategy's score of it, 0 to 1.")] = 0.5,
    at: Annotated[
        str | None,
        typer.Option("--at", help="When, as 2024-01-02T14:30 (UTC).", show_default="the last bar there is"),
    ] = None,
    calls: Annotated[
        bool, typer.Option("--calls", help="Show every question with its messages and its answer.", show_default=False)
    ] = False,
    as_json: AsJson = False,
) -> int:
    """Judge an entry into a symbol as research would in a run: facts, both arguments, the verdict. Nothing is traded.

    The market is that of --data, else a simulated one. The account counts as empty: no open positions, no past
    results. A language model is asked if there is a key, within the budget; else rules answer.
    """
    from orchestration.research.questions import opinion
    from orchestration.settings import UsageError
    from orchestration.terminal.ladder_wish import kernels, moment_at

    wrong = [] if side in SIDES else [f"--side {side}: allowed: {', '.join(SIDES)}"]
    wrong += [] if 0 <= score <= 1 else [f"--score {score}: allowed: 0 to 1"]
    moment = moment_at(at, wrong)
    if wrong:
        raise UsageError(wrong)
    settings = _settings(given, symbol)
    kernels()
    found = opinion(settings, symbol, SIDES[side], score, moment)
    told = _told(found, symbol)
    if as_json:
        print_json(told)
    else:
        _say(told, calls)
    return DONE


def _settings(given: Overrides, symbol: str) -> Settings:
    """The settings, with the symbol among theirs."""
    import dataclasses

    from orchestration.settings import load

    settings = load(given)
    if symbol in settings.symbols:
        return settings
    return load(dataclasses.replace(given, symbols=(*settings.symbols, symbol)))


def _told(found: Opinion, symbol: str) -> Plain:
    import msgspec

    from domain.timeframe import iso
    from orchestration.research.questions import call, case

    views = [msgspec.to_builtins(one) | {"at": iso(one.at), "valid_until": iso(one.valid_until)} for one in found.views]
    return {
        "symbol": symbol,
        "simulated": found.simulated,
        "views": views,
        "cases": [case(one) for one in found.judged],
        "calls": [call(one) for one in found.asked],
    }


def _say(told: Plain, calls: bool) -> None:
    from orchestration.terminal import research_text as text

    if told["simulated"]:
        say("SIMULATED market", "")
    views = {one["symbol"]: one for one in told["views"]}
    for number, case in enumerate(told["cases"]):
        say(*(["", ""] if number else []))
        view = views.get(case["symbol"])
        seen = [("view", _view(view))] if view is not None else []
        print_facts([*text.head(case), *seen])
        say("")
        print_table(text.FACTS, case["facts"], "no facts")
        say("", *text.arguments(case), "")
        print_facts(text.verdict(case))
    if calls:
        say(*text.asked(told["calls"]))


def _view(view: Plain) -> str:
    risks = f", risks {', '.join(view['risks'])}" if view["risks"] else ""
    failed = "" if view["code"] == "OK" else f" ({view['code']})"
    return f"{view['bias']}, {view['regime']}{risks}, by {view['source']}{failed}"


# -- does it work ----------------------------------------------------------------------------------


@guarded
@with_run_options(needs_symbols=False)
def check(given: Overrides, as_json: AsJson = False) -> int:
    """Ask the configured endpoint one small question, and say in which mode it answers, how fast, and for how much.

    The question is real, counts in the budget, and is not taken from recorded answers. Exit code 0 when it was
    answered, or where rules answer by choice; 1 when it failed; 4 without a key. The key itself is never shown.
    """
    from orchestration.research.questions import checked
    from orchestration.settings import load

    found = checked(load(given).research, os.environ)
    told = _checked(found)
    if as_json:
        print_json(told)
    else:
        print_facts([(name, value) for name, value in _lines(told) if value])
    if found.answer is None:
        return REFUSED if told["outcome"] == "NO_KEY" else DONE
    return DONE if told["outcome"] == "OK" else FAILED


def _checked(found: Checked) -> Plain:
    answer, chosen = found.answer, found.provider == "rules"
    told: Plain = {
        "provider": found.provider,
        "endpoint": None if chosen else found.endpoint,
        "model": None if chosen else found.model,
        "key_from": found.key or None,
        "outcome": found.outcome if answer is None else answer.outcome,
        "detail": found.why if answer is None else answer.detail,
        "price": None if found.price is None else _priced(found.price),
    }
    if answer is None:
        return told
    usage = answer.usage
    return told | {
        "mode": answer.mode,
        "latency_ms": round(answer.latency, 1),
        "tries": answer.tries,
        "repaired": answer.repaired,
        "prompt_tokens": usage.prompt if usage else None,
        "completion_tokens": usage.completion if usage else None,
        "estimated": usage.estimated if usage else None,
        "cost_usd": None if answer.cost is None else answer.cost / 1e9,
        "fingerprint": answer.fingerprint,
    }


def _priced(one: Price) -> Plain:
    return {
        "input_usd_per_million": one.input / 1e9,
        "output_usd_per_million": one.output / 1e9,
        "since": one.since,
        "read": one.read,
        "source": one.source,
    }


def _lines(told: Plain) -> list[tuple[str, str]]:
    price = told["price"]
    detail = f": {told['detail']}" if told["detail"] else ""
    lines = [
        ("answered by", told["provider"]),
        ("endpoint", told["endpoint"] or ""),
        ("model", told["model"] or ""),
        ("key from", told["key_from"] or ""),
        ("outcome", f"{told['outcome']}{detail}"),
    ]
    if "mode" in told:
        usd = "not known" if told["cost_usd"] is None else f"{told['cost_usd']:.6f} US dollars"
        tokens = (
            "no tokens" if told["prompt_tokens"] is None else f"{told['prompt_tokens']} + {told['completion_tokens']}"
        )
        lines += [
            ("mode", told["mode"]),
            (
                "latency",
                f"{told['latency_ms']:.0f} ms, {told['tries']} tries{', repaired' if told['repaired'] else ''}",
            ),
            ("tokens", tokens + (" (estimated)" if told["estimated"] else "")),
            ("cost", usd),
        ]
    if price is not None:
        each = f"{price['input_usd_per_million']:g} in, {price['output_usd_per_million']:g} out"
        lines.append(("price", f"{each} US dollars for a million tokens since {price['since']}, read {price['read']}"))
    elif told["model"]:
        lines.append(("price", "not known: only limits in tokens hold it; research.prices names a file of your own"))
    return lines
