"""The instruments of a run: conf/instruments.yaml, the configuration's own entries over it, and a fallback."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Mapping
from decimal import Decimal
from functools import cache
from importlib.resources import files
from typing import Any

from domain.instrument import ASSET_CLASSES, Instrument, unlisted
from domain.money import NANO, to_text
from orchestration.settings import yaml_text
from orchestration.settings.parse import currency
from orchestration.settings.yaml_text import plain

NUMBERS = ("contract", "tick", "lot_step", "minimum", "maximum", "spread")
_LARGEST = Decimal(10**12)


class _Wrong(ValueError):
    """An entry that is no instrument; carries every problem."""

    def __init__(self, texts: list[str]) -> None:
        self.texts = texts
        super().__init__("; ".join(texts))


def instruments(
    extra: Mapping[str, Mapping[str, Any]] | None,
    account_currency: str,
    decimals: Mapping[str, int],
    *,
    convert: bool = True,
) -> tuple[dict[str, Instrument], list[str]]:
    """An instrument for every symbol of ``decimals`` (decimals of its prices in the data), and notices.

    ``extra`` are the configuration's own entries. Without ``convert`` every quote currency counts as the
    account currency.
    """
    found: dict[str, Instrument] = {}
    notices: list[str] = []
    entries = _entries(extra or {})
    for symbol, places in decimals.items():
        if symbol in entries:
            found[symbol] = _instrument(symbol, entries, account_currency, convert)
        else:
            found[symbol] = unlisted(symbol, account_currency, places)
            notices.append(_not_listed(found[symbol], entries))
    return found, notices


def asset_classes(symbols: Iterable[str], extra: Mapping[str, Mapping[str, Any]] | None = None) -> dict[str, str]:
    """The asset class of every symbol, 'other' where it is not listed: what a feed has to know first."""
    entries = _entries(extra or {})
    return {one: _complete(one, entries)["class"] if one in entries else "other" for one in symbols}


def problems(extra: Mapping[str, Mapping[str, Any]]) -> dict[str, list[str]]:
    """What is wrong with the configuration's own entries, by symbol."""
    entries = _entries(extra)
    wrong: dict[str, list[str]] = {}
    for symbol in extra:
        try:
            _instrument(symbol, entries, "USD", True)
        except _Wrong as error:
            wrong[symbol] = error.texts
    return wrong


def listed() -> list[str]:
    """The symbols of conf/instruments.yaml."""
    return list(_file()["instruments"])


@cache
def _file() -> dict[str, Any]:
    text = files("conf").joinpath("instruments.yaml").read_text(encoding="utf-8")
    return {key: plain(line) for key, line in yaml_text.mapping(text).items()}


