"""The report is one file that a trader opens in a browser: what it draws is what the numbers say."""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from domain.errors import ConfigError
from domain.market import Bars
from domain.money import to_float
from domain.timeframe import HOUR
from orchestration.backtest.measures.metrics import metrics
from orchestration.backtest.measures.returns import daily_equity
from orchestration.backtest.reports import report_trades
from orchestration.backtest.reports.report import check_report, html, write_report
from orchestration.backtest.reports.report_text import lasting, number, safe, share, times
from orchestration.backtest.reports.thinning import candles, evenly, extremes
from orchestration.backtest.result import Open, Result, Sent
from risk.state import TradingState
from tests.chromium import Browser
from tests.results import BARS, a_result, a_walk, settings, simulated

if not os.environ.get("CI"):
    pytest.importorskip("plotly")

RESULT = a_result()
METRICS = metrics(RESULT)
HOSTILE = '<script>document.title="owned"</script>'
NASTY = (HOSTILE, '<!--<script </script><img src=x onerror="document.title=1">', "%{x} & &lt;b&gt; 'q' \u202e\x00--up")


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report") / "report.html"
    write_report(RESULT, METRICS, path)
    return path


def written(folder: Path, result: Result, told: Any = None) -> Path:
    path = folder / "report.html"
    write_report(result, metrics(result) if told is None else told, path)
    return path


def value(browser: Browser, name: str) -> str:
    """The number in a tile, without what is said of it."""
    return browser.text(f'[data-fact="{name}"]').splitlines()[0].replace("\u00a0", " ")


def drawn(browser: Browser, chart: str, what: str) -> Any:
    """Something of a chart as plotly holds it: what a person sees when pointing at it."""
    return browser.run(f"const chart = document.getElementById({json.dumps(chart)}); return {what}")


def per_cent(fraction: float, decimals: int = 2) -> str:
    return f"{fraction * 100:,.{decimals}f} %".replace("-", "\N{MINUS SIGN}")


# -- in the browser --------------------------------------------------------------------------------


def test_the_headline_says_what_the_metrics_say(browser: Browser, report: Path) -> None:
    browser.open(report)
    assert value(browser, "equity_final") == f"{to_float(RESULT.equity_final):,.2f}"
    assert value(browser, "net") == f"{to_float(RESULT.equity_final) - 100_000:+,.2f}"
    assert value(browser, "sharpe") == f"{METRICS['sharpe']:.2f}"
    assert value(browser, "sortino") == f"{METRICS['sortino']:.2f}"
    assert value(browser, "calmar") == f"{METRICS['calmar']:.2f}"
    assert value(browser, "profit_factor") == f"{METRICS['profit_factor']:.2f}"
    assert value(browser, "trades") == str(METRICS["trades"]) == "98"
    assert value(browser, "max_drawdown") == per_cent(METRICS["max_drawdown"])
    assert value(browser, "win_rate") == per_cent(METRICS["win_rate"])
    assert value(browser, "exposure") == per_cent(METRICS["exposure"])
    assert value(browser, "volatility") == per_cent(METRICS["volatility"])
    assert value(browser, "probabilistic_sharpe") == per_cent(METRICS["probabilistic_sharpe"])
    assert value(browser, "costs") == f"{METRICS['costs']['total']:,.2f}"
    assert browser.text("h1") == "Backtest: ema_cross on EURUSD, BTC, H1"


def test_every_headline_number_names_its_convention(browser: Browser, report: Path) -> None:
    browser.open(report)
    tiles = browser.run("return [...document.querySelectorAll('dd')].map(one => [one.dataset.fact, one.innerText])")
    told = {name: text.partition("\n")[2] for name, text in tiles}
    assert len(told) == 16
    assert all(told.values())
    assert "ddof 1" in told["sharpe"]
    assert "365 days a year" in told["sharpe"]


