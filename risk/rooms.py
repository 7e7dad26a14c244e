"""What the limits on exposure have in common: the room that is left at the end which a wish moves."""

from __future__ import annotations

from domain.money import NANO, from_decimal, to_float
from risk.exposure import Exposure, Stand
from risk.view import Denial, Figures, View, Wish


class ExposureRoom:
    """A limit on the value of something of which the wish's symbol is a part.

    Subclasses say what counts ``beside`` the moved end, and the limit in money; None is no limit for this wish.
    Without the price, rate or instrument of any exposed symbol nothing new fits.
    """

    stage = 8
    code = ""
    of_equity = False

    def limit(self, stand: Stand, view: View) -> int | None:
        raise NotImplementedError

    def beside(self, stand: Stand, exposure: Exposure) -> int:
        return stand.others

    def value(self, stand: Stand, exposure: Exposure, quantity: int) -> int:
        """What is limited, with a quantity of the wish."""
        return self.beside(stand, exposure) + stand.after(quantity)

    def allowed(self, stand: Stand, exposure: Exposure, limit: int) -> int:
        """How far the moved end may go."""
        return limit - self.beside(stand, exposure)

    def threshold(self, stand: Stand, view: View) -> float | None:
        """The limit as it is configured."""
        limit = self.limit(stand, view)
        return None if limit is None else to_float(limit)

    def shown(self, money: int, view: View) -> float:
        """A value as the limit is configured."""
        return to_float(money)

    def room(self, wish: Wish, view: View, wanted: int) -> int:
        stand = view.exposure.stand(wish, view)
        limit = self.limit(stand, view)
        if limit is None:
            return wanted
        exposure = view.exposure
        if exposure.missing or limit <= 0:
            return 0
        if self.value(stand, exposure, wanted) <= limit:
            return wanted
        return stand.fits(self.allowed(stand, exposure, limit), wanted)

    def exceeded(self, wish: Wish, view: View, quantity: int) -> Denial | None:
        stand = view.exposure.stand(wish, view)
        limit = self.limit(stand, view)
        if limit is None:
            return None
        unknown = unvalued(view, self.of_equity)
        if unknown is not None:
            return unknown
        value = self.value(stand, view.exposure, quantity)
        if value > limit:
            return Denial(self.code, self.shown(value, view), self.threshold(stand, view))
        return None

    def figures(self, wish: Wish, view: View, quantity: int) -> Figures:
        stand = view.exposure.stand(wish, view)
        if self.limit(stand, view) is None:
            return Figures()
        if unvalued(view, self.of_equity) is not None:
            return Figures(None, self.threshold(stand, view))
        value = self.value(stand, view.exposure, quantity)
        return Figures(self.shown(value, view), self.threshold(stand, view))


class EquityRoom(ExposureRoom):
    """The same with a limit in multiples of equity."""

    of_equity = True

    def __init__(self, most: float) -> None:
        self.most, self._nano = most, from_decimal(str(most))

    def limit(self, stand: Stand, view: View) -> int | None:
        return view.equity * self._nano // NANO

    def threshold(self, stand: Stand, view: View) -> float | None:
        return self.most

    def shown(self, money: int, view: View) -> float:
        return money / view.equity


class MarginRoom(ExposureRoom):
    """A limit on the margin of everything held."""

    of_equity = True

    def value(self, stand: Stand, exposure: Exposure, quantity: int) -> int:
        kind = stand.kind
        return exposure.margin_beside(kind) + exposure.margin_of(kind, stand.of_class(exposure) + stand.after(quantity))

    def allowed(self, stand: Stand, exposure: Exposure, limit: int) -> int:
        left = limit - exposure.margin_beside(stand.kind)
        return left * NANO // exposure.margin_rate(stand.kind) - stand.of_class(exposure)


def unvalued(view: View, of_equity: bool) -> Denial | None:
    """Why nothing can be compared: a symbol without a value, or no equity to compare with."""
    missing = view.exposure.missing
    if missing:
        symbol = min(missing)
        return Denial("QUOTE_MISSING", symbol, missing[symbol])
    if of_equity and view.equity <= 0:
        return Denial("NO_EQUITY", to_float(view.equity), 0)
    return None