def _entries(extra: Mapping[str, Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    entries: dict[str, Mapping[str, Any]] = dict(_file()["instruments"])
    for symbol, own in extra.items():
        entries[symbol] = {**entries.get(symbol, {}), **own}
    return entries


def _not_listed(instrument: Instrument, entries: Mapping[str, object]) -> str:
    upper = {one.upper(): one for one in entries}
    near = upper.get(instrument.symbol.upper()) or next(
        iter(difflib.get_close_matches(instrument.symbol, list(entries), 1, 0.85)), None
    )
    return (
        f"{instrument.symbol} is not in conf/instruments.yaml: contract 1, step 0.01, tick {to_text(instrument.tick)}, "
        f"quote {instrument.quote}" + (f"; did you mean {near}?" if near else "; add it to the section instruments")
    )


def _complete(symbol: str, entries: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The entry over the one it is like, over its class."""
    own = dict(entries[symbol])
    like = own.pop("like", None)
    if like is not None:
        base = entries.get(like) if isinstance(like, str) else None
        if base is None or "like" in base:
            raise _Wrong([f"{symbol}.like = {like!r}: allowed: a listed symbol that is not itself like another"])
        own = {"base": like, **base, **own}
    kind = own.get("class", "other")
    if kind not in ASSET_CLASSES:
        raise _Wrong([f"{symbol}.class = {kind!r}: allowed: {', '.join(ASSET_CLASSES)}"])
    return {"class": kind, "spread": 0, **_file()["classes"][kind], **own}


def _instrument(
    symbol: str, entries: Mapping[str, Mapping[str, Any]], account_currency: str, convert: bool
) -> Instrument:
    entry = _complete(symbol, entries)
    base, quote = _currencies(symbol, entry, account_currency)
    entry = {"base": base, "quote": quote, "venues": {}, **entry}
    wrong = _faults(symbol, entry)
    if wrong:
        raise _Wrong(wrong)
    number = {name: Decimal(repr(entry[name])) for name in NUMBERS}
    contract = number["contract"]
    return Instrument(
        symbol=symbol,
        asset_class=entry["class"],
        base=base,
        quote=quote if convert else account_currency,
        tick=int(number["tick"] * NANO),
        contract=int(contract * NANO),
        lot_step=int(number["lot_step"] * contract * NANO),
        min_quantity=int(number["minimum"] * contract * NANO),
        max_quantity=int(number["maximum"] * contract * NANO),
        spread=int(number["spread"] * NANO),
        venues=dict(entry["venues"]),
    )


def _currencies(symbol: str, entry: Mapping[str, Any], account_currency: str) -> tuple[str, str]:
    if entry["class"] == "forex" and len(symbol) == 6:
        return entry.get("base", symbol[:3]), entry.get("quote", symbol[3:])
    return entry.get("base", symbol), entry.get("quote", account_currency)


def _faults(symbol: str, entry: Mapping[str, Any]) -> list[str]:
    known = ("class", "base", "quote", "venues", "like", *NUMBERS)
    wrong = [f"{symbol}.{name} is not a known key (known: {', '.join(known)})" for name in entry if name not in known]
    bad = [name for name in NUMBERS if not _is_number(entry[name], zero=name == "spread")]
    wrong += [
        f"{symbol}.{name} = {entry[name]!r}: allowed: a number {'>= 0' if name == 'spread' else '> 0'} "
        "with at most nine decimals"
        for name in bad
    ]
    wrong += _text_faults(symbol, entry)
    return wrong if bad else wrong + _step_faults(symbol, entry)


def _is_number(value: Any, *, zero: bool) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return False
    number = Decimal(repr(value))
    return (number > 0 or (zero and number == 0)) and number <= _LARGEST and number * NANO == int(number * NANO)


def _text_faults(symbol: str, entry: Mapping[str, Any]) -> list[str]:
    wrong = []
    if not isinstance(entry["base"], str):
        wrong.append(f"{symbol}.base = {entry['base']!r}: allowed: text")
    try:
        currency(entry["quote"] if isinstance(entry["quote"], str) else "")
    except ValueError as error:
        wrong.append(f"{symbol}.quote = {entry['quote']!r}: {error}")
    venues = entry["venues"]
    if not isinstance(venues, dict) or not all(isinstance(one, str) for one in venues.values()):
        wrong.append(f"{symbol}.venues = {venues!r}: allowed: a mapping like {{mt5: EURUSD}}")
    return wrong


def _step_faults(symbol: str, entry: Mapping[str, Any]) -> list[str]:
    contract, step, least, most = (
        Decimal(repr(entry[name])) for name in ("contract", "lot_step", "minimum", "maximum")
    )
    wrong = []
    if step * contract * NANO != int(step * contract * NANO) or step * contract * NANO < 1:
        wrong.append(f"{symbol}.lot_step = {step}: a step of {step * contract} units is below 0.000000001")
    if least < step or least % step:
        wrong.append(f"{symbol}.minimum = {least}: allowed: a multiple of the lot step {step}")
    if most < least:
        wrong.append(f"{symbol}.maximum = {most} is below the minimum {least}")
    return wrong
