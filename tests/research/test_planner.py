"""Proposals: one step, inside bounds, with evidence, and applied only once somebody has accepted them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from domain.registry import load
from domain.research import LLM, PLANNER, RULES, Closed
from research.hindsight import ENOUGH
from research.inputs import Results
from research.planner import Planner, Proposed, applied, decided, facts, knobs, problems, results
from research.prompting import request
from research.rules import RulesModel
from strategies import STRATEGIES
from strategies.base import Strategy
from strategies.bos import bos
from strategies.ema_cross import ema_cross
from tests.research.debating import Scripted, T, a_config, a_trade, failing, replaced

VALUES: dict[str, Any] = {"fast": 10, "slow": 30, "stop_atr": 2.0, "target_atr": 3.0}

STOPPED_OUT = a_trade(r=-1.0, best=0.8, exit_reason="STOP", known_at=T - 1)
"""Half an R ahead before it was stopped out."""


def proposed(
    model: Any, trades: list[Closed], values: dict[str, Any] | None = None, strategy: Strategy = ema_cross
) -> Proposed:
    planner = Planner(model, RulesModel(), a_config(), request)
    return asyncio.run(planner.propose("run-1", T, strategy, VALUES if values is None else values, trades, 1.0))


def many(trade: Closed = STOPPED_OUT, n: int = ENOUGH) -> list[Closed]:
    return [replaced(trade, id=f"trade-{n}") for n in range(n)]


def planned(*changes: tuple[str, float]) -> dict[str, Any]:
    listed = [{"key": key, "proposed": value, "evidence": ["E1"]} for key, value in changes]
    return {"reason": "as scripted", "changes": listed}


def test_results_are_of_taken_trades_whose_result_is_known() -> None:
    made = results(
        [
            a_trade(r=2.0, best=2.2, exit_reason="TARGET"),
            a_trade(r=-1.0, best=0.6, exit_reason="STOP"),
            a_trade(r=0.5, best=1.5, exit_reason="STOP"),
            a_trade(r=-0.5, best=None, exit_reason="SIGNAL"),
            a_trade(r=None),
            a_trade(taken=False, r=9.0),
            a_trade(r=float("nan")),
        ]
    )
    assert made == Results(
        trades=4,
        win_rate=0.5,
        mean_r=0.25,
        stopped=0.25,
        reached=0.25,
        best_of_losers=0.6,
        given_back=round((0.2 + 1.6 + 1.0) / 3, 4),
    )
    assert results([]).trades == 0
    assert [one.id for one in facts(made)] == [f"E{n}" for n in range(1, 7)]


def test_a_knob_turns_by_a_tenth_and_whole_numbers_by_one_at_least() -> None:
    found = {one.key: one for one in knobs(ema_cross.parameters, VALUES)}
    assert (found["stop_atr"].low, found["stop_atr"].high) == (1.8, 2.2)
    assert (found["fast"].low, found["fast"].high) == (9.0, 11.0)
    assert (found["slow"].low, found["slow"].high) == (27.0, 33.0)
    assert found["atr"].now == 14.0
    assert "side" not in found


def test_nothing_is_turned_to_none_or_from_it() -> None:
    found = {one.key: one for one in knobs(ema_cross.parameters, {"fast": 1, "stop_atr": 0.0, "target_atr": 0.1})}
    assert (found["fast"].low, found["fast"].high) == (1.0, 2.0)
    assert "stop_atr" not in found
    assert found["target_atr"].low == pytest.approx(0.09)
    last = {one.key: one for one in knobs(bos.parameters, {"longest": 1})}
    assert (last["longest"].low, last["longest"].high) == (1.0, 2.0)


def test_a_knob_stays_inside_the_strategys_own_bounds() -> None:
    found = {one.key: one for one in knobs(ema_cross.parameters, {"stop_atr": 100.0, "slow": 2})}
    assert found["stop_atr"].high == 100.0
    assert found["slow"].low == 2.0


@pytest.mark.parametrize("name", sorted(STRATEGIES))
def test_every_strategy_has_knobs_inside_its_bounds(name: str) -> None:
    strategy: Strategy = load(STRATEGIES[name])
    bounds = {one.name: one for one in strategy.parameters}
    for one in knobs(strategy.parameters, {}):
        own = bounds[one.key]
        assert own.low is not None
        assert own.high is not None
        assert own.low <= one.low <= one.now <= one.high <= own.high
        assert one.low > 0


def test_stopped_out_after_a_gain_asks_for_a_wider_stop() -> None:
    proposal, asked = proposed(RulesModel(), many())
    assert proposal is not None
    (change,) = proposal.changes
    assert (change.key, change.now, change.proposed) == ("stop_atr", 2.0, 2.2)
    assert change.low <= change.proposed <= change.high
    assert {one.kind for one in proposal.facts if one.id in change.evidence} == {"stopped", "losers"}
    assert (proposal.state, proposal.who, proposal.source, proposal.at) == ("PROPOSED", "", RULES, T)
    assert [one.task.subject for one in asked] == ["ema_cross"]


def test_given_back_gains_ask_for_a_nearer_target() -> None:
    proposal, _ = proposed(RulesModel(), many(replaced(STOPPED_OUT, exit_reason="SIGNAL", r=-0.2, best=0.9)))
    assert proposal is not None
    assert (proposal.changes[0].key, proposal.changes[0].proposed) == ("target_atr", 2.7)


def test_targets_that_are_mostly_reached_may_be_farther() -> None:
    proposal, _ = proposed(RulesModel(), many(a_trade(known_at=T - 1)))
    assert proposal is not None
    assert (proposal.changes[0].key, proposal.changes[0].proposed) == ("target_atr", 3.3)


def test_too_few_trades_or_good_ones_ask_for_nothing() -> None:
    few, asked = proposed(RulesModel(), many(n=ENOUGH - 1))
    assert few is None
    assert "too few" in asked[0].answer.value.reason
    fine = replaced(STOPPED_OUT, r=0.5, best=0.8, exit_reason="SIGNAL")
    assert proposed(RulesModel(), many(fine)).proposal is None


def test_only_trades_that_were_known_and_of_the_strategy_count() -> None:
    later = many(replaced(STOPPED_OUT, known_at=T + 1))
    assert proposed(RulesModel(), many(replaced(STOPPED_OUT, known_at=T))).proposal is not None
    foreign = many(replaced(STOPPED_OUT, strategy="bos"))
    assert proposed(RulesModel(), later + foreign).proposal is None


def test_a_models_proposal_is_one_step_at_most() -> None:
    proposal, _ = proposed(Scripted({PLANNER: planned(("fast", 11), ("stop_atr", 1.9))}), many())
    assert proposal is not None
    assert proposal.source == LLM
    assert [(one.key, one.now, one.proposed) for one in proposal.changes] == [("fast", 10, 11), ("stop_atr", 2.0, 1.9)]


@pytest.mark.parametrize(
    "changes",
    [
        [("stop_atr", 5.0)],
        [("stop_atr", 0.0)],
        [("risk.max_open_positions", 99)],
        [("side", 1)],
        [("fast", 10.5)],
        [("fast", 10)],
    ],
)
def test_a_model_beyond_its_bounds_is_not_followed(changes: list[tuple[str, float]]) -> None:
    proposal, asked = proposed(Scripted({PLANNER: planned(*changes)}), many())
    assert asked[0].answer.outcome == "INVALID"
    assert proposal is not None
    assert (proposal.source, proposal.code) == (RULES, "INVALID")
    assert proposal.changes[0].key == "stop_atr"


def test_what_the_strategy_does_not_allow_together_is_not_proposed() -> None:
    near = {**VALUES, "fast": 29}
    _, asked = proposed(Scripted({PLANNER: planned(("fast", 30))}), many(), near)
    assert asked[0].answer.outcome == "INVALID"
    assert "must be below" in asked[0].answer.detail


def test_a_failed_model_leaves_it_to_the_rules() -> None:
    proposal, _ = proposed(Scripted({PLANNER: failing("BUDGET")}), many())
    assert proposal is not None
    assert (proposal.source, proposal.code) == (RULES, "BUDGET")


def test_the_same_proposal_has_the_same_id() -> None:
    one, other = proposed(RulesModel(), many()).proposal, proposed(RulesModel(), many()).proposal
    assert one == other


def accepted() -> Any:
    proposal = proposed(RulesModel(), many()).proposal
    assert proposal is not None
    return decided(proposal, "ACCEPTED", "ann")


def test_nothing_is_applied_that_nobody_has_accepted() -> None:
    proposal = proposed(RulesModel(), many()).proposal
    assert proposal is not None
    with pytest.raises(ValueError, match="not accepted"):
        applied(proposal, ema_cross, VALUES)
    with pytest.raises(ValueError, match="cannot become"):
        decided(proposal, "APPLIED", "ann")
    assert applied(accepted(), ema_cross, VALUES) == {**VALUES, "stop_atr": 2.2}


def test_a_decision_is_made_once() -> None:
    proposal = accepted()
    assert (proposal.state, proposal.who) == ("ACCEPTED", "ann")
    for state in ("ACCEPTED", "PROPOSED"):
        with pytest.raises(ValueError, match="cannot become"):
            decided(proposal, state, "bob")
    done = decided(proposal, "APPLIED", "next run")
    with pytest.raises(ValueError, match="cannot become"):
        decided(done, "REJECTED", "bob")
    with pytest.raises(ValueError, match="not accepted"):
        applied(done, ema_cross, VALUES)


def test_an_outdated_or_tampered_proposal_is_refused() -> None:
    proposal = accepted()
    with pytest.raises(ValueError, match="out of date"):
        applied(proposal, ema_cross, {**VALUES, "stop_atr": 1.5})
    wild = replaced(proposal, changes=(replaced(proposal.changes[0], proposed=50.0),))
    with pytest.raises(ValueError, match="outside"):
        applied(wild, ema_cross, VALUES)
    with pytest.raises(ValueError, match="not accepted here"):
        applied(replaced(proposal, strategy="bos"), ema_cross, VALUES)
    crossing = replaced(proposal, changes=(replaced(proposal.changes[0], key="fast", now=10, proposed=40, high=40),))
    with pytest.raises(ValueError, match="must be below"):
        applied(crossing, ema_cross, VALUES)


def test_whole_numbers_stay_whole() -> None:
    proposal = accepted()
    turned = replaced(
        proposal, changes=(replaced(proposal.changes[0], key="fast", now=10, proposed=11.0, low=9, high=11),)
    )
    made = applied(turned, ema_cross, VALUES)
    assert made["fast"] == 11
    assert isinstance(made["fast"], int)
    assert problems(ema_cross, VALUES, {"fast": 11.0}) == []
