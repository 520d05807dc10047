"""Whom an incident goes to, what is grouped with its root, and how a flood is paced."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anomaly_operator.notify.edges import Edge, Mark
from anomaly_operator.notify.grouping import AFTER_ROOT_SECONDS, waits_until, withheld_until
from anomaly_operator.notify.pace import MAX_DIGEST, WINDOW_SECONDS, pace
from anomaly_operator.notify.routes import wanted_by
from anomaly_operator.notify.subject import SILENT, ServiceFacts, service_facts
from anomaly_operator.settings.notifications import Match, NotificationSettings, Route
from anomaly_operator.settings.values import Settings
from detector_runtime.contract.patterns import PatternSpec
from detector_runtime.contract.vocabulary import Category, Severity
from pretend.told import BEGAN, CHAT, CHECKOUT, PAGER, closed, told_of

BOTH = NotificationSettings(receivers=(CHAT, PAGER))


def routed(*routes: Route, **more: Any) -> NotificationSettings:
    return replace(BOTH, routes=routes, **more)


def to(name: str, **match: Any) -> Route:
    return Route(Match(**match), (name,))


@pytest.mark.parametrize(
    ("settings", "names"),
    [
        (BOTH, ("chat", "pager")),
        (routed(to("pager"), to("chat")), ("chat", "pager")),
        (routed(to("chat", namespaces=("shop",)), to("pager", namespaces=("bank",))), ("chat",)),
        (routed(to("chat", categories=(Category.STANDARD,))), ("chat",)),
        (routed(to("chat", categories=(Category.CORE,))), ()),
        (routed(to("chat", severities=(Severity.HIGH,))), ("chat",)),
        (routed(to("chat", severities=(Severity.LOW,))), ()),
        (routed(to("chat", min_severity=Severity.CRITICAL)), ()),
        (routed(to("chat"), min_severity=Severity.CRITICAL), ()),
        (routed(to("chat", tiers=("P1",))), ()),
        (routed(to("chat", labels={"team": "payments"})), ("chat",)),
        (routed(to("chat", labels={"team": "payments", "on_call": "yes"})), ()),
    ],
)
def test_routes(settings: NotificationSettings, names: tuple[str, ...]) -> None:
    assert wanted_by(told_of(), settings) == names


def test_a_route_by_tier() -> None:
    found = told_of(priority={"tier": "P1", "value": 91})
    assert wanted_by(found, routed(to("chat", tiers=("P1", "P2")))) == ("chat",)


@pytest.mark.parametrize("severity", ["None", "Informational", "Low"])
def test_what_is_not_severe_is_sent_to_nobody_by_default(severity: str) -> None:
    assert wanted_by(told_of(severity=severity), BOTH) == ()


def test_a_lower_minimum_sends_them() -> None:
    low = replace(BOTH, min_severity=Severity.LOW)
    assert wanted_by(told_of(severity="Low"), low) == ("chat", "pager")


@pytest.mark.parametrize("verdict", ["Expected", "FalsePositive"])
def test_what_a_person_called_normal_is_sent_to_nobody(verdict: str) -> None:
    assert wanted_by(told_of(feedback=verdict), BOTH) == ()
    assert wanted_by(told_of(feedback="TruePositive"), BOTH) == ("chat", "pager")


@pytest.mark.parametrize("pattern", sorted(SILENT))
def test_a_silent_pattern_is_sent_to_nobody_whatever_the_minimum(pattern: str) -> None:
    low = replace(BOTH, min_severity=Severity.INFORMATIONAL)
    assert wanted_by(told_of(pattern=pattern, severity="Low"), low) == ()
    breached = told_of(pattern=pattern, severity="High", slo={"status": "Breached"})
    assert wanted_by(breached, low) == ("chat", "pager")


def test_who_is_silent_follows_from_all_three_lists() -> None:
    shared = PatternSpec("batch", Severity.LOW, alerting=False)
    settings = Settings(patterns=(shared, PatternSpec("queue", Severity.HIGH, locked=True)))
    assert service_facts("checkout", None, settings) == ServiceFacts("checkout")
    # A pattern of the administrator replaces the built-in one of the same name.
    loud = Settings(patterns=(PatternSpec("recovery_in_progress", Severity.HIGH),))
    spec = _Spec()
    assert service_facts("checkout", spec, settings).silent >= {"batch", "queue", "surge"}
    assert "recovery_in_progress" not in service_facts("checkout", spec, loud).silent


class _Spec:
    category = Category.STANDARD
    alert_labels: dict[str, str] = {}  # noqa: RUF012
    patterns = ()
    non_alerting_patterns = ("surge",)
    interval_seconds = 60
    depends_on = ()


ROOT = told_of(ServiceFacts("payments"), name="payments-1", service="payments")
SYMPTOM = told_of(name="checkout-1", symptomOf="payments-1")


def test_the_message_about_the_root_stands_for_its_symptoms() -> None:
    assert withheld_until(SYMPTOM, ROOT, None, wanted=True) == math.inf
    opened = Mark("chat", Edge.OPENED)
    assert withheld_until(SYMPTOM, ROOT, opened, wanted=False) == math.inf


def test_who_does_not_hear_of_the_root_hears_of_the_symptom() -> None:
    assert withheld_until(SYMPTOM, ROOT, None, wanted=False) == 0
    assert withheld_until(SYMPTOM, None, None, wanted=False) == 0
    assert withheld_until(ROOT, None, None, wanted=True) == 0


def test_a_symptom_that_outlives_its_root_for_long_is_told() -> None:
    over = told_of(ServiceFacts("payments"), name="payments-1", **closed())
    until = BEGAN + 600 + AFTER_ROOT_SECONDS
    assert withheld_until(SYMPTOM, over, Mark("chat", Edge.CLOSED), wanted=True) == until


@pytest.mark.parametrize(
    ("facts", "settings", "wait"),
    [
        (CHECKOUT, BOTH, None),
        (replace(CHECKOUT, linked=True), BOTH, 75),
        (replace(CHECKOUT, linked=True, interval_seconds=3600), BOTH, 300),
        (replace(CHECKOUT, linked=True), replace(BOTH, group_wait_seconds=0.0), 0),
        (replace(CHECKOUT, linked=True), replace(BOTH, group_wait_seconds=30.0), 30),
    ],
)
def test_a_linked_service_waits_for_its_root(
    facts: ServiceFacts, settings: NotificationSettings, wait: int | None
) -> None:
    created = BEGAN + 120
    expected = 0 if wait is None else created + wait
    assert waits_until(told_of(facts), settings) == expected


def test_a_root_that_knows_its_symptoms_waits_no_more() -> None:
    linked = replace(CHECKOUT, linked=True)
    assert waits_until(told_of(linked, symptoms=[{"service": "gateway"}]), BOTH) == 0


def test_a_flood_at_once_is_one_digest() -> None:
    assert pace(200, [], 20, 0.0).digest == 200
    assert pace(20, [], 20, 0.0).single == 20


def test_what_comes_after_the_limit_waits_for_the_end_of_the_minute() -> None:
    sent = [float(n) for n in range(20)]
    held = pace(3, sent, 20, 20.0)
    assert held.hold_until == WINDOW_SECONDS
    assert pace(180, sent, 20, 60.0, held.hold_until).digest == 180


@given(
    st.lists(st.floats(0, 5), min_size=1, max_size=120),
    st.integers(1, 10),
)
def test_a_receiver_gets_few_messages_a_minute_and_all_in_the_end(
    gaps: list[float], limit: int
) -> None:
    """Messages come one after the other with these gaps in between."""
    clock, due, taken = 0.0, 0, 0
    sent: list[float] = []
    requests: list[float] = []
    held: float | None = None
    gaps = [*gaps, *[WINDOW_SECONDS] * 4]
    for number, gap in enumerate(gaps):
        due += number < len(gaps) - 4
        clock += gap
        plan = pace(due, sent, limit, clock, held)
        held = plan.hold_until
        count = plan.single or min(plan.digest, MAX_DIGEST)
        sent += [clock] * (plan.single or (limit if plan.digest else 0))
        requests += [clock] * (plan.single or bool(plan.digest))
        due -= count
        taken += count
        within = [one for one in requests if clock - one < WINDOW_SECONDS]
        assert len(within) <= limit + 1
    assert due == 0
    assert taken == len(gaps) - 4
