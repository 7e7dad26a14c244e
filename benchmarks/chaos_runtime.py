"""A local runtime in which messages, actors and commits fail as a seed says."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any
from unittest.mock import patch

from actors.risk_manager import GateAnswer
from actors.specs import RunSpec
from benchmarks import chaos_faults as kinds
from benchmarks.chaos_faults import Faults, point_of
from benchmarks.chaos_store import Commits
from domain.errors import ActorLost, Unavailable, Unknown
from domain.ports import Meter
from domain.registry import load
from journal.store import Store
from orchestration import parts
from orchestration.local import Deliver, Killed, Life, LocalRuntime, Message, NoMeter, Part
from orchestration.topology import ActorSpec

DRIVER = "InstitutionalStrategy"
AWAY_UP_TO = 2.0
"""Seconds for which a process that died is not there, at most."""
BAR_TAKES = (0.0, 0.0, 0.1, 1.0)
"""Seconds until the next bar is there: what is done in the background gets its turn, or does not."""
DOWN_UP_TO = 6.0
"""Seconds for which the venue cannot be reached, at most."""


class ChaosRuntime(LocalRuntime):
    """One engine. ``watch`` hears every answer of the gate."""

    def __init__(self, faults: Faults, deadline: float, watch: Callable[[GateAnswer], None]) -> None:
        super().__init__()
        self._faults, self._random = faults, faults.random
        self._deadline, self._watch = deadline, watch
        self._messages: dict[asyncio.Future[Any], None] = {}
        self._stores: dict[Life, list[Store]] = {}
        self._back: dict[str, float] = {}
        self._up = 0.0
        self.over = False
        self.superseded = False
        """Another engine has taken the lease."""
        self.trespasses: list[str] = []
        """What was written all the same."""
        self.replaced = asyncio.get_running_loop().create_future()
        """Done when another engine must start: all have died, or this one has frozen."""

    # -- death -----------------------------------------------------------------------------------

    def lose(self, name: str) -> None:
        self._back[name] = self._now() + self._random.random() * AWAY_UP_TO * self._faults.on
        self._close(self._lives.get(name))
        super().lose(name)

    def fall(self) -> None:
        """Every process dies, and every message that is on its way is lost."""
        self.over = True
        for name in list(self._lives):
            self.lose(name)
        for task in list(self._messages):
            task.cancel()
        self._replace()

    def _replace(self) -> None:
        if not self.replaced.done():
            self.replaced.set_result(None)

    def _close(self, life: Life | None) -> None:
        """The databases of an actor that has died, once nothing of it is in the middle of a transaction."""
        for store in self._stores.pop(life, []) if life else []:
            asyncio.get_running_loop().call_soon(store.close)

    # -- making actors ---------------------------------------------------------------------------

    def make(self, spec: ActorSpec, life: Life) -> Any:
        stores = self._stores.setdefault(life, [])
        point = f"{spec.name.partition(':')[0]}.commit"

        def store(run: RunSpec, meter: Meter | None = None) -> Store:
            made = Store(run.db_url, run.epoch)
            stores.append(made)
            Commits(
                made,
                life,
                struck=lambda: self._strikes(point),
                end=lambda fault: self._end(fault, spec.name),
                done=lambda: self._written(point),
            )
            return made

        try:
            with patch.object(parts, "_store", store):
                return load(spec.build)(spec.spec, self, NoMeter())
        except Killed:
            self._close(life)
            raise
        except Exception as error:  # as under Ray: a process that cannot be built ends, and is tried again
            self._close(life)
            raise ActorLost(spec.name, f"it does not come up: {type(error).__name__}: {error}") from error

    def _written(self, point: str) -> None:
        if self.superseded:
            self.trespasses.append(f"{point} of an engine that had been replaced")

    def _end(self, fault: str, name: str) -> None:
        if fault in (kinds.ALL_BEFORE, kinds.ALL_AFTER):
            self.fall()
        else:
            self.lose(name)

    # -- messages --------------------------------------------------------------------------------

    def ask(self, name: str, method: str, *args: Any, parts: int = 1) -> Any:
        asked = super().ask(name, method, *args, parts=parts)
        task = asked[0].whole if isinstance(asked, list) and isinstance(asked[0], Part) else asked
        self._messages[task] = None
        task.add_done_callback(lambda one: self._messages.pop(one, None))
        if self.over:
            task.cancel()
        return asked

    def sending(self, message: Message) -> None:
        if message.sender and self._strikes(point_of(message.name, message.method), (kinds.SENDER_BEFORE,)):
            self.die(message.sender)

    async def carry(self, message: Message, deliver: Deliver) -> Any:
        name = message.name
        venue = name.startswith("VenueGateway")
        if self._now() < self._back.get(name, 0.0):
            raise ActorLost(name, "it is restarting")
        if venue and self._now() < self._up:
            raise Unavailable("the venue is down", "DOWN")
        if message.method == "next":
            await asyncio.sleep(self._random.choice(BAR_TAKES) if self._faults.on else BAR_TAKES[-1])
        fault = self._strikes(point_of(name, message.method)) if message.sender else ""
        answer = await self._struck(fault, message, deliver)
        if isinstance(answer, GateAnswer):
            self._watch(answer)
        return answer

    async def _struck(self, fault: str, message: Message, deliver: Deliver) -> Any:
        name, late = message.name, self._deadline * (1.0 + self._random.random()) if fault else 0.0
        match fault:
            case kinds.DIES_BEFORE | kinds.ALL_BEFORE:
                self._end(fault, name)
                raise ActorLost(name, fault)
            case kinds.DIES_AFTER | kinds.ALL_AFTER:
                await deliver()
                self._end(fault, name)
                raise ActorLost(name, fault)
            case kinds.SENDER_AFTER:
                self.lose(message.sender)
                return await deliver()
            case kinds.HANGS:
                return await deliver(late)
            case kinds.LATE:
                answer = await deliver()
                await asyncio.sleep(late)
                return answer
            case kinds.TWICE:
                await deliver()
                return await deliver()
            case kinds.ECHO:
                answer = await deliver()
                self._again(deliver, late * self._random.random())
                return answer
            case kinds.FROZEN:
                self._replace()
                await asyncio.sleep(late)
                return await deliver()
            case kinds.DOWN:
                self._up = self._now() + self._random.random() * DOWN_UP_TO
                raise Unavailable("the venue is down", "DOWN")
            case kinds.TAKEN:
                await deliver()
                raise Unknown("the answer was lost")
            case kinds.UNTAKEN:
                raise Unknown("the answer was lost")
        return await deliver()

    def _again(self, deliver: Deliver, after: float) -> None:
        """The same message once more, later; nobody hears the answer."""

        async def echo() -> None:
            await asyncio.sleep(after)
            await deliver()

        task = asyncio.get_running_loop().create_task(echo())
        self._messages[task] = None
        task.add_done_callback(lambda one: self._messages.pop(one, None))
        task.add_done_callback(lambda one: one.cancelled() or one.exception())

    # -- small things ----------------------------------------------------------------------------

    def _strikes(self, point: str, only: Sequence[str] = ()) -> str:
        """The fault that strikes here; none in an engine that has been replaced."""
        return "" if self.replaced.done() else self._faults.at(point, only)

    def _now(self) -> float:
        return asyncio.get_running_loop().time()
