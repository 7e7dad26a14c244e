"""Numbered evidence: everything that is known of a symbol at a moment, computed by code.

Facts come in the order of ``KINDS`` and are numbered E1, E2, … as they are there: a short window gives fewer of them.
Distances are in average true ranges (ATR) or per cent, never absolute prices, and no text from outside is in them: of
news and of an analyst's view there are enums and scores only. ``value`` is the number as it is shown.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable, Sequence

import msgspec
import numpy as np

from domain.candidate import Candidate
from domain.instrument import Instrument
from domain.market import Bars
from domain.money import from_float, to_float
from domain.research import BEARISH, BIASES, BULLISH, CATEGORIES, OK, RISKS, RULES, Fact, Headline, Reading, View
from domain.timeframe import DAY, HOUR, MINUTE, utc
from research.gauges import KINDS as GAUGED
from research.gauges import Draft, clipped, draft, gauged
from research.masking import placeholder
from risk.news import EVERY, Calendar, NewsEvent, announcements, currencies_of
from risk.sessions import market_closes_at, session_of

KINDS = (*GAUGED, "cost", "session", "held", "correlation", "calendar", "past", "view", "news")

LEAST_RETURNS = 20
"""Returns that a correlation takes at least."""
MOST_HELD = 3
"""Held symbols that are named, those of the strongest correlation first."""
STOP_RANGES, TARGET_RANGES = 1.5, 3.0
"""The barriers of a case whose candidate has none, in ATR."""
COSTLY = 0.25
"""Spread over stop at which the cost speaks fully against an entry."""
SOON = HOUR
"""News of high impact so near speaks against an entry."""
AHEAD = DAY
ENOUGH = 30
"""Closed trades from which past results have their full weight."""
COST, CORRELATION, CALENDAR, PAST, VIEW, NEWS = 0.5, 0.4, 0.3, 0.5, 0.4, 0.4
"""Weights. News and views never weigh more than this, whatever they say."""
_BLOCK = 128 * DAY


class HeldSymbol(msgspec.Struct, frozen=True):
    """An open position: ``side`` 1 or -1, and its symbol's window of bars."""

    symbol: str
    side: int
    bars: Bars


class Past(msgspec.Struct, frozen=True):
    """Closed trades of one strategy on one symbol; ``mean_r`` in R, None where it is not known."""

    trades: int
    wins: int
    mean_r: float | None = None


class Context(msgspec.Struct, frozen=True, kw_only=True):
    """What is known at ``at`` (ns) besides the symbol's own bars. ``timeframe`` in ns, ``spread`` in 1e-9 (0: that of
    the newest bar, else the instrument's). ``news`` are readings with the headlines that they are of, ``news_for`` (ns)
    how old these may be. What is later than ``at`` is left out."""

    at: int
    timeframe: int
    instrument: Instrument | None = None
    spread: int = 0
    held: tuple[HeldSymbol, ...] = ()
    calendar: Calendar = Calendar()
    past: Past | None = None
    view: View | None = None
    news: tuple[tuple[Headline, Reading], ...] = ()
    news_for: int = DAY


def facts(candidate: Candidate | None, window: Bars, context: Context) -> tuple[Fact, ...]:
    """The facts for a candidate; without one (for the analyst) those that need none. The same arguments give the same
    facts. ``window`` holds the symbol's closed bars, oldest first."""
    direction = candidate.direction if candidate else 0
    window = closed(window, context)
    drafts = list(gauged(window))
    drafts += _cost(candidate, window, context)
    drafts += _session(context)
    drafts += _correlations(direction, window, context)
    drafts += _calendar(direction, context)
    if candidate is not None:
        drafts += _past(direction, context.past)
    drafts += _view(direction, context)
    drafts += _news(direction, context)
    return numbered(drafts)


def book_facts(context: Context) -> tuple[Fact, ...]:
    """The facts for the analyst's view of the whole book: what is held, how much of it moves together, the hour."""
    held = context.held
    drafts = list(_session(context))
    longs = sum(one.side > 0 for one in held)
    drafts.append(
        draft("held", f"{len(held)} positions held: {longs} long, {len(held) - longs} short", float(len(held)))
    )
    found = [
        rho * one.side * other.side
        for i, one in enumerate(held)
        for other in held[i + 1 :]
        if (rho := correlation(closed(one.bars, context), closed(other.bars, context))) is not None
    ]
    if found:
        most = round(max(found), 2)
        text = f"positions move together: {most:.2f} is the highest of {len(found)} correlations"
        drafts.append(draft("correlation", text, most))
    drafts += _calendar(0, context)
    return numbered(drafts)


