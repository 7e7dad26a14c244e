"""The driver's view of the agent hosts: fan out, gather with a deadline, isolate what fails."""

from __future__ import annotations

import asyncio
from typing import Any, NamedTuple

from actors.scan import Scan
from actors.specs import DriverSpec
from domain.candidate import HostReport
from domain.errors import ActorLost, ArgusError, DeadlineMissed
from domain.ports import Peers

MISSES = 3
"""Under barriers a host that misses so many deadlines at one T is out for the rest of the run."""
LIVE_MISSES = 2
"""Under a live cadence a host is restarted after so many missed deadlines in a row."""
GATE = "RiskManager"
CHUNK = 200_000
"""Bars of history that travel at once, at most."""


class Asked(NamedTuple):
    """What every host is asked in one cycle: its number, the T before, and references of bars and snapshot."""

    n: int
    after: int
    bars: Any
    snapshot: Any


class Host:
    """One host as the driver knows it. ``pending`` is a scan it still owes: it never has two; ``reached``
    is the close up to which it was loaded."""

    def __init__(self, name: str, symbols: tuple[str, ...]) -> None:
        self.name, self.symbols = name, symbols
        self.out = ""
        self.misses = 0
        self.pending: Any = None
        self.loading: asyncio.Task[None] | None = None
        self.reached = -1


