"""One cycle's reports put together: a row and a reason for every symbol, in the order of the run."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from domain import order as orders
from domain.candidate import CODE, HAS_TEXT, REPORT, Amend, Candidate, Exit, HostReport
from domain.order import Denied, Order


class Scan:
    """What all hosts said of one T, and what became of it afterwards."""

    def __init__(self, symbols: Sequence[str], index: dict[str, int]) -> None:
        self._symbols, self._index = symbols, index
        self._parts: list[bytes] = []
        self._late: dict[int, tuple[int, str | None]] = {}
        self._closed: dict[str, str] = {}
        self.texts: dict[str, str] = {}
        self.candidates: list[Candidate] = []
        self.exits: list[Exit] = []
        self.amends: list[Amend] = []

    def add(self, report: HostReport) -> None:
        """One host's answer; hosts come in the order of the run's symbols."""
        self._parts.append(report.rows)
        self.texts.update(report.texts)
        self.candidates += report.candidates
        self.exits += report.exits
        self.amends += report.amends

    def missing(self, count: int, why: str, symbols: Sequence[str]) -> None:
        """A host that did not answer: HOST_DOWN for each of its symbols, with what happened."""
        rows = np.zeros(count, REPORT)
        rows["code"], rows["close"] = CODE["HOST_DOWN"], np.nan
        rows["flags"] = HAS_TEXT
        self._parts.append(rows.tobytes())
        self.texts.update(dict.fromkeys(symbols, f"HOST_DOWN: {why}"))

    def answered(self, sent: Sequence[Order], denied: Sequence[Denied]) -> None:
        """What the gate said of the candidates and exits."""
        for one in denied:
            self._late[self._index[one.symbol]] = (CODE["DENIED"], f"DENIED {one.code}")
        for order in sent:
            if order.purpose == orders.ENTRY:
                self._late[self._index[order.symbol]] = (CODE["APPROVED"], None)
            self._closed[order.id] = order.symbol

    def sent(self, statuses: dict[str, str]) -> None:
        """What became of the orders that were sent."""
        words = {
            orders.ACCEPTED: "SUBMITTED",
            orders.SUBMITTED: "SUBMITTED",
            orders.PARTIALLY_FILLED: "FILLED",
            orders.FILLED: "FILLED",
            orders.REJECTED: "REJECTED",
            orders.EXPIRED: "EXPIRED",
            orders.UNKNOWN: "UNKNOWN",
        }
        for order_id, status in statuses.items():
            row = self._index[self._closed[order_id]]
            if self._late.get(row, (CODE["APPROVED"], None))[0] == CODE["APPROVED"]:
                self._late[row] = (CODE[words.get(status, "NOT_SENT")], None)

    def rows(self) -> tuple[bytes, dict[str, str]]:
        """The rows of all symbols as bytes (dtype REPORT, run order), and the texts that replace a code."""
        packed = b"".join(self._parts)
        if not self._late:
            return packed, self.texts
        rows = np.frombuffer(packed, REPORT).copy()
        texts = dict(self.texts)
        for row, (code, text) in self._late.items():
            rows["code"][row] = code
            texts.pop(self._symbols[row], None)
            if text is not None:
                rows["flags"][row] |= HAS_TEXT
                texts[self._symbols[row]] = text
        return rows.tobytes(), texts
