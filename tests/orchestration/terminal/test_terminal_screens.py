from __future__ import annotations

import io
import json
import os
from typing import Any

import pytest
from rich.console import Console

from domain.events import Draft
from domain.timeframe import MINUTE
from orchestration.terminal import screens
from orchestration.terminal.info import RunInfo
from orchestration.terminal.json_lines import JsonLines
from orchestration.terminal.live_table import LiveTable
from orchestration.terminal.panels import panels
from orchestration.terminal.plain_lines import PlainLines
from orchestration.terminal.screens import Screen
from orchestration.terminal.tally import Tally
from tests.orchestration.terminal.story import (
    T,
    alert,
    an_info,
    denied,
    engine_state,
    fill,
    opened,
    rows_of,
    run_summary,
    scan,
)

CLOSES = {"EURUSD": 1.1, "BTC": 43_000.0}
STORY = [
    engine_state("running"),
    scan(1, CLOSES),
    fill("EURUSD", "BUY", 12_000.0, 1.09),
    opened("EURUSD", "BUY", 12_000.0, 1.09, stop=1.08),
    denied("BTC", "MAX_OPEN_POSITIONS"),
    alert(),
    scan(2, CLOSES, {"EURUSD": "HOLDING", "BTC": "DENIED MAX_OPEN_POSITIONS"}, equity=100_120.0),
    run_summary(),
]


def told(screen: Screen, info: RunInfo, story: list[Draft]) -> None:
    screen.begin(info)
    for row in rows_of(story):
        screen.show(row)
    screen.end(0)
    screen.close()


def lines(info: RunInfo, story: list[Draft]) -> list[str]:
    out = io.BytesIO()
    told(PlainLines(out), info, story)
    return out.getvalue().decode().splitlines()


def tally(info: RunInfo, story: list[Draft]) -> Tally:
    found = Tally(info)
    for row in rows_of(story):
        found.take(row)
    found.look()
    return found


def drawn(found: Tally, width: int, height: int) -> str:
    console = Console(file=io.StringIO(), width=width, height=height, color_system=None)
    with console.capture() as captured:
        console.print(panels(found, width, height))
    return captured.get()


# -- JSON lines --------------------------------------------------------------------------------------


def test_every_event_is_one_strict_envelope_in_the_order_of_seq() -> None:
    out = io.BytesIO()
    told(JsonLines(out), an_info(), [*STORY[:-1], scan(3, {"EURUSD": float("nan"), "BTC": 1.0}), STORY[-1]])

    def refuse(word: str) -> Any:
        raise AssertionError(word)

    said = [json.loads(line, parse_constant=refuse) for line in out.getvalue().splitlines()]
    assert [one["seq"] for one in said] == list(range(1, 10))
    keys = ["v", "seq", "id", "type", "ts", "run_id", "symbol", "correlation_id", "causation_id", "data"]
    assert all(list(one) == keys for one in said)
    assert said[-1]["type"] == "RUN_SUMMARY"
    assert said[1]["data"]["symbols"] == {"EURUSD": "NO_SIGNAL", "BTC": "NO_SIGNAL"}
    assert not any("simulated" in one["data"] for one in said)


def test_every_event_of_a_simulated_run_says_so() -> None:
    out = io.BytesIO()
    told(JsonLines(out), an_info(simulated=True), STORY)

    assert all(json.loads(line)["data"]["simulated"] is True for line in out.getvalue().splitlines())


