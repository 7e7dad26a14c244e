"""What a limit on the planned loss has in common: stop distance x quantity, in the account currency."""

from __future__ import annotations

from domain.money import to_float
from risk.exposure import fitting, worth
from risk.view import Denial, Figures, View, Wish


class PlannedLoss:
    """A cap on what one entry loses at its stop. Costs and gaps come on top (decision 5).

    Subclasses say the cap in money (None: no cap for this entry), and how it and a loss are shown.
    """

    stage = 9
    code = ""

    def cap(self, wish: Wish, view: View) -> int | None:
        raise NotImplementedError

    def shown(self, money: int, view: View) -> float:
        return to_float(money)

    def threshold(self, wish: Wish, view: View) -> float | None:
        cap = self.cap(wish, view)
        return None if cap is None else to_float(cap)

    def room(self, wish: Wish, view: View, wanted: int) -> int:
        cap = self.cap(wish, view)
        if cap is None:
            return wanted
        if wish.stop <= 0 or view.rate is None:
            return 0
        return min(wanted, fitting(cap, wish.stop, view.rate))

    def exceeded(self, wish: Wish, view: View, quantity: int) -> Denial | None:
        cap = self.cap(wish, view)
        if cap is None:
            return None
        if wish.stop <= 0:
            return Denial("STOP_REQUIRED", to_float(wish.stop), 0)
        if view.rate is None:
            return Denial("CONVERSION_UNKNOWN", wish.symbol)
        if cap <= 0:
            return Denial("NO_EQUITY", to_float(view.equity), 0)
        loss = worth(quantity, wish.stop, view.rate)
        if loss > cap:
            return Denial(self.code, self.shown(loss, view), self.threshold(wish, view))
        return None

    def figures(self, wish: Wish, view: View, quantity: int) -> Figures:
        cap = self.cap(wish, view)
        if cap is None:
            return Figures()
        if wish.stop <= 0 or view.rate is None or cap <= 0:
            return Figures(None, self.threshold(wish, view))
        return Figures(self.shown(worth(quantity, wish.stop, view.rate), view), self.threshold(wish, view))
