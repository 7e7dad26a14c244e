"""What looks back: what the market did after each case, the critic, the planner, and whether GO means anything."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from actors.research_memory import Ended, ResearchMemory
from actors.specs import ResearchSpec
from domain.market import Bars
from domain.money import to_float
from domain.research import OFF, ROLES, Call, Case, Closed, Judged, Review
from research import prompting
from research.asking import Asked, Requests
from research.calibration import earned, scored
from research.critic import Critic
from research.lessons import usable
from research.planner import Planner
from research.providers import Provided
from research.shadow import Outcome, Shadows
from research.watching import GoRate

AT_ONCE = 50
"""Trades that are looked back on in one look."""
VERSIONS = {role: prompting.prompt(role).name for role in ROLES}
WITHIN = 20.0
"""Seconds for each of them,"""
TOGETHER = 60.0
"""and for all of one look; the others wait for the next."""


class LookingBack:
    def __init__(
        self,
        spec: ResearchSpec,
        memory: ResearchMemory,
        answers: Provided,
        requests: Requests,
        bars: Callable[[str], Bars],
        calls: Callable[[Sequence[Asked]], list[Call]],
    ) -> None:
        self.spec, self.config = spec, spec.config
        self._memory, self._bars, self._calls = memory, bars, calls
        self._critic = Critic(answers.model, answers.rules, spec.config, requests)
        self._judge = answers.name
        self._planner = Planner(answers.model, answers.rules, spec.config, requests)
        self._shadows = Shadows({one: row for row, one in enumerate(spec.run.rows)}, spec.run.timeframe_ns)
        self._rate = GoRate(spec.config.go_rate_cases, spec.config.go_rate_low, spec.config.go_rate_high)
        self._resolved: list[tuple[Case, Outcome]] = []
        self._reviews: list[Review] = []
        self._reviewed: set[str] = set()
        self._done: list[Closed] = []
        self._due: list[Closed] = []
        self._planned = self._seen = 0
        self.calibrated = False
        """Whether p_win has earned a say in the size, as it was when the run began or came back."""

    def load(self, until: int) -> None:
        """What was left open before a restart, and what is known by ``until`` (ns)."""
        for one in self._memory.open_cases():
            self._shadows.add(one)
            self._resolved += self._shadows.take(self._bars(one.symbol))
        self._reviews = self._memory.reviews()
        self._reviewed = self._memory.reviewed()
        known = scored(self._memory.scored(until))
        self.calibrated = earned(
            known, self.config.calibrated_after, model=self._judge, arm=self.config.arm, prompts=VERSIONS
        )

    def watch(self, cases: Sequence[Case]) -> None:
        """Cases of which it shall be known what the market does."""
        for one in cases:
            if one.facts:
                self._shadows.add(one)

    def take(self, bars: Bars) -> None:
        """Closed bars, in the order of their time."""
        self._resolved += self._shadows.take(bars)

    def rate(self, judged: Sequence[Judged]) -> str:
        """What there is to be alarmed about in the share of GO; "" for nothing."""
        alarms = [self._rate.saw(one.verdict.verdict) for one in judged]
        return next((one for one in reversed(alarms) if one), "")

    async def look(self, at: int) -> None:
        """Everything that has ended by ``at``."""
        resolved, self._resolved = self._resolved, []
        if resolved:
            self._memory.resolved(resolved)
        ended = self._memory.ended(self._seen, at, AT_ONCE)
        closed = [self._closed(one) for _, one in ended]
        if self.config.critic != OFF:
            refused = [self._refused(case, out) for case, out in resolved]
            self._due += [*closed, *(one for one in refused if one is not None)]
            await self._review(at)
        self._done += closed
        self._seen = ended[-1][0] if ended else self._seen
        if self.config.planner != OFF:
            await self._plan(at)

    # -- the critic --------------------------------------------------------------------------------

    async def _review(self, at: int) -> None:
        """What is due, as far as the time of one look goes."""
        until = time.monotonic() + TOGETHER
        while self._due and time.monotonic() < until:
            closed = self._due.pop(0)
            if closed.case_id not in self._reviewed:
                await self._one(closed, at)

    async def _one(self, closed: Closed, at: int) -> None:
        found = self._memory.case(closed.case_id)
        earlier = usable(self._reviews, closed.opened_at, closed.symbol, closed.strategy)
        reviewed = await self._critic.review(closed, found and found[0], earlier, WITHIN, self.spec.run.run_id)
        self._memory.reviewing([reviewed.review], self._calls(reviewed.asked), at)
        self._reviewed.add(closed.case_id)
        self._reviews.append(reviewed.review)

    def _closed(self, one: Ended) -> Closed:
        found = self._memory.case(one.correlation_id)
        row = found[1] if found else None
        bars = self._bars(one.symbol)
        length = self.spec.run.timeframe_ns
        during = bars[(bars["ts"] + length > one.opened_at) & (bars["ts"] < one.closed_at)]
        best = worst = None
        if one.distance and len(during):
            up, entry, distance = one.side > 0, to_float(one.entry), to_float(one.distance)
            high, low = float(during["high"].max()), float(during["low"].min())
            best = ((high - entry) if up else (entry - low)) / distance
            worst = ((low - entry) if up else (entry - high)) / distance
        return Closed(
            id=one.correlation_id,
            case_id=one.correlation_id,
            symbol=one.symbol,
            strategy=one.strategy,
            direction=one.side,
            taken=True,
            opened_at=one.opened_at,
            known_at=one.closed_at,
            r=one.r,
            pnl=one.pnl,
            best=best,
            worst=worst,
            bars=max(0, (one.closed_at - one.opened_at) // length),
            exit_reason=one.reason,
            reasons=one.reasons,
            verdict=row.verdict if row is not None else "",
            p_win=row.p_win if row is not None else None,
        )

    def _refused(self, case: Case, out: Outcome) -> Closed | None:
        """A case that research has stopped, with what would have become of it; None for any other."""
        found = self._memory.case(case.id)
        if found is None or found[1].effect != "VETO":
            return None
        return Closed(
            id=case.id,
            case_id=case.id,
            symbol=case.symbol,
            strategy=case.strategy,
            direction=case.direction,
            taken=False,
            opened_at=case.at,
            known_at=out.known_at,
            r=out.r,
            pnl=None,
            best=out.best,
            worst=out.worst,
            bars=out.bars,
            exit_reason=out.touched,
            verdict=found[1].verdict,
            p_win=found[1].p_win,
        )

    # -- the planner -------------------------------------------------------------------------------

    async def _plan(self, at: int) -> None:
        """A proposal after every so many trades that were looked back on."""
        if len(self._done) - self._planned < self.config.planner_every:
            return
        from strategies.files import strategy_named

        self._planned = len(self._done)
        strategy = strategy_named(self.spec.strategy, self.spec.own)
        found = await self._planner.propose(
            self.spec.run.run_id, at, strategy, self.spec.parameters, self._done, WITHIN
        )
        self._memory.proposed(found.proposal, self._calls(found.asked))
