"""Argus from the command line: which verb is which function, and nothing else."""

from __future__ import annotations

import sys

import typer

from api.events import verb as schema_verb
from orchestration.terminal import (
    exits,
    verbs_backtest,
    verbs_compare,
    verbs_config,
    verbs_data,
    verbs_database,
    verbs_doctor,
    verbs_events,
    verbs_lists,
    verbs_locks,
    verbs_look,
    verbs_montecarlo,
    verbs_notify,
    verbs_operate,
    verbs_optimize,
    verbs_orders,
    verbs_replay,
    verbs_research,
    verbs_research_decide,
    verbs_research_look,
    verbs_research_score,
    verbs_risk,
    verbs_risk_status,
    verbs_run,
    verbs_serve,
    verbs_strategy,
)

RUN, LOOK, OPERATE, CHOOSE, KEEP = "Run", "Look", "Operate", "Choose", "Set up and keep"

app = typer.Typer(
    name="argus",
    help="A hundred eyes, one hand: agents watch the symbols, one gate decides what may be risked, one executor acts.",
    epilog=f"Start with: python cli.py run --symbols EURUSD,BTC\n\n{exits.CODES}",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    add_completion=False,
)
orders = typer.Typer()
locks = typer.Typer()
events = typer.Typer()
risk = typer.Typer(no_args_is_help=True, help="Ask the gate what it would say and why, and how it stands.")
research = typer.Typer(no_args_is_help=True, help=verbs_research.HELP, epilog=verbs_research.GROUP_EXAMPLES)
config = typer.Typer(no_args_is_help=True, help="Show or check what a run would be told.")
notify = typer.Typer(no_args_is_help=True, help="Try the channels of alerts, and show what is told when.")
data = typer.Typer(no_args_is_help=True, help="Show, check or import files of bars.")
database = typer.Typer(no_args_is_help=True, help="Make, update, check or copy the database.")

app.command("run", rich_help_panel=RUN, epilog=verbs_run.EXAMPLES)(verbs_run.run)

app.command("serve", rich_help_panel=RUN, epilog=verbs_serve.EXAMPLES)(verbs_serve.serve)
app.command("page", rich_help_panel=RUN)(verbs_serve.page)

app.command("backtest", rich_help_panel=RUN, epilog=verbs_backtest.EXAMPLES)(verbs_backtest.backtest)
app.command("optimize", rich_help_panel=RUN, epilog=verbs_optimize.EXAMPLES)(verbs_optimize.optimize)

app.command("montecarlo", rich_help_panel=RUN, epilog=verbs_montecarlo.EXAMPLES)(verbs_montecarlo.montecarlo)

app.command("status", rich_help_panel=LOOK)(verbs_look.status)
app.command("positions", rich_help_panel=LOOK)(verbs_look.positions)
app.add_typer(orders, name="orders", rich_help_panel=LOOK)
orders.callback(invoke_without_command=True)(verbs_look.orders)
orders.command("resolve")(verbs_orders.resolve)
app.command("trades", rich_help_panel=LOOK)(verbs_look.trades)
app.add_typer(locks, name="locks", rich_help_panel=LOOK)
locks.callback(invoke_without_command=True)(verbs_locks.locks)
locks.command("remove")(verbs_locks.remove)
app.add_typer(events, name="events", rich_help_panel=LOOK)
events.callback(invoke_without_command=True)(verbs_events.events)
events.command("schema", epilog=schema_verb.EXAMPLES)(schema_verb.schema)
app.command("replay", rich_help_panel=LOOK)(verbs_replay.replay)
app.command("compare", rich_help_panel=LOOK, epilog=verbs_compare.EXAMPLES)(verbs_compare.compare)
app.add_typer(risk, name="risk", rich_help_panel=LOOK)
risk.command("explain", epilog=verbs_risk.EXAMPLES)(verbs_risk.explain)
risk.command("status")(verbs_risk_status.status)
app.add_typer(research, name="research", rich_help_panel=LOOK)
research.command("ask", epilog=verbs_research.ASK_EXAMPLES)(verbs_research.ask)
research.command("check", epilog=verbs_research.CHECK_EXAMPLES)(verbs_research.check)
research.command("show")(verbs_research_look.show)
research.command("calls")(verbs_research_look.calls)
research.command("cost")(verbs_research_look.cost)
research.command("calibration", epilog=verbs_research_score.EXAMPLES)(verbs_research_score.calibration)
research.command("lessons")(verbs_research_look.lessons)
research.command("proposals")(verbs_research_look.proposals)
research.command("accept", epilog=verbs_research_decide.EXAMPLES)(verbs_research_decide.accept)
research.command("reject")(verbs_research_decide.reject)

app.command("pause", rich_help_panel=OPERATE)(verbs_operate.pause)
app.command("resume", rich_help_panel=OPERATE)(verbs_operate.resume)
app.command("close", rich_help_panel=OPERATE)(verbs_operate.close)
app.command("cancel", rich_help_panel=OPERATE)(verbs_operate.cancel)
app.command("halt", rich_help_panel=OPERATE)(verbs_operate.halt)
app.command("reset-kill-switch", rich_help_panel=OPERATE)(verbs_operate.reset_kill_switch)

app.command("strategies", rich_help_panel=CHOOSE)(verbs_lists.strategies)
app.command("new-strategy", rich_help_panel=CHOOSE)(verbs_strategy.new)
app.command("lint-strategy", rich_help_panel=CHOOSE, epilog=verbs_strategy.EXAMPLES)(verbs_strategy.lint)
app.command("rules", rich_help_panel=CHOOSE)(verbs_lists.rules)
app.command("venues", rich_help_panel=CHOOSE)(verbs_lists.venues)
app.command("presets", rich_help_panel=CHOOSE)(verbs_lists.presets)

app.add_typer(config, name="config", rich_help_panel=KEEP)
config.command("show")(verbs_config.show)
config.command("check")(verbs_config.check)
app.command("doctor", rich_help_panel=KEEP)(verbs_doctor.doctor)
app.add_typer(notify, name="notify", rich_help_panel=KEEP)
notify.command("test", epilog=verbs_notify.EXAMPLES)(verbs_notify.try_out)
notify.command("rules")(verbs_notify.rules)
app.add_typer(data, name="data", rich_help_panel=KEEP)
data.command("show")(verbs_data.show)
data.command("check")(verbs_data.check)
data.command("import", epilog=verbs_data.EXAMPLES)(verbs_data.import_)
app.add_typer(database, name="db", rich_help_panel=KEEP)
database.command("migrate")(verbs_database.migrate)
database.command("check")(verbs_database.check)
database.command("backup")(verbs_database.backup)
database.command("compact")(verbs_database.compact)


def main() -> None:
    """The console script ``argus``."""
    sys.excepthook = exits.unexpected
    exits.readable()
    typer.main.get_command(app)()


if __name__ == "__main__":
    main()
