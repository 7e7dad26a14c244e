"""Headlines read by lists of words: a category, whose currency, how it sounds for it, and how much it matters.

Words are compared as ``research.outside.folded`` has them. The sentiment is the sum of the good and bad words, cut to
-2 to 2, for the first currency that the title names; without one for those that the source declares. Relevance: 0
without a currency, else 1, 1 more with a category, 1 more for a central bank's own words. A text that looks like an
instruction has sentiment 0 and relevance 0.
"""

from __future__ import annotations

from typing import Any

from domain.research import Headline
from research.outside import folded
from research.suspicion import suspicious

WORDS: dict[str, tuple[str, ...]] = {
    "RATES": ("rate", "rates", "hike", "hikes", "cut", "cuts", "fomc", "hawkish", "dovish", "tightening", "easing"),
    "INFLATION": ("inflation", "cpi", "ppi", "pce", "prices", "deflation"),
    "EMPLOYMENT": ("payrolls", "nfp", "jobs", "jobless", "unemployment", "employment", "wages"),
    "GROWTH": ("gdp", "growth", "recession", "pmi", "retail", "output", "industrial"),
    "POLITICS": ("election", "president", "parliament", "war", "sanctions", "tariff", "tariffs", "government", "vote"),
    "REGULATION": ("sec", "regulator", "regulation", "ban", "bans", "lawsuit", "court", "etf"),
    "SECURITY": ("hack", "hacked", "exploit", "stolen", "breach", "outage"),
    "MARKET": ("stocks", "bonds", "yields", "rally", "selloff", "volatility", "futures", "market", "markets"),
}
"""Words of each category; the first category with a word decides."""

_GOOD = """
hike hikes raises hawkish tightening beats beat stronger strong surge surges rises gains rally rallies record upgrade
upgraded approves approved growth recovery adoption
"""
_BAD = """
cut cuts lowers dovish easing misses miss weaker weak slump slumps falls drops selloff plunges plunge recession
downgrade downgraded bans ban lawsuit hack hacked stolen exploit default crisis war sanctions
"""
GOOD, BAD = frozenset(_GOOD.split()), frozenset(_BAD.split())

NAMES: dict[str, tuple[str, ...]] = {
    "USD": ("usd", "dollar", "fed", "fomc", "powell", "treasury"),
    "EUR": ("eur", "euro", "ecb", "lagarde", "eurozone"),
    "GBP": ("gbp", "pound", "sterling", "boe", "uk"),
    "JPY": ("jpy", "yen", "boj", "japan"),
    "CHF": ("chf", "franc", "snb", "swiss"),
    "AUD": ("aud", "aussie", "rba", "australia"),
    "NZD": ("nzd", "kiwi", "rbnz", "zealand"),
    "CAD": ("cad", "loonie", "boc", "canada"),
    "XAU": ("xau", "gold", "bullion"),
    "BTC": ("btc", "bitcoin"),
    "ETH": ("eth", "ethereum", "ether"),
    "SOL": ("sol", "solana"),
}
BANKS = frozenset(("fed", "fomc", "ecb", "boe", "boj", "snb", "rba", "rbnz", "boc", "powell", "lagarde"))


def read(one: Headline) -> dict[str, Any]:
    """The reading of a headline in the shape of ``research.answers.ReadingAnswer``."""
    words = folded(one.title).split()
    named = [code for word in words for code, names in NAMES.items() if word in names]
    currencies = named[:1] or list(one.currencies)
    heard = [*words, *folded(one.summary).split()]
    category = next((name for name, listed in WORDS.items() if not set(listed).isdisjoint(heard)), "OTHER")
    relevance = 1 + (category != "OTHER") + (not BANKS.isdisjoint(heard)) if currencies else 0
    tone = sum((word in GOOD) - (word in BAD) for word in heard)
    trusted = not suspicious(f"{one.title}\n{one.summary}")
    return {
        "headline": one.id,
        "sentiment": max(-2, min(2, tone)) if trusted else 0,
        "relevance": relevance if trusted else 0,
        "category": category,
        "currencies": currencies,
    }
