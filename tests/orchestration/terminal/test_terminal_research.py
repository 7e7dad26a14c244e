"""What research was asked, on the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from actors import research_rows as rows
from domain.events import RESEARCH_RESULT, event_id
from domain.research import LLM, NO_GO, Verdict
from domain.timeframe import MINUTE
from journal import schema
from journal.store import Store
from orchestration.settings import Overrides, load
from tests.orchestration.terminal.conftest import Argus
from tests.orchestration.terminal.research_story import CASE, REFUSED, a_judged, a_proposal, write_research
from tests.orchestration.terminal.story import RUN, T, write_run
from tests.research.scoring import good


@pytest.fixture
def told(store: Store) -> Store:
    write_research(store)
    return store


def found(argus: Argus, *arguments: str) -> Any:
    code, out, err = argus("research", *arguments, "--json")
    assert (code, err) == (0, ""), err
    return json.loads(out)


# -- one of them -----------------------------------------------------------------------------------


def test_a_case_is_shown_with_everything_that_belongs_to_it(argus: Argus, told: Store) -> None:
    code, out, err = argus("research", "show", "aaaa1111")

    assert (code, err) == (0, "")
    for part in (
        *("BUY EURUSD by ema_cross", "the close is above EMA 20", "bull: strength 0.70, by llm"),
        *("E1: the trend is up", "bear: strength 0.30, by llm TIMEOUT", "GO, by llm", "made smaller: 0.50 of the size"),
        *("aaaa1111", "ENTRY", "judge q1: OK", "bear q2: TIMEOUT: no answer within 8 s", "You judge."),
        *(
            "812 ms, 1,200 + 150 tokens, 0.000270 US dollars",
            "price not known",
            "fingerprint: fp_1",
            '{"verdict": "GO"}',
        ),
        *("the market    not known yet", "mode json_schema, 1 tries", "+1.25"),
    ):
        assert part in out, part
    assert "\x1b" not in out


def test_a_refused_case_says_what_the_market_then_did_and_the_review(argus: Argus, told: Store) -> None:
    _, out, _ = argus("research", "show", REFUSED[:4])

    assert "refused" in out
    assert "the stop was touched first: -1.00 R (best +0.25, worst -1.00)" in out
    assert "process 7.5 of 10, result -1.00 R" in out
    assert "nobody argued" in out
    assert "no orders" in out


@pytest.mark.parametrize(
    ("beginning", "kind", "id"),
    [
        ("aaaa1111", "case", CASE),
        (CASE, "case", CASE),
        ("0dd", "case", REFUSED),
        ("9e11", "case", REFUSED),  # a review, by its case
        ("q3", "call", "q3"),
        ("b0", "proposal", "b0b1"),
        (event_id(RUN, RESEARCH_RESULT, CASE)[:12], "case", CASE),
    ],
)
def test_many_ids_lead_to_what_research_has_said(argus: Argus, told: Store, beginning: str, kind: str, id: str) -> None:
    said = found(argus, "show", beginning)

    assert (said["kind"], said["id"]) == (kind, id)


def test_a_case_as_json_has_its_questions_whole(argus: Argus, told: Store) -> None:
    said = found(argus, "show", CASE)

    assert [one["id"] for one in said["calls"]] == ["q2", "q1"]  # by time, then role
    assert said["calls"][1]["request"]["messages"][0] == {"role": "system", "content": "You judge."}
    assert (said["calls"][1]["cost_usd"], said["calls"][0]["cost_usd"]) == (0.00027, None)
    assert [one["id"] for one in said["orders"]] == ["aaaa1111", "aaaa2222"]
    assert [one["status"] for one in said["orders"]] == ["INTENT", "DENIED"]
    assert said["facts"][0]["id"] == "E1"
    assert (said["direction"], said["price"], said["at"]) == ("BUY", 1.0, "2024-01-02T00:00:00Z")


@pytest.mark.parametrize("beginning", ["zzz", "%", "_", "", "q"])
def test_an_id_of_nothing_or_of_several_is_refused(argus: Argus, told: Store, beginning: str) -> None:
    code, out, err = argus("research", "show", beginning)

    assert (code, out) == (1, "")
    assert ("more than one" if beginning == "q" else "nothing") in err


def test_without_an_id_the_newest_cases_are_listed(argus: Argus, told: Store) -> None:
    _, out, _ = argus("research", "show")

    assert "shrink 0.50" in out
    assert "STOP -1.00 R" in out
    assert len(found(argus, "show")) == 2
    assert found(argus, "show", "--symbol", "BTC") == []


# -- lists -----------------------------------------------------------------------------------------


def test_questions_are_listed_with_what_they_took(argus: Argus, told: Store) -> None:
    _, out, _ = argus("research", "calls")

    assert "1,350" in out
    assert "the book" in out
    assert "no answer within 8 s" in out
    assert [one["id"] for one in found(argus, "calls", "--outcome", "TIMEOUT")] == ["q2"]
    assert [one["id"] for one in found(argus, "calls", "--role", "analyst")] == ["q3"]
    assert argus("research", "calls", "--role", "oracle")[0] == 2


def test_costs_count_only_what_was_sent_and_name_what_has_no_price(argus: Argus, told: Store) -> None:
    said = found(argus, "cost")

    assert (said["usd"], said["cases"], said["usd_per_case"], said["unpriced"]) == (0.00027, 2, 0.000135, 1)
    by_model = {one["model"]: one for one in said["by"]}
    assert by_model["gpt-x"]["questions"] == 3
    assert (by_model["gpt-x"]["sent"], by_model["gpt-x"]["failed"], by_model["gpt-x"]["prompt_tokens"]) == (2, 1, 2400)
    assert by_model["rules"] | {"model": ""} == by_model["rules"] | {"model": "", "sent": 0, "usd": 0.0, "questions": 1}
    _, out, _ = argus("research", "cost")
    assert "0.000135 for each of 2 cases, 1 questions without a known price not among them" in out


@pytest.mark.parametrize("by", ["role", "symbol", "day", "outcome", "source", "prompt"])
def test_costs_add_up_the_same_by_anything(argus: Argus, told: Store, by: str) -> None:
    said = found(argus, "cost", "--by", by)

    assert sum(one["questions"] for one in said["by"]) == 4
    assert all(one[by] for one in said["by"])


def test_costs_by_something_unknown_are_wrong_usage(argus: Argus, told: Store) -> None:
    code, _, err = argus("research", "cost", "--by", "colour")

    assert code == 2
    assert "model" in err


def test_lessons_and_proposals_are_listed(argus: Argus, told: Store) -> None:
    assert "Listen to the verdict." in argus("research", "lessons")[1]
    assert found(argus, "lessons")[0]["known_at"] == "2024-01-02T00:09:00Z"
    assert "slow 30 -> 33 (E2)" in argus("research", "proposals")[1]
    assert found(argus, "proposals")[0]["changes"][0]["proposed"] == 33.0


@pytest.mark.parametrize("verb", ["show", "calls", "cost", "lessons", "proposals", "calibration"])
def test_a_database_without_research_is_empty_and_one_that_is_not_there_refused(
    argus: Argus, verb: str, store: Store, tmp_path: Path
) -> None:
    write_run(store)
    code, out, err = argus("research", verb)

    assert (code, err) == (0, "")
    assert "no " in out
    assert argus("research", verb, "--db-url", f"sqlite:///{tmp_path / 'none.db'}")[0] == 4
    assert argus("research", verb, "--run", "1999")[0] == 4


# -- deciding --------------------------------------------------------------------------------------


def test_an_accepted_proposal_says_how_it_is_applied_and_writes_a_file_for_a_run(
    argus: Argus, told: Store, tmp_path: Path
) -> None:
    file = tmp_path / "wider.yaml"

    code, out, err = argus("research", "accept", "b0", "--why", "they were", "--out", str(file))

    assert (code, err) == (0, "")
    assert "--strategy ema_cross --set strategy.slow=33 --set strategy.stop_atr=1.65" in out
    strategy = load(Overrides(symbols=("EURUSD",), config=(str(file),))).strategy
    assert (strategy.name, strategy.parameters["slow"], strategy.parameters["stop_atr"]) == ("ema_cross", 33, 1.65)
    (proposal,) = found(argus, "proposals")
    assert proposal["state"] == "ACCEPTED"
    assert proposal["who"].endswith(": they were")
    assert proposal["decided_at"] is not None


def test_what_was_decided_is_not_decided_again_but_may_still_be_rejected(argus: Argus, told: Store) -> None:
    assert argus("research", "accept", "b0b1", "--why", "yes")[0] == 0
    code, _, err = argus("research", "accept", "b0b1", "--why", "yes")
    assert (code, "is ACCEPTED and cannot become ACCEPTED" in err) == (1, True)
    assert argus("research", "reject", "b0b1", "--why", "no after all")[0] == 0
    assert argus("research", "reject", "b0b1", "--why", "no")[0] == 1
    assert found(argus, "proposals")[0]["state"] == "REJECTED"


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("b0b1",), 2),
        (("b0b1", "--why", "  "), 2),
        (("zzz", "--why", "x"), 1),
        (("", "--why", "x"), 1),
        (("b0b1", "--why", "x", "--out", "/nowhere/at/all.yaml"), 4),
    ],
)
def test_a_decision_that_cannot_be_made_changes_nothing(
    argus: Argus, told: Store, arguments: tuple[str, ...], code: int
) -> None:
    assert argus("research", "accept", *arguments)[0] == code
    assert found(argus, "proposals")[0]["state"] == "PROPOSED"


def test_a_proposal_that_somebody_else_decides_meanwhile_is_refused(
    argus: Argus, told: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("journal.research_views.proposal_rows", lambda connection, beginning: [_stale()])
    assert argus("research", "reject", "b0b1", "--why", "first")[0] == 0

    code, _, err = argus("research", "accept", "b0b1", "--why", "second")

    assert (code, "somebody else" in err) == (1, True)


def _stale() -> Any:
    class Row:
        def __getattr__(self, name: str) -> Any:
            return rows.proposal_row(a_proposal())[name]

    return Row()


# -- calibration -----------------------------------------------------------------------------------


@pytest.fixture
def judged(store: Store) -> Store:
    """120 cases of a model that knows something, 10 contaminated ones, and one that nobody knows the end of."""
    write_run(store)
    made = [_ended(n, p, won) for n, (p, won) in enumerate(good(120))]
    made += [_ended(1000 + n, 0.9, 0, contaminated=True) for n in range(10)]
    made.append(rows.case_row(a_judged("open"), T))
    with store.transaction() as tx:
        tx.insert(schema.research_cases, made)
    return store


def _ended(number: int, p: float, won: int, contaminated: bool = False) -> rows.Row:
    verdict = Verdict(verdict=NO_GO, p_win=p, source=LLM) if p < 0.5 else a_judged().verdict
    one = a_judged(f"case{number}", verdict=verdict, contaminated=contaminated)
    r = 2.0 if won else -1.0
    end = {"won": int(won), "touched": "TARGET" if won else "STOP", "r": r, "known_at": T + (number + 30) * MINUTE}
    return rows.case_row(one, T) | {"at": T + number * MINUTE, "p_win": p} | end


def test_calibration_is_what_a_hand_computes_of_the_clean_cases(argus: Argus, judged: Store) -> None:
    said = found(argus, "calibration")

    assert (said["cases"], said["scored"]) == (130, 130)
    total = said["all"]
    assert (total["cases"], total["won"]) == (120, 60)
    assert total["brier"] == pytest.approx(0.16)  # 0.8 x 0.2^2 + 0.2 x 0.8^2, on both sides
    assert total["skill"] == pytest.approx(1 - 0.16 / 0.25)
    assert total["ece"] == pytest.approx(0.0, abs=1e-12)
    assert (said["contaminated"]["cases"], said["contaminated"]["brier"]) == (10, pytest.approx(0.81))
    assert [one["model"] for one in said["by_model"]] == ["gpt-x"]
    assert [one["prompts"] for one in said["by_prompts"]] == ["bull@1 judge@1"]
    assert [one["regime"] for one in said["by_regime"]] == ["TRENDING"]
    assert said["judges"][0]["earned"] is True
    against_all = said["arms"][0]
    assert (against_all["first"], against_all["second"]) == ("no research", "debate gpt-x")
    assert (against_all["pairs"], against_all["contaminated"]) == (120, 10)


def test_calibration_is_told_to_a_person(argus: Argus, judged: Store) -> None:
    _, out, _ = argus("research", "calibration", "--after", "500")

    assert "cases of all runs over real markets" in out
    assert "Brier score  0.1600, base rate alone 0.2500" in out
    assert "left out: 10 cases that the model may know by heart" in out
    assert "no say in the size yet, 120 of 500 cases" in out


def test_simulated_markets_are_another_matter(argus: Argus, judged: Store) -> None:
    assert found(argus, "calibration", "--simulated")["cases"] == 0
    with judged.transaction() as tx:
        tx.connection.execute(sa.update(schema.runs).values(simulated=True))

    assert found(argus, "calibration")["cases"] == 130
    assert found(argus, "calibration", "--real")["cases"] == 0
    assert found(argus, "calibration", "--run", RUN[:4])["cases"] == 130


def test_the_report_is_one_page_with_the_reliability_plot(argus: Argus, judged: Store, tmp_path: Path) -> None:
    file = tmp_path / "calibration.html"

    code, out, _ = argus("research", "calibration", "--report", str(file))

    assert (code, str(file) in out) == (0, True)
    page = file.read_text()
    charts = json.loads(page.partition('id="charts">')[2].partition("</script>")[0])
    dots = charts["reliability"][0]["data"][1]
    assert dots["x"] == pytest.approx([0.2, 0.8])
    assert dots["y"] == pytest.approx([0.2, 0.8])
    assert dots["customdata"] == [60, 60]
    assert "Plotly" in page
    assert "http-equiv" in page
    assert "10 more cases are left out" in page
    assert "\\x" not in page.partition("<main>")[2].partition("</main>")[0]


def test_a_report_that_cannot_be_written_is_refused(argus: Argus, judged: Store, tmp_path: Path) -> None:
    assert argus("research", "calibration", "--report", str(tmp_path / "no" / "page.html"))[0] == 4


def test_no_text_of_a_model_is_markup_in_the_report(argus: Argus, store: Store, tmp_path: Path) -> None:
    write_run(store)
    evil = a_judged("x", model="<script>alert(1)</script>")
    end = {"won": 1, "touched": "TARGET", "r": 2.0, "known_at": T + MINUTE}
    with store.transaction() as tx:
        tx.insert(schema.research_cases, [rows.case_row(evil, T) | end])

    argus("research", "calibration", "--report", str(tmp_path / "page.html"))

    assert "<script>alert" not in (tmp_path / "page.html").read_text()
