"""The layers become one: the highest layer wins, key by key, and parameters follow the name they belong to."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from orchestration.settings.keys import KEYS, key_of
from orchestration.settings.layers import DEFAULT, PRESET, Given, shown
from orchestration.settings.problems import Problems


class Merged:
    """Every key as it stands, with its source and rank; ``notices`` tell what was left out."""

    def __init__(self, given: list[Given], tried: set[str]) -> None:
        self.tried = tried  # keys that somebody wrote, if not always well
        self.keys: dict[str, Given] = {key: Given(key, one.default, "default", DEFAULT) for key, one in KEYS.items()}
        self.notices: list[str] = []
        ordered = sorted(given, key=lambda one: one.rank)
        names = [one for one in ordered if one.key == "strategy.name"]
        for one in ordered:
            if one.key.startswith("strategy.") and one.rank > PRESET and _name_at(one.rank, names) != _last(names):
                if one.key != "strategy.name":
                    self._tell(one, f"strategy {_name_at(one.rank, names)}, and {_last(names)} was chosen over it")
                continue
            below = self.keys.get(one.key)
            self.keys[one.key] = replace(one, value=_laid_over(below, one)) if one.part and below else one

    def __getitem__(self, key: str) -> Any:
        return self.keys[key].value

    def is_set(self, key: str) -> bool:
        """Whether anybody set it above the preset."""
        return self.keys[key].rank > PRESET

    def under(self, section: str) -> dict[str, Given]:
        return {key: one for key, one in self.keys.items() if key.startswith(section + ".")}

    def put(self, key: str, value: Any, source: str | None = None) -> None:
        """A value that follows from others."""
        one = self.keys[key]
        self.keys[key] = replace(one, value=value, source=source or one.source)

    def parameters(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """The strategy's parameters: those given, and the preset's where nothing is given.

        A parameter that a layer gave while another strategy was in force there has been left out.
        """
        found = {key.partition(".")[2]: one for key, one in self.under("strategy").items() if key != "strategy.name"}
        given = {name: one.value for name, one in found.items() if one.rank > PRESET}
        return given, {name: one.value for name, one in found.items() if one.rank == PRESET}

    def _tell(self, one: Given, why: str) -> None:
        self.notices.append(f"{one.source}: {one.key} is left out: it belongs to {why}")

    def choose_feed(self, problems: Problems) -> str:
        """sim or recorded. --data over a file's ``feed: {name: sim}`` means recorded; what belongs to the
        other feed is left out where it is older than the choice, and a problem where it is not."""
        named, data = self.keys["feed.name"], self.keys["feed.data"]
        chosen, rank, why = str(named.value), named.rank, f"{named.source}: feed {named.value}"
        if data.rank > DEFAULT and (chosen == "auto" or (chosen == "sim" and data.rank > rank)):
            chosen, rank, why = "recorded", max(data.rank, rank), f"{data.source} makes the feed recorded"
        elif chosen == "auto":
            chosen, why = "sim", "no data is given, so the feed is sim"
        for key, one in self.under("feed").items():
            feeds = KEYS[key].feeds
            said = one.rank > PRESET and one.value is not None and one.value is not False
            if said and feeds and chosen not in feeds:
                if one.rank >= rank:
                    text = f"{one.source}: {key} = {shown(one.value)} belongs to feed {feeds[0]}, but {why}"
                    problems.add(text + _way_out(key), usage=one.usage)
                else:
                    self._tell(one, f"feed {feeds[0]}, and {why}")
                    self.keys[key] = Given(key, KEYS[key].default, "default", DEFAULT)
        if chosen == "recorded" and data.rank == DEFAULT and "feed.data" not in self.tried:
            problems.add(
                f"{named.source}: feed recorded needs data: --data DIR or --data SYMBOL=FILE", usage=named.usage
            )
        self.put("feed.name", chosen, data.source if chosen == "recorded" and named.value != chosen else None)
        return chosen


def _last(names: list[Given]) -> str:
    return str(names[-1].value if names else KEYS["strategy.name"].default)


def _name_at(rank: int, names: list[Given]) -> str:
    """The strategy in force at a layer."""
    return _last([one for one in names if one.rank <= rank])


def _way_out(key: str) -> str:
    if KEYS[key].feeds == ("recorded",) and key != "feed.data":
        return "; add --feed recorded --data DIR, or leave it out"
    return "; leave one of them out"


def _laid_over(below: Given, one: Given) -> Any:
    key = key_of(one.key)
    under = below.value if isinstance(below.value, dict) else {}
    if key is not None and key.sub == "class" and isinstance(below.value, int | float):
        under = {"default": below.value}
    return _over(under, one.value)


def _over(under: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """One mapping over another, at every depth."""
    both = {key: _over(under[key], value) for key, value in given.items() if _mappings(under.get(key), value)}
    return {**under, **given, **both}


def _mappings(one: object, other: object) -> bool:
    return isinstance(one, dict) and isinstance(other, dict)
