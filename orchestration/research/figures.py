"""What recorded cases say of the judges, as one plain document: calibration, groups, and arms against each other."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import msgspec

from research.arms import all_compared, tried
from research.calibration import BINS, FEW, LEVEL, Scored, by, earned, judge, measured, scored

Plain = dict[str, Any]

GROUPS = ("model", "prompts", "regime", "arm", "source")


def document(rows: Sequence[Any], after: int, compared: bool = True) -> Plain:
    """Of rows of finished cases (``journal.research_views.finished``).

    ``all``, ``bins`` and the groups are of clean cases only; ``contaminated`` are figures of the others, which a model
    may have known by heart. ``judges``: each model, arm and prompts with whether its p_win has earned a say in the
    size after so many cases (``after``).
    """
    cases = scored(rows)
    clean = [one for one in cases if not one.contaminated]
    dirty = [one for one in cases if one.contaminated]
    total = _plain(measured(clean))
    groups = {
        name: [{name: key} | _short(found) for key, found in by(clean, partial(_group, name)).items()]
        for name in GROUPS
    }
    return {
        "cases": len(rows),
        "scored": len(cases),
        "all": _short(total),
        "bins": total["bins"],
        "contaminated": _short(_plain(measured(dirty))) if dirty else None,
        **{f"by_{name}": found for name, found in groups.items()},
        "judges": [_judge(clean, who, after) for who in sorted({judge(one) for one in clean})],
        "arms": [msgspec.structs.asdict(one) for one in all_compared(tried(rows))] if compared else [],
        "conventions": {"bins": BINS, "few": FEW, "level": LEVEL, "calibrated_after": after},
    }


def _group(name: str, one: Scored) -> str:
    return getattr(one, name) or "none"


def _judge(clean: Sequence[Scored], who: tuple[str, str, str], after: int) -> Plain:
    model, arm, prompts = who
    own = [one for one in clean if judge(one) == who]
    found = measured(own)
    return {
        "model": model,
        "arm": arm,
        "prompts": prompts,
        "cases": len(own),
        "skill": found.skill,
        "skill_low": found.skill_low,
        "earned": earned(own, after),
    }


def _plain(found: Any) -> Plain:
    told: Plain = msgspec.to_builtins(found)
    return told


def _short(found: Any) -> Plain:
    told = found if isinstance(found, dict) else _plain(found)
    return {name: value for name, value in told.items() if name != "bins"}
