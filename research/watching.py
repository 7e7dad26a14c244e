"""The share of GO over the last cases: a judge that always says the same judges nothing."""

from __future__ import annotations

from collections import deque

from domain.research import ABSTAIN, GO


class GoRate:
    """Watches the last ``cases`` verdicts, once there are so many: the share of GO shall be from ``low`` to ``high``.
    An alarm is told once, and again only after the share was sound or for another reason."""

    def __init__(self, cases: int, low: float, high: float) -> None:
        self._last: deque[str] = deque(maxlen=max(1, cases))
        self._low, self._high = low, high
        self._told = ""

    def saw(self, verdict: str) -> str:
        """The alarm that this verdict sets off; "" for none. ABSTAIN is neither GO nor NO_GO; too many of them are an
        alarm of their own."""
        self._last.append(verdict)
        found, before = self._found(), self._told
        self._told = found
        if not found or found == before:
            return ""
        if found == "SILENT":
            return self._silent()
        return self._share("below", self._low) if found == "LOW" else self._share("above", self._high)

    def _found(self) -> str:
        if len(self._last) < (self._last.maxlen or 0):
            return ""
        judged = [one for one in self._last if one != ABSTAIN]
        if 2 * len(judged) < len(self._last):
            return "SILENT"
        share = judged.count(GO) / len(judged)
        return "LOW" if share < self._low else "HIGH" if share > self._high else ""

    def _silent(self) -> str:
        silent = sum(one == ABSTAIN for one in self._last)
        return f"{silent} of the last {len(self._last)} verdicts are ABSTAIN: nobody judges"

    def _share(self, side: str, limit: float) -> str:
        judged = [one for one in self._last if one != ABSTAIN]
        share = judged.count(GO) / len(judged) if judged else 0.0
        return f"GO in {100 * share:.0f} % of the last {len(judged)} verdicts, {side} {100 * limit:.0f} %"
