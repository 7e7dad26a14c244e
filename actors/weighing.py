"""The step between the candidates and the gate: what research says of them, heard once and written down.

What a cycle has heard is an input of the run: a cycle that is redone and a replay take it from the record and ask
nobody again. Without an answer an entry that needed one is not made.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import msgspec
import sqlalchemy as sa

from actors import research_rows as rows
from actors.base import Failure, guarded_reply
from actors.specs import DriverSpec
from domain.candidate import Candidate, Veto
from domain.errors import ActorLost, ArgusError, DeadlineMissed
from domain.events import ERROR, Draft
from domain.order import ENTRY, Denied, order_id
from domain.ports import Peers
from domain.research import ABSTAIN, VETO, Case, Judged, Verdict
from journal import schema as s
from journal.store import Store
from research.config import ResearchConfig
from risk.news import Calendar

if TYPE_CHECKING:
    from actors.inputs import Reading  # which brings numba along

RESEARCH = "Research"
KIND = "research:"
"""Kind of the inputs' row of cycle n: KIND + n."""
GRACE = 1.0
"""Seconds over the deadline that the answer may take on its way."""

_ROW = sa.select(s.inputs.c.body).where(
    s.inputs.c.run_id == sa.bindparam("run"),
    s.inputs.c.at == sa.bindparam("at"),
    s.inputs.c.kind == sa.bindparam("kind"),
)
_TOLD = sa.select(s.events.c.id).where(s.events.c.id.in_(sa.bindparam("ids", expanding=True)))


class Weighed(msgspec.Struct, frozen=True, gc=False):
    """What a cycle has made of one candidate."""

    symbol: str
    strategy: str
    factor: float = 1.0
    veto: Veto | None = None


class Asked(msgspec.Struct):
    """A question that is under way."""

    n: int
    at: int
    now: int
    candidates: list[Candidate]
    reference: Any


TICK = 20
"""Cycles between two looks of the critic and the planner, where cycles do not follow the clock."""


