"""Headlines from configured sources, fresh and there once; a source that fails keeps what it brought last.

A source is written ``TRUST NAME ADDRESS [CURRENCIES]``, as ``0.8 fx https://example.org/rss.xml USD,EUR``: trust 0 to
1, a name of letters, digits, - and _, an https address (plain http on this machine only) or a file that ends in .xml,
.rss, .atom or .json, and the currencies that its texts are about where they name none.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import msgspec

from domain.candidate import identity
from domain.research import Headline
from domain.timeframe import HOUR
from research.feeds import Item, items, read_file, read_web
from research.outside import cleaned, folded, without_markup
from research.suspicion import suspicious

if TYPE_CHECKING:
    import httpx

TITLE, SUMMARY = 200, 500
"""Characters that are kept of a headline."""
MOST = 50
"""Headlines that go on at once, the newest."""
MOST_CURRENCIES = 6
MOST_SOURCES = 16

UNDATED, FUTURE, STALE, EMPTY, DUPLICATE = "undated", "future", "stale", "empty", "duplicate"
REFUSALS = (UNDATED, FUTURE, STALE, EMPTY, DUPLICATE)
"""Why a text does not go on."""

_NAME = re.compile(r"[A-Za-z0-9_-]{1,32}", re.ASCII)
_CURRENCY = re.compile(r"[A-Z][A-Z0-9]{1,9}", re.ASCII)
_WEB = re.compile(r"https://[^\s/?#@]+([/?]\S*)?|http://(127\.0\.0\.1|localhost|\[::1\])(:\d+)?([/?]\S*)?", re.ASCII)
_FILES = (".xml", ".rss", ".atom", ".json")


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """Where headlines come from, and how far they are trusted (0 to 1)."""

    name: str
    address: str
    trust: float
    currencies: tuple[str, ...] = ()

    @property
    def web(self) -> bool:
        return "://" in self.address


class Read(msgspec.Struct, frozen=True, kw_only=True):
    """What a reading brought: the headlines that may go on, what failed (a line per source, safe to show), and how many
    texts were refused and why."""

    headlines: tuple[Headline, ...]
    problems: tuple[str, ...] = ()
    refused: dict[str, int] = {}


def sources(texts: Sequence[str]) -> tuple[Source, ...]:
    """What the configuration names. Raises ValueError saying what is allowed."""
    if len(texts) > MOST_SOURCES:
        raise ValueError(f"{len(texts)} sources; at most {MOST_SOURCES}")
    found = tuple(_source(text) for text in texts)
    names = [one.name for one in found]
    if len(set(names)) < len(names):
        raise ValueError("two sources have one name")
    return found


def _source(text: str) -> Source:
    parts = text.split()
    allowed = f"{text[:200]!a}: allowed: TRUST NAME ADDRESS [CURRENCIES], as 0.8 fx https://host/rss.xml USD,EUR"
    if not 3 <= len(parts) <= 4:
        raise ValueError(allowed)
    number, name, address, *rest = parts
    try:
        trust = float(number)
    except ValueError:
        raise ValueError(allowed) from None
    if not 0.0 <= trust <= 1.0:
        raise ValueError(f"{allowed}; trust is 0 to 1")
    if not _NAME.fullmatch(name):
        raise ValueError(f"{allowed}; a name has letters, digits, - and _")
    if not _WEB.fullmatch(address) and ("://" in address or not address.lower().endswith(_FILES)):
        raise ValueError(
            f"{allowed}; an address is https://... (http on this machine only) or a file {'|'.join(_FILES)}"
        )
    currencies = tuple(rest[0].split(",")) if rest else ()
    if not all(_CURRENCY.fullmatch(one) for one in currencies):
        raise ValueError(f"{allowed}; currencies are like USD,EUR")
    return Source(name=name, address=address, trust=trust, currencies=currencies)


class Clean(msgspec.Struct, frozen=True):
    """A headline, and what makes it the same as another one. ``headline`` is None for a text that cannot go on at any
    time, and ``why`` says why."""

    same: str
    headline: Headline | None
    why: str = ""


class Headlines:
    """The texts of all sources as last read. ``hours`` is how old a headline may be."""

    def __init__(self, sources: Sequence[Source], hours: float, transport: httpx.BaseTransport | None = None) -> None:
        self._sources, self._transport = tuple(sources), transport
        self._oldest = round(hours * HOUR)
        self._kept: dict[str, dict[Item, Clean]] = {}

    def read(self, now: int) -> Read:
        """Ask every source and say what may go on at ``now`` (ns). Takes up to ``feeds.WITHIN`` seconds a source, so it
        belongs beside whatever has a deadline; ``at`` may be asked meanwhile. A source that fails is a problem, never
        an exception.

        A text is seen when its source first brought it. One of a file is seen when it was published, so that a recorded
        file tells at each moment what was known by then."""
        problems: list[str] = []
        kept = dict(self._kept)
        for source in self._sources:
            try:
                data = read_web(source.address, self._transport) if source.web else read_file(source.address)
                found = items(data)
            except (ValueError, OSError) as error:
                why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
                problems.append(f"{source.name}: {why}")
                continue
            before = kept.get(source.name, {})
            kept[source.name] = {one: before.get(one) or clean(one, source, now) for one in found}
        self._kept = kept
        found_now = self.at(now)
        return Read(headlines=found_now.headlines, problems=tuple(problems), refused=found_now.refused)

    def at(self, now: int) -> Read:
        """What may go on at ``now`` (ns) of what was read before."""
        kept = self._kept
        texts = [one for source in self._sources for one in kept.get(source.name, {}).values()]
        headlines, refused = accepted(texts, now, self._oldest)
        return Read(headlines=headlines, refused=refused)


def clean(item: Item, source: Source, now: int) -> Clean:
    """A text as it may be shown to the reader. Without a date or without a word it may not; what looks like an
    instruction, to a person or to the eye of a program, has trust 0."""
    if item.published_at is None:
        return Clean("", None, UNDATED)
    title, summary = cleaned(without_markup(item.title), TITLE), cleaned(without_markup(item.summary), SUMMARY)
    same = folded(title)
    if not same:
        return Clean("", None, EMPTY)
    raw, shown = f"{item.title}\n{item.summary}", f"{title}\n{summary}"
    hostile = suspicious(raw) or (shown != raw and suspicious(shown))
    currencies = item.currencies or source.currencies
    headline = Headline(
        id=identity("headline", same)[:12],
        source=source.name,
        trust=0.0 if hostile else source.trust,
        published_at=item.published_at,
        seen_at=now if source.web else item.published_at,
        title=title,
        summary="" if folded(summary) == same else summary,
        currencies=tuple(one for one in currencies if _CURRENCY.fullmatch(one))[:MOST_CURRENCIES],
    )
    return Clean(same, headline)


def accepted(texts: Iterable[Clean], now: int, oldest: int) -> tuple[tuple[Headline, ...], dict[str, int]]:
    """What may go on at ``now`` (ns), the newest first, and how many were refused and why.

    A text from the future, or published more than ``oldest`` (ns) ago, is refused; of equal ones (folded title) that of
    the most trusted source stays, then the earliest.
    """
    refused: Counter[str] = Counter()
    best: dict[str, Headline] = {}
    for text in texts:
        one = text.headline
        why = text.why if one is None else _refusal(one, now, oldest)
        if one is None or why:
            refused[why] += 1
            continue
        refused[DUPLICATE] += text.same in best
        best[text.same] = min(one, best.get(text.same, one), key=_rank)
    newest = sorted(best.values(), key=lambda one: (-one.published_at, one.id))
    return tuple(newest[:MOST]), {why: count for why, count in sorted(refused.items()) if count}


def _refusal(one: Headline, now: int, oldest: int) -> str:
    if max(one.published_at, one.seen_at) > now:
        return FUTURE
    return STALE if now - one.published_at > oldest else ""


def _rank(one: Headline) -> tuple[float, int, str, str]:
    return -one.trust, one.published_at, one.source, one.summary