def test_the_equity_drawn_ends_and_falls_as_the_metrics_say(browser: Browser, report: Path) -> None:
    browser.open(report)
    x, y = drawn(browser, "equity", "[chart.data[0].x, chart.data[0].y]")
    assert x[-1] == int(RESULT.moments[-1]) // 1_000_000
    assert y[-1] == round(float(RESULT.equity[-1]), 2)
    assert max(y) == round(float(RESULT.equity.max()), 2)
    assert min(drawn(browser, "equity", "chart.data[1].y")) == round(METRICS["max_drawdown"], 6)
    halt = drawn(browser, "equity", "[chart.layout.shapes[0].x0, chart.layout.shapes[0].x1]")
    assert halt == [at // 1_000_000 for at, _ in RESULT.states]
    labels = browser.run(
        "return [...document.querySelectorAll('#equity .annotation-text')].map(one => one.textContent)"
    )
    assert labels == ["HALTED MAX_DRAWDOWN"]


def test_the_months_multiply_to_the_whole(browser: Browser, report: Path) -> None:
    browser.open(report)
    years, rows = drawn(browser, "months", "[chart.data[0].y, chart.data[0].z]")
    assert years == ["2024"]
    months = [one for one in rows[0][:12] if one is not None]
    assert len(months) == 3
    assert np.prod([1 + one for one in months]) - 1 == pytest.approx(METRICS["total_return"], abs=1e-5)
    assert rows[0][12] == pytest.approx(METRICS["total_return"], abs=1e-6)


def test_the_rolling_sharpe_ends_with_that_of_the_last_days(browser: Browser, report: Path) -> None:
    browser.open(report)
    days = np.array(list(daily_equity(RESULT).values()))
    last = (days[1:] / days[:-1] - 1)[-21:]
    assert drawn(browser, "sharpe", "chart.data[0].y.at(-1)") == round(last.mean() / last.std(ddof=1) * 365**0.5, 4)
    assert "last 21 days" in browser.text("#sharpe-note")
    assert "root of 365" in browser.text("#sharpe-note")


def test_exposure_is_in_multiples_of_equity(browser: Browser, report: Path) -> None:
    browser.open(report)
    assert max(drawn(browser, "exposure", "chart.data[0].y")) == round(METRICS["leverage_highest"], 4)


def test_denials_are_bars_by_code(browser: Browser, report: Path) -> None:
    browser.open(report)
    assert drawn(browser, "denials", "[chart.data[0].y, chart.data[0].x]") == [["MAX_SPREAD", "COOLDOWN"], [74, 24]]
    ticks = browser.run("return [...document.querySelectorAll('#denials .ytick text')].map(one => one.textContent)")
    assert sorted(ticks) == ["COOLDOWN", "MAX_SPREAD"]


def test_every_close_is_a_point_in_each_choice(browser: Browser, report: Path) -> None:
    browser.open(report)
    choices = browser.run("return [...document.querySelectorAll('#results-choice option')].map(one => one.text)")
    assert choices == ["R by time", "R by days held", "Net by time", "Net by days held"]
    points = "chart.data.flatMap(one => one.y).sort((a, b) => a - b)"
    assert drawn(browser, "results", points) == sorted(round(part.r or 0.0, 3) for _, part in RESULT.closes)
    choose(browser, "results", 3)
    assert drawn(browser, "results", points) == sorted(round(to_float(part.net), 2) for _, part in RESULT.closes)
    held = drawn(browser, "results", "[...new Set(chart.data.flatMap(one => one.x))]")
    assert held == [round(20 * HOUR / (24 * HOUR), 4)]


def choose(browser: Browser, chart: str, place: int) -> None:
    browser.run(
        f"const choice = document.getElementById('{chart}-choice'); choice.selectedIndex = {place}; "
        "choice.dispatchEvent(new Event('change'))"
    )


def test_prices_show_every_fill_of_the_stretch_with_its_stop(browser: Browser, report: Path) -> None:
    browser.open(report)
    assert browser.text("#prices-choice").split("\n") == [
        "BTC: last trades",
        "BTC: whole time",
        "EURUSD: last trades",
        "EURUSD: whole time",
    ]
    choose(browser, "prices", 2)
    traces = {one["name"]: one for one in drawn(browser, "prices", "chart.data.map(({name, x, y}) => ({name, x, y}))")}
    shown = traces["EURUSD"]["x"]
    assert len(shown) == report_trades.NEAR
    inside = [one for one in RESULT.fills if one.symbol == "EURUSD" and one.at // 1_000_000 >= shown[0]]
    for name, side in (("buy", 1), ("sell", -1)):
        expected = [[one.at // 1_000_000, to_float(one.price)] for one in inside if one.side == side]
        assert list(map(list, zip(traces[name]["x"], traces[name]["y"], strict=True))) == expected
    stops = [to_float(one.stop) for one in inside if one.reason == "ENTRY"]
    assert traces["stop"]["y"][::3] == stops
    choose(browser, "prices", 3)
    assert browser.text("#prices-note").startswith("A candle is 2 bars (2,000 bars)")
    assert len(drawn(browser, "prices", "chart.data[0].x")) == BARS / 2


def test_weekends_take_no_room_between_candles() -> None:
    bars = RESULT.prices["EURUSD"].copy()
    bars["ts"][-10:] += 48 * HOUR
    (near, whole) = report_trades.prices(msgspec.structs.replace(RESULT, prices={"EURUSD": bars}, fills=()))
    assert near.layout["xaxis"]["rangebreaks"] == [{"bounds": ["2024-03-23T22:00:00Z", "2024-03-25T22:00:00Z"]}]
    assert whole.layout["xaxis"]["rangebreaks"] == []


def test_tables_say_what_the_tallies_say(browser: Browser, report: Path) -> None:
    browser.open(report)
    rows = [line.split("\t") for line in browser.text("#by").splitlines()]
    told = {line[0]: line for line in rows}
    for name in ("EURUSD", "BTC"):
        by = METRICS["by"]["symbol"][name]
        assert told[name][1] == str(by["trades"])
        assert told[name][3] == f"{by['net_profit']:+,.2f}".replace("-", "\N{MINUS SIGN}")
    assert {"ema_cross", "BUY", "SELL", "STOP", "SIGNAL"} <= set(told)
    trades = [line.split("\t") for line in browser.text("#trades").splitlines()][1:]
    assert len(trades) == len(RESULT.closes)
    assert trades[0][0] == "EURUSD"
    assert trades[0][10] == f"{to_float(RESULT.closes[0][1].net):+,.2f}"
    assert f"{2:064x}" in browser.text("#inputs")
    assert "--set strategy.fast" in browser.text("#given")


def test_nothing_leaves_the_machine_and_nothing_goes_wrong(browser: Browser, report: Path) -> None:
    """Also when every button of every chart is pressed, and every choice made."""
    browser.open(report)
    buttons = "return [...document.querySelectorAll('.modebar-btn')].map(one => (one.click(), one.dataset.title))"
    assert len(browser.run(buttons)) >= 20
    for place in range(4):
        choose(browser, "results", place)
        choose(browser, "prices", place)
    asked = browser.requests()
    assert asked[0] == report.as_uri()
    assert [one for one in asked[1:] if not one.startswith(("data:", "blob:"))] == []
    assert browser.console() == []
    assert "cloud" not in " ".join(browser.run(buttons)).lower()


def test_a_request_would_be_seen_and_refused(browser: Browser, tmp_path: Path) -> None:
    """What the test above would see if the page asked for something."""
    image = "http://127.0.0.1:4/a.png"
    (tmp_path / "report.html").write_text(html(RESULT, METRICS).replace("<main>", f'<main><img src="{image}">'))
    browser.open(tmp_path / "report.html")
    assert image in browser.requests()
    assert [one for one in browser.console() if image in one and "Content Security Policy" in one]


@pytest.mark.parametrize("width", [360, 1280, 3840])
@pytest.mark.parametrize("dark", [False, True])
def test_it_fits_on_every_screen(browser: Browser, report: Path, tmp_path: Path, width: int, dark: bool) -> None:
    browser.open(report, width=width, height=900, dark=dark)
    across, page, ink = browser.run(
        "return [document.documentElement.scrollWidth, getComputedStyle(document.body).backgroundColor, "
        "getComputedStyle(document.querySelector('#equity .xtick text')).fill]"
    )
    assert across == width
    assert (page, ink) == (
        ("rgb(20, 23, 27)", "rgb(232, 234, 237)") if dark else ("rgb(255, 255, 255)", "rgb(26, 29, 33)")
    )
    outside = (
        "return [...document.querySelectorAll('main > *, section > *, dl > div, .chart:not(.scrolled) .main-svg')]"
        ".filter(one => one.getBoundingClientRect().right > innerWidth + 1).map(one => one.outerHTML.slice(0, 80))"
    )
    assert browser.run(outside) == []
    assert browser.console() == []
    browser.picture(tmp_path / "seen.png")
    assert (tmp_path / "seen.png").stat().st_size > 20_000  # more than an empty page


def test_hostile_names_are_shown_and_not_obeyed(browser: Browser, tmp_path: Path) -> None:
    result = a_result(NASTY, 300, settings=settings("EURUSD"))
    named = msgspec.structs.replace(result.settings.strategy, name=HOSTILE)
    lines = tuple(
        (
            msgspec.structs.replace(closed, strategy=HOSTILE),
            msgspec.structs.replace(part, strategy=HOSTILE, reason=HOSTILE),
        )
        for closed, part in result.closes
    )
    refusals = tuple(
        msgspec.structs.replace(one, denied=msgspec.structs.replace(one.denied, code=NASTY[1]))
        for one in result.refusals
    )
    odd = msgspec.structs.replace(
        result,
        settings=msgspec.structs.replace(result.settings, strategy=named),
        closes=lines,
        refusals=refusals,
        notices=(NASTY[1],),
        errors=(HOSTILE,),
        states=((int(result.moments[5]), TradingState("HALTED", HOSTILE)),),
    )
    browser.open(written(tmp_path, odd))
    assert browser.console() == []
    assert browser.run("return [document.title, document.images.length]") == [
        f"{HOSTILE} on {', '.join(NASTY[:2])}, {shown()}",
        0,
    ]
    assert browser.run("return document.querySelectorAll('script').length") == 3
    legend = browser.run("return [...document.querySelectorAll('#results .legendtext')].map(one => one.textContent)")
    assert sorted(legend) == sorted([*NASTY[:2], shown()])
    ticks = browser.run("return [...document.querySelectorAll('#denials .ytick text')].map(one => one.textContent)")
    assert ticks == [NASTY[1]]
    assert HOSTILE in browser.text("h1")
    assert HOSTILE in browser.text(".banner")


def shown() -> str:
    return NASTY[2].replace("\u202e", "\\u202e").replace("\x00", "\\x00")


@pytest.mark.parametrize("count", [0, 1, 5])
def test_a_backtest_without_trades_says_so(browser: Browser, tmp_path: Path, count: int) -> None:
    browser.open(written(tmp_path, a_result(count=count)))
    assert browser.console() == []
    assert browser.text(".banner") == "No trade: the strategy proposed nothing in this time."
    assert value(browser, "equity_final") == "100,000.00"
    assert "Nothing was denied." in browser.text("main")
    assert "No position was closed." in browser.text("main")
    assert bool(browser.run("return document.getElementById('equity')")) == (count > 0)


def test_without_metrics_the_rest_is_still_told(browser: Browser, tmp_path: Path) -> None:
    browser.open(written(tmp_path, RESULT, {}))
    assert browser.console() == []
    assert value(browser, "equity_final") == f"{to_float(RESULT.equity_final):,.2f}"
    assert drawn(browser, "equity", "chart.data[0].y.length") > 100


# -- what it says ----------------------------------------------------------------------------------


def banners(result: Result) -> list[str]:
    found = re.findall(r'<div class="banner">(.*?)</div>', html(result, metrics(result)))
    return [re.sub("<[^>]+>", " ", one) for one in found]


def test_what_must_be_known_first_stands_above_the_numbers() -> None:
    assert banners(RESULT) == []
    assert banners(simulated(RESULT)) == ["SIMULATED: a generator made these prices, no market did."]
    assert "SIMULATED" in html(simulated(RESULT), METRICS).partition("<title>")[2].partition("</title>")[0]
    partial = msgspec.structs.replace(RESULT, partial=True, errors=("EURUSD: it raised",))
    first, second = banners(partial)
    assert first == "PARTIAL: it was stopped before the end of the data. The last bar closed 2024-03-24 08:00:00 UTC."
    assert second.startswith("ERRORS: 1 while it ran.")
    assert "EURUSD: it raised" in second
    halted = msgspec.structs.replace(RESULT, states=RESULT.states[:1])
    assert banners(halted) == ["HALTED to the end, since 2024-02-11 17:00:00 UTC: MAX_DRAWDOWN."]
    assert banners(a_result(count=100)) == ["4 closed trades are few: most numbers below are luck."]


def test_without_trades_the_reason_is_given() -> None:
    denied = msgspec.structs.replace(RESULT, fills=(), closes=(), orders=(), states=())
    assert banners(denied) == ["No trade: the gate denied 98: MAX_SPREAD 74, COOLDOWN 24."]
    expired = tuple(Sent(order=one.order, status="EXPIRED", code="TTL") for one in RESULT.orders[:3])
    ended = msgspec.structs.replace(denied, refusals=(), orders=expired)
    assert banners(ended) == ["No trade: 3 orders never filled: EXPIRED TTL 3."]
    held = Open(symbol="BTC", side="LONG", quantity=1.0, entry=1.0, price=2.0, profit=1.0, stop=None, target=None)
    kept = msgspec.structs.replace(denied, fills=RESULT.fills[:1], positions=(held,))
    assert banners(kept) == ["No trade was closed. Open at the end: 1."]
    assert '<table id="positions">' in html(kept, metrics(kept))


def test_a_long_backtest_makes_a_small_file_that_says_what_it_left_out() -> None:
    """600,000 bars and 30,000 trades: everything is drawn thinner, and every chart says by how much."""
    count = 300_000
    result = a_result(count=count)
    page = html(result, metrics(result))
    assert len(page.encode()) < 8_000_000
    closes = len(result.closes)
    assert f"of {number(count, 0)} points" in page
    assert f"Drawn: 1,500 of {number(closes, 0)} closes" in page
    assert f"The first 200 of {number(closes, 0)}; all of them are in result.json and trades.parquet." in page
    assert "A candle is 300 bars (300,000 bars)" in page
    assert f"Marked: 300 of {number(closes, 0)} fills, evenly chosen." in page
    assert f'"y":{json.dumps(round(float(result.equity.min()), 2))}'.removeprefix('"y":') in page


def test_fifty_symbols_make_a_small_file() -> None:
    symbols = tuple(f"EURUSD{number:02}" for number in range(50))
    page = html(result := a_result(symbols, 6_000, settings=settings(*symbols)), metrics(result))
    assert len(page.encode()) < 8_000_000
    assert "The best and the worst 15 of 50 symbols." in page
    assert page.count("<option>") == 4 + 2 * 50


def test_nothing_in_the_file_points_elsewhere() -> None:
    own = html(RESULT, METRICS)
    start, end = own.index("<script>"), own.rindex("<script>")
    own = own[:start] + own[end:]  # without plotly's source, which names addresses it is told not to ask for
    assert re.findall(r"""(?:src|href|url)\s*[=(]""", own) == []
    assert "http" not in own.replace("http-equiv", "")
    assert own.count("default-src 'none'") == 1


def test_plotly_stands_in_it_once() -> None:
    assert html(RESULT, METRICS).count("* plotly.js v") == 1


def test_without_plotly_the_way_to_it_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "plotly.offline", None)
    with pytest.raises(ConfigError, match=r"pip install argus-trading\[reports\]"):
        check_report(tmp_path / "report.html")
    with pytest.raises(ConfigError, match=r"pip install argus-trading\[reports\]"):
        write_report(RESULT, METRICS, tmp_path / "report.html")
    assert not list(tmp_path.iterdir())


def test_a_place_that_cannot_be_written_is_refused_before_the_work(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is a folder: name a file in it"):
        check_report(tmp_path)
    check_report(tmp_path / "report.html")
    assert not list(tmp_path.iterdir())


# -- thinner ---------------------------------------------------------------------------------------


def test_the_extremes_of_every_stretch_stay() -> None:
    values = np.sin(np.arange(100_000) / 900.0)
    values[[777, 50_001]] = 9.0, -9.0
    kept = extremes(values, 500)
    assert len(kept) <= 500
    assert {0, 99_999, 777, 50_001} <= set(kept.tolist())
    assert (np.diff(kept) > 0).all()
    assert extremes(values[:10], 500).tolist() == list(range(10))
    values[1000:3000] = np.nan
    assert not np.isnan(values[extremes(values, 500)]).any()


def test_even_places_begin_and_end_with_the_whole() -> None:
    assert evenly(3, 10).tolist() == [0, 1, 2]
    kept = evenly(1_000, 10)
    assert (kept[0], kept[-1], len(set(kept.tolist()))) == (0, 999, 10)


def test_fewer_candles_hold_every_bar() -> None:
    bars: Bars = a_walk("EURUSD", 1_003)
    made = candles(bars, 100)
    assert (made.per, len(made.ts)) == (11, 92)
    assert made.open[0] == bars["open"][0]
    assert made.close[-1] == bars["close"][-1]
    assert made.high[1] == bars["high"][11:22].max()
    assert made.low[-1] == bars["low"][1001:].min()
    assert made.close[0] == bars["close"][10]


def test_numbers_are_written_for_people() -> None:
    assert number(-1234.567) == "\N{MINUS SIGN}1,234.57"
    assert number(-0.001) == "0.00"
    assert number(0.001, sign=True) == "0.00"
    assert (number(None), number(float("nan")), share(None), times(None)) == ("-", "-", "-", "-")
    assert share(0.0123) == "1.23\u00a0%"
    assert lasting(90_061 * 10**9) == "1 d 1 h"
    assert safe("a<b>\n") == "a&lt;b&gt;\\n"