class Weighing:
    """The driver's side of research. An actor that does not answer stops no cycle."""

    def __init__(self, spec: DriverSpec, config: ResearchConfig, store: Store, peers: Peers) -> None:
        self.spec, self.run, self.config = spec, spec.run, config
        self._store, self._peers = store, peers
        self._n = self._at = self._faults = 0

    async def begin(self, until: int) -> None:
        """It is given the market's past up to ``until``."""
        await self._try("load", until, within=self.spec.deadline * 4)

    async def tick(self, n: int, at: int) -> None:
        """Time for those that look back: now and then, and in every live cycle."""
        self._n, self._at = n, at
        if self.run.live or n % TICK == 0:
            await self._try("tick", n, at, within=self.spec.deadline)

    async def finish(self, n: int, at: int) -> None:
        """What is still to be written before the run's last word."""
        await self._try("finish", n, at, within=self.config.deadline * 2 + self.spec.deadline)

    async def calendar(self, calendar: Calendar) -> None:
        await self._try("calendar", calendar, within=self.spec.deadline)

    async def _try(self, method: str, *args: Any, within: float) -> None:
        with suppress(ActorLost, DeadlineMissed):  # the supervisor tells of an actor that is away, and brings it back
            reference = self._peers.ask(RESEARCH, method, *args)
            said = await guarded_reply(self._peers.get(RESEARCH, reference, within))
            if isinstance(said, Failure):
                self._faulty(f"{method}: {said.what}")

    def _faulty(self, what: str) -> None:
        """A fault in research is told, and stops nothing."""
        self._faults += 1
        data = {"cycle": self._n, "attempt": 1, "error": f"Research: {what}"}
        self._tell([Draft(ERROR, self._at, f"research:{self._n}:{self._faults}:{self.run.epoch}", data)])

    async def before(
        self, n: int, at: int, now: int, candidates: list[Candidate], held: Mapping[str, int], paused: bool
    ) -> tuple[list[Candidate], Asked | None]:
        """The candidates as the gate shall take them. Where research is only recorded they are as they were, and its
        answer is still under way: ``after`` waits for it."""
        self._n, self._at = n, at
        if not self.config.weighs:
            return candidates, None
        known = weighed(self._store.read, self.run.run_id, n, at)
        if known is not None:
            return taken(candidates, known), None
        denied = await self._gate(candidates, now, paused)
        stopped = {one.order_id: Veto(one.code, one.value, one.threshold) for one in denied}
        passing = [one for one in candidates if self.case_id(one) not in stopped][: self.config.top_k]
        if not passing:
            return candidates, None
        self._start(passing)
        asked = Asked(n, at, now, passing, self._peers.ask(RESEARCH, "assess", n, at, now, passing, dict(held)))
        if not self.config.vetoes:
            return candidates, asked
        judged = await self._heard(asked)
        words = [
            Weighed(one.symbol, one.strategy, veto=stopped[self.case_id(one)])
            for one in candidates
            if self.case_id(one) in stopped
        ]
        words += [Weighed(one.case.symbol, one.case.strategy, one.factor, one.veto) for one in judged]
        self._write(asked, judged, words)
        return taken(candidates, words), None

    async def after(self, asked: Asked | None) -> None:
        """Write down what research says of candidates that are decided already."""
        if asked is not None:
            self._write(asked, await self._heard(asked), [])

    def case_id(self, one: Candidate) -> str:
        """The id of the order that it would become: its correlation id."""
        return order_id(self.run.scope, one.strategy, one.symbol, one.at, ENTRY, 0)

    # -- asking ----------------------------------------------------------------------------------

    async def _gate(self, candidates: Sequence[Candidate], now: int, paused: bool) -> list[Denied]:
        reference = self._peers.ask("RiskManager", "precheck", candidates, now, paused)
        found: list[Denied] = await self._peers.get("RiskManager", reference, self.spec.deadline)
        return found

    async def _heard(self, asked: Asked) -> list[Judged]:
        """The answer; from an actor that gives none it is ABSTAIN for everything, and that stops what needs a word."""
        try:
            waiting = self._peers.get(RESEARCH, asked.reference, self.config.deadline + GRACE)
            judged: list[Judged] | Failure = await guarded_reply(waiting)
        except DeadlineMissed as error:
            return [self._unheard(asked, one, "DEADLINE", error) for one in asked.candidates]
        except ActorLost as error:
            return [self._unheard(asked, one, "ACTOR_LOST", error) for one in asked.candidates]
        if isinstance(judged, Failure):
            self._faulty(f"assess: {judged.what}")
            return [self._unheard(asked, one, "ERROR", judged.what) for one in asked.candidates]
        return judged

    def _unheard(self, asked: Asked, one: Candidate, code: str, error: ArgusError | str) -> Judged:
        case = Case(
            id=self.case_id(one),
            run_id=self.run.run_id,
            cycle=asked.n,
            at=one.at,
            symbol=one.symbol,
            strategy=one.strategy,
            direction=one.direction,
            price=one.price,
            stop=one.stop,
            target=one.target,
            score=one.score,
            probability=one.probability,
            regime=one.regime,
            timeframe=self.run.timeframe_ns,
            horizon=self.config.horizon,
        )
        veto = Veto("RESEARCH_ABSTAIN", code) if self.config.vetoes else None
        return Judged(
            case=case,
            verdict=Verdict(verdict=ABSTAIN, code=code, reason=f"{error}"[:300]),
            veto=veto,
            mode=VETO if self.config.vetoes else self.config.researcher,
            arm=self.config.arm,
        )

    # -- the record ------------------------------------------------------------------------------

    def _start(self, candidates: Sequence[Candidate]) -> None:
        self._tell([rows.start_event(one, self.case_id(one)) for one in candidates])

    def _tell(self, drafts: list[Draft]) -> None:
        """Events of a cycle that may be one that is redone: each once."""
        run_id = self.run.run_id
        with self._store.transaction() as tx:
            told = set(tx.connection.execute(_TOLD, {"ids": [one.id(run_id) for one in drafts]}).scalars())
            tx.emit(run_id, [one for one in drafts if one.id(run_id) not in told])

    def _write(self, asked: Asked, judged: Sequence[Judged], words: Sequence[Weighed]) -> None:
        run_id = self.run.run_id
        heard = {
            "run_id": run_id,
            "at": asked.at,
            "kind": f"{KIND}{asked.n}",
            "body": msgspec.json.encode(words),
        }
        with self._store.transaction() as tx:
            tx.insert(s.inputs, [heard])
            tx.upsert(s.research_cases, [rows.case_row(one, asked.now) for one in judged])
            tx.emit(run_id, [rows.result_event(run_id, one) for one in judged])


def weighed(reading: Reading, run_id: str, n: int, at: int) -> list[Weighed] | None:
    """What this cycle has heard; None if it has not yet."""
    with reading() as c:
        body = c.execute(_ROW, {"run": run_id, "at": at, "kind": f"{KIND}{n}"}).scalar()
    return None if body is None else msgspec.json.decode(body, type=list[Weighed])


def taken(candidates: Sequence[Candidate], words: Sequence[Weighed]) -> list[Candidate]:
    """The candidates with what was said of them, in their order."""
    said = {(one.symbol, one.strategy): one for one in words}
    found = []
    for one in candidates:
        word = said.get((one.symbol, one.strategy))
        found.append(one if word is None else msgspec.structs.replace(one, factor=word.factor, veto=word.veto))
    return found
