"""What is held, in the account's currency, at the last prices there are: for people who look, not for the gate."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from api.runs import Run
from domain.money import Rate, from_float, to_text
from domain.order import SIDE_NAME
from domain.timeframe import iso
from journal.codec import prices
from marketdata.conversion import rate

Plain = dict[str, Any]


class Values:
    """Prices and rates of one run at one moment. ``marks`` (1e-9) are the gate's own, of held and of converting
    symbols; ``closes`` the last close of every traded symbol."""

    def __init__(self, run: Run, closes: Mapping[str, float | None], marks: Mapping[str, int]) -> None:
        self._run, self._closes, self._marks = run, closes, marks
        self.currency = str(run.setting("account", "currency", ""))
        self._convert = bool(run.setting("account", "convert", True))
        equivalents = run.setting("account", "equivalents", {}) or {}
        self._equivalents = {name: to_text(int(worth)) for name, worth in equivalents.items()}
        self._rates: dict[str, float | None] = {}
        self._known: dict[str, tuple[int, str, str]] | None = None

    def price(self, symbol: str) -> float | None:
        """The last close; None if there has been none."""
        close = self._closes.get(symbol)
        if close is not None:
            return close
        mark = self._marks.get(symbol)
        return mark / 1e9 if mark else None

    def quote(self, symbol: str) -> str | None:
        """The currency in which the symbol is counted."""
        instrument = self._run.inputs.instruments.get(symbol)
        return instrument.quote if instrument is not None else None

    def rate(self, symbol: str) -> float | None:
        """Account currency per quote currency of the symbol; None if nobody knows."""
        quote = self.quote(symbol)
        if quote is None:
            return None
        if not self._convert or quote == self.currency:
            return 1.0
        if quote not in self._rates:
            found: Rate | None = rate(quote, self.currency, self._prices(), self._equivalents)
            self._rates[quote] = None if found is None else found[0] / found[1]
        return self._rates[quote]

    def position(self, row: Plain, venue: str) -> Plain:
        """A row of the positions, valued: money in the account currency, None where a price or a rate is missing."""
        quantity, cost = float(row["quantity"]), float(row["cost"])
        price, rate = self.price(row["symbol"]), self.rate(row["symbol"])
        known = price is not None and rate is not None
        return {
            "symbol": row["symbol"],
            "side": SIDE_NAME[1 if quantity > 0 else -1],
            "quantity": quantity,
            "entry_price": cost / quantity if quantity else None,
            "price_current": price,
            "profit": (quantity * price - cost) * rate if known else None,  # type: ignore[operator]
            "value": quantity * price * rate if known else None,  # type: ignore[operator]
            "quote": self.quote(row["symbol"]),
            "stop": float(row["stop"]) or None,
            "target": float(row["target"]) or None,
            "risk": float(row["risk"]),
            "realised": float(row["realised"]),
            "commission": float(row["commission"]),
            "opened_at": iso(row["opened_at"]),
            "strategy": row["strategy"],
            "venue": venue,
            "account": row["account"],
            "entry_order": row["entry_order"],
            "correlation_id": row["correlation_id"],
        }

    def exposure(self, positions: list[Plain]) -> Plain:
        """What is held by currency (net: + base, - quote), and by venue and asset class (gross)."""
        currencies: dict[str, float] = {}
        venues: dict[str, float] = {}
        classes: dict[str, float] = {}
        missing = []
        for one in positions:
            value, instrument = one["value"], self._run.inputs.instruments.get(one["symbol"])
            if value is None or instrument is None:
                missing.append(one["symbol"])
                continue
            currencies[instrument.base] = currencies.get(instrument.base, 0.0) + value
            currencies[instrument.quote] = currencies.get(instrument.quote, 0.0) - value
            venues[one["venue"]] = venues.get(one["venue"], 0.0) + abs(value)
            classes[instrument.asset_class] = classes.get(instrument.asset_class, 0.0) + abs(value)
        return {
            "by_currency": dict(sorted(currencies.items())),
            "by_venue": dict(sorted(venues.items())),
            "by_class": dict(sorted(classes.items())),
            "gross": sum(venues.values()),
            "missing": missing,
        }

    def _prices(self) -> dict[str, tuple[int, str, str]]:
        """Every price that could convert; made once."""
        if self._known is None:
            listed = self._run.inputs.instruments
            found = {name: (self.price(name), one) for name, one in listed.items()}
            self._known = {
                name: (from_float(price), one.base, one.quote) for name, (price, one) in found.items() if price
            }
        return self._known


def values(run: Run, scan: bytes | None, marks: Mapping[str, int]) -> Values:
    """``scan`` is the packed body of the last SCAN_SUMMARY."""
    return Values(run, prices(scan, run.symbols) if scan is not None else {}, marks)
