"""How much a dependency adds to its caller: time and errors, over the requests of each."""

from __future__ import annotations

from dataclasses import replace

import pytest

from anomaly_operator.incidents.cascade.evidence import suspect_of
from anomaly_operator.incidents.cascade.find import root_cause
from anomaly_operator.incidents.cascade.suspect import Evidence, ServiceKey, Side, Suspect
from anomaly_operator.incidents.cascade.transmission import CERTAIN, transmission
from anomaly_operator.incidents.state import Incident, IncidentPhase
from detector_runtime.contract.detection import Contribution
from detector_runtime.contract.vocabulary import Role, Severity

BEGAN = 1_795_000_000
STEP = 300
MEASURES = frozenset({Role.TRAFFIC, Role.LATENCY, Role.ERRORS})


def suspect(
    name: str, excess: float | None, rate: float = 0.0, role: Role = Role.LATENCY
) -> Suspect:
    return Suspect(
        key=ServiceKey("shop", name),
        anomaly=f"{name}-1",
        first_seen=BEGAN,
        step_seconds=STEP,
        severity=Severity.HIGH,
        score=6.0,
        evidence=(Evidence(role, Side.UP, 1.0, excess),),
        measures=MEASURES,
        rate=rate,
    )


def test_a_millisecond_does_not_explain_a_third_of_a_second() -> None:
    assert transmission(suspect("database", 0.001), suspect("web", 0.3)) < 0.1


def test_the_whole_excess_explains_itself() -> None:
    assert transmission(suspect("payments", 0.3), suspect("web", 0.3)) == pytest.approx(CERTAIN)


@pytest.mark.parametrize("role", [Role.LATENCY, Role.ERRORS])
def test_what_is_seldom_called_adds_little(role: Role) -> None:
    caller = suspect("web", 0.05, 100.0, role)
    often, seldom = (suspect("payments", 0.1, rate, role) for rate in (50.0, 1.0))
    assert transmission(often, caller) == pytest.approx(CERTAIN)
    assert transmission(seldom, caller) < 0.1


def test_many_calls_a_request_add_up() -> None:
    caller, callee = suspect("web", 0.1, 10.0), suspect("catalog", 0.01, 200.0)
    assert transmission(callee, caller) == pytest.approx(CERTAIN)


@pytest.mark.parametrize(("theirs", "ours"), [(None, 0.3), (0.001, None)])
def test_an_amount_that_is_not_known_does_not_count_against_a_cause(
    theirs: float | None, ours: float | None
) -> None:
    found = transmission(suspect("payments", theirs), suspect("web", ours))
    assert found == pytest.approx(CERTAIN)


def test_a_callee_inside_its_usual_ranges_is_hardly_a_cause() -> None:
    inside = replace(
        suspect("payments", None), evidence=(Evidence(Role.TRAFFIC, Side.INSIDE, 1.0),)
    )
    assert transmission(inside, suspect("web", 0.3)) < 0.1


def test_the_root_is_the_service_that_adds_the_time_not_the_rarest_score() -> None:
    web, payments, database = (
        suspect("web", 0.2, 100.0),
        suspect("payments", 0.9, 25.0),
        replace(suspect("database", 0.0005, 60.0), score=9.0),
    )
    suspects = {one.key: one for one in (database, web, payments)}
    calls = {web.key: [payments.key, database.key], payments.key: [database.key]}
    found = root_cause(web.key, suspects, calls)
    assert found.root == payments.key
    assert found.probability > 0.75


@pytest.mark.parametrize(
    ("unit", "value", "high", "excess"),
    [
        ("Milliseconds", "350", "50", 0.3),
        ("Seconds", "0.35", "0.05", 0.3),
        ("Percent", "31", "1", 0.3),
        ("Ratio", "0.31", "0.01", 0.3),
        ("Seconds", "", "0.05", None),
        ("Bytes", "350", "50", None),
        ("furlongs", "350", "50", None),
    ],
)
def test_an_excess_is_in_seconds_or_a_ratio(
    unit: str, value: str, high: str, excess: float | None
) -> None:
    contribution = Contribution("m", value, unit, "0", high, "", "100%")
    incident = Incident(
        fingerprint="f",
        opening_pattern="p",
        pattern="p",
        phase=IncidentPhase.OPEN,
        first_seen=BEGAN,
        last_seen=BEGAN,
        severity=Severity.HIGH,
        current_severity=Severity.HIGH,
        contributions=(contribution,),
    )
    found = suspect_of(ServiceKey("shop", "web"), incident, {"m": Role.LATENCY}, STEP, rate=2.0)
    assert found.evidence[0].excess == (None if excess is None else pytest.approx(excess))
    assert found.rate == 2.0
