"""Every text of a condition or an Event, as the pure core writes it, against a golden file.

`GOLDEN=update pytest tests/unit/anomaly_operator/status/test_messages.py` writes the file anew.
Read the difference as a user would.
"""

from __future__ import annotations

import copy
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest

from anomaly_operator.api.errors import NewerStatusError
from anomaly_operator.api.reasons import AnomalyReason, EventReason, Reason
from anomaly_operator.api.resources import CUSTOM, POLICY
from anomaly_operator.api.text import to_text
from anomaly_operator.incidents.state import Resolution
from anomaly_operator.incidents.transitions import TransitionKind
from anomaly_operator.notify.condition import NotifyTerms, notified
from anomaly_operator.notify.subject import ServiceFacts
from anomaly_operator.observe import read
from anomaly_operator.settings.containment import ContainmentSettings, JobTemplate
from anomaly_operator.settings.notifications import (
    Match,
    NotificationSettings,
    Receiver,
    ReceiverType,
    Route,
)
from anomaly_operator.settings.serving import ServingSettings
from anomaly_operator.settings.suspend import SuspendSettings
from anomaly_operator.settings.values import MetricsSource, Settings
from anomaly_operator.world.plan import Plan
from anomaly_operator.world.refusal import Withheld, refusal
from anomaly_operator.world.view import QueuePlace
from detector_runtime.contract.objectives import ObjectiveState
from detector_runtime.contract.train_report import TrainReport
from detector_runtime.contract.training_run import RunState
from detector_runtime.contract.vocabulary import (
    NotJudged,
    RunOutcome,
    SLOStatus,
    SourceType,
    SpecWarning,
)
from pretend.cluster import PROMETHEUS, Cluster, serving, trained
from pretend.contested import contest

GOLDEN = Path(__file__).parent / "golden" / "messages.txt"
UNREACHED: dict[StrEnum, str] = {}
"""Reasons without a text here, each with why."""

EVENTS = {*(one.value for one in EventReason), *(f"Anomaly{one.value}" for one in TransitionKind)}
POD_SAYS = "the words of the pod; what to do"
STEP = 120
ASK = {"anomaly-operator.dev/train-requested-at": "now"}
THRESHOLDS = {"latency": {"acceptable": "300ms", "warning": "400ms", "critical": "500ms"}}
SLO_SAYS = {
    SLOStatus.UNKNOWN: "not evaluated: latency is undefined (no requests)",
    SLOStatus.OK: "latency 240 ms, acceptable up to 300 ms",
    SLOStatus.ELEVATED: "latency 310 ms is above the acceptable threshold of 300 ms",
    SLOStatus.WARNING: "latency 410 ms is at or above the warning threshold of 400 ms",
    SLOStatus.BREACHED: (
        "request_rate 0 requests/s is under the minimum of 20 requests/s in business hours"
    ),
}
"""What the runtime says of the metric that decides."""
BUDGET_SAYS = {
    ObjectiveState.OK: "availability: 63% of the error budget for 30d is left, target 99.9%",
    ObjectiveState.EXHAUSTED: (
        "availability: the error budget for 30d is used up (120% of it), target 99.9%; nothing "
        "burns now"
    ),
    ObjectiveState.BURNING: (
        "availability: 250 events (2.5%) failed in the last 1h, 25x what the target of 99.9% "
        "allows; PageFast burns from 14.4x over 1h and 5m; 63% of the error budget for 30d is left"
    ),
}
"""What it says of an objective."""
_VOLATILE = (
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "<time>"),
    (r"[a-z0-9-]+-train-[0-9a-f]{10}", "<job>"),
    (r"(checkout|cart)-[0-9a-f]{12}-\w+", r"\1-<incident>"),
    (r"-contain-[0-9a-f]{8}", "-contain-<hash>"),
    (r"-api-[0-9a-f]{8}", "-api-<hash>"),
)


class Recording(Cluster):
    """A cluster that keeps every text that any reconcile wrote."""

    texts: set[str]

    def carry_out(self, plan: Plan) -> None:
        told = len(self.events)
        super().carry_out(plan)
        for event in self.events[told:]:
            if event.reason in EVENTS:
                self.keep(f"Event {event.type} {event.reason}", event.message)
        for resource in CUSTOM:
            for raw in self.of_kind(resource.kind):
                for one in raw.get("status", {}).get("conditions", ()):
                    where = f"{resource.kind} {one['type']}={one['status']} {one['reason']}"
                    self.keep(where, one["message"])

    def keep(self, where: str, message: str) -> None:
        for pattern, name in _VOLATILE:
            message = re.sub(pattern, name, message)
        self.texts.add(f"{where}: {message}")


Scenario = Callable[[Recording], None]
SCENARIOS: list[Scenario] = []


def scenario(play: Scenario) -> Scenario:
    SCENARIOS.append(play)
    return play


