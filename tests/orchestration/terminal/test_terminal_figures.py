from __future__ import annotations

import pytest

from orchestration.terminal.figures import moment, money, percent, plain, price, quantity, reason, seconds, sparkline


@pytest.mark.parametrize(
    ("said", "text"),
    [
        (money(1234567.891), "1,234,567.89"),
        (money(12.5, sign=True), "+12.50"),
        (money(-0.001, sign=True), "0.00"),
        (money(None), "-"),
        (price(1.08765), "1.08765"),
        (price(151.2345), "151.234"),
        (price(43210.5), "43,210.50"),
        (price(0.000012345), "0.000012345"),
        (price(0.0), "-"),
        (price(None), "-"),
        (quantity(12000.0), "12,000"),
        (quantity(0.12345), "0.12345"),
        (quantity(-0.0), "0"),
        (percent(101.0, 100.0), "+1.00 %"),
        (percent(101.0, 0.0), "-"),
        (moment("2024-01-02T00:12:00Z"), "2024-01-02 00:12:00"),
        (moment("2024-01-02T00:12:00.123456789Z"), "2024-01-02 00:12:00"),
        (moment(None), "-"),
        (seconds(0.42), "0.4 s"),
        (seconds(90), "90 s"),
        (seconds(600), "10 min"),
        (seconds(36000), "10 h"),
        (plain([1, 2.5, None, True]), "1, 2.5, -, true"),
        (reason("NO_SIGNAL"), "NO_SIGNAL"),
        (reason("DENIED MAX_DAILY_LOSS"), "DENIED(MAX_DAILY_LOSS)"),
        (reason("HOST_DOWN: it did not answer"), "HOST_DOWN"),
        (sparkline([1, 2, 3, 4, 5, 6, 7, 8], 8), "▁▂▃▄▅▆▇█"),
        (sparkline([1, 1], 8), "▄▄"),
        (sparkline([1, 5, 9], 2), "▁█"),
        (sparkline([], 8), ""),
    ],
)
def test_numbers_read_as_a_trader_writes_them(said: str, text: str) -> None:
    assert said == text
