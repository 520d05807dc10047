"""What is said of budgets in a service's status and in its policy's, and how seldom it changes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from anomaly_operator.api.text import to_text
from anomaly_operator.slo.budgets import (
    NOT_NOW,
    NOT_YET,
    Budget,
    budgets,
    read_budgets,
    write_budgets,
)
from anomaly_operator.slo.fleet import WRITE_SECONDS, fleet
from anomaly_operator.slo.objectives import ServiceObjectives
from detector_runtime.contract.objectives import ObjectiveReport, ObjectiveState, TierName

OK, INCONCLUSIVE = ObjectiveState.OK, ObjectiveState.INCONCLUSIVE
EXHAUSTED, BURNING = ObjectiveState.EXHAUSTED, ObjectiveState.BURNING
NOW = 1_795_000_000
ONE = ServiceObjectives(("availability",))


def report(state: ObjectiveState = OK, left: str = "63.99%", **fields: Any) -> ObjectiveReport:
    return ObjectiveReport(
        "availability", "d", state, since="s", budget_left=left, explanation="words", **fields
    )


def standing(found: ObjectiveReport | None, *before: Budget, evaluated: bool = True) -> Budget:
    reports = () if found is None else (found,)
    (one,) = budgets(ONE, reports, before, evaluated=evaluated)
    return one


def test_a_budget_is_rounded_down_to_a_percent_and_an_ok_one_needs_no_words() -> None:
    assert standing(report()) == Budget("availability", OK, None, "63%", "s")
    assert standing(report(left="0.4%")).budget_left == "0%"
    assert standing(report(EXHAUSTED, "-20.5%")).budget_left == "-21%"
    assert standing(report(left="")).budget_left == ""


def test_words_with_figures_stay_those_in_which_the_state_began() -> None:
    first = standing(report(BURNING, tier=TierName.PAGE_SLOW))
    assert first.explanation == "words"
    later = replace(report(BURNING, tier=TierName.PAGE_SLOW), explanation="other figures")
    assert standing(later, first) == first
    worse = replace(later, tier=TierName.PAGE_FAST)
    assert standing(worse, first).explanation == "other figures"


def test_what_is_not_evaluated_is_inconclusive_and_keeps_its_budget() -> None:
    assert standing(None) == Budget("availability", INCONCLUSIVE, explanation=NOT_YET)
    assert standing(None, evaluated=False).explanation == NOT_NOW
    late = standing(report(), evaluated=False)
    assert (late.state, late.budget_left, late.explanation) == (INCONCLUSIVE, "63%", NOT_NOW)


def test_a_problem_comes_before_an_old_report() -> None:
    (found,) = budgets(
        ServiceObjectives(("availability",), problems={"availability": "why"}),
        (report(),),
        (),
        evaluated=True,
    )
    assert found == Budget("availability", INCONCLUSIVE, explanation="why")


def test_it_comes_back_from_the_status_and_rubbish_does_not() -> None:
    written = [
        Budget("a", BURNING, TierName.PAGE_FAST, "1%", "s", "words"),
        Budget("b", OK),
    ]
    assert list(read_budgets(write_budgets(written))) == written
    assert read_budgets([{"name": 3}, {"name": "c", "state": "Fine"}]) == ()
    assert read_budgets("x") == ()


def budget(state: ObjectiveState = OK, left: str = "90%", tier: TierName | None = None) -> Budget:
    return Budget("availability", state, tier, left)


def names(status: dict[str, Any]) -> list[str]:
    return [row["service"] for row in status["objectives"]]


def test_the_worst_come_first_and_the_fiftieth_is_the_last() -> None:
    services = {f"s{number:04d}": (budget(left=f"{number}%"),) for number in range(1000)}
    services |= {
        "gone": (budget(EXHAUSTED, "-3%"),),
        "slow": (budget(BURNING, "80%", TierName.TICKET_SLOW),),
        "fast": (budget(BURNING, "95%", TierName.PAGE_FAST), budget(OK, "1%")),
        "dark": (budget(INCONCLUSIVE, ""),),
    }
    status = fleet(services, {}, NOW)
    assert names(status)[:6] == ["fast", "slow", "gone", "dark", "s0000", "s0001"]
    assert len(status["objectives"]) == 50
    assert (status["burning"], status["exhausted"]) == (2, 1)
    assert status["objectives"][0] == {
        "service": "fast",
        "objective": "availability",
        "state": "Burning",
        "tier": "PageFast",
        "budgetLeft": "95%",
    }


def test_budgets_that_move_wait_and_a_change_of_state_does_not() -> None:
    first = fleet({"a": (budget(),), "b": (budget(),)}, {}, NOW)
    moved = {"a": (budget(left="80%"),), "b": (budget(),)}
    assert fleet(moved, first, NOW + WRITE_SECONDS - 1) == first
    second = fleet(moved, first, NOW + WRITE_SECONDS)
    assert names(second) == ["a", "b"]
    assert second["objectivesAt"] == to_text(NOW + WRITE_SECONDS)
    assert fleet(moved, second, NOW + 10 * WRITE_SECONDS) == second, "nothing has moved since"
    burning = {**moved, "b": (budget(BURNING, "89%", TierName.PAGE_FAST),)}
    third = fleet(burning, second, NOW + WRITE_SECONDS + 1)
    assert (names(third), third["burning"]) == (["b", "a"], 1)
    assert fleet(moved, third, NOW + WRITE_SECONDS + 2)["burning"] == 0


def test_a_thousand_services_write_six_times_an_hour_at_most() -> None:
    services = {f"s{number:04d}": (budget(),) for number in range(1000)}
    status = fleet(services, {}, NOW)
    writes = 0
    for second in range(0, 3600, 4):
        services[f"s{second // 4 % 1000:04d}"] = (budget(left=f"{89 - second // 400}%"),)
        after = fleet(services, status, NOW + second)
        writes, status = writes + (after != status), after
    assert 1 <= writes <= 6


def test_no_objectives_no_fields() -> None:
    assert fleet({}, {}, NOW) == {}
    assert fleet({"a": ()}, {}, NOW) == {}
