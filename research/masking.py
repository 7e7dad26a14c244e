"""Masked questions: names of symbols and currencies, dates and times are hidden from a model, and shown to people.

A model has read the past: a name and a date would let it remember instead of judge. A name's placeholder is a hash of
the name, the same in every question, run and process, so that recorded answers stay usable and an answer that repeats
it can be shown with the name again. Dates and times have placeholders without content and are not shown again.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from functools import lru_cache

DATE, TIME, DAY = "[DATE]", "[TIME]", "[DAY]"

CURRENCIES = frozenset(
    """
    USD EUR GBP JPY CHF AUD NZD CAD SEK NOK DKK PLN CZK HUF RON TRY ZAR MXN BRL CLP COP PEN ARS CNY CNH HKD SGD KRW TWD
    INR IDR MYR PHP THB VND ILS SAR AED RUB UAH EGP NGN KES XAU XAG XPT XPD BTC ETH SOL XRP ADA DOT DOGE LTC BCH BNB
    AVAX LINK MATIC TRX XLM USDT USDC DAI EURC BUSD
    """.split()  # noqa: SIM905
)
"""Codes that are hidden wherever they stand in capitals, also joined to each other (EURUSD, BTC/USDT)."""

WORDS = {
    "dollar": "USD",
    "greenback": "USD",
    "euro": "EUR",
    "sterling": "GBP",
    "cable": "GBP",
    "yen": "JPY",
    "franc": "CHF",
    "aussie": "AUD",
    "kiwi": "NZD",
    "loonie": "CAD",
    "yuan": "CNY",
    "rupee": "INR",
    "gold": "XAU",
    "silver": "XAG",
    "bitcoin": "BTC",
    "ethereum": "ETH",
    "solana": "SOL",
}
"""What else they are called, in any case."""

_MONTH = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?"
    r"|nov(?:ember)?|dec(?:ember)?)"
)
_DATES = re.compile(
    r"\b\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:?\d{2})?)?"
    r"|\b\d{1,2}[./]\d{1,2}[./]\d{2,4}\b"
    rf"|\b\d{{1,2}}(?:st|nd|rd|th)?\.? {_MONTH}\b\.?,?(?: \d{{4}}\b)?"
    rf"|\b{_MONTH}\b\.? \d{{1,2}}(?:st|nd|rd|th)?\b(?:,? \d{{4}}\b)?|\b{_MONTH}\b\.? (?:19|20)\d\d\b"
    r"|\bQ[1-4] ?(?:19|20)\d\d\b"
    r"|\b(?:(?:in|since|by|until|till|from|during|year|early|late|mid|end|of) ?-?|fy ?)(?:199\d|20[0-3]\d)\b(?:'?s\b)?"
    r"(?![.,]\d| (?:bars|trades|min|h)\b)",
    re.IGNORECASE,
)
_TIMES = re.compile(r"\b\d{1,2}:\d{2}(?::\d{2})?(?: ?[ap]\.?m\.?\b)?(?: ?(?:UTC|GMT|Z|[ECP][SD]T)\b)?", re.IGNORECASE)
_DAYS = re.compile(r"\b(?:mon|tues|wednes|thurs|fri|satur|sun)day\b", re.IGNORECASE)
_CODE = re.compile(r"(?<![A-Za-z0-9])[A-Z]{3,5}(?:[/_.-]?[A-Z]{3,5})?(?![A-Za-z0-9])")


class Masking:
    """Hides ``names`` (symbols, companies) besides the currencies that everybody knows. A name is known as it is
    written, in capitals, and from five letters on in small ones; of several the longest counts."""

    def __init__(self, names: Iterable[str] = ()) -> None:
        names = tuple(names)
        given = {one for name in names for one in _spelt(name)}
        inner = "|".join(map(re.escape, sorted(given, key=lambda one: (-len(one), one))))
        self._given = re.compile(rf"(?<![A-Za-z0-9])(?:{inner})(?![A-Za-z0-9])") if given else None
        self._shown = {placeholder(one): one for one in (*sorted(CURRENCIES), *names)}

    def hide(self, text: str) -> str:
        """The text as a model may see it."""
        if self._given is not None:
            text = self._given.sub(lambda found: placeholder(found[0]), text)
        text = _CODE.sub(self._code, text)
        text = _WORD.sub(lambda found: placeholder(WORDS[found[1].lower()]), text)
        text = _DATES.sub(DATE, text)
        text = _TIMES.sub(TIME, text)
        return _DAYS.sub(DAY, text)

    def show(self, text: str) -> str:
        """A text with its names again, as far as they are known."""
        return _PLACED.sub(lambda found: self._shown.get(found[0], found[0]), text)

    def _code(self, found: re.Match[str]) -> str:
        if not _split(found[0]):
            return found[0]
        made = placeholder(found[0])
        self._shown.setdefault(made, found[0])
        return made


def _spelt(name: str) -> tuple[str, ...]:
    """The spellings by which a name is known; a single letter is none."""
    if len(name) < 2:
        return ()
    return (name, name.upper(), name.lower()) if len(name) > 4 else (name, name.upper())


_PLACED = re.compile(r"(?<![A-Za-z0-9])N[0-9A-F]{8}(?![A-Za-z0-9])")
_WORD = re.compile(rf"\b({'|'.join(WORDS)})s?\b", re.IGNORECASE)


@lru_cache(maxsize=4096)
def placeholder(name: str) -> str:
    """What stands for a name, whatever its case; it is spelt as a currency may be."""
    digest = hashlib.blake2b(name.upper().encode(), digest_size=4, person=b"argus.mask").hexdigest().upper()
    return f"N{digest}"


def _split(code: str) -> Sequence[str]:
    """The currencies that a code consists of, none where it is no such code."""
    plain = re.sub(r"[/_.-]", "", code)
    if plain in CURRENCIES:
        return (plain,)
    return next(((plain[:i], plain[i:]) for i in range(3, len(plain) - 2) if {plain[:i], plain[i:]} <= CURRENCIES), ())
