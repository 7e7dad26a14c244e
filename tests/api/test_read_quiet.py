"""What a snapshot leaves out of the last events: what every cycle says, and lists that it has itself."""

from __future__ import annotations

from pathlib import Path

from api import queries
from api.read.scan import QUIET
from domain.events import ACCOUNT_UPDATE, ALERT, POSITION_UPDATE
from journal import database
from tests.api.stream_desk import Desk


def test_lists_of_positions_are_left_out_and_stops_that_moved_are_not(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'argus.db'}"
    database.prepare(url)
    desk = Desk(url, "run")
    for kind, symbol in ((POSITION_UPDATE, None), (POSITION_UPDATE, "BTC"), (ACCOUNT_UPDATE, None), (ALERT, None)):
        desk.write(kind=kind, symbol=symbol)
    with desk.store.read() as c:
        last = queries.events(c, "run", limit=10, before=2**63 - 1, without=QUIET)
        every = queries.events(c, "run", limit=10, after=0)
    desk.close()

    assert [(one["type"], one["symbol"]) for one in last] == [(POSITION_UPDATE, "BTC"), (ALERT, None)]
    assert len(every) == 4
