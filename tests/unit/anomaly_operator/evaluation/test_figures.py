"""What users made of their incidents: shares, precision and medians over whole days."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anomaly_operator.api.text import to_text
from anomaly_operator.evaluation.figures import DAY, DAYS, Evaluation, evaluated, rendered
from anomaly_operator.evaluation.outcome import Judgement, Outcome, outcome, outcomes
from anomaly_operator.observe.read import anomaly_object
from anomaly_operator.world.objects import AnomalyObject

MIDNIGHT = 1_763_769_600
NOW = MIDNIGHT + 40_000
OPENED = MIDNIGHT - 3 * DAY


def incident(
    severity: str = "High",
    *,
    spec: dict[str, Any] | None = None,
    acknowledged: int = 0,
    closed: int = 0,
    reason: str = "Resolved",
    opened: int = OPENED,
) -> AnomalyObject:
    """As the watch reads it; `acknowledged` and `closed`: seconds after the opening."""
    since = to_text(opened + acknowledged)
    truth = "True" if acknowledged else "False"
    status: dict[str, Any] = {
        "state": "Closed" if closed else "Open",
        "severity": severity,
        "confirmedAt": to_text(opened),
        "conditions": [{"type": "Acknowledged", "status": truth, "lastTransitionTime": since}],
    }
    if closed:
        status |= {"closedAt": to_text(opened + closed), "resolution": {"reason": reason}}
    facts = {"firstSeen": to_text(opened - 120), **(spec or {})}
    return anomaly_object({"kind": "Anomaly", "metadata": {}, "spec": facts, "status": status})


def feedback(verdict: str) -> dict[str, Any]:
    return {"feedback": {"verdict": verdict}}


@pytest.mark.parametrize(
    ("anomaly", "expected"),
    [
        (incident(), Judgement.PENDING),
        (incident(closed=600), Judgement.IGNORED),
        (incident(acknowledged=60), Judgement.CONFIRMED),
        (incident(spec=feedback("TruePositive"), acknowledged=60), Judgement.CONFIRMED),
        (incident(spec=feedback("FalsePositive"), closed=600), Judgement.FALSE_POSITIVE),
        (incident(spec=feedback("Expected"), acknowledged=60), Judgement.EXPECTED),
        (incident("Low", acknowledged=60), Judgement.CONFIRMED),
        (incident("Low", spec=feedback("FalsePositive")), Judgement.FALSE_POSITIVE),
    ],
)
def test_what_people_say_of_an_incident_or_leave_unsaid(
    anomaly: AnomalyObject, expected: Judgement
) -> None:
    found = outcome(anomaly)
    assert found is not None
    assert found.judgement is expected


@pytest.mark.parametrize("severity", ["None", "Informational", "Low"])
def test_what_nobody_was_told_of_is_not_ignored(severity: str) -> None:
    assert outcome(incident(severity, closed=600)) is None


def test_an_object_without_a_status_says_nothing_yet() -> None:
    bare = anomaly_object({"kind": "Anomaly", "metadata": {}, "spec": feedback("TruePositive")})
    assert outcome(bare) is None


def test_times_are_counted_from_the_first_window_and_from_the_opening() -> None:
    found = outcome(incident(acknowledged=60, closed=600))
    assert found == Outcome(OPENED, Judgement.CONFIRMED, 120, 60, 600)


@pytest.mark.parametrize("reason", ["Stale", "Lost"])
def test_a_closing_that_is_no_end_has_no_time_to_close(reason: str) -> None:
    found = outcome(incident(closed=600, reason=reason))
    assert found is not None
    assert (found.judgement, found.close) == (Judgement.IGNORED, None)


def test_the_figures_of_a_service() -> None:
    seen = [
        incident(acknowledged=60, closed=600),
        incident(acknowledged=180, closed=1200),
        incident(spec=feedback("FalsePositive"), acknowledged=240, closed=300),
        incident(spec=feedback("Expected"), acknowledged=300, closed=360),
        incident(closed=600),
        incident(closed=600),
        incident(),
        incident("Low", closed=60),
    ]
    found = evaluated(outcomes(seen), NOW)
    assert found == Evaluation(2, 2, 1, 2, 1, 120, 210, 600)
    assert rendered(found) == {
        "incidents": 6,
        "confirmed": "33%",
        "dismissed": "33%",
        "ignored": "33%",
        "precision": "67%",
        "medianTimeToDetect": "2m",
        "medianTimeToAcknowledge": "3m",
        "medianTimeToClose": "10m",
    }


def test_nothing_is_said_of_a_service_without_a_judged_incident() -> None:
    assert rendered(evaluated(outcomes([incident()]), NOW)) == {}
    silent = rendered(evaluated(outcomes([incident(closed=60)]), NOW))
    assert (silent["ignored"], "precision" in silent) == ("100%", False)


@pytest.mark.parametrize(
    ("opened", "counts"),
    [
        (MIDNIGHT - DAYS * DAY - 1, False),
        (MIDNIGHT - DAYS * DAY, True),
        (MIDNIGHT - 1, True),
        (MIDNIGHT, False),
        (NOW, False),
    ],
)
def test_only_whole_days_count(opened: int, counts: bool) -> None:
    found = evaluated(outcomes([incident(opened=opened, closed=60)]), NOW)
    assert found.ignored == counts


OUTCOMES = st.builds(
    Outcome,
    opened=st.integers(MIDNIGHT - 40 * DAY, MIDNIGHT + 2 * DAY),
    judgement=st.sampled_from(Judgement),
    detect=st.none() | st.integers(0, DAY),
    acknowledge=st.none() | st.integers(0, DAY),
    close=st.none() | st.integers(0, DAY),
)


@given(seen=st.lists(OUTCOMES, max_size=40), second=st.integers(0, DAY - 1), data=st.data())
def test_the_figures_depend_on_neither_the_hour_nor_the_order(
    seen: list[Outcome], second: int, data: st.DataObject
) -> None:
    found = evaluated(seen, MIDNIGHT)
    assert evaluated(data.draw(st.permutations(seen)), MIDNIGHT + second) == found
    total = found.judged + found.pending
    assert total == sum(MIDNIGHT - DAYS * DAY <= one.opened < MIDNIGHT for one in seen)
    assert found.precision is None or 0 <= found.precision <= 1
