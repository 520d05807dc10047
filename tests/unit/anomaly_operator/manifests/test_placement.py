"""What the admin and a service put on the pods, and what a service may not."""

from __future__ import annotations

import json
from typing import Any

import pytest

from anomaly_operator.api import names
from anomaly_operator.api.fields import SpecError
from anomaly_operator.api.reasons import Reason
from anomaly_operator.manifests.containment import contained
from anomaly_operator.manifests.jobs import Attempt, inference_cron_job, training_job
from anomaly_operator.manifests.run_config import resolve
from anomaly_operator.settings.file import parse_settings
from anomaly_operator.spec.service_parse import parse_service
from anomaly_operator.world.objects import Meta

META = Meta(
    api_version=names.API_VERSION,
    kind="AnomalyService",
    namespace="shop",
    name="checkout",
    uid="0b8f7a52-6d0e-4f2a-9a53-1c1d5f0e7b11",
    resource_version="1",
)
SOURCE = "sources: {default: {url: 'http://prometheus:9090'}}\n"
GENEROUS = """
pods:
  perService:
    annotations: ["*", example.com/]
    nodeSelector: [pool]
    tolerations: [batch]
    priorityClasses: [low]
"""


def cron_job(text: str = "", wanted: dict[str, Any] | None = None) -> dict[str, Any]:
    settings = parse_settings(SOURCE + text)
    spec, problems = parse_service(
        {"preset": "OpenTelemetrySpanMetrics", "podTemplate": wanted or {}}
    )
    assert spec is not None, problems
    return inference_cron_job(resolve(META, spec, settings), settings, "checkout-run-0123456789")


def pod(text: str = "", wanted: dict[str, Any] | None = None) -> dict[str, Any]:
    template: dict[str, Any] = cron_job(text, wanted)["spec"]["jobTemplate"]["spec"]["template"]
    return template


def test_the_admins_settings_reach_both_kinds_of_pods() -> None:
    text = """
pods:
  annotations: {team: platform}
  labels: {cost-center: "42"}
  nodeSelector: {pool: batch}
  tolerations: [{key: batch, operator: Exists}]
  topologySpreadConstraints: [{maxSkew: 1, topologyKey: zone, whenUnsatisfiable: ScheduleAnyway}]
  priorityClassName: low
  runtimeClassName: gvisor
  env: [{name: SITE, value: fra}]
"""
    settings = parse_settings(SOURCE + text)
    spec, _ = parse_service({"preset": "OpenTelemetrySpanMetrics"})
    assert spec is not None
    attempt = Attempt("job", "FirstModel", "inputs")
    resolved = resolve(META, spec, settings)
    job = training_job(resolved, settings, "checkout-run-0123456789", attempt)
    assert job["metadata"]["labels"]["cost-center"] == "42"
    assert cron_job(text)["metadata"]["labels"]["cost-center"] == "42"
    assert cron_job(text)["spec"]["jobTemplate"]["metadata"]["labels"]["cost-center"] == "42"
    for template in (pod(text), job["spec"]["template"]):
        assert template["metadata"]["annotations"] == {"team": "platform"}
        assert template["metadata"]["labels"]["cost-center"] == "42"
        found = template["spec"]
        assert found["nodeSelector"] == {"pool": "batch"}
        assert found["tolerations"] == [{"key": "batch", "operator": "Exists"}]
        assert found["topologySpreadConstraints"][0]["topologyKey"] == "zone"
        assert (found["priorityClassName"], found["runtimeClassName"]) == ("low", "gvisor")
        assert {"name": "SITE", "value": "fra"} in found["containers"][0]["env"]
        assert {"name": "OMP_NUM_THREADS", "value": "1"} in found["containers"][0]["env"]


def test_the_admins_affinity_stands_beside_the_one_to_the_volume() -> None:
    term = "{labelSelector: {matchLabels: {app: cache}}, topologyKey: zone}"
    required = "requiredDuringSchedulingIgnoredDuringExecution"
    text = f"pods: {{affinity: {{podAffinity: {{{required}: [{term}]}}, nodeAffinity: {{}}}}}}"
    affinity = pod(text)["spec"]["affinity"]
    terms = affinity["podAffinity"][required]
    assert [one["topologyKey"] for one in terms] == ["kubernetes.io/hostname", "zone"]
    assert "nodeAffinity" in affinity
    many = pod(f"storage: {{accessMode: ReadWriteMany}}\n{text}")["spec"]["affinity"]
    assert [one["topologyKey"] for one in many["podAffinity"][required]] == ["zone"]


