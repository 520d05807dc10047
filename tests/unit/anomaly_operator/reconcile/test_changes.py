"""When changes are looked up, what the incident says of them, and that this costs no write."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from anomaly_operator.anomalies.changes.part import LOOK_SECONDS, ChangeTerms, changes_part
from anomaly_operator.api.reasons import Reason
from anomaly_operator.api.text import to_text, unix_seconds
from anomaly_operator.incidents.state import Incident, IncidentPhase
from anomaly_operator.settings.values import ChangesSettings
from anomaly_operator.spec.workload import DEFAULT_KINDS, WorkloadKind, WorkloadRef
from anomaly_operator.world.plan import ReadWorkload
from anomaly_operator.world.workload import ContainerEnd, Revision, Unread, Workload
from detector_runtime.contract.vocabulary import Severity
from tests.pretend.cluster import SETTINGS, Cluster, serving

STEP = 120
HIT = {"verdict": "Anomalous", "score": "9", "patterns": ["metric_memory"], "severity": "High"}
Json = dict[str, Any]


def window(cluster: Cluster, anomalous: bool = True, **more: Any) -> int:
    """One more window; how many writes it took."""
    begin = cluster.now // STEP * STEP
    end = begin + STEP
    cluster.now = end + 40
    found = [{"end": to_text(end), **HIT}] if anomalous else []
    span = {"scoredFrom": to_text(begin), "scoredThrough": to_text(end), "stepSeconds": STEP}
    cluster.detect(**span, windows=found, **more)
    return cluster.settle()


def with_rollout(cluster: Cluster, name: str = "checkout", ago: int = 180) -> None:
    """Rolled out `ago` seconds before the window that comes next."""
    at = cluster.now // STEP * STEP - ago
    cluster.workloads[name] = Workload(
        "Deployment",
        name,
        (
            Revision(41, "a", at - 9000, (("app", "shop/app:1.8.3"),)),
            Revision(42, "b", at, (("app", "shop/app:1.9.0"),)),
        ),
    )


def anomaly(cluster: Cluster) -> Json:
    status: Json = cluster.of_kind("Anomaly")[-1]["status"]
    return status


def writes(cluster: Cluster, count: int = 6) -> list[int]:
    return [window(cluster) for _ in range(count)]


def test_an_incident_names_the_rollout_before_it_in_its_first_status() -> None:
    cluster = serving(Cluster())
    with_rollout(cluster)
    window(cluster)
    assert not cluster.looked_up  # nothing is confirmed yet
    window(cluster)
    status = anomaly(cluster)
    (change,) = status["changes"]
    assert change["text"] == (
        "Rollout 42 of Deployment shop/checkout (image 1.8.3 -> 1.9.0), 3 min before the start"
    )
    assert (change["from"], change["to"], change["subject"]) == ("1.8.3", "1.9.0", "42")
    assert "It began 3 min after rollout 42" in status["explanation"]["summary"]
    assert status["explanation"]["recommendedActions"][0].endswith(
        "kubectl rollout undo deployment/checkout -n shop"
    )
    assert status["changeLookup"] == {"at": status["lastSeen"]}


def test_lookups_cost_no_write_and_come_every_five_minutes_at_most() -> None:
    plain = serving(Cluster(settings=replace(SETTINGS, changes=ChangesSettings(enabled=False))))
    cluster = serving(Cluster())
    with_rollout(cluster)
    assert writes(cluster, 10) == writes(plain, 10)
    assert plain.looked_up == []
    # Confirmed by the second window, then with each third one: 3 x 120 s >= 300 s.
    assert len(cluster.looked_up) == 1 + 8 // -(-LOOK_SECONDS // STEP)


def test_without_a_new_anomalous_window_nothing_is_asked_and_nothing_written() -> None:
    cluster = serving(Cluster())
    with_rollout(cluster)
    writes(cluster, 3)
    asked, wrote = len(cluster.looked_up), cluster.writes
    assert cluster.settle() == 0
    assert (len(cluster.looked_up), cluster.writes) == (asked, wrote)
    for _ in range(2):
        window(cluster, anomalous=False)
    assert anomaly(cluster)["state"] == "Recovering"
    assert len(cluster.looked_up) == asked


def test_what_is_known_stays_when_the_incident_closes_and_the_workload_goes() -> None:
    cluster = serving(Cluster())
    with_rollout(cluster)
    writes(cluster, 3)
    known = anomaly(cluster)["changes"]
    cluster.workloads.clear()
    writes(cluster, 4)
    for _ in range(3):
        window(cluster, anomalous=False)
    assert anomaly(cluster)["state"] == "Closed"
    assert anomaly(cluster)["changes"] == known
    asked = len(cluster.looked_up)
    cluster.restart()
    cluster.settle()
    assert len(cluster.looked_up) == asked


def test_what_is_known_stays_under_a_spec_that_cannot_be_used() -> None:
    cluster = serving(Cluster())
    with_rollout(cluster)
    writes(cluster, 3)
    known = anomaly(cluster)
    cluster.service(timeZone="Mars/Base")
    window(cluster)
    after = anomaly(cluster)
    assert after["occurrences"] == known["occurrences"] + 1
    assert (after["changes"], after["changeLookup"]) == (known["changes"], known["changeLookup"])


def test_what_is_known_stays_when_lookups_are_switched_off() -> None:
    cluster = serving(Cluster())
    with_rollout(cluster)
    writes(cluster, 3)
    known = anomaly(cluster)["changes"]
    cluster.settings = replace(SETTINGS, changes=ChangesSettings(enabled=False))
    asked = len(cluster.looked_up)
    writes(cluster, 4)
    assert anomaly(cluster)["changes"] == known
    assert len(cluster.looked_up) == asked


def test_a_change_during_the_incident_is_added() -> None:
    cluster = serving(Cluster())
    with_rollout(cluster)
    writes(cluster, 3)
    end = ContainerEnd("p", "app", cluster.now, "OOMKilled", 137)
    found = cluster.workloads["checkout"]
    cluster.workloads["checkout"] = replace(found, ends=(end,))
    writes(cluster, 3)
    assert [one["kind"] for one in anomaly(cluster)["changes"]] == ["Rollout", "OOMKilled"]


def test_nothing_is_older_than_the_lookback() -> None:
    cluster = serving(Cluster())
    with_rollout(cluster, ago=3700)
    writes(cluster, 2)
    assert "changes" not in anomaly(cluster)
    assert "rollout" not in anomaly(cluster)["explanation"]["summary"]


@pytest.mark.parametrize(
    ("found", "message"),
    [
        (
            Workload(),
            (
                "There is no Deployment, StatefulSet or Rollout shop/checkout to look for changes "
                "of; set spec.workloadRef."
            ),
        ),
        (
            Workload("Deployment", "checkout", unread=(Unread("events", Reason.FORBIDDEN),)),
            (
                "Changes of shop/checkout are incomplete without events: the operator may not read "
                "them; set changes.enabled of its chart to true, or grant it."
            ),
        ),
        (
            Workload(unread=(Unread("deployments", Reason.SERVER_ERROR, "ApiUnreachable"),)),
            (
                "Changes of shop/checkout are incomplete without deployments: the API server did "
                "not answer (ApiUnreachable)."
            ),
        ),
        (
            Workload("Rollout", "a", unread=(Unread("replicasets", Reason.KIND_NOT_SERVED),)),
            (
                "Changes of shop/checkout are incomplete without replicasets: the cluster does not "
                "serve them."
            ),
        ),
    ],
)
def test_what_cannot_be_read_is_said_and_the_incident_opens(found: Workload, message: str) -> None:
    cluster = serving(Cluster())
    cluster.workloads["checkout"] = found
    writes(cluster, 2)
    status = anomaly(cluster)
    assert status["state"] == "Open"
    assert status["changeLookup"]["message"] == message


def test_the_workload_of_the_spec_is_asked_for() -> None:
    ref = {"kind": "DaemonSet", "name": "agent"}
    cluster = serving(Cluster(), workloadRef=ref)
    writes(cluster, 2)
    assert cluster.looked_up == [ReadWorkload("shop", "agent", (WorkloadKind.DAEMON_SET,))]


INCIDENT = Incident(
    fingerprint="0123456789ab",
    opening_pattern="metric_x",
    pattern="metric_x",
    phase=IncidentPhase.OPEN,
    first_seen=1_795_000_080,
    last_seen=1_795_000_200,
    severity=Severity.HIGH,
    current_severity=Severity.HIGH,
    anomaly="checkout-0123456789ab-x",
)
TERMS = ChangeTerms("shop", "checkout", STEP, 3600)
OWN = ReadWorkload("shop", "checkout", DEFAULT_KINDS)
ROOT = {"rootCause": {"service": "payments", "namespace": "shop"}}


def test_the_workload_of_the_root_is_looked_up_as_well() -> None:
    told = changes_part(TERMS)(INCIDENT, {}, ROOT)
    theirs = ReadWorkload("shop", "payments", DEFAULT_KINDS)
    assert told.lookups == (OWN, theirs)
    at = INCIDENT.first_seen - STEP - 180
    images = (("app", "shop/pay:2"),)
    answers = {
        OWN: Workload("Deployment", "checkout"),
        theirs: Workload("Deployment", "payments", (Revision(7, "a", at, images),)),
    }
    told = changes_part(replace(TERMS, answers=answers))(INCIDENT, {}, ROOT)
    assert [one["workload"] for one in told.fields["changes"]] == ["Deployment shop/payments"]
    assert told.fields["changeLookup"]["root"] == "shop/payments"


def test_the_root_has_its_own_workload_and_may_be_of_another_namespace() -> None:
    refs = {"payments": WorkloadRef(WorkloadKind.STATEFUL_SET, "pay")}
    part = changes_part(replace(TERMS, workloads=refs))
    assert part(INCIDENT, {}, ROOT).lookups[1] == ReadWorkload(
        "shop", "pay", (WorkloadKind.STATEFUL_SET,)
    )
    foreign = {"rootCause": {"service": "payments", "namespace": "bank"}}
    assert part(INCIDENT, {}, foreign).lookups[1] == ReadWorkload("bank", "payments", DEFAULT_KINDS)
    itself = {"rootCause": {"service": "checkout", "namespace": "shop"}}
    assert part(INCIDENT, {}, itself).lookups == (OWN,)


def test_a_root_that_is_named_later_is_looked_up_with_the_next_window() -> None:
    part = changes_part(TERMS)
    seen = to_text(INCIDENT.last_seen - STEP)
    before = {"changeLookup": {"at": seen}}
    assert part(INCIDENT, before, {}).lookups == ()
    assert len(part(INCIDENT, before, ROOT).lookups) == 2
    assert len(part(INCIDENT, before | ROOT, {}).lookups) == 2
    known = {"changeLookup": {"at": seen, "root": "shop/payments"}}
    assert part(INCIDENT, known, ROOT).lookups == ()
    assert unix_seconds(seen) < INCIDENT.last_seen


def test_a_closed_incident_of_an_earlier_release_is_left_as_it_is() -> None:
    closed = replace(INCIDENT, phase=IncidentPhase.CLOSED, closed_at=INCIDENT.last_seen)
    assert changes_part(TERMS)(closed, {"state": "Closed"}, {}).lookups == ()
    assert changes_part(TERMS)(closed, {}, {}).lookups == (OWN,)


def test_after_a_reopening_the_distances_are_those_from_it() -> None:
    at = INCIDENT.first_seen - STEP - 180
    answers = {
        OWN: Workload("Deployment", "checkout", (Revision(7, "a", at, (("app", "shop/a:2"),)),))
    }
    first = changes_part(replace(TERMS, answers=answers))(INCIDENT, {}, {}).fields
    assert first["changes"][0]["text"].endswith("3 min before the start")
    again = replace(
        INCIDENT, reopened_at=INCIDENT.first_seen + 600, last_seen=INCIDENT.first_seen + 240
    )
    told = changes_part(TERMS)(again, first, {})
    assert told.fields["changes"][0]["text"].endswith("13 min before the start")


def result(at: int, value: str = "2 s", name: str = "slow") -> Json:
    return {"name": name, "at": to_text(at), "rows": [{"label": "/pay", "value": value}]}


def test_what_context_queries_found_stands_on_the_incident_without_a_write_of_its_own() -> None:
    plain, cluster = serving(Cluster()), serving(Cluster())
    for number in range(4):
        end = cluster.now // STEP * STEP + STEP
        context = [result(end, f"{number} s")] if number in {1, 3} else []
        assert window(cluster, context=context) == window(plain)
    assert anomaly(cluster)["context"] == [result(end, "3 s")]
    for _ in range(3):
        window(cluster, anomalous=False)
    assert anomaly(cluster)["state"] == "Closed"
    assert anomaly(cluster)["context"] == [result(end, "3 s")]


def test_context_of_another_time_belongs_to_no_incident() -> None:
    cluster = serving(Cluster())
    early = cluster.now // STEP * STEP - 600
    for _ in range(3):
        window(cluster, context=[result(early)])
    assert "context" not in anomaly(cluster)
