"""What `kubectl apply` takes and what it refuses, by the table in manifests/."""

from __future__ import annotations

import copy
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from anomaly_sandbox.cluster import Sandbox
from anomaly_sandbox.rest import ApiError

pytestmark = pytest.mark.controlplane

Json = dict[str, Any]
TABLES = Path(__file__).parent / "manifests"
ACCEPTED: list[Json] = yaml.safe_load((TABLES / "accepted.yaml").read_text())
REFUSED: list[Json] = yaml.safe_load((TABLES / "refused.yaml").read_text())


def merged(target: Any, change: Any) -> Any:
    """JSON merge patch (RFC 7396): null removes."""
    if not isinstance(change, dict):
        return change
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in change.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merged(result.get(key), value)
    return result


def holds(whole: Any, part: Any) -> bool:
    """Whether all of `part` stands in `whole`, which may have more keys (defaults)."""
    if isinstance(part, dict):
        return all(key in whole and holds(whole[key], value) for key, value in part.items())
    if isinstance(part, list):
        return len(part) == len(whole) and all(map(holds, whole, part))
    return bool(whole == part)


def changed(case: Json) -> Json:
    base = next(manifest for manifest in ACCEPTED if manifest["kind"] == case["kind"])
    return dict(merged(copy.deepcopy(base), case["change"]))


def submit(sandbox: Sandbox, manifest: Json, namespace: str = "default") -> Json:
    """Creates without keeping; unknown fields are refused as `kubectl apply` does."""
    path = sandbox.api.resource(manifest["kind"]).path(namespace)
    query = {"dryRun": "All", "fieldValidation": "Strict"}
    return sandbox.api.request("POST", path, manifest, query=query)


def refusal(sandbox: Sandbox, case: Json) -> str:
    with pytest.raises(ApiError) as caught:
        submit(sandbox, changed(case))
    assert caught.value.status in {400, 422}
    return str(caught.value)


@pytest.mark.parametrize("manifest", ACCEPTED, ids=lambda m: f"{m['kind']}-{m['metadata']['name']}")
def test_a_sound_manifest_is_taken(crds: Sandbox, manifest: Json) -> None:
    kept = submit(crds, manifest)
    assert holds(kept["spec"], manifest["spec"]), "something was pruned"


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case["case"].replace(" ", "-"))
def test_a_bad_manifest_is_refused_with_field_and_figure(crds: Sandbox, case: Json) -> None:
    words = refusal(crds, case)
    assert [part for part in case["message"] if part not in words] == [], words


def test_every_rule_of_the_schemas_has_refused_something(
    crds: Sandbox, crd_files: dict[str, Json]
) -> None:
    everything = "\n".join(refusal(crds, case) for case in REFUSED)
    unused = [
        expression
        for expression in _expressions(crd_files)
        if "oldSelf" not in expression and not _spoken(expression, everything)
    ]
    assert unused == []


def _expressions(node: Any) -> list[str]:
    """All message expressions below `node`."""
    if isinstance(node, list):
        return [found for item in node for found in _expressions(item)]
    if not isinstance(node, dict):
        return []
    rules = node.get("x-kubernetes-validations", ())
    own = [rule["messageExpression"] for rule in rules if "messageExpression" in rule]
    return own + [found for value in node.values() for found in _expressions(value)]


def _spoken(expression: str, everything: str) -> bool:
    """Whether a message that this expression makes stands in `everything`."""
    texts = [t for t in re.findall(r"'([^']*)'\.format", expression) if "%" in t]
    return any(
        re.search(".+".join(map(re.escape, re.split("%[sd]", text.replace("%%", "%")))), everything)
        for text in texts
    )


def test_the_smallest_service_shows_its_defaults(crds: Sandbox) -> None:
    """Without those that depend on the profile, which the operator fills in."""
    smallest = next(m for m in ACCEPTED if m["metadata"]["name"] == "smallest")
    spec = submit(crds, smallest)["spec"]
    assert spec == {
        "profile": "Microservice",
        "preset": "OpenTelemetrySpanMetrics",
        "category": "Standard",
        "suspend": False,
        "source": {"name": "default"},
        "timeZone": "Etc/UTC",
        "detector": {"seed": 42},
        "training": {
            "schedule": "0 2 * * *",
            "spread": "2h",
            "lookback": "30d",
            "minSamples": {"univariate": 500, "multivariate": 1000},
        },
        "inference": {},
        "incidents": {
            "resolutionGraceCycles": 3,
            "separation": "30m",
            "reopenWithin": "30m",
            "retention": "30d",
            "maxKept": 100,
            "learnAfter": "3d",
        },
        "modelRevision": "",
    }


def test_the_smallest_policy_shows_its_defaults(crds: Sandbox) -> None:
    parts = ("latency", "errorRate", "databaseLatency", "requestRate")
    made = submit(
        crds,
        {
            "apiVersion": "anomaly-operator.dev/v1alpha1",
            "kind": "SLOPolicy",
            "metadata": {"name": "smallest"},
            "spec": {"thresholds": {part: {} for part in parts}},
        },
    )
    assert made["spec"] == {
        "thresholds": {
            "latency": {"acceptable": "500ms", "warning": "800ms", "critical": "1s"},
            "errorRate": {"acceptable": "0.5%", "warning": "1%", "critical": "2%"},
            "databaseLatency": {
                "informational": "1.5",
                "warning": "2",
                "high": "3",
                "critical": "5",
                "floor": "5ms",
            },
            "requestRate": {"surge": "2", "cliff": "0.5"},
        },
        "floors": {"errorRate": "0%", "traffic": "1"},
        "severity": {
            "allowDowngradeToInformational": True,
            "requireSLOBreachForCritical": True,
        },
        "busyPeriodFactor": "1.5",
    }


def test_an_unknown_field_is_refused(crds: Sandbox) -> None:
    misspelt = merged(ACCEPTED[0], {"spec": {"timezone": "Etc/UTC"}})
    with pytest.raises(ApiError, match=r'unknown field "spec\.timezone"'):
        submit(crds, misspelt)


@pytest.fixture
def incident(crds: Sandbox, namespace: str) -> Json:
    manifest = next(m for m in ACCEPTED if m["kind"] == "Anomaly")
    return crds.api.create("anomalies", manifest, namespace)


@pytest.mark.parametrize(
    ("field", "change", "kept"),
    [
        ("serviceRef", {"name": "payments"}, "checkout"),
        ("openingPattern", "metric_traffic", "metric_latency"),
        ("fingerprint", "000000000000", "9f2c1a7be01d"),
        ("firstSeen", "2026-11-22T11:40:00Z", "2026-11-22T10:40:00Z"),
    ],
)
def test_facts_of_an_incident_never_change(
    crds: Sandbox, incident: Json, field: str, change: Any, kept: str
) -> None:
    meta = incident["metadata"]
    with pytest.raises(ApiError, match=f"{field} is immutable; its value is {kept}"):
        crds.api.patch("anomalies", meta["name"], meta["namespace"], {"spec": {field: change}})


def test_people_may_acknowledge_and_judge_and_take_it_back(crds: Sandbox, incident: Json) -> None:
    meta = incident["metadata"]
    said = {"acknowledgement": {"by": "maria"}, "feedback": {"verdict": "FalsePositive"}}
    taken = crds.api.patch("anomalies", meta["name"], meta["namespace"], {"spec": said})
    assert merged(taken["spec"], said) == taken["spec"]
    withdrawn = {"acknowledgement": None, "feedback": None}
    left = crds.api.patch("anomalies", meta["name"], meta["namespace"], {"spec": withdrawn})
    assert left["spec"] == incident["spec"]