@pytest.mark.parametrize("kind", [JsonLines, PlainLines])
def test_a_reader_that_goes_away_does_not_end_the_run(kind: type[JsonLines | PlainLines]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with open(writing, "wb") as stream:
        told(kind(stream), an_info(), STORY)


def test_a_full_disk_is_told_once_and_does_not_end_the_run(capsys: pytest.CaptureFixture[str]) -> None:
    if not os.path.exists("/dev/full"):
        pytest.skip("this system has no /dev/full")
    with open("/dev/full", "wb", buffering=0) as stream:
        told(JsonLines(stream), an_info(), STORY)

    assert capsys.readouterr().err.count("the run goes on") == 1


def test_notices_never_go_to_a_stdout_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    for screen in (JsonLines(io.BytesIO()), PlainLines(io.BytesIO())):
        screen.notice("no spread in the data")

    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("no spread in the data\n") == 2


# -- plain lines -------------------------------------------------------------------------------------


def test_a_pipe_gets_one_line_per_cycle_and_happening_and_a_summary() -> None:
    said = lines(an_info(), STORY)

    assert said[2:9] == [
        "engine 2024-01-02T00:00:00Z running (was initializing): ready",
        "scan 1 2024-01-02T00:01:00Z EURUSD=NO_SIGNAL BTC=NO_SIGNAL equity 100000.00",
        "fill 2024-01-02T00:00:00Z BUY 12,000 EURUSD at 1.09000 (ENTRY), commission 1.25",
        "denied 2024-01-02T00:00:00Z BUY BTC: MAX_OPEN_POSITIONS, 5 against 5",
        "alert 2024-01-02T00:00:00Z TRADING_STATE ACTIVE to HALTED: MAX_DRAWDOWN, 0.16 against 0.15",
        "scan 2 2024-01-02T00:02:00Z EURUSD=HOLDING BTC=DENIED(MAX_OPEN_POSITIONS) equity 100120.00",
        "run          20240102T000000-abcd",
    ]
    closing = "\n".join(said[8:])
    for part in (
        "cycles       2",
        "101,000.00 USD (+1.00 %)",
        "ab" * 32,
        "ended        cycles",
        "--db-url sqlite:////data",
    ):
        assert part in closing


def test_many_symbols_are_counted_by_reason() -> None:
    closes = {f"S{number}": 1.0 for number in range(9)}
    said = lines(an_info(*closes), [scan(1, closes, {"S3": "ERROR: division by zero", "S4": "CANDIDATE"})])

    assert said[2] == "scan 1 2024-01-02T00:01:00Z NO_SIGNAL=7 CANDIDATE=1 ERROR=1 equity 100000.00"


def test_every_line_of_a_simulated_run_says_so() -> None:
    assert all(line.endswith(" SIMULATED") for line in lines(an_info(simulated=True), STORY))


def test_a_run_without_a_summary_still_ends_with_one() -> None:
    said = "\n".join(lines(an_info(), STORY[:-1]))

    assert "ended        without a summary" in said
    assert "fills        1" in said


# -- the live table ----------------------------------------------------------------------------------


@pytest.mark.parametrize("symbols", [2, 30, 1000])
@pytest.mark.parametrize(("width", "height"), [(80, 24), (200, 60), (60, 12), (20, 5)])
def test_the_picture_fits_every_terminal(symbols: int, width: int, height: int) -> None:
    closes = dict(CLOSES) | {f"S{number}": 1.0 + number for number in range(symbols - 2)}
    info = an_info(*closes, simulated=True, cycles=10)
    story = [*STORY[2:6], *(denied(f"S{number}", "LOCKED") for number in range(9)), scan(3, closes)]

    picture = drawn(tally(info, story), width, height).splitlines()

    assert len(picture) <= max(height, 9)
    assert all(len(line) <= width for line in picture)
    assert picture[0].startswith(" SIMULATED ")


def test_the_picture_shows_what_a_trader_asks_for() -> None:
    picture = drawn(tally(an_info(simulated=True, cycles=10), STORY[:-1]), 80, 24)

    for part in (
        "ema_cross balanced recorded M1",
        "http://127.0.0.1:8265",
        "Ctrl-C ends; python cli.py halt",
        "cycle 2  2024-01-02 00:02:00",
        "20%",
        "equity 100,120.00 USD (+0.12 %)",
        "balance 100,000.00",
        "day +120.00",
        "1.2 ms a cycle",
        "1 fills",
        "denied 1 (MAX_OPEN_POSITIONS 1)",
        "long 12,000",
        "1.09000 +120.00 1.08000",
        "HOLDING",
        "43,000.00 DENIED(",
        "fill BUY 12,000 EURUSD at 1.09000",
    ):
        assert part in picture


def test_those_with_positions_and_the_latest_to_act_come_first() -> None:
    closes = {f"S{number}": 1.0 for number in range(50)}
    story = [fill("S40", "SELL", 5.0, 1.0), denied("S30", "LOCKED"), denied("S20", "LOCKED"), scan(1, closes)]

    picture = drawn(tally(an_info(*closes), story), 80, 24).splitlines()

    begin = next(number for number, line in enumerate(picture) if line.startswith("symbol"))
    assert [line.split()[0] for line in picture[begin + 1 : begin + 6]] == ["S40", "S20", "S30", "S0", "S1"]
    assert any(line.startswith("and ") and "more" in line for line in picture)


def test_the_live_table_draws_and_closes_with_a_summary() -> None:
    console = Console(file=io.StringIO(), width=80, height=24, force_terminal=True, record=True)
    screen = LiveTable(console)
    screen.notice("the data has no spread")
    told(screen, an_info(simulated=True), STORY)

    said = console.export_text()
    for part in ("note: the data has no spread", "SIMULATED", "long 12,000", "101,000.00 USD (+1.00 %)", "ab" * 30):
        assert part in said


def test_a_run_that_failed_before_it_began_gives_the_terminal_back() -> None:
    screen = LiveTable(Console(file=io.StringIO(), width=80, height=24, force_terminal=True))
    screen.end(1)
    screen.close()


def test_the_screen_is_chosen_by_who_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    assert isinstance(screens.screen(as_json=True), JsonLines)
    assert isinstance(screens.screen(as_json=False), PlainLines)
    monkeypatch.setattr("sys.stdout", Terminal())
    monkeypatch.setenv("TERM", "xterm")
    assert isinstance(screens.screen(as_json=False), LiveTable)
    monkeypatch.setenv("TERM", "dumb")
    assert isinstance(screens.screen(as_json=False), PlainLines)


# -- the numbers behind them -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fills", "held", "entry"),
    [
        ([("BUY", 2.0, 10.0)], 2.0, 10.0),
        ([("BUY", 2.0, 10.0), ("BUY", 1.0, 13.0)], 3.0, 11.0),
        ([("BUY", 2.0, 10.0), ("SELL", 0.5, 99.0)], 1.5, 10.0),
        ([("BUY", 0.1, 10.0), ("BUY", 0.2, 10.0), ("SELL", 0.3, 12.0)], None, None),
        ([("SELL", 2.0, 10.0), ("BUY", 3.0, 12.0)], 1.0, 12.0),
        ([("SELL", 2.0, 10.0)], -2.0, 10.0),
    ],
)
def test_positions_follow_the_fills(
    fills: list[tuple[str, float, float]], held: float | None, entry: float | None
) -> None:
    story = [fill("BTC", side, quantity, price, str(number)) for number, (side, quantity, price) in enumerate(fills)]
    position = tally(an_info(), story).positions.get("BTC")

    assert (position.units if position else None) == held
    assert entry is None or (position is not None and position.entry == pytest.approx(entry))


