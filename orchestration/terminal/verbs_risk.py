"""The verb ``risk explain``: why the gate says what it says, now or then."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestration.terminal.exits import DONE, FAILED, guarded
from orchestration.terminal.options import AsJson, options_given, with_run_options
from orchestration.terminal.output import Plain, print_facts, print_json, print_table, say

if TYPE_CHECKING:
    from orchestration.replay.explained import Past
    from orchestration.settings import Overrides
    from orchestration.terminal.ladder_wish import Wished
    from risk.explain import Ladder

EXAMPLES = """Examples:

  python cli.py risk explain --symbol EURUSD --direction long --price 1.10 --stop 0.0020 --target 0.0030

  python cli.py risk explain --run 2024 --symbol BTC --direction short --stop 400 --preset conservative

  python cli.py risk explain 3fa94c21

Exit codes: 0 explained (approved or denied), 1 the replay decided otherwise, 2 wrong usage, 4 configuration or data
refused."""

WISH, BOOK = "The wish", "The book"


def _option(*names: str, what: str, panel: str, metavar: str | None = None, default: str | bool = False) -> Any:
    return typer.Option(*names, help=what, rich_help_panel=panel, metavar=metavar, show_default=default)


RunId = Annotated[
    str | None,
    _option(
        "--run",
        what="With the account and the market of this run as they are now; its beginning is enough.",
        panel=BOOK,
        default="the newest live run's, else an empty book",
    ),
]


@guarded
@with_run_options(needs_symbols=False, own_first=True)
def explain(
    given: Overrides,
    event_id: Annotated[
        str | None,
        typer.Argument(
            metavar="ID",
            help="A past decision: the id of a CANDIDATE, RISK_DENIED or RISK_APPROVED event, or of an order; its "
            "beginning is enough. The recorded run is played again up to it.",
            show_default=False,
        ),
    ] = None,
    symbol: Annotated[str | None, _option("--symbol", what="What would be entered.", panel=WISH)] = None,
    direction: Annotated[
        str | None, _option("--direction", what="Buy or sell.", panel=WISH, metavar="long|short")
    ] = None,
    price: Annotated[
        float | None,
        _option("--price", what="The bid it would see.", panel=WISH, default="the last close there is"),
    ] = None,
    stop: Annotated[
        float | None, _option("--stop", what="Distance of the stop from the entry, in the price's unit.", panel=WISH)
    ] = None,
    target: Annotated[
        float | None, _option("--target", what="Distance of the target from the entry, likewise.", panel=WISH)
    ] = None,
    score: Annotated[float, _option("--score", what="The strategy's score, 0 to 1.", panel=WISH, default="0.5")] = 0.5,
    regime: Annotated[
        str | None,
        _option("--regime", what="TRENDING, RANGING, VOLATILE or NORMAL.", panel=WISH, default="not known"),
    ] = None,
    at: Annotated[
        str | None,
        _option(
            "--at",
            what="When, as 2024-01-02T14:30 (UTC): sessions, news and days are judged there.",
            panel=WISH,
            default="now, or the last bar of what is recorded",
        ),
    ] = None,
    run: RunId = None,
    as_json: AsJson = False,
) -> int:
    """Show what the gate would say to an entry and why: every rule with its value and limit, every step of the size.

    A wish takes the options of run for its limits and its market; with --run those of that run, unless -c, --set or
    --preset say otherwise. The rules after the first that denies are shown too, and the size as if all had passed.
    Nothing is traded and nothing is written.

    With an ID a recorded decision is shown as it was made then: the run is played again up to it, and what is decided
    again must be what was recorded.

    JSON: decision (APPROVED or DENIED), code, value, threshold, entry, stop, target, quantity, closes, planned_loss,
    planned_loss_share; rules, each with stage, rule, value, threshold, unit, passed, code; size with method, wanted,
    multipliers, multiplier, multiplied, caps (as rules, with fits and binds), fits, lot_step, quantity, code; not_set,
    account, run_id, preset; of a past decision also order_id, cycle, identical and first_difference.
    """
    if event_id is not None:
        wish = {"--symbol": symbol, "--direction": direction, "--price": price, "--stop": stop, "--target": target}
        wish |= {"--regime": regime, "--at": at, "--run": run}
        _alone(given, [name for name, value in wish.items() if value is not None])
        return _past(event_id, given.db_url, as_json)
    from orchestration.terminal.ladder_wish import wished

    return _asked(given, wished(symbol, direction, price, stop, target, score, regime, at), run, as_json)


# -- a decision that was made ----------------------------------------------------------------------


def _alone(given: Overrides, named: list[str]) -> None:
    """Raises UsageError for what cannot stand beside an id."""
    others = named + [one for one in options_given(given) if one != "--db-url"]
    if others:
        from orchestration.settings import UsageError

        raise UsageError(f"an id is explained as it was decided then: leave out {', '.join(others)}")


def _past(beginning: str, db_url: str | None, as_json: bool) -> int:
    from orchestration.terminal.ladder_wish import kernels
    from orchestration.terminal.place import database_url
    from orchestration.terminal.verbs_replay import progress_bar

    kernels()
    from orchestration.replay.explained import explained

    with progress_bar() as progress:
        found = explained(database_url(db_url), beginning, progress)
    told = _told_past(found)
    if as_json:
        print_json(told)
    else:
        _say_past(found, told)
    return DONE if found.difference is None and found.ladder is not None else FAILED


def _told_past(found: Past) -> Plain:
    from orchestration.terminal.ladder import facts

    difference = found.difference
    ladder = facts(found.ladder, found.currency) if found.ladder is not None else {}
    return ladder | {
        "order_id": found.decided.order_id,
        "run_id": found.decided.run_id,
        "account": found.account,
        "preset": found.preset,
        "simulated": found.simulated,
        "cycle": found.cycle,
        "identical": difference is None and found.ladder is not None,
        "first_difference": None if difference is None else difference.facts(),
    }


def _say_past(found: Past, told: Plain) -> None:
    from orchestration.terminal.verbs_replay import told as told_of

    mark = "SIMULATED " if found.simulated else ""
    if found.ladder is not None:
        where = f"{mark}run {found.decided.run_id}, cycle {found.cycle:,}, order {found.decided.order_id[:16]}"
        say_ladder(found.ladder, told, [("decided in", where), ("limits", f"preset {found.preset}, as recorded")])
    if found.difference is not None:
        say("", "DIFFERENT: the replay is not what was recorded", *told_of(found.difference))
    elif found.ladder is None:
        say("DIFFERENT: the replay never came to this decision")
    else:
        say("", f"identical: the replay of {found.cycle:,} cycles decided what was recorded")


# -- a wish of now ---------------------------------------------------------------------------------


def _asked(given: Overrides, wish: Wished, run: str | None, as_json: bool) -> int:
    from orchestration.terminal.ladder import facts
    from orchestration.terminal.ladder_wish import asked, standing

    with standing(given, run, wish) as (found, paused):
        ladder = asked(found, wish, paused)
        settings, recorded = found.settings, found.found
        told = facts(ladder, settings.account.currency) | {
            "account": found.spec.run.account if recorded else None,
            "run_id": recorded.run_id if recorded else None,
            "preset": settings.preset,
            "simulated": recorded.simulated if recorded else False,
        }
    if as_json:
        print_json(told)
        return DONE
    mark = "SIMULATED " if told["simulated"] else ""
    book = f"{mark}account {told['account']} as it is now" if recorded else "empty: no run is asked about"
    say_ladder(ladder, told, [("book", book), ("limits", f"preset {settings.preset}")])
    return DONE


def say_ladder(found: Ladder, told: Plain, more: list[tuple[str, str]]) -> None:
    """The whole of it for a person: what was asked, the rules, the size, the answer."""
    from orchestration.terminal.ladder import head, rules, steps, verdict

    print_facts([*head(told), *more])
    say("")
    print_table(*rules(told), "no rules")
    if found.size is not None:
        denied = any(one.code for one in found.checks)
        say("", *(["the size, as if all had passed:"] if denied else []))
        print_table(*steps(found, told), "no size")
    off = len(told["not_set"])
    say("", *verdict(told), *([f"({off} more rules have no limit here: `python cli.py rules`)"] if off else []))
