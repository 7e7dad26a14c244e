"""The verb ``orders resolve``: what a person knows of an order and the venue cannot tell."""

from __future__ import annotations

from typing import Annotated

import typer

from orchestration.terminal.exits import guarded
from orchestration.terminal.options import AsJson, DatabaseUrl
from orchestration.terminal.verbs_operate import NoWait, Reason, Timeout, ask, order_of

ENDS = {"filled": "FILLED", "rejected": "REJECTED"}


@guarded
def resolve(
    order_id: Annotated[
        str, typer.Argument(help="The order's id as orders shows it; its beginning is enough.", show_default=False)
    ],
    end: Annotated[
        str, typer.Option("--as", help="filled or rejected: what the venue's own records say.", show_default=False)
    ],
    quantity: Annotated[
        str, typer.Option("--quantity", help="Units that filled; all that is left if not given.", show_default=False)
    ] = "0",
    price: Annotated[
        str, typer.Option("--price", help="Average price; the planned one if not given.", show_default=False)
    ] = "0",
    reason: Reason = "",
    no_wait: NoWait = False,
    timeout: Timeout = 10.0,
    db_url: DatabaseUrl = None,
    as_json: AsJson = False,
) -> int:
    """Say what became of an UNKNOWN order that its venue cannot tell about.

    Argus asks the venue by exact id and never guesses. Where the venue cannot say (an ALERT ASK_OPERATOR names the
    order), look it up there by hand and say it here: it is recorded with your name, and the symbol takes new risk
    again. Needs a running engine (else exit code 3); an order that is not UNKNOWN is exit code 1.
    """
    from domain.money import from_text
    from orchestration.settings import UsageError
    from orchestration.terminal.verbs_operate import running

    if end not in ENDS:
        raise UsageError(f"--as {end}: allowed: filled or rejected")
    for name, value in (("--quantity", quantity), ("--price", price)):
        try:
            good = from_text(value) >= 0
        except ValueError:
            good = False
        if not good:
            raise UsageError(f"{name} {value}: a number that is not negative, like 0.5")
    url = running("orders resolve", db_url)
    arguments = {"order_id": order_of(url, order_id), "status": ENDS[end], "quantity": quantity, "price": price}
    return ask("resolve", arguments, reason, db_url, as_json, 0 if no_wait else timeout)