def numbered(drafts: Iterable[Draft]) -> tuple[Fact, ...]:
    """As facts E1, E2, … in the order given."""
    return tuple(Fact(f"E{number}", *msgspec.structs.astuple(one)) for number, one in enumerate(drafts, 1))


def barriers(candidate: Candidate, window: Bars) -> tuple[int, int]:
    """(stop, target) as distances in 1e-9: the candidate's own, else 1.5 and 3 times the average true range; 0 where
    that is not known either."""
    from indicators.measures import measure

    usual = measure(window).atr
    known = usual if math.isfinite(usual) else 0.0
    return (
        candidate.stop or from_float(STOP_RANGES * known),
        candidate.target or from_float(TARGET_RANGES * known),
    )


def closed(window: Bars, context: Context) -> Bars:
    """The bars of a window that had closed at the moment."""
    return window[window["ts"] + context.timeframe <= context.at]


def correlation(one: Bars, other: Bars) -> float | None:
    """Pearson's correlation of the log returns between the moments that both have; None with fewer than 20, or where
    one of the two has not moved."""
    if not np.array_equal(one["ts"], other["ts"]):
        _, first, second = np.intersect1d(one["ts"], other["ts"], assume_unique=True, return_indices=True)
        one, other = one[first], other[second]
    if len(one) <= LEAST_RETURNS:
        return None
    a, b = (returns - returns.mean() for returns in (np.diff(np.log(each["close"])) for each in (one, other)))
    length = math.sqrt(float(a @ a) * float(b @ b))
    return clipped(float(a @ b) / length) if length > 1e-18 else None


def _cost(candidate: Candidate | None, window: Bars, context: Context) -> Iterable[Draft]:
    """The spread over the stop's distance. Lean: against the candidate, fully from a quarter of the stop on."""
    if candidate is None:
        return
    spread = to_float(context.spread)
    if not spread > 0.0 and len(window):
        spread = float(window["spread"][-1])
    if not spread > 0.0 and context.instrument is not None:
        spread = to_float(context.instrument.spread)
    stop, _ = barriers(candidate, window)
    if not (0.0 < spread < math.inf and stop > 0):
        return
    share = spread / to_float(stop)
    shown = round(100.0 * share, 1)
    text = f"the spread costs {shown:.1f} % of the stop's distance"
    yield draft("cost", text, shown, -candidate.direction * clipped(share / COSTLY), COST)


def _session(context: Context) -> Iterable[Draft]:
    """The hour, and how long the market stays open where it closes within a day. No lean."""
    moment = utc(context.at)
    text = f"session {session_of(context.at)}, {moment:%A} {moment:%H:%M} UTC"
    closes = market_closes_at(context.instrument.asset_class, context.at) if context.instrument else None
    if closes is not None and closes - context.at < DAY:
        text += f"; closes for the weekend in {(closes - context.at) / HOUR:.1f} h"
    yield draft("session", text, None)


def _correlations(direction: int, window: Bars, context: Context) -> Iterable[Draft]:
    """What is held that moves with the symbol. Lean: against the candidate as far as the position does the same."""
    found = [(rho, one) for one in context.held if (rho := correlation(window, closed(one.bars, context))) is not None]
    found.sort(key=lambda pair: (-abs(pair[0]), pair[1].symbol))
    for rho, one in found[:MOST_HELD]:
        shown = round(rho, 2) + 0.0
        side = "long" if one.side > 0 else "short"
        text = f"held {one.symbol} {side}: correlation of returns {shown:.2f}"
        same = max(0.0, rho * one.side * direction)
        yield draft("correlation", text, shown, -direction * same, CORRELATION)


def _calendar(direction: int, context: Context) -> Iterable[Draft]:
    """News of high impact in the next day. Lean: against the candidate where it comes within the hour. Titles are texts
    from outside and stay there."""
    currencies = currencies_of(context.instrument) if context.instrument else None
    coming = [
        one
        for one in _upcoming(context.calendar, context.at)
        if one.impact == "high" and (currencies is None or one.currency in currencies or one.currency == EVERY)
    ]
    if coming:
        first = coming[0]
        minutes = (first.at - context.at) // MINUTE
        named = "every currency" if first.currency == EVERY else first.currency
        text = f"news of high impact for {named} in {minutes} min; {len(coming)} in 24 h"
        yield draft("calendar", text, float(minutes), -direction if first.at - context.at <= SOON else 0.0, CALENDAR)
    elif context.calendar.since <= context.at and context.at + AHEAD <= context.calendar.until:
        yield draft("calendar", "no news of high impact in 24 h", None)