def test_what_the_account_held_before_the_run_is_shown() -> None:
    held = ({"symbol": "BTC", "quantity": -0.5, "cost": -20_000.0, "stop": 44_000.0, "target": 0.0},)
    position = tally(an_info(held=held), [scan(1, CLOSES)]).positions["BTC"]

    assert (position.units, position.entry, position.stop, position.target) == (-0.5, 40_000.0, 44_000.0, None)
    assert position.profit(43_000.0) == -1500.0


def test_the_day_begins_where_the_last_account_update_says() -> None:
    account = {"balance": 1.0, "equity": 100_050.0, "profit": 0, "currency": "USD", "leverage": None, "day_pl": -50.0}
    update = Draft("ACCOUNT_UPDATE", T, "1", {"account": account, "name": "paper"})

    assert tally(an_info(), [scan(1, CLOSES, equity=99_000.0), update]).day_profit == -1100.0


@pytest.mark.parametrize(
    ("changed", "progress"),
    [
        ({"cycles": 8}, (2.0, 8.0)),
        ({"end": T + 4 * MINUTE}, (2.0 * MINUTE, 4.0 * MINUTE)),
        ({}, None),
    ],
)
def test_progress_is_known_where_the_end_is(changed: dict[str, Any], progress: tuple[float, float] | None) -> None:
    assert tally(an_info(**changed), STORY).progress == progress


def test_the_equity_line_stays_short_over_a_long_run() -> None:
    found = Tally(an_info())
    for row in rows_of([scan(number, CLOSES, equity=float(number)) for number in range(1, 3001)]):
        found.take(row)
        found.look()

    assert len(found.equities) < 512
    assert found.equities == sorted(found.equities)
    assert found.equities[-1] > 2990


def test_a_thousand_cycles_between_two_looks_are_opened_once() -> None:
    found = Tally(an_info())
    for row in rows_of([scan(number, CLOSES) for number in range(1, 1001)]):
        found.take(row)
    opened_before_the_look = found.scan["cycle"]
    found.look()

    assert (opened_before_the_look, found.scan["cycle"], found.scans) == (1, 1000, 1000)
