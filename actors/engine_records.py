"""What is written down of the engine itself: its states, and what an operator must hear of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
import sqlalchemy as sa

from actors.engine_machine import Transition
from actors.gate_rows import moment
from domain.engine_state import public
from domain.events import ALERT, ENGINE_STATE, Draft
from journal import schema as s
from journal.store import Store, Tx


class EngineRecords:
    """Events of one run. Each is written once, however often it is told."""

    def __init__(self, store: Store, run_id: str) -> None:
        self._store, self._run_id = store, run_id

    def state(self, one: Transition, at: int) -> None:
        """``at`` is the market's time, the transition's own the clock's."""
        data = {"state": public(one.to), "from": public(one.before), "reason": one.why, "since": moment(one.at)}
        key = f"{data['from']}:{data['state']}:{one.at}"
        self._once(Draft(ENGINE_STATE, at, key, data | dict(one.metadata)))

    def alert(self, name: str, at: int, **facts: Any) -> None:
        self._once(alert(name, at, **facts))

    def _once(self, draft: Draft) -> None:
        with self._store.transaction() as tx:
            emit_once(tx, self._run_id, [draft])


def emit_once(tx: Tx, run_id: str, drafts: Iterable[Draft]) -> None:
    """Those that are not written down yet: a commit may have happened without an answer."""
    for draft in drafts:
        known = sa.select(s.events.c.seq).where(s.events.c.id == draft.id(run_id))
        if tx.connection.execute(known).first() is None:
            tx.emit(run_id, [draft])


def alert(name: str, at: int, **facts: Any) -> Draft:
    """An ALERT at a time of the clock (UTC ns)."""
    return Draft(ALERT, at, f"{name}:{facts.get('actor', '')}:{at}", {"alert": name, **facts})


def command_alert(command: Any, state: str, answer: Mapping[str, Any], at: int) -> Draft:
    """What somebody asked of the engine, who and why, and what came of it: a row of the command table, once."""
    arguments = msgspec.json.decode(command.arguments)
    data = {
        "alert": "COMMAND",
        "command": command.id,
        "verb": command.verb,
        "by": command.who,
        "reason": command.why,
        "state": state,
        "said": str(answer.get("reason", "")),
    }
    return Draft(ALERT, at, f"COMMAND:{command.id}", data, arguments.get("symbol"))