def _upcoming(calendar: Calendar, at: int) -> list[NewsEvent]:
    """Events after ``at`` and up to a day ahead, the nearest first."""
    near: list[NewsEvent] = []
    for events in (calendar.events, announcements(at // _BLOCK) if calendar.static else ()):
        first, last = (bisect_right(events, time, key=lambda one: one.at) for time in (at, at + AHEAD))
        near += events[first:last]
    return sorted(near, key=lambda one: (one.at, one.currency, one.impact, one.title))


def _past(direction: int, past: Past | None) -> Iterable[Draft]:
    """Own results of this strategy on this symbol. Lean: with the candidate by the mean R; weight by how many."""
    if past is None or past.trades < 1:
        return
    won = 100.0 * past.wins / past.trades
    text = f"own past trades of this strategy on this symbol: {past.trades}, {won:.0f} % won"
    if past.mean_r is None or not math.isfinite(past.mean_r):
        yield draft("past", text, round(won))
        return
    shown = round(past.mean_r, 2) + 0.0
    weight = PAST * min(1.0, past.trades / ENOUGH)
    yield draft("past", f"{text}, mean result {shown:.2f} R", shown, direction * clipped(past.mean_r), weight)


def _view(direction: int, context: Context) -> Iterable[Draft]:
    """The analyst's view while it holds. Lean: its bias, where that is against the candidate. A view may be a model's:
    only words of ours are shown."""
    from indicators.regime import DETAILED, REGIMES

    view = context.view
    if view is None or not _answered(view) or view.bias not in BIASES:
        return
    if not view.at <= context.at < view.valid_until:
        return
    regime = view.regime if view.regime in (*REGIMES, *DETAILED) else ""
    risks = [one for one in RISKS if one in view.risks]
    text = f"the analyst says {view.bias}, regime {regime or 'not known'}, risks {', '.join(risks) or 'none'}"
    side = {BULLISH: 1.0, BEARISH: -1.0}.get(view.bias, 0.0)
    yield draft("view", text, None, side if side * direction < 0.0 else 0.0, VIEW)


def _news(direction: int, context: Context) -> Iterable[Draft]:
    """Readings of recent news for the base and the quote, means weighted by trust x relevance. Lean: against the
    candidate, where the base's mean less the quote's is; weight: by that over 2, and by how much news there is, at most
    ``NEWS``."""
    if context.instrument is None:
        return
    base, quote = context.instrument.base, context.instrument.quote[:3]
    fresh = [(one, said) for one, said in context.news if _known(one, context) and _answered(said)]
    parts, amount, means = [], 0.0, {}
    for currency in (base, quote):
        means[currency], weight, count = _mood(currency, fresh)
        amount += weight
        if weight > 0.0:
            parts.append(f"{currency} {means[currency]:+.2f} of 2 by {count}")
    if not parts:
        return
    ours = {base, quote, placeholder(base), placeholder(quote)}
    about = _most([said.category for _, said in fresh if not ours.isdisjoint(said.currencies)])
    shown = round(means[base] - means[quote], 2) + 0.0
    text = f"news in {context.news_for // HOUR} h: {', '.join(parts)}; mostly {about}"
    against = max(0.0, -shown * direction) / 2.0
    yield draft("news", text, shown, -direction if against else 0.0, NEWS * min(1.0, against) * min(1.0, amount / 2.0))


def _answered(said: View | Reading) -> bool:
    """Whether somebody has said it: a model, or the rules in place of one that failed."""
    return said.code == OK or said.source == RULES


def _known(one: Headline, context: Context) -> bool:
    later = max(one.published_at, one.seen_at) > context.at
    return not later and context.at - one.published_at <= context.news_for


def _mood(currency: str, fresh: Sequence[tuple[Headline, Reading]]) -> tuple[float, float, int]:
    """(mean sentiment -2 to 2, sum of weights 0 to 1 each, how many) of the readings of a currency, masked or not."""
    named = {currency, placeholder(currency)}
    total, weights, count = 0.0, 0.0, 0
    for headline, said in fresh:
        weight = min(1.0, max(0.0, headline.trust)) * min(3, max(0, said.relevance)) / 3.0
        if named.isdisjoint(said.currencies) or not weight > 0.0:
            continue
        total += weight * min(2, max(-2, said.sentiment))
        weights += weight
        count += 1
    return (total / weights if weights else 0.0), weights, count


def _most(categories: Sequence[str]) -> str:
    """The category that comes most often, the first of the list where several do."""
    return max(CATEGORIES, key=lambda one: categories.count(one)) if categories else CATEGORIES[-1]
