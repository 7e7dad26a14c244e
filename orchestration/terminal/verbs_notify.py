"""The verbs ``notify test`` and ``notify rules``: whether the channels of alerts work, and what is told when."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestration.terminal.exits import CODES, DONE, FAILED, guarded
from orchestration.terminal.options import AsJson, with_run_options
from orchestration.terminal.output import Column, Plain, print_json, print_table, say

if TYPE_CHECKING:
    from orchestration.settings import Overrides
    from orchestration.settings.tree import Alerts

EXAMPLES = f"""Examples:

  ARGUS__ALERTS__CHANNELS__PHONE=tgram://TOKEN/CHAT python cli.py notify test

  python cli.py notify test -c my.yaml --channel phone

{CODES}"""

Channel = Annotated[str | None, typer.Option("--channel", help="Only this one.", show_default="all")]


@guarded
@with_run_options(needs_symbols=False)
def try_out(given: Overrides, channel: Channel = None, as_json: AsJson = False) -> int:
    """Send one message on every channel that a run with these options would have, and say what came of it.

    Exit code 0 when every channel took it, 1 when one did not, 4 when there is none or one cannot be used. A URL
    is never shown.
    """
    from orchestration.alerts.channels import deliveries

    alerts = _alerts(given)
    said = [_tried(name, deliver, alerts.timeout) for name, deliver in deliveries(_chosen(alerts, channel)).items()]
    if as_json:
        print_json(said)
    else:
        say(*(f"{one['channel']}: {one['outcome']} ({one['seconds']:.1f} s)" for one in said))
    return DONE if all(one["ok"] for one in said) else FAILED


def _chosen(alerts: Alerts, channel: str | None) -> dict[str, str]:
    """Raises ConfigError where there is nothing to try."""
    from domain.errors import ConfigError
    from domain.registry import unknown

    if not alerts.channels:
        raise ConfigError("no channel is configured: set ARGUS__ALERTS__CHANNELS__NAME to an Apprise URL")
    if channel is None:
        return alerts.channels
    if channel not in alerts.channels:
        raise ConfigError(unknown("channel", channel, list(alerts.channels)))
    return {channel: alerts.channels[channel]}


def _tried(name: str, deliver: Any, timeout: float) -> Plain:
    from domain.timeframe import iso
    from orchestration.alerts.channels import Attempt, Message
    from orchestration.terminal.place import now, operator

    text = f"This channel works. Sent by {operator()} at {iso(now())[:19].replace('T', ' ')} UTC."
    begun = time.monotonic()
    why = Attempt(deliver, Message("Argus: a test", text)).wait(timeout)
    if why is None:
        why = f"no answer within {timeout:g} s"
    outcome = f"failed: {why}" if why else "sent"
    return {"channel": name, "ok": not why, "outcome": outcome, "seconds": round(time.monotonic() - begun, 3)}


@guarded
@with_run_options(needs_symbols=False)
def rules(given: Overrides, as_json: AsJson = False) -> int:
    """Show which events a run with these options would tell, in the order in which the rules are asked.

    A channel is told of an event by the first rule that matches. alerts.rules stand first; one that is named like
    one of the others takes its place.
    """
    import msgspec

    from orchestration.alerts.rules import in_force

    alerts = _alerts(given)
    found = [msgspec.to_builtins(one) for one in in_force(alerts.rules, alerts.defaults)]
    if as_json:
        print_json({"channels": list(alerts.channels), "rules": found})
        return DONE
    columns = [
        Column("rule", lambda row: row["name"]),
        Column("told of", _pattern),
        Column("severity", _severity),
        Column("again after", lambda row: f"{alerts.dedup if row['dedup'] is None else row['dedup']:g} s"),
        Column("channels", lambda row: "all" if row["channels"] is None else ", ".join(row["channels"]) or "nobody"),
        Column("text", lambda row: row["text"]),
    ]
    print_table(columns, found, "nothing")
    return DONE


def _severity(row: Plain) -> str:
    least = "" if row["at_least"] == "info" else f", {row['at_least']} at least"
    return (row["severity"] or "its own") + least


def _pattern(row: Plain) -> str:
    parts = [", ".join(row["on"])]
    parts += [
        f"{name} {', '.join(row[name])}" for name in ("alert", "code", "symbol", "to") if tuple(row[name]) != ("*",)
    ]
    return "; ".join(parts)


def _alerts(given: Overrides) -> Alerts:
    from orchestration.settings import load

    return load(given).alerts