class Hosts:
    """All hosts of a run, in the order of its symbols."""

    def __init__(self, spec: DriverSpec, peers: Peers) -> None:
        self.spec, self._peers = spec, peers
        self._hosts = [Host(name, symbols) for name, symbols in spec.hosts]
        self._gate = [Host(GATE, ())] if spec.gate_remembers else []
        self._symbols = tuple(symbol for host in self._hosts for symbol in host.symbols)
        self._index = {symbol: row for row, symbol in enumerate(self._symbols)}
        self._most = max(1, CHUNK // len(spec.run.rows))
        self.had_bars = False
        self._told: list[str] | None = None  # symbols last written down as absent; None: not known

    @property
    def out(self) -> dict[str, str]:
        """Symbols that are out for the rest of the run, with the reason."""
        return {symbol: host.out for host in self._hosts if host.out for symbol in host.symbols}

    async def load(self, until: int) -> None:
        """Every host from its anchor up to ``until`` (the first start; the same code as a restart), and the gate if
        its limits ask for the market's past."""
        await self._load([*self._hosts, *self._gate], until)
        await self._remembered()

    async def remind(self, until: int) -> None:
        """The gate may have come back: it is given the market's past again."""
        await self._load(self._gate, until)
        await self._remembered()

    async def _remembered(self) -> None:
        for gate in self._gate:
            await self._peers.get(gate.name, self._peers.ask(gate.name, "remembered"), self.spec.deadline)

    def scan(self, n: int, after: int, bars: Any, snapshot: Any) -> list[Any]:
        """Ask every host that may be asked; the references in order, None for those that are not asked."""
        references = []
        for host in self._hosts:
            free = not host.out and host.pending is None and host.loading is None
            references.append(self._peers.ask(host.name, "scan", n, after, bars, snapshot) if free else None)
        return references

    async def gather(self, n: int, after: int, bars: Any, snapshot: Any, references: list[Any]) -> Scan:
        """Their answers, with a deadline. Live: who fails is HOST_DOWN this cycle; under barriers its scan
        is repeated from the anchor, so that no decision changes."""
        scan = Scan(self._symbols, self._index)
        asked = [(host.name, one) for host, one in zip(self._hosts, references, strict=True) if one is not None]
        said = iter(await self._peers.get_all(asked, self.spec.deadline))
        first: list[Any] = [None if one is None else next(said) for one in references]
        answers: list[HostReport | str] = list(first)
        broken = [place for place, one in enumerate(first) if not isinstance(one, HostReport) or one.behind]
        if broken:
            cycle = Asked(n, after, bars, snapshot)
            repair = self._live if self.spec.run.live else self._barrier
            mended = await asyncio.gather(
                *(repair(self._hosts[place], cycle, references[place], first[place]) for place in broken)
            )
            for place, answer in zip(broken, mended, strict=True):
                answers[place] = answer
        absent: dict[str, str] = {}
        for host, answer in zip(self._hosts, answers, strict=True):
            if isinstance(answer, HostReport):
                scan.add(answer)
            else:
                scan.missing(len(host.symbols), answer, host.symbols)
                absent |= dict.fromkeys(host.symbols, answer)
        await self._tell(n, after, absent)
        return scan

    async def _tell(self, n: int, after: int, absent: dict[str, str]) -> None:
        """Who is without a host is an input of the run: written down when it changes, before anyone acts on it."""
        before, self._told = self._told, None
        if list(absent) != before:
            told = self._peers.ask("MarketFeed", "absent", n, after, absent)
            await self._peers.get("MarketFeed", told, self.spec.deadline * 4)
        self._told = list(absent)

    # -- barriers --------------------------------------------------------------------------------

    async def _barrier(self, host: Host, cycle: Asked, reference: Any, answer: Any) -> HostReport | str:
        misses = 0
        while not host.out:
            if isinstance(answer, HostReport) and not answer.behind:
                return answer
            if isinstance(answer, HostReport):
                await self._load([host], cycle.after)
            elif isinstance(answer, DeadlineMissed):
                misses += 1
                if misses >= MISSES:
                    host.out = f"{answer}, {misses} times at one T: out for the rest of the run"
                    break
                await self._peers.restart(host.name)
            elif isinstance(answer, ActorLost):
                misses += 1
                if misses >= MISSES * 3:  # its restarts take a second or two each
                    host.out = f"{answer}: out for the rest of the run"
                    break
                await asyncio.sleep(0.5)
            else:
                raise answer
            answer = await self._again(host, self._ask(host, cycle))
        return host.out

    # -- live cadence ----------------------------------------------------------------------------

    async def _live(self, host: Host, cycle: Asked, reference: Any, answer: Any) -> HostReport | str:
        if host.loading is not None:
            if not host.loading.done():
                return "loading from its anchor"
            failed, host.loading = host.loading.exception(), None
            if failed is not None:
                host.loading = self._reload(host, cycle.after)
                return f"loading failed: {failed}"
            reference = await self._joined(host, cycle)
        elif reference is None and host.pending is None:
            host.loading = self._reload(host, cycle.after)
            return "lost while it was loading"
        owed = reference if reference is not None else host.pending
        if answer is None:
            answer = await self._again(host, owed) if owed is not None else ActorLost(host.name, "it is restarting")
        if isinstance(answer, DeadlineMissed):
            host.pending = owed
            host.misses += 1
            if host.misses >= LIVE_MISSES:
                host.misses, host.pending = 0, None
                await self._peers.restart(host.name)
                host.loading = self._reload(host, cycle.after)
            return str(answer)
        host.pending, host.misses = None, 0
        if isinstance(answer, HostReport) and not answer.behind and reference is not None:
            return answer
        host.loading = self._reload(host, cycle.after)
        return "behind: loading from its anchor" if isinstance(answer, HostReport) else str(answer)

    async def _again(self, host: Host, reference: Any) -> Any:
        (answer,) = await self._peers.get_all([(host.name, reference)], self.spec.deadline)
        return answer

    def _ask(self, host: Host, cycle: Asked) -> Any:
        return self._peers.ask(host.name, "scan", cycle.n, cycle.after, cycle.bars, cycle.snapshot)

    def _reload(self, host: Host, until: int) -> asyncio.Task[None]:
        return asyncio.create_task(self._load([host], until))

    async def _joined(self, host: Host, cycle: Asked) -> Any:
        """Loaded meanwhile: what closed since is caught up, and it scans with the others. None if it is gone."""
        try:
            await self._load_once([host], cycle.after, host.reached)
        except ArgusError:
            return None
        return self._ask(host, cycle)

    # -- from the anchor -------------------------------------------------------------------------

    async def _load(self, hosts: list[Host], until: int) -> None:
        """History in parts, each sent to all of these hosts. Retried while a host comes back."""
        if not hosts:
            return
        for attempt in range(MISSES + 1):
            try:
                return await self._load_once(hosts, until)
            except ArgusError:
                if attempt == MISSES:
                    raise
                await asyncio.sleep(1.0)

    async def _load_once(self, hosts: list[Host], until: int, after: int = -1) -> None:
        patience = self.spec.deadline * 4
        while after < until:
            reached_ref, part = self._peers.ask("MarketFeed", "history", after, until, self._most, parts=2)
            loads = [(host, self._peers.ask(host.name, "load", after, part)) for host in hosts]
            reached = await self._peers.get("MarketFeed", reached_ref, patience)
            for host, load in loads:
                await self._peers.get(host.name, load, patience)
                host.reached = reached
            after = reached
