from __future__ import annotations

from typing import Any

import pytest

from domain.errors import StaleEpoch
from domain.order import ACCEPTED, DONE, FILLED, Fill, Order
from domain.ports import VenueBooks
from domain.venue import VenueAccount, VenueBook, VenueChange, VenueOrder, VenuePosition
from journal import lease
from journal.paper_books import PaperBooks
from journal.store import Store

NANO = 1_000_000_000


def an_order(id: str = "o1", **changed: Any) -> Order:
    return Order(
        **{
            "id": id,
            "account": "paper",
            "venue": "paper",
            "symbol": "EURUSD",
            "strategy": "ema_cross",
            "purpose": "ENTRY",
            "side": 1,
            "quantity": 10_000 * NANO,
            "stop": 1_050_000_000,
            "correlation_id": "c",
        }
        | changed
    )


def a_fill(id: str = "f1", account: str = "paper", **changed: Any) -> Fill:
    return Fill(
        **{
            "id": id,
            "order_id": "o1",
            "account": account,
            "symbol": "EURUSD",
            "side": 1,
            "quantity": 10_000 * NANO,
            "price": 1_087_650_001,
            "commission": 1_087_650_000,
            "at": 5,
            "reason": "ENTRY",
        }
        | changed
    )


def a_position(quantity: int = 10_000 * NANO, symbol: str = "EURUSD") -> VenuePosition:
    return VenuePosition(
        symbol=symbol,
        quantity=quantity,
        cost=10_876_500_010_000,
        stop=1_050_000_000,
        opened_at=5,
        entry_order="o1",
        strategy="ema_cross",
        correlation_id="c",
    )


def an_account(account: str = "paper", at: int = 5, **cash: int) -> VenueAccount:
    return VenueAccount(account=account, cash=cash or {"USD": 100_000 * NANO + 1, "JPY": -5}, at=at)


@pytest.fixture
def books(store: Store) -> VenueBooks:
    return PaperBooks(store)


def test_an_account_that_was_never_written_is_none(books: VenueBooks) -> None:
    assert books.load("paper") is None
    assert books.order("paper", "o1") is None
    assert books.fills("paper", 0) == []


def test_a_book_comes_back_exactly_also_to_another_process(books: VenueBooks, url: str) -> None:
    order = VenueOrder(order=an_order(), status=ACCEPTED, filled=NANO // 3, submitted_at=4)
    books.commit(VenueChange(account=an_account(), positions=(a_position(),), orders=(order,)))
    store = Store(url, epoch=1)

    assert PaperBooks(store).load("paper") == VenueBook(
        account=an_account(), positions=(a_position(),), orders=(order,)
    )
    store.close()


def test_a_flat_position_is_gone_and_others_stay(books: VenueBooks) -> None:
    books.commit(VenueChange(account=an_account(), positions=(a_position(), a_position(symbol="BTC"))))
    books.commit(VenueChange(account=an_account(at=6), positions=(a_position(0), a_position(5, "SOL"))))

    book = books.load("paper")
    assert book is not None
    assert [(one.symbol, one.quantity) for one in book.positions] == [("BTC", 10_000 * NANO), ("SOL", 5)]
    assert book.account.at == 6


@pytest.mark.parametrize("status", sorted(DONE))
def test_a_finished_order_is_kept_but_not_loaded(books: VenueBooks, status: str) -> None:
    working = VenueOrder(order=an_order(), status=ACCEPTED)
    done = VenueOrder(order=an_order(), status=status, filled=10_000 * NANO, submitted_at=3)
    other = VenueOrder(order=an_order("o2"), status=ACCEPTED)
    books.commit(VenueChange(account=an_account(), orders=(working, other)))
    books.commit(VenueChange(account=an_account(), orders=(done,)))

    book = books.load("paper")
    assert book is not None
    assert book.orders == (other,)
    assert books.order("paper", "o1") == done


def test_a_fill_seen_again_is_ignored(books: VenueBooks) -> None:
    books.commit(VenueChange(account=an_account(), fills=(a_fill("f1"), a_fill("f2"))))
    books.commit(VenueChange(account=an_account(), fills=(a_fill("f2", price=7), a_fill("f3"))))

    assert [fill for _, fill in books.fills("paper", 0)] == [a_fill("f1"), a_fill("f2"), a_fill("f3")]


def test_fills_are_read_on_from_a_cursor(books: VenueBooks) -> None:
    books.commit(VenueChange(account=an_account(), fills=tuple(a_fill(f"f{number}") for number in range(4))))
    cursor = books.fills("paper", 0)[1][0]

    assert [fill.id for _, fill in books.fills("paper", cursor)] == ["f2", "f3"]
    assert books.fills("paper", books.fills("paper", 0)[-1][0]) == []


def test_accounts_do_not_see_each_other(books: VenueBooks) -> None:
    for account in ("paper", "run-1"):
        order = VenueOrder(order=an_order(account=account), status=ACCEPTED)
        change = VenueChange(account=an_account(account), positions=(a_position(),), orders=(order,))
        books.commit(change)
    fill = a_fill("f1", "run-1")
    books.commit(VenueChange(account=an_account("run-1"), positions=(a_position(0),), fills=(fill,)))

    paper = books.load("paper")
    assert paper is not None
    assert (len(paper.positions), paper.orders[0].order.account) == (1, "paper")
    assert books.fills("paper", 0) == []


def test_an_act_of_a_stale_engine_changes_nothing(books: VenueBooks, url: str) -> None:
    books.commit(VenueChange(account=an_account()))
    for pid in (10, 20):
        lease.acquire(url, pid, "here", 10**18, "run", alive=lambda _: False)
    order = VenueOrder(order=an_order(), status=FILLED)
    with pytest.raises(StaleEpoch):
        books.commit(VenueChange(account=an_account(at=9), orders=(order,), fills=(a_fill(),)))

    book = books.load("paper")
    assert book is not None
    assert book.account.at == 5
    assert (books.order("paper", "o1"), books.fills("paper", 0)) == (None, [])
