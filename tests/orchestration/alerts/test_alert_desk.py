"""The desk over a real database and real receivers: what arrives, what is kept back, and what survives a crash."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
import sqlalchemy as sa

from domain.events import ALERT, Draft
from domain.timeframe import HOUR, MINUTE, SECOND
from journal import database
from journal import schema as s
from journal.store import Store
from orchestration.alerts.rules import parsed
from orchestration.settings.parse import window
from risk.sessions import time_of_day
from tests.orchestration.alerts.receiver import RUN, Office, T, halted, locked, receiving, wait
from tests.orchestration.terminal.story import scan

EVERYTHING = parsed([{"name": "all", "on": "ALERT", "key": "{seq}"}])


@pytest.fixture
def office(url: str) -> Iterator[list[Office]]:
    opened: list[Office] = []
    yield opened
    for one in opened:
        one.desk.stop()
        one.store.close()


def test_a_halt_is_told_within_a_second(url: str, office: list[Office]) -> None:
    with receiving() as server:
        one = Office(url, {"phone": server.url})
        office.append(one)
        one.desk.start()
        one.emit(halted())
        wait(lambda: server.got, within=5.0)

        assert server.got[0] == server.got[0] | {
            "title": "Argus critical: TRADING_STATE",
            "message": "ACTIVE to HALTED MAX_DRAWDOWN: 0.13 against 0.12\n"
            "run 0198c5a0-run, paper, 2024-01-02 00:00:00 UTC",
            "type": "failure",
        }
        wait(lambda: one.meter.counts.get("argus_alerts_sent phone") == 1)


def test_a_simulated_run_says_so(url: str, office: list[Office]) -> None:
    with receiving() as server:
        one = Office(url, {"phone": server.url})
        office.append(one)
        one.again(mode="SIMULATED")
        one.emit(halted())
        wait(lambda: server.got)

    assert server.titles() == ["Argus SIMULATED critical: TRADING_STATE"]
    assert "SIMULATED" in server.got[0]["message"]


@pytest.mark.parametrize("how", ["slow", "drip", 500, "dead"])
def test_a_channel_that_does_not_work_delays_no_other_and_is_reported(
    url: str, office: list[Office], how: str | int
) -> None:
    with receiving("ok" if how == "dead" else how) as broken, receiving() as works:
        address = "json://127.0.0.1:9/dead-secret" if how == "dead" else broken.url
        one = Office(url, {"broken": address, "works": works.url}, timeout=0.5)
        office.append(one)
        one.desk.start()
        one.emit(halted())
        wait(lambda: works.got, within=5.0)
        wait(lambda: one.reports)
        wait(lambda: len(works.got) == 2)

        name, facts = one.reports[0]
        assert (name, facts["channel"]) == ("NOTIFY_FAILED", "broken")
        assert "secret" not in str(facts)
        assert works.titles() == ["Argus critical: TRADING_STATE", "Argus warning: NOTIFY_FAILED"]
        assert one.desk._workers["broken"].unsent() == [1]  # not by the channel that it is about
        one.desk.stop()


def test_two_broken_channels_do_not_report_each_other_for_ever(url: str, office: list[Office]) -> None:
    with receiving(500) as first, receiving(500) as second:
        one = Office(url, {"a": first.url, "b": second.url})
        office.append(one)
        one.desk.start()
        one.emit(halted())
        wait(lambda: len(one.reports) == 2)
        time.sleep(1.5)

    assert sorted(facts["channel"] for _, facts in one.reports) == ["a", "b"]


def test_the_same_thing_is_told_once_and_counted(url: str, office: list[Office]) -> None:
    with receiving() as server:
        one = Office(url, {"phone": server.url})
        office.append(one)
        one.desk.start()
        for number in range(4):
            one.emit(halted(key=str(number)))
        one.emit(halted("MAX_TOTAL_LOSS"))
        wait(lambda: len(server.text().split("Argus")) > 2)
        wait(lambda: one.meter.counts.get("argus_alerts_suppressed same") == 3)

        one.clock.at += 301 * SECOND
        one.emit(halted(key="later"))
        wait(lambda: "(3 more like this since it was told last)" in server.text())


def test_every_message_of_a_flood_is_either_sent_or_counted(url: str, office: list[Office]) -> None:
    with receiving() as server:
        one = Office(url, {"phone": server.url}, rules=EVERYTHING, rate=10)
        office.append(one)
        one.desk.start()
        one.emit(*(locked("BTC", str(number)) for number in range(200)))
        wait(lambda: one.meter.counts.get("argus_alerts_suppressed rate") == 190)
        wait(lambda: len(server.got) == 10)
        one.emit(halted())
        wait(lambda: "TRADING_STATE" in server.text())


def test_quiet_hours_let_only_critical_ones_pass(url: str, office: list[Office]) -> None:
    with receiving() as server:
        one = Office(url, {"phone": server.url}, rules=EVERYTHING, quiet=window("22:00-07:00 Europe/Berlin"))
        office.append(one)
        one.desk.start()  # it is 01:00 in Berlin
        one.emit(locked("BTC", "night"), halted())
        wait(lambda: server.got)
        assert server.titles() == ["Argus critical: TRADING_STATE"]
        wait(lambda: one.meter.counts.get("argus_alerts_suppressed quiet") == 1)

        one.clock.at += 6 * HOUR + MINUTE
        one.emit(locked("BTC", "morning"))
        wait(lambda: len(server.got) == 2)


def test_the_first_rule_that_matches_tells_each_channel(url: str, office: list[Office]) -> None:
    rules = parsed(
        [
            {"name": "btc", "alert": "LOCKED", "symbol": "BTC", "channels": "one", "title": "mine {symbol} {code}"},
            {"name": "eth", "alert": "LOCKED", "symbol": "ETH", "channels": []},
            {"name": "rest", "alert": "LOCKED", "title": "rest {symbol}"},
        ]
    )
    with receiving() as first, receiving() as second:
        one = Office(url, {"one": first.url, "two": second.url}, rules=rules)
        office.append(one)
        one.desk.start()
        one.emit(locked("BTC", "a"), locked("ETH", "b"), locked("EURUSD", "c"))
        wait(lambda: len(first.got) == 2 and len(second.got) == 2)

    assert first.titles() == ["Argus mine BTC COOLDOWN", "Argus rest EURUSD"]
    assert second.titles() == ["Argus rest BTC", "Argus rest EURUSD"]


def test_hostile_text_arrives_as_text(url: str, office: list[Office]) -> None:
    evil = "<b>x</b> [l](http://evil.example) @everyone\r\nBcc: a@b"
    data = {"alert": "ASK_OPERATOR", "order_id": evil, "text": evil}
    with receiving() as plain, receiving() as html:
        rules = parsed([{"name": "orders", "alert": "ASK_*", "title": "{text}", "text": "{text} {order_id}"}])
        one = Office(url, {"plain": plain.url, "html": f"{html.url}?format=html"}, rules=rules)
        office.append(one)
        one.desk.start()
        one.emit(Draft(ALERT, T, "evil", data, "<i>"))
        wait(lambda: plain.got and html.got)

    assert "\n" not in plain.got[0]["title"]
    for text in (plain.text(), html.text().replace("<br/>", "").replace("<br />", "")):
        assert not set(text) & set("<>@[]")
        assert "://evil" not in text


# -- restarts --------------------------------------------------------------------------------------


def test_what_was_told_is_not_told_again_after_a_crash(url: str, office: list[Office]) -> None:
    with receiving() as server:
        one = Office(url, {"phone": server.url})
        office.append(one)
        one.desk.start()
        one.emit(halted())
        wait(lambda: state(url)["seq"] == 1 and not state(url)["unsent"])

        killed(one)
        one.again()
        one.emit(halted("MAX_TOTAL_LOSS"))
        wait(lambda: len(server.got) == 2)
        time.sleep(0.6)

    assert [one["message"].split(":")[0] for one in server.got] == [
        "ACTIVE to HALTED MAX_DRAWDOWN",
        "ACTIVE to HALTED MAX_TOTAL_LOSS",
    ]


def test_what_happened_while_nobody_was_there_is_told_later(url: str, office: list[Office]) -> None:
    with receiving() as server:
        one = Office(url, {"phone": server.url})
        office.append(one)
        one.desk.start()
        one.emit(locked("BTC", "x"))
        killed(one)
        one.emit(halted())
        one.again()
        wait(lambda: server.got)

    assert server.titles() == ["Argus critical: TRADING_STATE"]


def test_a_channel_that_was_dead_gets_what_it_missed_and_the_other_no_repeat(url: str, office: list[Office]) -> None:
    with receiving(500) as dead, receiving() as works:
        one = Office(url, {"dead": dead.url, "works": works.url})
        office.append(one)
        one.desk.start()
        one.emit(halted())
        wait(lambda: works.got and state(url)["unsent"] == {"dead": [1]})
        killed(one)
        dead.how = "ok"
        before = len(works.got)
        one.again()
        wait(lambda: dead.got)
        wait(lambda: not state(url)["unsent"].get("dead"))
        time.sleep(0.6)

        assert dead.titles() == ["Argus critical: TRADING_STATE"]
        assert [title for title in works.titles()[before:] if "TRADING_STATE" in title] == []


def test_the_memory_of_what_was_told_lasts_over_a_crash(url: str, office: list[Office]) -> None:
    with receiving() as server:
        one = Office(url, {"phone": server.url})
        office.append(one)
        one.desk.start()
        one.emit(halted())
        wait(lambda: server.got and state(url)["seq"] == 1 and not state(url)["unsent"])
        killed(one)
        one.again()
        one.emit(halted(key="again"))
        wait(lambda: one.meter.counts.get("argus_alerts_suppressed same") == 1)

    assert len(server.got) == 1


def test_a_new_run_tells_what_was_critical_at_the_end_of_the_one_before(url: str, office: list[Office]) -> None:
    with receiving() as server:
        one = Office(url, {"phone": server.url}, rules=EVERYTHING)
        office.append(one)
        one.desk.start()
        one.emit(locked("BTC", "told"))
        wait(lambda: state(url)["seq"] == 1)
        killed(one)
        one.emit(halted(), locked("ETH", "missed"))
        one.again(run_id="another-run", told=3)
        one.emit(locked("EURUSD", "new"), run_id="another-run")
        wait(lambda: "EURUSD" in server.text())

        assert "HALTED" in server.text()
        assert "ETH" not in server.text()


def test_a_first_start_does_not_tell_the_past_of_a_resumed_run(url: str, office: list[Office]) -> None:
    with receiving() as server:
        one = Office(url, {"phone": server.url})
        office.append(one)
        one.emit(halted())
        one.again(told=1)
        one.emit(halted("MAX_TOTAL_LOSS"))
        wait(lambda: server.got)

    assert "MAX_DRAWDOWN" not in server.text()


def test_at_the_end_everything_is_told_also_why_the_run_failed(url: str) -> None:
    with receiving() as server:
        one = Office(url, {"phone": server.url})
        one.desk.start()
        one.emit(halted())
        one.desk.stop("the driver failed twice")
        one.store.close()

    assert "HALTED" in server.text()
    assert "RUN_FAILED" in server.text()
    assert "the driver failed twice" in server.text()
    assert state(url)["unsent"] == {}


def test_a_failure_is_told_without_the_database(url: str, tmp_path: Path) -> None:
    with receiving() as server:
        one = Office(url, {"phone": server.url})
        one.store.close()
        (tmp_path / "argus.db").write_bytes(b"no database at all" * 100)
        for name in ("argus.db-wal", "argus.db-shm"):
            (tmp_path / name).unlink(missing_ok=True)
        one.desk.start()
        one.desk.stop("the database is damaged")

    assert server.titles() == ["Argus critical: RUN_FAILED"]


def test_the_end_does_not_wait_for_a_channel_that_hangs(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestration.alerts.desk.FLUSH_WITHIN", 0.3)
    with receiving("slow") as server:
        one = Office(url, {"phone": server.url}, timeout=60.0)
        one.desk.start()
        one.emit(halted())
        wait(lambda: server.asked)
        begun = time.monotonic()
        one.desk.stop()
        one.store.close()
        assert time.monotonic() - begun < 5.0
        assert state(url)["unsent"] == {"phone": [1]}


def test_an_engine_that_is_not_the_present_one_any_more_writes_nothing(url: str, office: list[Office]) -> None:
    with receiving() as server:
        one = Office(url, {"phone": server.url})
        office.append(one)
        one.desk.start()
        with one.store.engine.begin() as c:
            c.execute(sa.update(s.sequence).values(epoch=2))
        Store(url, 2).close()
        with one.store.engine.begin() as c:
            row = msgspec.json.encode(halted().data)
            values = {"seq": 99, "id": "x", "type": ALERT, "at": T, "run_id": RUN, "form": 0, "body": row}
            c.execute(sa.insert(s.events).values(**values))
        wait(lambda: one.desk._broken and one.meter.counts.get("argus_alerts_sent phone") == 1)

    with one.store.read() as c:
        assert c.execute(sa.select(s.alert_cursor)).first() is None


# -- the day ---------------------------------------------------------------------------------------


def test_the_day_is_summed_up_once_with_what_was_kept_back(url: str, office: list[Office]) -> None:
    with receiving() as server:
        one = Office(url, {"phone": server.url}, summary=time_of_day("02:00 UTC"), rules=EVERYTHING, rate=2)
        office.append(one)
        one.desk.start()
        one.emit(scan(1, {"EURUSD": 1.1}, equity=99_500.0), halted(), *(locked("BTC", str(n)) for n in range(5)))
        wait(lambda: one.meter.counts.get("argus_alerts_suppressed rate") == 3)
        trade(one, "EURUSD", "120.5", 3)
        trade(one, "BTC", "-20.25", 4)
        order(one, "MAX_POSITIONS")
        assert "daily summary" not in server.text()

        one.clock.at += 2 * HOUR + SECOND
        wait(lambda: "daily summary" in server.text())
        time.sleep(0.7)
        (said,) = [each for each in server.got if "daily summary" in each["title"]]
        assert said["message"].splitlines() == [
            "equity 99,500.00, this risk day 0.00, state ACTIVE",
            "trades: 2 (1 won), profit +100.25",
            "denied: MAX_POSITIONS 1",
            "halts: 1; alerts: LOCKED 5, TRADING_STATE 1",
            "alerts not sent: 3 too many in an hour",
            "open positions: 0; last cycle 2024-01-02 00:01 UTC",
            "run 0198c5a0-run",
        ]

        killed(one)
        one.again()
        one.clock.at += 24 * HOUR
        wait(lambda: server.text().count("daily summary") == 2)
        assert "trades: none" in server.got[-1]["message"]
        assert "denied: nothing" in server.got[-1]["message"]


def trade(one: Office, symbol: str, pnl: str, seq: int) -> None:
    with one.store.transaction() as tx:
        row = {"account": "paper", "fill_id": symbol, "run_id": RUN, "symbol": symbol, "strategy": "x", "side": 1}
        row |= {"quantity": "1", "entry": "1", "exit": "1", "opened_at": T, "closed_at": T, "pnl": pnl}
        row |= {"commission": "0", "r": None, "reason": "STOP", "correlation_id": "c", "flat": True, "session": ""}
        tx.insert(s.trades, [row | {"factors": "[]", "seq": seq}])


def order(one: Office, code: str) -> None:
    with one.store.transaction() as tx:
        row = {name.name: "" for name in s.orders.columns}
        row |= {"id": "o", "run_id": RUN, "account": "paper", "answer": "DENIED", "code": code}
        numbers = {"side": 1, "at": T, "rank": 0, "attempt": 0, "expires_at": 0, "value": None, "threshold": None}
        tx.insert(s.orders, [row | numbers])


def killed(one: Office) -> None:
    """No goodbye: the threads of the old desk read and write nothing any more."""
    one.desk._broken = "killed"
    for worker in one.desk._workers.values():
        worker._deliver = lambda message: "killed"


def state(url: str) -> dict[str, object]:
    store = Store(url, 1)
    with store.read() as c:
        row = c.execute(sa.select(s.alert_cursor)).first()
    store.close()
    return {"seq": 0, "unsent": {}} if row is None else {"seq": row.seq} | msgspec.json.decode(row.state)


def test_a_server_keeps_how_far_people_were_told(postgres_url: str) -> None:
    database.prepare(postgres_url)
    with receiving() as server:
        one = Office(postgres_url, {"phone": server.url})
        one.desk.start()
        one.emit(halted())
        wait(lambda: server.got and state(postgres_url) == state(postgres_url) | {"seq": 1, "unsent": {}})
        one.desk.stop()
        one.again()
        one.emit(halted("MAX_TOTAL_LOSS"))
        wait(lambda: len(server.got) == 2)
        one.desk.stop()
        one.store.close()
