from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from domain.candidate import CODE, HAS_TEXT, REASONS, REPORT
from domain.events import CANDIDATE, JSON, PACKED_SCAN, SCAN_SUMMARY
from journal.codec import envelope, pack_scan, prices, unpack_scan

NAN = float("nan")


def rows(*reports: tuple[str, float]) -> bytes:
    table = np.zeros(len(reports), REPORT)
    for row, (reason, close) in zip(table, reports, strict=True):
        row["code"], row["close"] = CODE[reason], close
    return table.tobytes()


def a_row(**changed: Any) -> dict[str, Any]:
    row = {
        "seq": 12,
        "id": "abc",
        "type": CANDIDATE,
        "at": 1_451_892_600_000_000_000,
        "run_id": "run",
        "symbol": "EURUSD",
        "correlation_id": "cause",
        "causation_id": None,
        "form": JSON,
        "body": b'{"price":1.5}',
    }
    return row | changed


def test_a_scan_comes_back_with_a_reason_for_every_symbol() -> None:
    body = pack_scan(
        7, 2, [{"symbol": "BTC"}], {"scan_ms": 1.5, "T": "x"}, rows(("NO_SIGNAL", 1.1), ("CANDIDATE", 400.5)), {}
    )

    assert unpack_scan(body, ["EURUSD", "BTC"], REASONS) == {
        "cycle": 7,
        "symbols": {"EURUSD": "NO_SIGNAL", "BTC": "CANDIDATE"},
        "prices": {"EURUSD": 1.1, "BTC": 400.5},
        "count": 2,
        "candidates": [{"symbol": "BTC"}],
        "scan_ms": 1.5,
        "T": "x",
    }
    assert prices(body, ["EURUSD", "BTC"]) == {"EURUSD": 1.1, "BTC": 400.5}


def test_a_symbol_without_a_close_has_no_price() -> None:
    body = pack_scan(1, 2, 0, {}, rows(("WARMING_UP", float("nan")), ("NO_SIGNAL", 2.0)), {})

    assert unpack_scan(body, ["EURUSD", "BTC"], REASONS)["prices"] == {"EURUSD": None, "BTC": 2.0}
    assert prices(body, ["EURUSD", "BTC"]) == {"EURUSD": None, "BTC": 2.0}


def test_a_text_replaces_the_code_of_its_symbol() -> None:
    body = pack_scan(1, 2, 0, {}, rows(("ERROR", 1.0), ("ERROR", 2.0)), {"BTC": "ERROR: division by zero"})

    assert unpack_scan(body, ["EURUSD", "BTC"], REASONS)["symbols"] == {
        "EURUSD": "ERROR",
        "BTC": "ERROR: division by zero",
    }


def test_reasons_are_read_with_the_codes_of_the_run() -> None:
    body = pack_scan(1, 1, 0, {}, rows(("NO_NEW_BAR", 1.0)), {})

    assert unpack_scan(body, ["EURUSD"], ["OLD_ZERO", "OLD_ONE"])["symbols"] == {"EURUSD": "OLD_ONE"}


def test_ten_thousand_rows_come_back_as_they_were() -> None:
    random = np.random.default_rng(7)
    table = np.zeros(10_000, REPORT)
    table["code"] = random.integers(0, len(REASONS), 10_000)
    table["stance"] = random.integers(-1, 2, 10_000)
    table["flags"] = random.integers(0, HAS_TEXT + 1, 10_000)
    table["close"] = random.normal(100, 1, 10_000)
    symbols = [f"S{number}" for number in range(10_000)]
    body = pack_scan(3, 10_000, 0, {}, table.tobytes(), {"S5": "own words"})

    scan = unpack_scan(body, symbols, REASONS)

    expected = dict(zip(symbols, (REASONS[code] for code in table["code"]), strict=True)) | {"S5": "own words"}
    assert scan["symbols"] == expected
    assert list(scan["symbols"]) == symbols
    assert prices(body, symbols) == scan["prices"] == dict(zip(symbols, table["close"].tolist(), strict=True))
    assert len(body) < 12 * 10_000 + 100


def test_no_symbols_are_an_empty_scan() -> None:
    assert unpack_scan(pack_scan(1, 0, 0, {}, b"", {}), [], REASONS)["symbols"] == {}


@pytest.mark.parametrize("symbols", [[], ["EURUSD"], ["EURUSD", "BTC", "SOL"]])
def test_rows_that_are_not_one_per_symbol_are_refused(symbols: list[str]) -> None:
    body = pack_scan(1, 2, 0, {}, rows(("NO_SIGNAL", 1.0), ("NO_SIGNAL", 2.0)), {})

    with pytest.raises(ValueError, match="argument"):
        unpack_scan(body, symbols, REASONS)


def test_what_is_no_number_becomes_null() -> None:
    packed = pack_scan(1, 1, [{"score": NAN}], {"x": {"y": [float("inf"), 1.0]}}, rows(("WARMING_UP", NAN)), {})

    scan = unpack_scan(packed, ["EURUSD"], REASONS)

    assert scan["candidates"] == [{"score": None}]
    assert scan["x"] == {"y": [None, 1.0]}
    assert prices(packed, ["EURUSD"]) == {"EURUSD": None}
    row = a_row(type=SCAN_SUMMARY, form=PACKED_SCAN, body=packed, symbol=None)
    assert json.dumps(envelope(row, ["EURUSD"], REASONS), allow_nan=False)


def test_an_event_becomes_the_public_envelope() -> None:
    assert envelope(a_row(), [], []) == {
        "v": 1,
        "seq": 12,
        "id": "abc",
        "type": CANDIDATE,
        "ts": "2016-01-04T07:30:00Z",
        "run_id": "run",
        "symbol": "EURUSD",
        "correlation_id": "cause",
        "causation_id": None,
        "data": {"price": 1.5},
    }


def test_an_envelope_can_be_numbered_within_its_run() -> None:
    assert envelope(a_row(), [], [], seq=1)["seq"] == 1