def report(cluster: Cluster, budgets: tuple[dict[str, Any], ...] = (), **fields: Any) -> None:
    """A detection whose newest window is reported in full; `budgets`: its objectives."""
    end = to_text(cluster.now - 30)
    window = {
        "end": end,
        "verdict": "Normal",
        "period": "day",
        "severity": "None",
        "confidence": "90%",
        "score": "0.1",
        "probability": "0.9",
        **fields,
    }
    cluster.detect(scoredThrough=end, report=window, objectives=list(budgets))
    cluster.settle()


def failing(*outcomes: RunOutcome) -> Iterator[RunOutcome]:
    good = (RunOutcome.SUCCEEDED, RunOutcome.LEARNING)
    yield from outcomes or (outcome for outcome in RunOutcome if outcome not in good)


def anomalous(
    cluster: Cluster,
    count: int,
    severity: str = "High",
    gap: int = 0,
    patterns: tuple[str, ...] = ("metric_latency",),
) -> int:
    """`count` anomalous windows, the first after `gap` that were not scored; the last one's end."""
    begin = (cluster.now // STEP + 1 + gap) * STEP
    ends = [begin + STEP * number for number in range(count)]
    cluster.now = ends[-1] + 40
    windows = [
        {
            "end": to_text(end),
            "verdict": "Anomalous",
            "score": "9",
            "severity": severity,
            "patterns": list(patterns),
        }
        for end in ends
    ]
    first = to_text(begin - STEP)
    cluster.detect(scoredFrom=first, scoredThrough=to_text(ends[-1]), windows=windows)
    cluster.settle()
    return ends[-1]


def normal(cluster: Cluster, count: int) -> None:
    begin = cluster.now // STEP * STEP
    cluster.now = begin + STEP * count + 40
    cluster.detect(
        scoredFrom=to_text(begin), scoredThrough=to_text(begin + STEP * count), windows=[]
    )
    cluster.settle()


@scenario
def first_model_and_scoring(cluster: Recording) -> None:
    serving(cluster)
    report(cluster)
    report(cluster, verdict="Inconclusive")
    report(cluster, verdict="Inconclusive", reason="no values of latency")
    report(cluster, verdict="Inconclusive", reason=NotJudged.UNDEFINED)
    report(cluster, verdict="Inconclusive", reason=NotJudged.EXCLUDED)
    report(cluster, drift={"score": "1", "penalty": "0%"})
    report(cluster, drift={"score": "4", "penalty": "10%"})


@scenario
def too_little_history(cluster: Recording) -> None:
    cluster.service()
    cluster.settle()
    cluster.now += 30
    cluster.end_training(
        TrainReport(RunOutcome.LEARNING, "short", samples=412, needed=500, enough_at="")
    )
    cluster.settle()


@scenario
def too_little_history_with_a_date(cluster: Recording) -> None:
    cluster.service()
    cluster.settle()
    cluster.now += 30
    at = to_text(cluster.now + 7200)
    cluster.end_training(
        TrainReport(RunOutcome.LEARNING, "short", samples=412, needed=500, enough_at=at)
    )
    cluster.settle()


@scenario
def waiting_for_a_slot(cluster: Recording) -> None:
    cluster.queue = QueuePlace(running=10)
    cluster.service()
    cluster.settle()


def _training_fails(cluster: Recording, outcome: RunOutcome) -> None:
    cluster.now += 30
    cluster.end_training(TrainReport(outcome, POD_SAYS), succeeded=False)
    cluster.settle()


@scenario
def every_way_a_training_fails(cluster: Recording) -> None:
    for number, outcome in enumerate(failing()):
        name = f"first-{number}"
        cluster.service(name)
        cluster.settle(name)
        cluster.end_training(TrainReport(outcome, POD_SAYS), succeeded=False)
        cluster.settle(name)


@scenario
def a_failed_training_while_a_model_serves(cluster: Recording) -> None:
    serving(cluster)
    cluster.put("AnomalyService", "checkout", annotations=ASK)
    cluster.settle()
    _training_fails(cluster, RunOutcome.REJECTED)
    cluster.now += 3600
    cluster.settle()


@scenario
def every_way_a_run_fails(cluster: Recording) -> None:
    serving(cluster)
    for outcome in failing():
        end = to_text(cluster.now - 30)
        cluster.detect(run={"outcome": outcome.value, "message": POD_SAYS}, scoredThrough=end)
        cluster.settle()
        cluster.detect(scoredThrough=end)
        cluster.settle()


@scenario
def a_document_that_cannot_be_read(cluster: Recording) -> None:
    serving(cluster)
    cluster.detect(scoredThrough=to_text(cluster.now - 30), windows="many")
    cluster.settle()


def _pod(**parts: Any) -> Scenario:
    """The first training's pod as it is after a minute, then the Job's end without a report."""

    def play(cluster: Recording) -> None:
        cluster.service()
        cluster.settle()
        job = cluster.jobs()[-1]
        job["status"] = {"startTime": to_text(cluster.now), "active": 1}
        cluster.put("Job", job["metadata"]["name"], status=job["status"])
        status = parts.pop("status", {})
        if parts:
            cluster.pod_of(job, **parts)
            pod = cluster.of_kind("Pod")[-1]
            pod["status"].update(status)
        cluster.now += 90
        cluster.settle()

    return play


KUBELET = "the kubelet's own words"
PODS: tuple[dict[str, Any], ...] = (
    {},
    {"terminated": {"exitCode": 137, "reason": "OOMKilled"}},
    {"terminated": {"exitCode": 1}},
    {"waiting": {"reason": "ImagePullBackOff", "message": KUBELET}},
    {"waiting": {"reason": "CreateContainerConfigError", "message": KUBELET}},
    {"status": {"reason": "Evicted", "message": KUBELET}, "waiting": {}},
    {
        "waiting": {"reason": "PodInitializing"},
        "status": {
            "initContainerStatuses": [
                {"name": "istio-init", "state": {"terminated": {"exitCode": 1}}}
            ]
        },
    },
    {
        "waiting": {},
        "status": {
            "conditions": [
                {
                    "type": "PodScheduled",
                    "status": "False",
                    "reason": "Unschedulable",
                    "message": "0/3 nodes are available",
                }
            ]
        },
    },
)
SCENARIOS += [_pod(**parts) for parts in PODS]


@scenario
def pods_that_a_sidecar_keeps_running(cluster: Recording) -> None:
    cluster.service()
    cluster.settle()
    cluster.now += 120
    cluster.end_process(trained(cluster))
    cluster.settle()
    cluster.now += 60
    cluster.settle()
    cluster.scoring_pod(terminated={"exitCode": 0, "finishedAt": to_text(cluster.now)})
    scoring = cluster.get("Pod", "checkout-inf-pod")
    scoring["status"]["containerStatuses"] += [
        {"name": name, "state": {"running": {}}} for name in ("istio-proxy", "vault-agent")
    ]
    cluster.now += 7200
    cluster.settle()
    cluster.now += 7200
    cluster.settle()


@scenario
def what_the_admin_does_not_allow_for_pods(cluster: Recording) -> None:
    for number, wanted in enumerate(
        (
            {"priorityClassName": "high"},
            {"tolerations": [{"key": "batch", "operator": "Exists"}]},
            {"annotations": {"sidecar.istio.io/inject": "true"}},
        )
    ):
        cluster.service(f"pods-{number}", podTemplate=wanted)
        cluster.settle(f"pods-{number}")


@scenario
def a_job_that_ends_without_a_word(cluster: Recording) -> None:
    cluster.service()
    cluster.settle()
    cluster.end_training(None)
    cluster.settle()


def _job_fails(reason: str) -> Scenario:
    def play(cluster: Recording) -> None:
        cluster.service()
        cluster.settle()
        job = cluster.jobs()[-1]
        failed = {"type": "Failed", "status": "True", "reason": reason, "message": KUBELET}
        failed["lastTransitionTime"] = to_text(cluster.now)
        cluster.put("Job", job["metadata"]["name"], status={"conditions": [failed]})
        cluster.settle()

    return play


SCENARIOS += [_job_fails("DeadlineExceeded"), _job_fails("BackoffLimitExceeded")]


@scenario
def models_that_serve(cluster: Recording) -> None:
    cluster.service()
    cluster.settle()
    cluster.end_training(trained(cluster, provisional=True))
    cluster.settle()
    cluster.put("AnomalyService", "checkout", annotations=ASK)
    cluster.settle()
    cluster.now += 60
    shift = "rate has stood at 200 since 2026-11-08, before at 100; what to do"
    cluster.end_training(trained(cluster, 2, level_shift=shift))
    cluster.settle()
    revisions = [model["revision"] for model in cluster.status()["training"]["revisions"]]
    for pin in (revisions[0], "20200101-000000-abcdef"):
        cluster.service(modelRevision=pin)
        cluster.settle()


@scenario
def a_pin_for_other_metrics(cluster: Recording) -> None:
    cluster.service()
    cluster.settle()
    pinned = trained(cluster, shape="another")
    cluster.end_training(pinned)
    cluster.settle()
    cluster.service(modelRevision=pinned.revision)
    cluster.settle()
    cluster.put("AnomalyService", "checkout", annotations=ASK)
    cluster.settle()
    cluster.now += 60
    cluster.end_training(trained(cluster, 2))
    cluster.settle()


def _contradicted(reason: SpecWarning) -> Scenario:
    def play(cluster: Recording) -> None:
        cluster.service(metrics=[{"name": "rate", "query": "rate"}])
        cluster.settle()
        cluster.end_training(trained(cluster, warnings=(f"{reason}: rate is {POD_SAYS}",)))
        cluster.settle()
        report(cluster)

    return play


SCENARIOS += [_contradicted(reason) for reason in SpecWarning]


@scenario
def a_metric_that_is_missing_while_learning(cluster: Recording) -> None:
    cluster.service()
    cluster.settle()
    missing = (f"NoValues: latency is {POD_SAYS}",)
    cluster.end_training(
        TrainReport(RunOutcome.LEARNING, "short", samples=4, needed=500, warnings=missing)
    )
    cluster.settle()


@scenario
def a_metric_that_is_lost(cluster: Recording) -> None:
    serving(cluster)
    report(cluster, warnings=[f"NoValues: latency is {POD_SAYS}"])


@scenario
def objectives_that_say_nothing(cluster: Recording) -> None:
    cluster.put(POLICY.kind, "web", spec={"thresholds": THRESHOLDS})
    serving(cluster, sloPolicyRef={"name": "web"})
    for reason in ("SLOUnreachable", "SLOAlwaysBreached"):
        report(cluster, warnings=[f"{reason}: latency is {POD_SAYS}"])


@scenario
def services_in_a_circle(cluster: Recording) -> None:
    for name, target in (("cart", "payments"), ("payments", "checkout"), ("checkout", "cart")):
        cluster.service(name, dependsOn=[{"name": target}])
        cluster.settle(name)


@scenario
def a_pin_before_any_model(cluster: Recording) -> None:
    cluster.service(modelRevision="20200101-000000-abcdef")
    cluster.settle()
    cluster.now += 30


@scenario
def a_model_that_waits_for_an_incident(cluster: Recording) -> None:
    serving(cluster)
    anomalous(cluster, 2)
    cluster.put("AnomalyService", "checkout", annotations=ASK)
    cluster.settle()
    cluster.now += 60
    cluster.end_training(trained(cluster, 2))
    cluster.settle()


@scenario
def suspended_and_resumed(cluster: Recording) -> None:
    serving(cluster)
    cluster.service(suspend=True)
    cluster.settle()
    cluster.service(suspend=False)
    cluster.settle()


@scenario
def suspended_before_the_first_model(cluster: Recording) -> None:
    cluster.service(suspend=True)
    cluster.settle()


@scenario
def runs_that_stop_and_come_back(cluster: Recording) -> None:
    serving(cluster)
    cluster.now += 86_400
    cluster.settle()
    cluster.detect(scoredThrough=to_text(cluster.now - 30))
    cluster.settle()
    cluster.detect(scoredThrough=to_text(cluster.now + 86_400))
    cluster.settle()


@scenario
def runs_that_never_report(cluster: Recording) -> None:
    cluster.service()
    cluster.settle()
    cluster.end_training(trained(cluster))
    cluster.settle()
    cluster.now += 7200
    cluster.settle()


@scenario
def objectives(cluster: Recording) -> None:
    cluster.put(POLICY.kind, "web", spec={"thresholds": THRESHOLDS})
    serving(cluster, sloPolicyRef={"name": "web"})
    for status in SLOStatus:
        report(cluster, slo={"status": status.value})
    for status, explanation in SLO_SAYS.items():
        metric = "" if status is SLOStatus.UNKNOWN else explanation.partition(" ")[0]
        slo = {"status": status.value, "explanation": explanation, "metric": metric}
        report(cluster, slo=slo)
    cluster.now += 86_400
    cluster.settle()
    cluster.service(sloPolicyRef={"name": "web"}, suspend=True)
    cluster.settle()
    cluster.service(sloPolicyRef={"name": "gold"})
    cluster.settle()


@scenario
def exported_rules(cluster: Recording) -> None:
    indicator = {"errorRatio": "ratio[$(window)]"}
    good = {"name": "availability", "target": "99.9%", "indicator": indicator}
    lost = {**good, "name": "latency", "indicator": {"errorRatio": "$(nobody)[$(window)]"}}
    export = {"export": {"prometheusRule": True}}
    for served in (False, True):
        if served:
            cluster.service(sloPolicyRef={"name": "web"})
        for objectives in ([good], [good, lost]):
            cluster.put(POLICY.kind, "web", spec={"objectives": objectives, **export})
            cluster.reconcile_policy("web")
    for reason in (Reason.KIND_NOT_SERVED, Reason.FORBIDDEN):
        cluster.unlisted = reason
        cluster.reconcile_policy("web")


@scenario
def error_budgets(cluster: Recording) -> None:
    indicator = {"errorRatio": "ratio[$(window)]"}
    good = {"name": "availability", "target": "99.9%", "indicator": indicator}
    lost = {**good, "name": "latency", "indicator": {"errorRatio": "$(nobody)[$(window)]"}}
    cluster.put(POLICY.kind, "web", spec={"objectives": [good]})
    serving(cluster, sloPolicyRef={"name": "web"})
    for state, words in BUDGET_SAYS.items():
        said = {"name": "availability", "digest": "d", "state": state.value, "explanation": words}
        cluster.now += 60
        since = to_text(cluster.now - 60)
        cluster.detect(scoredThrough=since, objectives=[{**said, "since": since}])
        cluster.settle()
    report(cluster, ({**said, "since": since},), slo={"status": "Breached"})
    cluster.put(POLICY.kind, "web", spec={"objectives": [good, lost]})
    cluster.settle()
    for broken in ({**good, "window": "5d"}, {**good, "target": "0.999%"}):
        cluster.put(POLICY.kind, "web", spec={"objectives": [broken]})
        cluster.reconcile_policy("web")


@scenario
def policies(cluster: Recording) -> None:
    chosen = {"serviceSelector": {"matchLabels": {"tier": "web"}}, "thresholds": THRESHOLDS}
    cluster.put(POLICY.kind, "older", spec=chosen)
    cluster.now += 1
    cluster.service()
    cluster.put("AnomalyService", "checkout", labels={"tier": "web"})
    cluster.put(POLICY.kind, "younger", spec=chosen)
    cluster.settle()
    upside_down = {"latency": {"acceptable": "3s", "warning": "2s", "critical": "1s"}}
    cluster.put(POLICY.kind, "broken", spec={"thresholds": upside_down})
    for name in ("older", "younger", "broken"):
        cluster.reconcile_policy(name)
    cluster.service(sloPolicyRef={"name": "broken"})
    cluster.settle()


@scenario
def services_that_depend_on_others(cluster: Recording) -> None:
    for missing in (("cart",), ("cart", "payments")):
        cluster.service(dependsOn=[{"name": name} for name in missing])
        cluster.settle()
    cluster.service("cart")
    cluster.service(dependsOn=[{"name": "cart"}])
    cluster.settle()
    cluster.service(dependsOn=[{"name": "ledger", "namespace": "platform"}])
    cluster.settle()


@scenario
def an_incident_that_is_traced_to_another(cluster: Recording) -> None:
    cluster.service("cart")
    serving(cluster, dependsOn=[{"name": "cart"}])
    end = anomalous(cluster, 2)
    windows = [
        {"end": to_text(at), "verdict": "Anomalous", "severity": "High", "score": "9"}
        for at in (end - STEP, end)
    ]
    span = {"scoredFrom": to_text(end - 2 * STEP), "scoredThrough": to_text(end)}
    cluster.detect("cart", windows=windows, **span)
    cluster.settle("cart")
    cluster.settle()


@scenario
def quiet_patterns_that_do_not_exist(cluster: Recording) -> None:
    for unknown in (["request_rate_clif"], ["request_rate_clif", "zzz"]):
        cluster.service(nonAlertingPatterns=unknown)
        cluster.settle()


def _foreign(*kinds: str) -> Scenario:
    def play(cluster: Recording) -> None:
        for kind in kinds:
            cluster.cache.remove(_meta(cluster, kind))
        cluster.service()
        cluster.settle()

    return play


def _meta(cluster: Cluster, kind: str) -> Any:
    cluster.put(kind, "anomaly-runner")
    (known,) = (value for key, value in cluster.cache._objects.items() if key[0] == kind)
    return known.meta


SCENARIOS += [_foreign("ServiceAccount"), _foreign("ServiceAccount", "Role")]


@scenario
def a_volume_that_is_lost(cluster: Recording) -> None:
    serving(cluster)
    cluster.put("PersistentVolumeClaim", "anomaly-models", status={"phase": "Lost"})
    cluster.settle()


REFUSALS = (
    (403, "403 Forbidden: exceeded quota: jobs"),
    (403, '403 Forbidden: User "operator" cannot create resource "jobs"'),
    (422, "422 Invalid: admission policy 'no-jobs' denied the request"),
    (500, "500 InternalError: failed calling webhook 'gate'"),
)


@scenario
def writes_that_are_refused(cluster: Recording) -> None:
    cluster.service()
    for serves in (False, True):
        for status, words in REFUSALS:
            refused = refusal("Job", "checkout-train-0123456789", status, words)
            cluster.withheld = Withheld((refused,))
            cluster.settle()
        cluster.withheld = Withheld()
        cluster.settle()
        if not serves:
            cluster.end_training(trained(cluster))
            cluster.settle()
            cluster.put("AnomalyService", "checkout", annotations=ASK)


@scenario
def a_status_that_cannot_be_read(cluster: Recording) -> None:
    serving(cluster)
    status = cluster.status()
    cluster.put("AnomalyService", "checkout", status={**status, "incidents": {"tracked": "?"}})
    cluster.settle()


@scenario
def a_status_of_a_newer_operator(cluster: Recording) -> None:
    serving(cluster)
    cluster.put("AnomalyService", "checkout", status={**cluster.status(), "formatVersion": 99})
    with pytest.raises(NewerStatusError) as caught:
        cluster.plan()
    cluster.keep("Event Warning ReconcileFailed", str(caught.value))


@scenario
def a_status_that_a_backup_tool_restores(cluster: Recording) -> None:
    contested = contest(serving(cluster))
    for _ in range(2):
        contested.write_status("AnomalyService", "checkout", {"slo": {"status": "Breached"}})
        contested.reconcile()
    for event in contested.told:
        cluster.keep(f"Event {event.type} {event.reason}", event.message)


DAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
UNUSABLE: list[dict[str, Any]] = [
    {"metrics": [], "preset": None},
    {"timeZone": "Mars/Olympus"},
    {"training": {"schedule": "now and then"}},
    {"training": {"schedule": "0 2 30 2 *"}},
    {"periods": [{"name": "day", "days": DAYS, "start": "08:00", "end": "18:00"}]},
    {"metrics": [{"name": "rate", "query": "sum($(shard))"}]},
    {"calendars": [{"name": "feast", "treat": "Busy", "holidays": {"country": "XX"}}]},
    {
        "training": {
            "lookback": "10d",
            "exclude": [{"start": "2026-11-01T00:00:00Z", "end": "2026-11-05T00:00:00Z"}],
        }
    },
    {"training": {"lookback": "1h"}},
    {"incidents": {"separation": "1m"}},
    {"source": {"name": "nowhere"}},
    {"source": {"name": "files"}},
    {"timeZone": "Mars/Olympus", "training": {"schedule": "now and then"}},
]


@scenario
def specs_that_cannot_be_used(cluster: Recording) -> None:
    for spec in UNUSABLE:
        cluster.service(**spec)
        cluster.settle()


@scenario
def incidents(cluster: Recording) -> None:
    serving(cluster)
    last = anomalous(cluster, 2)
    cluster.service(suspend=True)
    cluster.settle()
    cluster.service(suspend=False)
    cluster.settle()
    (raw,) = cluster.of_kind("Anomaly")
    facts, name = raw["spec"], raw["metadata"]["name"]
    for said in (
        {"acknowledgement": {"by": "maria"}},
        {"acknowledgement": {"by": "maria", "comment": "looking into it"}},
        {"feedback": {"by": "maria", "verdict": "TruePositive"}},
    ):
        cluster.put("Anomaly", name, spec={**facts, **said})
        cluster.settle()
    assert cluster.now >= last
    normal(cluster, 1)
    normal(cluster, 3)


SALE = {"verdict": "Expected", "comment": "the sale", "until": "2026-12-01T00:00:00Z"}


@scenario
def incidents_that_were_normal_after_all(cluster: Recording) -> None:
    for verdict in ({"verdict": "FalsePositive"}, SALE):
        serving(cluster)
        anomalous(cluster, 2, severity="High" if verdict is SALE else "Medium")
        raw = next(one for one in cluster.of_kind("Anomaly") if one["status"]["state"] == "Open")
        said = {**raw["spec"], "feedback": {"by": "maria", **verdict}}
        cluster.put("Anomaly", raw["metadata"]["name"], spec=said)
        cluster.settle()
        anomalous(cluster, 1, severity="Medium")
        cluster.now += 60
        cluster.end_training(trained(cluster, 3))
        cluster.settle()


@scenario
def an_incident_that_comes_back_and_gets_worse(cluster: Recording) -> None:
    serving(cluster)
    anomalous(cluster, 2, severity="Medium")
    normal(cluster, 1)
    anomalous(cluster, 1, severity="Medium")
    normal(cluster, 3)
    anomalous(cluster, 1, severity="Medium")
    anomalous(cluster, 1, severity="Critical")
    anomalous(cluster, 1, severity="Low", patterns=("metric_latency", "metric_errors"))


@scenario
def a_level_that_stays(cluster: Recording) -> None:
    serving(cluster)
    for _ in range(13 * 30 // 60 + 1):
        anomalous(cluster, 60)
    report(cluster, drift={"score": "6", "penalty": "30%"})
    for _ in range(3 * 24 * 30 // 60):
        anomalous(cluster, 60)


@scenario
def a_model_near_the_limit(cluster: Recording) -> None:
    cluster.service()
    cluster.settle()
    near = "Passed near the limit: injected faults found 0.76, wanted >= 0.8"
    cluster.end_training(trained(cluster, validation=near))
    cluster.settle()


@scenario
def an_incident_that_goes_stale(cluster: Recording) -> None:
    serving(cluster)
    anomalous(cluster, 2)
    anomalous(cluster, 2, severity="Informational", gap=60)


@scenario
def an_incident_that_the_status_has_lost(cluster: Recording) -> None:
    serving(cluster)
    anomalous(cluster, 2)
    status = copy.deepcopy(cluster.status())
    del status["incidents"], status["detection"]
    cluster.put("AnomalyService", "checkout", status=status)
    cluster.now += 86_400
    cluster.settle()


@scenario
def a_cluster_full_of_incidents(cluster: Recording) -> None:
    cluster.settings = Settings(sources=SETTINGS.sources, max_anomalies=0)
    serving(cluster)
    anomalous(cluster, 2)


@scenario
def a_closed_incident_that_makes_room(cluster: Recording) -> None:
    cluster.settings = Settings(sources=SETTINGS.sources, max_anomalies=1)
    serving(cluster)
    anomalous(cluster, 2)
    (first,) = cluster.of_kind("Anomaly")
    anomalous(cluster, 2, gap=120, patterns=("metric_traffic",))
    cluster.settle()
    (second,) = cluster.of_kind("Anomaly")
    assert second["metadata"]["name"] != first["metadata"]["name"]
    assert cluster.condition("Detecting")["reason"] == "AnomaliesRemovedEarly"


@scenario
def an_incident_with_a_playbook(cluster: Recording) -> None:
    contain = ContainmentSettings(
        enabled=True,
        namespaces=("shop",),
        tiers=("page",),
        account="containment",
        template=JobTemplate("registry/contain:1", ("contain",)),
    )
    cluster.settings = Settings(sources=SETTINGS.sources, containment=contain)
    page = {"name": "page", "from": 0, "entry": "Contain", "deadline": "15m", "owner": "on-call"}
    cluster.put("SLOPolicy", "web", spec={"playbook": {"tiers": [page]}})
    serving(cluster, sloPolicyRef={"name": "web"})
    anomalous(cluster, 2)
    (job,) = (one for one in cluster.jobs() if "-contain-" in one["metadata"]["name"])
    ended = {"type": "Complete", "status": "True", "lastTransitionTime": to_text(cluster.now)}
    cluster.put("Job", job["metadata"]["name"], status={"conditions": [ended]})
    cluster.settle()
    cluster.now += 900
    cluster.settle()


@scenario
def a_containment_job_that_is_deleted(cluster: Recording) -> None:
    contain = ContainmentSettings(
        enabled=True, namespaces=("shop",), tiers=("page",), account="containment"
    )
    cluster.settings = Settings(sources=SETTINGS.sources, containment=contain)
    page = {"name": "page", "from": 0, "entry": "Contain"}
    cluster.put("SLOPolicy", "web", spec={"playbook": {"tiers": [page]}})
    serving(cluster, sloPolicyRef={"name": "web"})
    anomalous(cluster, 2)
    (job,) = (one for one in cluster.jobs() if "-contain-" in one["metadata"]["name"])
    cluster.remove("Job", job["metadata"]["name"])
    cluster.settle()


@scenario
def a_training_run_whose_workload_is_suspended(cluster: Recording) -> None:
    a_run_that_trips(cluster, {"anomaly-operator.dev/suspend-on": "Critical"}, checkpoint=True)
    cluster.follow("Failed")
    cluster.settle()
    cluster.now += 3600
    cluster.settle()


@scenario
def training_runs_whose_workload_is_left_alone(cluster: Recording) -> None:
    a_run_that_trips(cluster, {}, checkpoint=True)
    cluster.now += 60
    a_run_that_trips(cluster, {}, checkpoint=False)
    cluster.settings = SETTINGS
    cluster.now += 60
    cluster.settle()


def a_run_that_trips(cluster: Recording, marks: dict[str, str], *, checkpoint: bool) -> None:
    """Its loss is NaN, and its service wants its Job suspended for that."""
    allowed = SuspendSettings(enabled=True, namespaces=("shop",), account="suspender")
    cluster.settings = replace(SETTINGS, suspend=allowed)
    cluster.put("Job", "llama", annotations=marks, spec={"suspend": False}, status={})
    cluster.service(
        profile="TrainingRun",
        trainingRun={
            "log": {"claim": "llama", "path": "train.jsonl"},
            "trainer": {"kind": "Job", "name": "llama"},
            "suspendOn": "Critical",
        },
    )
    cluster.settle()
    trigger = {"step": 1302, "name": "loss_nan", "tier": "Critical", "action": "Stop"}
    run: dict[str, Any] = {"firstStep": 1282, "lastStep": 1302, "triggers": [trigger]}
    if checkpoint:
        run["checkpoint"] = {"step": 1000, "path": "checkpoints/checkpoint-1000"}
    through = to_text(cluster.now - cluster.now % 60)
    window = {
        "end": through,
        "verdict": "Anomalous",
        "period": "",
        "severity": "Critical",
        "confidence": "",
        "score": "10",
        "probability": "",
        "trainingRun": run,
    }
    cluster.follow("Running", "loss_nan", report=window)
    cluster.settle()


@scenario
def policies_with_a_playbook_that_does_not_fit(cluster: Recording) -> None:
    first, second = {"name": "a", "from": 50}, {"name": "b", "from": 50}
    for broken in ([first], [first, second]):
        cluster.put("SLOPolicy", "web", spec={"playbook": {"tiers": broken}})
        cluster.reconcile_policy("web")


@scenario
def a_training_run(cluster: Recording) -> None:
    log = {"claim": "llama-run", "path": "logs/train.jsonl"}
    run = {"profile": "TrainingRun", "trainingRun": {"log": log}}
    cluster.put("AnomalyService", "checkout", spec=run)
    cluster.settle()
    for state in RunState:
        cluster.now += 60
        cluster.follow(state.value)
        cluster.settle()
    cluster.put("AnomalyService", "checkout", annotations=ASK)
    cluster.settle()
    mlflow = {**run, "trainingRun": {"mlflow": {"runId": "a"}}}
    cluster.put("AnomalyService", "checkout", spec=mlflow)
    cluster.settle()


CHAT = Receiver("chat", ReceiverType.SLACK, url="https://chat.example/hook")
PAGER = Receiver("pager", ReceiverType.WEBHOOK, url="https://pager.example/hook")


@scenario
def an_incident_of_which_people_are_told(cluster: Recording) -> None:
    told = NotificationSettings(receivers=(CHAT, PAGER))
    cluster.settings = Settings(sources=SETTINGS.sources, notifications=told)
    serving(cluster)
    anomalous(cluster, 2)
    mark = {"receiver": "chat", "edge": "Opened", "severity": "High"}
    for failure, detail in (
        ("Unreachable", ""),
        ("ServerError", ""),
        ("Throttled", ""),
        ("NotConfigured", "/etc/anomaly-operator/notifications/key: No such file or directory"),
        ("Refused", "HTTP 400: invalid_payload"),
    ):
        failed = {"receiver": "pager", "failure": failure, "detail": detail}
        notifications(cluster, mark, failed)
    notifications(cluster, mark, {**mark, "receiver": "pager"})


@scenario
def incidents_of_which_nobody_is_told(cluster: Recording) -> None:
    told = NotificationSettings(
        receivers=(CHAT,), routes=(Route(Match(namespaces=("other",)), ("chat",)),)
    )
    cluster.settings = Settings(sources=SETTINGS.sources, notifications=told)
    serving(cluster)
    anomalous(cluster, 2)
    everybody = NotificationSettings(receivers=(CHAT,))
    cluster.settings = Settings(sources=SETTINGS.sources, notifications=everybody)
    (raw,) = cluster.of_kind("Anomaly")
    status = {**raw["status"], "symptomOf": "payments-0-0"}
    symptom = read.anomaly_object({**raw, "status": status})
    terms = NotifyTerms(everybody, ServiceFacts("checkout"), "shop")
    for one in (
        notified(status, raw["spec"], symptom, terms),
        notified({**raw["status"], "pattern": "recovery_in_progress"}, raw["spec"], None, terms),
    ):
        cluster.keep(f"Anomaly {one.type}={one.status} {one.reason}", one.message)
    normal(cluster, 4)


@scenario
def models_that_are_served(cluster: Recording) -> None:
    wanted = {"enabled": True}
    cluster.service(serving=wanted)
    cluster.settle()
    allowed = replace(cluster.settings, serving=ServingSettings(enabled=True))
    cluster.settings = allowed
    cluster.settle()
    cluster.end_training(trained(cluster))
    cluster.settle()
    for status in (
        {"conditions": [{"type": "Progressing", "status": "False", "message": TOO_LATE}]},
        {"availableReplicas": 1},
    ):
        (raw,) = cluster.of_kind("Deployment")
        seen = {"observedGeneration": raw["metadata"]["generation"], **status}
        cluster.put("Deployment", raw["metadata"]["name"], status=seen)
        cluster.settle()
    for plan in ({"replicas": 5}, {"auth": "Token"}, {"auth": "TokenReview"}):
        cluster.service(serving={**wanted, **plan})
        cluster.settle()
    cluster.service(serving=wanted, suspend=True)
    cluster.settle()
    cluster.settings = SETTINGS
    cluster.settle()
    (raw,) = cluster.of_kind("Deployment")
    cluster.remove("Deployment", raw["metadata"]["name"])
    cluster.put("Deployment", raw["metadata"]["name"], spec={})
    cluster.settings = allowed
    cluster.service(serving=wanted)
    cluster.settle()


def notifications(cluster: Recording, *marks: dict[str, Any]) -> None:
    """The sender has left these marks."""
    (raw,) = cluster.of_kind("Anomaly")
    status = {**raw["status"], "notifications": list(marks)}
    cluster.put("Anomaly", raw["metadata"]["name"], status=status)
    cluster.settle()


TOO_LATE = 'ReplicaSet "checkout-api-0" has timed out progressing.'
FILES = MetricsSource(name="files", type=SourceType.CSV, config_map="recordings")
SETTINGS = Settings(sources={"default": PROMETHEUS, "files": FILES})


@pytest.fixture(scope="module")
def texts() -> set[str]:
    found: set[str] = set()
    for play in SCENARIOS:
        cluster = Recording(settings=SETTINGS)
        cluster.texts = found
        play(cluster)
    return found


def test_the_texts_are_those_of_the_golden_file(texts: set[str]) -> None:
    written = "".join(f"{line}\n" for line in sorted(texts))
    if os.environ.get("GOLDEN") == "update":
        GOLDEN.write_text(written)
    assert GOLDEN.read_text() == written, "read the difference, then run with GOLDEN=update"


def test_every_reason_has_a_text() -> None:
    lines = GOLDEN.read_text().splitlines()
    conditions = {line.split(": ")[0].split()[-1] for line in lines if not line.startswith("Event")}
    events = {line.split(": ")[0].split()[-1] for line in lines if line.startswith("Event")}
    wanted: tuple[StrEnum, ...] = (*Reason, *AnomalyReason, *Resolution)
    missing = {one for one in wanted if one.value not in conditions}
    missing |= {one for one in EventReason if one.value not in events}
    assert missing == set(UNREACHED)


def test_every_text_is_a_sentence() -> None:
    for line in GOLDEN.read_text().splitlines():
        text = line.partition(": ")[2]
        assert re.match(r"[A-Z0-9`]|spec\.|rate has stood", text), line
        assert text.endswith("."), line
        assert len(text) <= 1024
