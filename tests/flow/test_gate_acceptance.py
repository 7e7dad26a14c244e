"""The limits of the gate over four symbols, proven from what the run tells: on walked bars, and on recorded ones."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from journal import commands
from journal.engines import open_engine
from orchestration.clock import WallClock
from orchestration.local import LocalRuntime
from tests.flow.event_oracle import (
    NEW_YORK,
    Account,
    Event,
    after_each,
    at,
    becomes,
    by_day,
    denials,
    entries,
    most_at_once,
    net,
    risk_day,
)
from tests.flow.hours import Hours, hours, recorded, walked
from tests.flow.replaying import Growing, Stopped, again, followed, identical, resumed
from tests.flow.system import Story, System, path

QUICK = ("strategy.fast=3", "strategy.slow=8", "risk.max_daily_loss=null")
LONDON = ZoneInfo("Europe/London")
UNIT = {"BTC": Fraction(1, 100_000), "XAUUSD": Fraction(1)}
"""Lot steps in units of the base; of forex pairs 1,000."""


@pytest.fixture(scope="module", params=["walked", pytest.param("recorded", marks=pytest.mark.data)])
def bars(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Hours:
    return recorded() if request.param == "recorded" else walked(tmp_path_factory.mktemp("bars"))


@pytest.fixture
def run(bars: Hours, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Story]:
    def run(*sets: str, **more: Any) -> Story:
        system = System(tmp_path_factory.mktemp("run"))
        return system.run(sets=(*QUICK, *sets), **{"preset": "balanced"} | bars.overrides | more)

    return run


def cycles(events: list[Event]) -> dict[str, Event]:
    """What each cycle said of the account, by its T."""
    return {one["data"]["at"]: one["data"] for one in events if one["type"] == "SCAN_SUMMARY"}


def test_one_position_at_a_time_and_so_many_entries_a_day(run: Callable[..., Story]) -> None:
    story = run("risk.max_open_positions=1", "risk.max_trades_per_day=2")

    assert most_at_once(story.events) == (1, 1)
    assert {one["data"]["code"] for one in denials(story.events)} >= {"MAX_OPEN_POSITIONS", "MAX_TRADES_PER_DAY"}
    assert len({one["symbol"] for one in story.of("POSITION_OPENED")}) == 4
    days = by_day(entries(story.events))
    assert max(days.values()) == 2
    assert sum(count == 2 for count in days.values()) > 10
    for denied in denials(story.events, "MAX_TRADES_PER_DAY"):
        assert (denied["data"]["value"], days[risk_day(at(denied))]) == (2, 2)


def test_without_the_limit_there_would_be_more_at_once(run: Callable[..., Story]) -> None:
    assert min(most_at_once(run().events)) > 1


def test_a_soft_drawdown_lets_only_exits_pass_until_equity_has_recovered(run: Callable[..., Story]) -> None:
    story = run("risk.max_drawdown_soft=0.007", "risk.max_drawdown=0.5")

    reducing, recovered = False, False
    left: list[str] = []
    codes: set[str] = set()
    again_in: list[str] = []
    for one in story.events:
        if becomes("REDUCING")(one):
            reducing = True
        elif becomes("ACTIVE")(one):
            reducing = False
            recovered = True
        elif reducing and one["type"] == "RISK_APPROVED":
            assert one["data"]["quantity"] == one["data"]["reduces"]
            left.append(one["data"]["order_id"])
        elif reducing and one["type"] == "RISK_DENIED":
            codes.add(one["data"]["code"])
        elif recovered and one["type"] == "RISK_APPROVED" and one["data"]["purpose"] == "ENTRY":
            recovered = False
            again_in.append(one["ts"])

    assert left
    assert {one["data"]["order_id"] for one in story.of("ORDER_FILLED")} > set(left)
    assert codes == {"MAX_DRAWDOWN_SOFT"}
    assert again_in, "nothing was entered after a recovery"
    peak = 0.0
    for cycle in cycles(story.events).values():
        peak = max(peak, cycle["equity"])
        assert (cycle["state"] == "REDUCING") == ((peak - cycle["equity"]) / peak >= 0.007)


def halted_then(count: int, runtimes: list[LocalRuntime]) -> Callable[[str, str], None]:
    """Ends the process so many snapshots after the gate has halted."""
    seen: list[str] = []

    def kill(actor: str, method: str) -> None:
        if runtimes and method == "snapshot" and runtimes[0].object("RiskManager")._switch.state.name == "HALTED":
            seen.append(method)
            if len(seen) > count:
                raise Stopped

    return kill


def test_a_hard_drawdown_stays_halted_through_a_restart_until_a_person_resets_it(
    bars: Hours, tmp_path_factory: pytest.TempPathFactory
) -> None:
    system, runtimes = System(tmp_path_factory.mktemp("run")), []
    limits = ("risk.max_drawdown=0.012", "risk.max_drawdown_soft=null")

    async def remember(runtime: LocalRuntime) -> None:
        runtimes.append(runtime)

    with pytest.raises(Stopped):
        system.run(
            sets=(*QUICK, *limits),
            preset="balanced",
            fault=halted_then(30, runtimes),
            during=remember,
            **bars.overrides,
        )
    before = again(system)
    assert before.difference is None
    told = resume_and_reset(system, before.run_id, before.cycles + 30)

    halted = [place for place, one in enumerate(told) if becomes("HALTED")(one)]
    reset = next(place for place, one in enumerate(told) if becomes("ACTIVE")(one))
    restarted = next(place for place, one in enumerate(told) if one["type"] == "RUN_STARTED" and one["data"]["resumed"])
    assert halted[0] < restarted < reset
    stopped = told[halted[0] : reset]
    assert entries(stopped) == []
    assert {one["data"]["code"] for one in denials(stopped)} == {"KILL_SWITCH"}
    assert denials(told[restarted:reset]), "nobody asked after the restart"
    assert [one for one in stopped if one["type"] == "POSITION_CLOSED"], "exits pass"
    assert entries(told[reset:]), "it goes on after the reset"
    peak = 0.0
    for one in told[:reset]:
        if one["type"] == "SCAN_SUMMARY":
            peak = max(peak, one["data"]["equity"])
    assert (peak - told[halted[0] - 1]["data"].get("equity", 0.0)) / peak >= 0.012


def resume_and_reset(system: System, run_id: str, cycle: int) -> list[Event]:
    """Goes on to the end; a person resets the kill switch once that many cycles are closed."""
    from domain.candidate import REASONS
    from journal.codec import envelope
    from journal.views import events
    from tests.flow.replaying import telling

    resumed(system, run_id, telling(system, (cycle, "reset-kill-switch", {})))
    engine = open_engine(system.url)
    with engine.connect() as connection:
        rows = events(connection, run_id, 0, 1_000_000)
    engine.dispose()
    symbols = tuple(sorted({one["symbol"] for one in rows if one["symbol"]}))
    return [envelope(one, symbols, REASONS) for one in rows]


def test_the_daily_loss_counts_from_the_days_start_whatever_equity_does_then(run: Callable[..., Story]) -> None:
    story = run("risk.max_daily_loss=400")

    begun: dict[Any, float] = {}
    for moment, cycle in cycles(story.events).items():
        assert cycle["day_equity"] == begun.setdefault(risk_day(datetime.fromisoformat(moment)), cycle["equity"])
    rose = [one for one in cycles(story.events).values() if one["equity"] > one["day_equity"] + 100]
    denied = denials(story.events, "MAX_DAILY_LOSS")
    said = cycles(story.events)
    assert rose
    assert len({risk_day(at(one)) for one in denied}) > 2
    for one in denied:
        cycle = said[one["ts"]]
        assert one["data"]["value"] == pytest.approx(cycle["day_equity"] - cycle["equity"], abs=1e-8)
        assert one["data"]["value"] >= 400
    for one in entries(story.events):
        assert said[one["ts"]]["day_equity"] - said[one["ts"]]["equity"] < 400


def test_losing_runs_lock_their_symbol_and_stops_lock_everything(run: Callable[..., Story]) -> None:
    limits = ("risk.losses_in_a_row=2", "risk.losses_in_a_row_lock=43200")
    guard = ("risk.stoploss_guard_trades=3", "risk.stoploss_guard_lookback=86400", "risk.stoploss_guard_lock=21600")
    story = run(*limits, *guard)

    streaks: dict[str, int] = {}
    stops: list[datetime] = []
    until: dict[str, datetime] = {}
    everybody = datetime.fromtimestamp(0, NEW_YORK)
    for one in story.events:
        if one["type"] == "POSITION_CLOSED":
            lost, symbol, closed = net(one) < 0, one["symbol"], at(one)
            streaks[symbol] = streaks.get(symbol, 0) + 1 if lost else 0
            if streaks[symbol] >= 2 and lost:
                until[symbol] = closed + timedelta(hours=12)
            if lost and one["data"]["reason"] == "STOP":
                stops.append(closed)
                if sum(stop >= closed - timedelta(days=1) for stop in stops) >= 3:
                    everybody = closed + timedelta(hours=6)
        elif one in entries([one]):
            assert at(one) >= until.get(one["symbol"], everybody)
            assert at(one) >= everybody
        elif one["type"] == "RISK_DENIED" and one["data"]["code"] == "LOCKED":
            ends = {"LOSSES_IN_A_ROW": until.get(one["symbol"]), "STOPLOSS_GUARD": everybody}[one["data"]["value"]]
            assert ends is not None
            assert datetime.fromisoformat(one["data"]["threshold"]) == ends > at(one)
    codes = {one["data"]["value"] for one in denials(story.events, "LOCKED")}
    assert codes == {"LOSSES_IN_A_ROW", "STOPLOSS_GUARD"}
    told = [one["data"] for one in story.of("ALERT") if one["data"]["alert"] == "LOCKED"]
    assert {one["code"] for one in told} == codes


def waves(folder: Any) -> Hours:
    """Two symbols: one in whose waves the averages win, one that is whipped."""
    rise = path(*[(14, 0.0012), (2, -0.0004), (12, -0.0011), (3, 0.0005)] * 14, start=1.1)
    whip = path(*[(3, 0.0011), (3, -0.0011)] * 72, start=1.3)
    length = min(len(rise), len(whip))
    return hours(folder, EURUSD=rise[:length], GBPUSD=whip[:length])


def test_kelly_takes_over_after_twenty_trades(tmp_path_factory: pytest.TempPathFactory) -> None:
    kelly_is_what_the_closed_trades_say(waves(tmp_path_factory.mktemp("waves")), tmp_path_factory)


@pytest.mark.data
def test_kelly_takes_over_after_twenty_trades_on_recorded_bars(tmp_path_factory: pytest.TempPathFactory) -> None:
    kelly_is_what_the_closed_trades_say(recorded(), tmp_path_factory)


def kelly_is_what_the_closed_trades_say(bars: Hours, tmp_path_factory: pytest.TempPathFactory) -> None:
    free = [f"risk.{key}=null" for key in ("max_order_notional", "max_correlation", "max_currency_exposure")]
    sets = (
        *QUICK,
        *free,
        "risk.max_leverage=null",
        "risk.sizing=kelly",
        "risk.kelly_share=0.05",
        "risk.max_risk=0.5",
        "risk.market_hours=false",
    )
    story = System(tmp_path_factory.mktemp("run")).run(sets=sets, preset="balanced", **bars.overrides)

    nets: dict[str, list[float]] = {}
    asked: dict[str, Event] = {}
    said, seen = cycles(story.events), {"first": 0, "kelly": 0, "denied": 0}
    for one in story.events:
        if one["type"] == "POSITION_CLOSED":
            nets.setdefault(one["symbol"], []).append(net(one))
        elif one["type"] == "CANDIDATE":
            asked[one["symbol"]] = one
        elif one["type"] == "RISK_DENIED" and one["data"]["code"] == "KELLY_NEGATIVE":
            assert kelly(nets[one["symbol"]]) <= 0
            assert len(nets[one["symbol"]]) >= 20
            seen["denied"] += 1
        elif one in entries([one]):
            closed = nets.get(one["symbol"], [])
            share = 0.005 if len(closed) < 20 else kelly(closed) * 0.05
            seen["first" if len(closed) < 20 else "kelly"] += 1
            step = float(UNIT.get(one["symbol"], Fraction(1_000)))
            whole = said[one["ts"]]["equity"] * share / asked[one["symbol"]]["data"]["stop_distance"]
            units = one["data"]["quantity"] - one["data"]["reduces"]
            assert units == pytest.approx(whole // step * step, abs=step * 1.01)
            assert units <= whole + 1e-6
    assert seen["first"] >= 20
    assert seen["denied"] + seen["kelly"] > 0
    if len(bars.symbols) == 2:
        assert min(seen.values()) > 0


def kelly(nets: list[float]) -> float:
    """W - (1 - W) / R of what trades have brought."""
    wins, losses = [one for one in nets if one > 0], [-one for one in nets if one < 0]
    if not wins or not losses:
        return len(wins) / len(nets) if wins else -1.0
    share = len(wins) / len(nets)
    return share - (1 - share) / (float(np.mean(wins)) / float(np.mean(losses)))


def test_currencies_and_what_moves_together_stay_within_their_limits(run: Callable[..., Story], bars: Hours) -> None:
    limits = ("risk.max_currency_exposure=1.2", "risk.max_correlation=0.6", "risk.max_order_notional=null")
    story = run(*limits, "risk.risk_fraction=0.01")

    said, account, checked = cycles(story.events), Account(), 0
    moved = np.log(bars.closes).diff()
    for one in story.events:
        if one in entries([one]):
            symbol, moment = one["symbol"], at(one)
            prices = bars.closes.loc[:moment].iloc[-1]
            side = 1 if one["data"]["side"] == "BUY" else -1
            before = dict(account.held)
            account.take(one)
            equity = said[one["ts"]]["equity"]
            for currency in (symbol[:3], "USD"):
                assert worst(account, prices, currency) <= max(1.2 * equity, units(before, prices, currency)) + 1e-6
            known = moved.loc[:moment].iloc[-100:]
            for other in account.exposed - {symbol}:
                together = float(known[symbol].corr(known[other]))
                if len(known[[symbol, other]].dropna()) >= 20:
                    assert together * side * np.sign(side_of(account, other)) <= 0.6 + 1e-9
                    checked += 1
        else:
            account.take(one)
    assert checked > 5
    assert {one["data"]["code"] for one in denials(story.events)} >= {"CORRELATED"}
    assert "MAX_CURRENCY_EXPOSURE" in shrunk_or_denied(story)


def units(held: dict[str, float], prices: Any, currency: str) -> float:
    """The net value of a currency in dollars, by its legs."""
    legs = [
        (1 if symbol.startswith(currency) else -1) * quantity * prices[symbol]
        for symbol, quantity in held.items()
        if currency in (symbol[:3], "USD")
    ]
    return abs(sum(legs))


def worst(account: Account, prices: Any, currency: str) -> float:
    """The largest net that a currency may come to, whichever of the working entries are filled."""
    ends = []
    for side in (1, -1):
        held = dict(account.held)
        for symbol, quantity in account.working.values():
            towards = quantity * (1 if symbol.startswith(currency) else -1)
            if towards * side > 0:
                held[symbol] = held.get(symbol, 0.0) + quantity
        ends.append(units(held, prices, currency))
    return max(ends)


def side_of(account: Account, symbol: str) -> float:
    working = sum(quantity for name, quantity in account.working.values() if name == symbol)
    return account.held.get(symbol, 0.0) or working


def shrunk_or_denied(story: Story) -> set[str]:
    """Codes of denials, and MAX_CURRENCY_EXPOSURE where a size is smaller than the risk that was asked for."""
    said, asked, found = cycles(story.events), {}, {one["data"]["code"] for one in denials(story.events)}
    for one in story.events:
        if one["type"] == "CANDIDATE":
            asked[one["symbol"]] = one["data"]["stop_distance"]
        elif one in entries([one]):
            opened = one["data"]["quantity"] - one["data"]["reduces"]
            if opened * asked[one["symbol"]] < 0.009 * said[one["ts"]]["equity"]:
                found.add("MAX_CURRENCY_EXPOSURE")
    return found


NEWS = {  # what was published when, UTC
    "2015-01-09T13:30:00": ("USD", 45),
    "2015-02-06T13:30:00": ("USD", 45),
    "2015-01-28T19:00:00": ("USD", 60),
    "2015-01-22T12:45:00": ("EUR", 45),
    "2015-01-08T12:00:00": ("GBP", 45),
    "2024-01-05T13:30:00": ("USD", 45),
    "2024-01-11T13:30:00": ("USD", 30),
    "2024-01-25T13:15:00": ("EUR", 45),
}


def test_entries_keep_away_from_news_and_to_the_session(run: Callable[..., Story]) -> None:
    story = run("risk.news=[static]", "risk.sessions=[london]")

    for one in entries(story.events):
        local = at(one).astimezone(LONDON)
        assert one["symbol"] == "BTC" or (8 <= local.hour < 17 and local.weekday() < 5)
        for published, (currency, minutes) in NEWS.items():
            away = at(one) - datetime.fromisoformat(f"{published}+00:00")
            if currency in one["symbol"] or (currency == "USD" and one["symbol"] == "BTC"):
                assert not timedelta(minutes=-minutes) <= away < timedelta(minutes=minutes)
    codes = [one["data"]["code"] for one in denials(story.events)]
    assert codes.count("OUT_OF_SESSION") > 20
    assert codes.count("NEWS_BLACKOUT") > 2
    assert len(entries(story.events)) > 5


def test_the_same_run_twice_decides_the_same(run: Callable[..., Story]) -> None:
    limits = ("risk.max_open_positions=2", "risk.losses_in_a_row=2", "risk.max_currency_exposure=1")
    first, second = run(*limits), run(*limits)

    assert first.summary == second.summary
    assert first.summary.decisions_hash


# -- a second engine on the same live account ----------------------------------------------------------


@pytest.fixture
def live(tmp_path_factory: pytest.TempPathFactory) -> tuple[System, Growing]:
    """An account on bars that grow: quick waves, and one fall of five percent in the 75th minute."""
    closes = path(*[(4, 0.0003), (4, -0.0003)] * 40, start=1.1)
    closes = [*closes[:75], *(round(one * 0.95, 5) for one in closes[75:])]
    folder = tmp_path_factory.mktemp("live")
    sets = ["strategy.fast=2", "strategy.slow=4", "strategy.side=long", "risk.units=100000"]
    return System(folder, sets), Growing(folder, EURUSD=closes)


def test_the_kill_switch_of_a_live_account_outlives_the_engine(live: tuple[System, Growing]) -> None:
    system, files = live
    limits = ("risk.max_drawdown=0.02",)
    first = followed(system, files, 30, sets=limits)
    second = followed(system, files, 20, sets=limits)

    halted = [one["data"] for one in first.of("ALERT") if one["data"].get("to") == "HALTED"]
    assert [one["code"] for one in halted] == ["MAX_DRAWDOWN"]
    assert entries(first.events)
    assert entries(second.events) == []
    assert {one["data"]["code"] for one in denials(second.events)} == {"KILL_SWITCH"}

    engine = open_engine(system.url)
    commands.add(engine, "reset-kill-switch", {}, "test", "seen and understood", WallClock().now())
    engine.dispose()
    third = followed(system, files, 20, sets=limits)

    assert [one["data"] for one in third.of("ALERT") if one["data"].get("to") == "HALTED"] == []
    assert entries(third.events)
    assert denials(third.events) == []
    identical(again(system), third)


def test_the_start_of_a_live_day_outlives_the_engine_and_a_rise(live: tuple[System, Growing]) -> None:
    system, files = live
    noon = f"{(datetime.fromtimestamp(files.start / 10**9, LONDON) + timedelta(hours=12)):%H}:00 Europe/London"
    limits = ("risk.max_daily_loss=3000", f"risk.day_start={noon}")
    first = followed(system, files, 30, sets=limits)
    second = followed(system, files, 20, sets=limits)

    begun = {one["day_equity"] for story in (first, second) for one in cycles(story.events).values()}
    assert begun == {100_000.0}
    assert max(one["equity"] for one in cycles(first.events).values()) > 100_010
    assert entries(first.events)
    assert entries(second.events) == []
    assert {one["data"]["code"] for one in denials(second.events)} == {"MAX_DAILY_LOSS"}
    assert {one["data"]["value"] > 3_000 for one in denials(second.events)} == {True}


def test_the_oracle_counts_what_is_on_its_way() -> None:
    def told(kind: str, symbol: str, **data: Any) -> Event:
        usual = {"order_id": symbol, "side": "BUY", "quantity": 5.0, "reduces": 0.0}
        return {"type": kind, "symbol": symbol, "ts": "2024-01-02T00:00:00Z", "data": usual | data}

    approved = [told("RISK_APPROVED", "A"), told("RISK_APPROVED", "B")]
    assert most_at_once(approved) == (2, 0)
    gone = [told("ORDER_FILLED", "A"), told("TRADE_EXECUTION", "A"), told("POSITION_OPENED", "A")]
    exit = [told("RISK_APPROVED", "A", side="SELL", reduces=5.0, order_id="x")]
    left = [told("TRADE_EXECUTION", "A", side="SELL", order_id="x"), told("POSITION_CLOSED", "A")]
    seen = [len(account.exposed) for _, account in after_each([approved[0], *gone, *exit, *left, approved[1]])]
    assert seen == [1, 1, 1, 1, 1, 0, 0, 1]