def test_the_platform_may_choose_user_and_groups() -> None:
    """OpenShift takes a uid of the namespace's range; any other figure is refused."""
    found = pod("pods: {securityContext: {uidFromPlatform: true}}")["spec"]
    assert found["securityContext"] == {
        "runAsNonRoot": True,
        "fsGroupChangePolicy": "OnRootMismatch",
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    (identity,) = (one["projected"] for one in found["volumes"] if "projected" in one)
    assert identity["defaultMode"] == 0o444
    assert pod()["spec"]["securityContext"]["runAsUser"] == 10001


def test_a_service_adds_what_the_admin_allows() -> None:
    wanted = {
        "annotations": {"team": "shop", "example.com/owner": "me"},
        "labels": {"team": "shop"},
        "nodeSelector": {"pool": "batch"},
        "tolerations": [{"key": "batch", "operator": "Exists", "effect": "NoSchedule"}],
        "priorityClassName": "low",
    }
    found = pod(GENEROUS, wanted)
    assert found["metadata"]["annotations"]["team"] == "shop"
    assert found["metadata"]["annotations"]["sidecar.istio.io/inject"] == "false"
    assert found["metadata"]["labels"]["team"] == "shop"
    assert found["spec"]["nodeSelector"] == {"pool": "batch"}
    assert found["spec"]["tolerations"] == wanted["tolerations"]
    assert found["spec"]["priorityClassName"] == "low"


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        (
            {"annotations": {"example.org/owner": "me"}},
            "spec.podTemplate.annotations: example.org/owner: 'me' is not allowed; remove it",
        ),
        (
            {"annotations": {"sidecar.istio.io/inject": "true"}},
            "sidecar.istio.io/inject: 'true' is set to 'false' for all pods by the administrator",
        ),
        (
            {"annotations": {"container.apparmor.security.beta.kubernetes.io/runtime": "x"}},
            "cannot be set by a service; remove it",
        ),
        ({"labels": {"anomaly-operator.dev/service": "other"}}, "cannot be set by a service"),
        ({"labels": {"job-name": "other"}}, "labels: job-name: 'other' cannot be set by a service"),
        ({"labels": {"app.kubernetes.io/component": "training"}}, "spec.podTemplate.labels"),
        ({"labels": {"aadpodidbinding": "admin"}}, "spec.podTemplate.labels"),
        ({"nodeSelector": {"zone": "a"}}, "spec.podTemplate.nodeSelector: zone: 'a'"),
        (
            {"tolerations": [{"key": "batch"}, {"key": "node-role.kubernetes.io/control-plane"}]},
            "spec.podTemplate.tolerations[1].key: 'node-role.kubernetes.io/control-plane'",
        ),
        (
            {"tolerations": [{"operator": "Exists"}]},
            "spec.podTemplate.tolerations[0].key: '' is not allowed",
        ),
        (
            {"priorityClassName": "system-node-critical"},
            "administrator add system-node-critical to `settings.pods.perService.priorityClasses`",
        ),
    ],
)
def test_what_the_admin_does_not_allow_is_refused(wanted: dict[str, Any], message: str) -> None:
    with pytest.raises(SpecError) as refused:
        pod(GENEROUS, wanted)
    assert refused.value.problem.reason is Reason.POD_TEMPLATE_REFUSED
    assert message in str(refused.value)


@pytest.mark.parametrize(
    "wanted",
    [
        {"nodeSelector": {"pool": "x"}},
        {"priorityClassName": "low"},
        {"tolerations": [{"key": "a"}]},
    ],
)
def test_by_default_a_service_does_not_choose_its_nodes(wanted: dict[str, Any]) -> None:
    with pytest.raises(SpecError):
        pod("", wanted)
    assert pod("", {"labels": {"team": "shop"}})["metadata"]["labels"]["team"] == "shop"


def test_what_is_no_longer_asked_for_goes() -> None:
    """The live object has it still, so comparing fields would leave it there for ever."""
    live = cron_job(GENEROUS, {"nodeSelector": {"pool": "batch"}})
    owners = [META.uid]
    body = json.loads(json.dumps(live))
    assert contained(live, body, owners)
    assert not contained(cron_job(GENEROUS), body, owners)
