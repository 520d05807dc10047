"""Which policy holds for a service, and what a policy's status says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from anomaly_operator.api.text import to_text
from detector_runtime.contract.codec import loads
from detector_runtime.contract.run_config import RunConfig
from detector_runtime.contract.train_report import slo_digest
from pretend.cluster import Cluster, serving, trained

ROOT = Path(__file__).parents[4]
THRESHOLDS = {
    "latency": {"acceptable": "500ms", "warning": "800ms", "critical": "1s"},
    "errorRate": {"acceptable": "0.5%", "warning": "1%", "critical": "2%"},
}
WEB = {"serviceSelector": {"matchLabels": {"tier": "web"}}}


def policy(cluster: Cluster, name: str, **spec: Any) -> None:
    cluster.put("SLOPolicy", name, spec={"thresholds": THRESHOLDS, **spec})
    cluster.reconcile_policy(name)


def status(cluster: Cluster, name: str) -> dict[str, Any]:
    found: dict[str, Any] = cluster.get("SLOPolicy", name)["status"]
    return found


def reason(cluster: Cluster, name: str, kind: str = "Ready") -> str:
    conditions = status(cluster, name)["conditions"]
    return str(next(entry["reason"] for entry in conditions if entry["type"] == kind))


def test_a_named_policy_holds_and_reaches_the_pods_with_the_next_plan() -> None:
    cluster = serving(Cluster(), sloPolicyRef={"name": "web"})
    assert cluster.condition("SLOMet")["reason"] == "PolicyNotFound"
    before = cluster.status()["references"]["config"]
    policy(cluster, "web")
    cluster.settle()
    assert cluster.status()["slo"] == {"status": "Unknown", "policy": "web"}
    config = cluster.status()["references"]["config"]
    assert config != before
    assert '"policy":"web"' in cluster.get("ConfigMap", config)["data"]["run.json"]
    cluster.put("SLOPolicy", "web", spec={"thresholds": THRESHOLDS, "busyPeriodFactor": "3"})
    cluster.settle()
    assert cluster.status()["references"]["config"] != config
    assert len(cluster.jobs()) == 1, "a policy changes no model"


def test_a_reference_wins_over_a_selector_and_the_count_follows() -> None:
    cluster = Cluster()
    cluster.service(sloPolicyRef={"name": "own"})
    cluster.put("AnomalyService", "checkout", labels={"tier": "web"})
    policy(cluster, "web", **WEB)
    policy(cluster, "own")
    cluster.settle()
    assert cluster.status()["slo"]["policy"] == "own"
    assert (status(cluster, "own")["services"], status(cluster, "web")["services"]) == (1, 0)


def test_of_two_selectors_the_oldest_holds_and_both_sides_say_so() -> None:
    cluster = Cluster()
    cluster.service()
    cluster.put("AnomalyService", "checkout", labels={"tier": "web"})
    policy(cluster, "first", **WEB)
    cluster.now += 60
    policy(cluster, "second", **WEB)
    cluster.settle()
    assert cluster.status()["slo"]["policy"] == "first"
    assert cluster.condition("SLOMet")["reason"] == "PolicyConflict"
    assert "second selects the service" in cluster.condition("SLOMet")["message"]
    assert (reason(cluster, "first"), reason(cluster, "second")) == ("Ready", "PolicyConflict")
    assert status(cluster, "second")["services"] == 0
    assert [event.reason for event in cluster.events].count("PolicyConflict") == 1


def test_a_policy_that_is_overruled_shows_why_in_the_table() -> None:
    crd = yaml.safe_load((ROOT / "crds" / "slopolicies.yaml").read_text())
    columns = crd["spec"]["versions"][0]["additionalPrinterColumns"]
    path = {column["name"]: column["jsonPath"] for column in columns}
    for name in ("Reason", "Message"):
        assert path[name] == f'.status.conditions[?(@.type=="Ready")].{name.lower()}'


def within_objectives() -> tuple[Cluster, str]:
    """A service under a policy, and the end of its newest window."""
    cluster = serving(Cluster(), sloPolicyRef={"name": "web"})
    policy(cluster, "web")
    end = to_text(cluster.now - 60)
    report = {
        "end": end,
        "verdict": "Normal",
        "period": "Weekdays",
        "severity": "None",
        "confidence": "85%",
        "score": "0",
        "probability": "1",
        "slo": {"status": "Ok"},
    }
    cluster.detect(scoredThrough=end, report=report)
    cluster.settle()
    assert cluster.status()["slo"]["status"] == "Ok"
    assert cluster.condition("SLOMet")["reason"] == "WithinObjectives"
    return cluster, end


@pytest.mark.parametrize("failed", [True, False])
def test_an_slo_says_nothing_of_now_while_nothing_is_scored(failed: bool) -> None:
    cluster, end = within_objectives()
    if failed:
        detection = cluster.status()["detection"]
        run = {"outcome": "SourceUnavailable", "message": "no answer"}
        cluster.detect(**{**detection, "run": run})
    else:
        cluster.now += 7200
    cluster.settle()
    met = cluster.condition("SLOMet")
    assert (met["status"], met["reason"]) == ("Unknown", "NotEvaluated")
    assert met["message"] == f"SLOPolicy web: Not evaluated since {end}; see Detecting."
    assert cluster.status()["slo"] == {"status": "Unknown", "policy": "web"}
    cluster.now += 600
    assert cluster.settle() == 0


def test_a_suspended_service_says_nothing_of_its_slo_and_its_data() -> None:
    cluster, _ = within_objectives()
    cluster.service(sloPolicyRef={"name": "web"}, suspend=True)
    cluster.settle()
    for kind in ("SLOMet", "DataAvailable"):
        condition = cluster.condition(kind)
        assert (condition["status"], condition["reason"]) == ("Unknown", "Suspended")
    assert cluster.status()["slo"]["status"] == "Unknown"


def test_an_invalid_policy_holds_for_nobody_and_says_why() -> None:
    cluster = Cluster()
    cluster.service(sloPolicyRef={"name": "web"})
    broken = {"latency": {"acceptable": "2s", "warning": "1s", "critical": "3s"}}
    policy(cluster, "web", thresholds=broken)
    cluster.settle()
    assert reason(cluster, "web", "Valid") == "InvalidThresholds"
    assert "slo" not in cluster.status()
    assert cluster.condition("SLOMet")["reason"] == "PolicyInvalid"
    assert "warning 1" in cluster.condition("SLOMet")["message"]


def test_a_policy_that_says_what_is_true_is_not_written_again() -> None:
    cluster = Cluster()
    cluster.service(sloPolicyRef={"name": "web"})
    policy(cluster, "web")
    cluster.now += 3600
    assert cluster.reconcile_policy("web").actions == ()


def test_corrected_thresholds_end_the_objection_that_a_training_had_to_the_old_ones() -> None:
    cluster = Cluster()
    policy(cluster, "web")
    cluster.service(sloPolicyRef={"name": "web"})
    cluster.settle()
    job = cluster.jobs()[-1]["metadata"]["annotations"]["anomaly-operator.dev/config"]
    run = loads(RunConfig, cluster.get("ConfigMap", job)["data"]["run.json"])
    cluster.now += 30
    told = "SLOAlwaysBreached: latency is 2 s or more in 99% of its history; raise it"
    cluster.end_training(trained(cluster, warnings=(told,), judged_slo=slo_digest(run.slo)))
    cluster.settle()
    assert cluster.condition("Ready")["reason"] == "SLOAlwaysBreached"
    assert cluster.condition("Stalled")["reason"] == "SLOAlwaysBreached"
    policy(cluster, "web", thresholds={"latency": {**THRESHOLDS["latency"], "critical": "5s"}})
    cluster.settle()
    assert cluster.condition("Stalled")["reason"] == "Steady"
    policy(cluster, "web")
    cluster.settle()
    assert cluster.condition("Stalled")["reason"] == "SLOAlwaysBreached"
