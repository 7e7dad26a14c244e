"""What the book is exposed to, in the account currency: by symbol, currency, asset class and venue, at worst."""

from __future__ import annotations

from domain.book import Book


class Exposure:
    """Follows a book: what has changed since the last look is computed again, nothing else."""

    def __init__(self, book: Book) -> None:
        self.book = book
