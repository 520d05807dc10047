"""Suspending a training workload: only where four agree, once, and what is missing is said."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from anomaly_operator.anomalies.reaction import MAX_WAIT_SECONDS, ReactionTerms, reaction_part
from anomaly_operator.anomalies.story import Told
from anomaly_operator.api.text import to_text
from anomaly_operator.incidents.state import Incident, IncidentPhase
from anomaly_operator.settings.suspend import SuspendSettings
from anomaly_operator.world.plan import ReadTrainer
from anomaly_operator.world.trainer import TrainerObject, UnknownTrainer
from anomaly_operator.world.view import Answer
from detector_runtime.contract.vocabulary import Severity

Json = dict[str, Any]
NOW = 1_795_000_020
NAME = "llama-0123456789ab-abc"
ASKED = ReadTrainer("Job", "ml", "llama")
READY = TrainerObject("Job", "llama", "u-1", "17", allowed=True)
DONE = replace(READY, suspended=True, suspended_for=NAME)
SETTINGS = SuspendSettings(enabled=True, namespaces=("ml",), account="operator-suspender")
RUN = {
    "triggers": [{"step": 1302, "name": "loss_nan", "tier": "Critical", "action": "Stop"}],
    "checkpoint": {"step": 1000, "path": "checkpoints/checkpoint-1000"},
}


def incident(**given: Any) -> Incident:
    known: Json = {
        "fingerprint": "0" * 12,
        "opening_pattern": "loss_nan",
        "pattern": "loss_nan",
        "phase": IncidentPhase.OPEN,
        "first_seen": NOW - 60,
        "last_seen": NOW - 60,
        "severity": Severity.CRITICAL,
        "current_severity": Severity.CRITICAL,
        "anomaly": NAME,
    }
    return Incident(**(known | given))


def terms(answer: Answer | str = "not asked", **given: Any) -> ReactionTerms:
    known: Json = {"settings": SETTINGS, "trainer": ASKED, "now": NOW, "fresh_seconds": 780}
    answers = {} if isinstance(answer, str) else {ASKED: answer}
    return ReactionTerms(**(known | {"answers": answers} | given))


def told(
    asked: ReactionTerms,
    before: Json | None = None,
    run: Json | None = None,
    one: Incident | None = None,
) -> Told:
    known = {"reaction": before} if before else {}
    found = {"trainingRun": RUN if run is None else run}
    return reaction_part(asked, one or incident(), known, found)


def reaction(*given: Any, **named: Any) -> Json:
    return dict(told(*given, **named).fields.get("reaction", {}))


def requested(ago: int = 0) -> Json:
    return {"workload": "Job llama", "at": to_text(NOW - ago), "outcome": "Requested"}


def test_the_workload_is_asked_for_first_and_then_the_decision_stands() -> None:
    first = told(terms())
    assert (dict(first.fields), first.lookups) == ({}, (ASKED,))
    second = told(terms(READY))
    assert second.fields["reaction"] == requested()
    assert second.due == NOW + MAX_WAIT_SECONDS + 1


@pytest.mark.parametrize(
    ("given", "run", "message"),
    [
        ({"settings": SuspendSettings()}, RUN, "has not enabled trainingRuns.suspend"),
        (
            {"settings": replace(SETTINGS, namespaces=("other",))},
            RUN,
            "Namespace ml is not listed in trainingRuns.suspend.namespaces",
        ),
        ({}, {"triggers": RUN["triggers"]}, "Set spec.trainingRun.checkpoints"),
    ],
)
def test_what_is_missing_is_said_without_a_look_at_the_workload(
    given: Json, run: Json, message: str
) -> None:
    found = told(terms(**given), run=run)
    assert found.lookups == ()
    assert found.fields["reaction"]["outcome"] == "Refused"
    assert message in found.fields["reaction"]["message"]


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (
            replace(READY, allowed=False),
            "Job llama has no annotation anomaly-operator.dev/suspend-on: Critical.",
        ),
        (None, "Job llama does not exist in namespace ml."),
        (replace(READY, ended=True), "Job llama has ended."),
        (replace(READY, suspended=True), "Job llama is suspended already."),
        (UnknownTrainer("403 Forbidden"), "Job llama cannot be read: 403 Forbidden"),
    ],
)
def test_what_is_missing_on_the_workload_is_said(answer: Answer, message: str) -> None:
    found = reaction(terms(answer))
    assert found["outcome"] == "Refused"
    assert message in found["message"]


def test_what_was_missing_may_still_be_added_while_the_incident_is_fresh() -> None:
    before = reaction(terms(replace(READY, allowed=False)))
    assert reaction(terms(READY), before)["outcome"] == "Requested"
    later = terms(READY, now=NOW + 10_000)
    assert reaction(later, before) == before


@pytest.mark.parametrize(
    ("given", "run", "one"),
    [
        ({"trainer": None}, RUN, incident()),
        ({"answered": frozenset({NAME})}, RUN, incident()),
        ({}, RUN, incident(phase=IncidentPhase.RECOVERING)),
        ({}, RUN, incident(phase=IncidentPhase.CLOSED)),
        ({}, RUN, incident(last_seen=NOW - 3600)),
        ({}, {}, incident()),
        (
            {},
            {**RUN, "triggers": [{"step": 9, "name": "loss_spike", "tier": "Warning"}]},
            incident(),
        ),
    ],
)
def test_without_a_fresh_critical_trigger_that_nobody_has_taken_up_nothing_is_said(
    given: Json, run: Json, one: Incident
) -> None:
    found = told(terms(READY, **given), run=run, one=one)
    assert (dict(found.fields), found.lookups) == ({}, ())


def test_a_server_that_is_silent_for_a_moment_is_asked_again() -> None:
    silent = UnknownTrainer("timeout", passing=True)
    first = told(terms(silent))
    assert dict(first.fields) == {}
    assert first.due == NOW + 30
    second = told(terms(silent), requested())
    assert second.fields["reaction"] == requested()


def test_the_mark_on_the_workload_is_the_outcome() -> None:
    found = reaction(terms(DONE), requested(ago=5))
    assert found == {**requested(ago=5), "outcome": "Suspended"}
    assert reaction(terms(DONE, now=NOW + 9000), found) == found
    assert told(terms(DONE), found).lookups == ()


def test_a_workload_that_was_resumed_is_not_suspended_again() -> None:
    resumed = replace(DONE, suspended=False)
    assert reaction(terms(resumed), requested(ago=5))["outcome"] == "Suspended"
    assert reaction(terms(resumed))["outcome"] == "Suspended"  # its object was made anew


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (terms(replace(READY, allowed=False)), "has no annotation"),
        (terms(replace(READY, ended=True)), "has ended"),
        (terms(None), "does not exist"),
        (terms(READY, trainer=None), "spec.trainingRun has changed"),
        (terms(READY, settings=SuspendSettings()), "has not enabled"),
    ],
)
def test_what_goes_missing_after_the_decision_ends_it(asked: ReactionTerms, message: str) -> None:
    found = reaction(asked, requested(ago=5))
    assert found["outcome"] == "Failed"
    assert message in found["message"]


def test_it_is_given_up_after_ten_minutes_with_the_servers_words() -> None:
    waiting = told(terms(READY, refused="policy says no"), requested(ago=MAX_WAIT_SECONDS))
    assert waiting.fields["reaction"]["outcome"] == "Requested"
    assert waiting.due == NOW + 1
    late = requested(ago=MAX_WAIT_SECONDS + 1)
    found = reaction(terms(READY, refused="policy says no"), late)
    assert found["message"] == "It was not suspended within 10m. policy says no"
    assert found["outcome"] == "Failed"


def test_the_same_world_says_the_same() -> None:
    for answer in (READY, DONE, replace(READY, allowed=False), None):
        first = reaction(terms(answer))
        assert reaction(terms(answer), first) == first
