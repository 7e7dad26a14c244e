"""At most so many entries are sent and have not ended.

What is approved in the same cycle waits for the executor's permits instead (decision 3): a burst loses no candidate.
"""

from __future__ import annotations

from domain.order import INTENT
from risk.config import RiskConfig
from risk.view import Denial, Figures, View, Wish


class MaxOrdersInFlight:
    stage = 8
    keys = ("max_orders_in_flight",)

    def __init__(self, most: int) -> None:
        self.most = most

    @classmethod
    def build(cls, config: RiskConfig) -> MaxOrdersInFlight | None:
        return None if config.max_orders_in_flight is None else cls(config.max_orders_in_flight)

    def check(self, wish: Wish, view: View) -> Denial | None:
        sent = self._sent(view)
        return Denial("MAX_ORDERS_IN_FLIGHT", sent, self.most) if sent >= self.most else None

    def figures(self, wish: Wish, view: View) -> Figures:
        return Figures(self._sent(view), self.most)

    def _sent(self, view: View) -> int:
        return sum(1 for one in view.book.working.values() if one.status != INTENT and one.order.opens)
