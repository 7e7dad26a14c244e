"""The verb ``risk status``: how much of each limit is used, and what the whole book risks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestration.terminal.exits import DONE, guarded
from orchestration.terminal.figures import NOTHING, moment, money
from orchestration.terminal.options import AsJson, DatabaseUrl
from orchestration.terminal.output import Column, Plain, print_facts, print_json, print_table, say
from orchestration.terminal.server_options import TokenFile, Url
from orchestration.terminal.verbs_look import RunId

if TYPE_CHECKING:
    from orchestration.asking import Standing


@guarded
def status(
    run: RunId = None,
    db_url: DatabaseUrl = None,
    server: Url = None,
    token_file: TokenFile = None,
    as_json: AsJson = False,
) -> int:
    """Show where the account stands against its limits: each with what is used of it, and what the whole book risks.

    From the database alone, so it works without an engine too. The value at risk is what a bar costs at most, at
    risk.var_level, by the last bars; the worst shock is that of risk.stress. Nothing is written. A server (--url) works
    it out at most every few seconds.

    JSON: state, code, equity, balance, peak, day_equity, trades_today; limits, each with key, used, threshold, share
    and unit; portfolio with var, cvar, parametric and stress (shares of equity), scenario, gross and margin (money),
    leverage, missing; locks, account, run_id, at.
    """
    from orchestration.terminal.place import database_url
    from orchestration.terminal.remote import remote

    if server is not None:
        with remote(server, token_file) as there:
            told = there.get("/api/terminal/risk", run=run)
    else:
        told = _here(database_url(db_url), run)
    if as_json:
        print_json(told)
    else:
        _say(told)
    return DONE


def _here(url: str, run: str | None) -> Plain:
    from orchestration import frozen
    from orchestration.terminal.ladder_wish import kernels, paused
    from orchestration.terminal.place import halt_file

    found = frozen.run_of(url, run)
    kernels()
    from orchestration import asking

    settings = frozen.settings_of(found.config)
    with asking.of_run(url, found, settings, str(halt_file()), remembers=True) as standing:
        return facts(standing, paused(url, found))


def facts(standing: Standing, paused: bool) -> Plain:
    """As JSON values."""
    import msgspec

    from domain.money import to_float
    from domain.timeframe import iso
    from orchestration.terminal.ladder import unit_of
    from risk.portfolio import portfolio_risk
    from risk.usage import usages

    view = standing.view(paused)
    figures, state, found, settings = portfolio_risk(view), view.state, standing.found, standing.settings
    assert found is not None
    return {
        "run_id": found.run_id,
        "account": found.account,
        "simulated": found.simulated,
        "preset": settings.preset,
        "currency": settings.account.currency,
        "at": iso(view.now),
        "state": state.name,
        "code": state.code or None,
        "paused": paused,
        "equity": to_float(view.equity),
        "balance": to_float(view.book.balance),
        "peak": to_float(view.peak),
        "day_equity": to_float(view.day_equity),
        "trades_today": view.trades_today,
        "positions": len(view.book.positions),
        "locks": [
            {"code": one.code, "symbol": one.symbol, "until_at": iso(one.until_at)}
            for one in view.locks
            if one.until_at > view.now
        ],
        "limits": [
            {"key": one.key, "used": one.used, "threshold": one.threshold, "share": one.share, "unit": unit_of(one.key)}
            for one in usages(view, figures)
        ],
        "portfolio": msgspec.structs.asdict(figures),
        "var_level": settings.risk.var_level,
        "var_horizon": settings.risk.var_horizon,
    }


def _say(told: Plain) -> None:
    from orchestration.terminal.ladder import shown

    mark = "SIMULATED " if told["simulated"] else ""
    code = f" ({told['code']})" if told["code"] else ""
    currency, day = told["currency"], told["equity"] - told["day_equity"]
    print_facts(
        [
            ("account", f"{mark}{told['account']}, at {moment(told['at'])} UTC"),
            ("limits", f"preset {told['preset']}"),
            ("trading", f"{told['state']}{code}{', engine paused' if told['paused'] else ''}"),
            ("equity", f"{money(told['equity'])} {currency}, balance {money(told['balance'])}"),
            (
                "since",
                f"{money(day, sign=True)} today, {money(told['equity'] - told['peak'], sign=True)} from the peak",
            ),
            ("open", f"positions: {told['positions']}, entries today: {told['trades_today']}"),
            *(
                ("locked", f"{one['symbol'] or 'all'} until {moment(one['until_at'])} UTC: {one['code']}")
                for one in told["locks"]
            ),
        ]
    )
    columns = [
        Column("limit", lambda row: row["key"]),
        Column("stands at", lambda row: shown(row["used"], row["unit"]), True),
        Column("threshold", lambda row: shown(row["threshold"], row["unit"]), True),
        Column("used", lambda row: NOTHING if row["share"] is None else f"{row['share'] * 100:.0f} %", True),
    ]
    say("")
    print_table(columns, told["limits"], "no limits on the account as a whole")
    say("")
    print_facts(_book(told))


def _book(told: Plain) -> list[tuple[str, str]]:
    """What the whole book risks."""
    book, currency = told["portfolio"], told["currency"]
    if book["missing"]:
        return [("book", f"not known: no price, rate or instrument of {', '.join(book['missing'])}")]

    def share(name: str) -> str:
        value = book[name]
        return "not known" if value is None else f"{value * 100:.3g} % ({money(value * told['equity'])} {currency})"

    bars = told["var_horizon"]
    ahead = "the next bar" if bars == 1 else f"the next {bars} bars"
    shock = f" if {book['scenario']!r} happens" if book["scenario"] else ""
    return [
        ("held", f"{money(book['gross'])} {currency}, margin {money(book['margin'])}"),
        (
            f"VaR {told['var_level'] * 100:g} %",
            f"{share('var')} in {ahead}; by a normal distribution {share('parametric')}",
        ),
        ("beyond it", f"{share('cvar')} on average"),
        ("worst shock", f"{share('stress')}{shock}"),
    ]
