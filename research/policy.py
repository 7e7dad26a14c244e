"""What a verdict does to a trade: it stops it, makes it smaller, or nothing. Never more.

A role's mode decides whether it may do anything: only ``veto`` has an effect.
"""

from __future__ import annotations

import math

import msgspec

from domain.research import ABSTAIN, BEARISH, BULLISH, GO, NO_GO, OK, VETO, Verdict, View

RESEARCH_NO_GO = "RESEARCH_NO_GO"
RESEARCH_ABSTAIN = "RESEARCH_ABSTAIN"

LEAST = 0.5
"""The share of the size that a GO at the threshold keeps once confidence counts."""

CAREFUL = 0.5
"""The share of the size in a market that the analyst calls volatile or driven by news."""


class Effect(msgspec.Struct, frozen=True):
    """``veto`` is the denial's code, "" for none; ``factor`` 0 to 1 is the share of the size that is left."""

    veto: str = ""
    factor: float = 1.0


NOTHING = Effect()


def effect(
    verdict: Verdict,
    mode: str,
    on_abstain: str,
    rules_verdict: Verdict | None = None,
    *,
    threshold: float = 0.5,
    calibrated: bool = False,
) -> Effect:
    """What a verdict does under a mode (off, advisory, veto) and ``on_abstain`` (rules, deny).

    With ``rules`` the rules' verdict takes an ABSTAIN's place; if they abstain as well, or are not given, nothing is
    done. ABSTAIN(TOP_K) never does anything: whoever was not asked has not failed. A GO whose numbers are none is an
    ABSTAIN. ``calibrated`` says that p_win has earned a say in the size: then LEAST at the threshold, rising to all of
    it half-way between the threshold and 1.
    """
    if mode != VETO or verdict.code == "TOP_K":
        return NOTHING
    own = _own(verdict, threshold, calibrated)
    if own is None and on_abstain == "deny":
        return Effect(RESEARCH_ABSTAIN, 0.0)
    if own is None and rules_verdict is not None:
        own = _own(rules_verdict, threshold, calibrated=False)
    return own or NOTHING


def _own(verdict: Verdict, threshold: float, calibrated: bool) -> Effect | None:
    """None where the verdict says nothing."""
    if verdict.verdict == NO_GO:
        return Effect(RESEARCH_NO_GO, 0.0)
    factor, p_win = verdict.size_factor, verdict.p_win
    said = math.isfinite(factor) and (p_win is None or math.isfinite(p_win))
    if verdict.verdict != GO or verdict.code != OK or not said:
        return None
    if calibrated and p_win is not None and threshold < 1.0:
        factor = min(factor, LEAST + (p_win - threshold) / (1.0 - threshold))
    factor = min(factor, 1.0)
    return Effect("", factor) if factor > 0.0 else Effect(RESEARCH_NO_GO, 0.0)


def of_view(view: View, direction: int, at: int) -> Verdict:
    """The analyst's view of a symbol as a verdict on an entry in ``direction`` (1, -1) at ``at`` (ns).

    NO_GO against its bias, else GO, with CAREFUL of the size in a volatile regime or with NEWS among the risks. A view
    from later, or that has run out, says nothing: ABSTAIN(EXPIRED, or why there was none).
    """
    if not view.at <= at < view.valid_until:
        return Verdict(verdict=ABSTAIN, code="EXPIRED" if view.code == OK else view.code, source=view.source)
    if view.bias == (BEARISH if direction > 0 else BULLISH):
        return Verdict(verdict=NO_GO, evidence=view.evidence, reason=f"the view is {view.bias}", source=view.source)
    careful = view.regime == "VOLATILE" or "NEWS" in view.risks
    return Verdict(
        verdict=GO,
        size_factor=CAREFUL if careful else 1.0,
        evidence=view.evidence,
        reason=f"the view is {view.bias}, {view.regime}",
        source=view.source,
    )


def combined(*effects: Effect) -> Effect:
    """All of them together: the first veto, else the smallest factor."""
    for one in effects:
        if one.veto:
            return one
    return Effect("", min((one.factor for one in effects), default=1.0))
