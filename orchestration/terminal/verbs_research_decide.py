"""The verbs ``research accept`` and ``research reject``: an operator's word on what the planner proposes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestration.terminal.exits import CODES, DONE, Failed, guarded
from orchestration.terminal.options import AsJson, DatabaseUrl
from orchestration.terminal.output import print_json, say

if TYPE_CHECKING:
    from domain.research import Proposal

EXAMPLES = f"""Examples:

  python cli.py research accept 3fa94c21 --why "the stops were too near" --out wider.yaml

  python cli.py run --symbols EURUSD -c wider.yaml

{CODES}"""

ProposalId = Annotated[
    str, typer.Argument(metavar="ID", help="Of the proposal; its beginning is enough.", show_default=False)
]
Why = Annotated[str, typer.Option("--why", help="Kept with the proposal, beside your name.", show_default=False)]
Out = Annotated[
    Path | None,
    typer.Option("--out", help="Write the parameters as a file for run -c.", metavar="FILE", show_default=False),
]


@guarded
def accept(
    beginning: ProposalId, why: Why, out: Out = None, db_url: DatabaseUrl = None, as_json: AsJson = False
) -> int:
    """Say yes to a proposal, and show the options that apply it.

    A running engine keeps its parameters: the next run takes them, by these options, by the file, or by
    research.planner_apply=next_run. One that was decided already is exit code 1.
    """
    if out is not None:
        from orchestration.backtest.reports.writing import check_target

        check_target(out, "--out")
    proposal = _decided(db_url, beginning, "ACCEPTED", why)
    sets = {f"strategy.{one.key}": number(one.proposed) for one in proposal.changes}
    if out is not None:
        from orchestration.backtest.reports.writing import write_bytes

        write_bytes(document(proposal).encode(), out, "--out")
    if as_json:
        print_json(_told(proposal) | {"set": sets, "file": None if out is None else str(out)})
        return DONE
    options = " ".join(f"--set {key}={value}" for key, value in sets.items())
    say(f"accepted: proposal {proposal.id[:16]}", f"apply with: --strategy {proposal.strategy} {options}")
    if out is not None:
        say(f"written: {out}; apply with: -c {out}")
    return DONE


@guarded
def reject(beginning: ProposalId, why: Why, db_url: DatabaseUrl = None, as_json: AsJson = False) -> int:
    """Say no to a proposal, also to one that was accepted and not yet applied."""
    proposal = _decided(db_url, beginning, "REJECTED", why)
    if as_json:
        print_json(_told(proposal))
    else:
        say(f"rejected: proposal {proposal.id[:16]}")
    return DONE


def _decided(db_url: str | None, beginning: str, state: str, why: str) -> Proposal:
    """The proposal in its new state, written. Raises UsageError without a reason, Failed for what is no step."""
    from journal.database import require
    from orchestration.research.deciding import Unknown, decide
    from orchestration.terminal.place import database_url, now, opened, operator

    if not why.strip():
        from orchestration.settings import UsageError

        raise UsageError("--why is empty: say why; it is kept with the proposal")
    url = database_url(db_url)
    require(url)
    with opened(url) as engine, engine.begin() as connection:
        try:
            proposal = decide(connection, beginning, state, f"{operator()}: {why.strip()}", now())
        except Unknown as error:
            raise Failed(f"{error}: `python cli.py research proposals --all` shows them") from None
        except ValueError as error:
            raise Failed(str(error)) from None
    return proposal


def document(proposal: Proposal) -> str:
    """A configuration file with the parameters in it."""
    said = " ".join(proposal.reason.split())
    values = "".join(f"  {one.key}: {number(one.proposed)}\n" for one in proposal.changes)
    return (
        f"# proposal {proposal.id} of run {proposal.run_id}: {said}\nstrategy:\n  name: {proposal.strategy}\n{values}"
    )


def number(value: float) -> int | float:
    """As it is written: a whole number without its point."""
    return int(value) if value.is_integer() else value


def _told(proposal: Proposal) -> dict[str, object]:
    return {"id": proposal.id, "strategy": proposal.strategy, "state": proposal.state, "who": proposal.who}
