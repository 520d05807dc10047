"""Settings of the runtime's pods: what they give, and what they refuse with which words."""

from __future__ import annotations

import pytest

from anomaly_operator.api.fields import SettingsError
from anomaly_operator.settings import environment
from anomaly_operator.settings.file import parse_settings
from anomaly_operator.settings.pods import OPT_OUT_ANNOTATIONS, PerService

FULL = """
pods:
  annotations: {sidecar.istio.io/inject: "false", team: platform}
  labels: {cost-center: "42"}
  nodeSelector: {pool: batch}
  tolerations: [{key: batch, operator: Exists}]
  affinity: {nodeAffinity: {}}
  topologySpreadConstraints:
    - {maxSkew: 1, topologyKey: zone, whenUnsatisfiable: ScheduleAnyway}
  priorityClassName: low
  runtimeClassName: gvisor
  env: [{name: SITE, value: fra}]
  securityContext: {uidFromPlatform: true}
  perService:
    annotations: ["example.com/"]
    labels: []
    nodeSelector: [pool]
    tolerations: [batch]
    priorityClasses: [low, lowest]
"""


def test_every_setting_of_the_pods_arrives() -> None:
    pods = parse_settings(FULL).pods
    assert pods.annotations == {"sidecar.istio.io/inject": "false", "team": "platform"}
    assert pods.labels == {"cost-center": "42"}
    assert pods.affinity == {"nodeAffinity": {}}
    (constraint,) = pods.topology_spread_constraints
    assert constraint["labelSelector"] == {
        "matchLabels": {"app.kubernetes.io/managed-by": "anomaly-operator"}
    }
    assert (pods.priority_class_name, pods.runtime_class_name) == ("low", "gvisor")
    assert pods.env == {"SITE": "fra"}
    assert pods.uid_from_platform
    assert pods.per_service == PerService(
        ("example.com/",), (), ("pool",), ("batch",), ("low", "lowest")
    )


def test_injectors_are_told_to_stay_away_unless_the_admin_says_otherwise() -> None:
    assert parse_settings("").pods.annotations == OPT_OUT_ANNOTATIONS
    assert parse_settings("pods: {labels: {}}").pods.annotations == OPT_OUT_ANNOTATIONS
    assert parse_settings("pods: {annotations: {}}").pods.annotations == {}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("pods: {annotation: {}}", "unknown setting pods.annotation"),
        ("pods: {annotations: {a: 1}}", "pods.annotations: expected a mapping of strings"),
        ("pods: {annotations: {'a b': x}}", "pods.annotations: 'a b' is not a valid key"),
        (
            "pods: {labels: {anomaly-operator.dev/service: x}}",
            "pods.labels: anomaly-operator.dev/service is set by the operator",
        ),
        ("pods: {labels: {job-name: x}}", "pods.labels: job-name is set by the operator"),
        ("pods: {labels: {team: 'a b'}}", "pods.labels: team: 'a b' is not a label value"),
        ("pods: {affinity: {nodes: {}}}", "pods.affinity: 'nodes' is none of nodeAffinity"),
        ("pods: {securityContext: {runAsUser: 0}}", "unknown setting pods.securityContext.runAs"),
        ("pods: {env: [{name: SITE, valueFrom: {}}]}", "unknown setting pods.env[0].valueFrom"),
        ("pods: {env: [{name: A}, {name: A}]}", "pods.env[1].name: A stands there twice"),
        (
            "pods: {env: [{name: PYTHONPATH, value: /tmp}]}",
            "pods.env[0].name: PYTHONPATH='/tmp' cannot be set: it decides from where",
        ),
        (
            "pods: {env: [{name: OMP_NUM_THREADS, value: '8'}]}",
            "pods.env[0].name: OMP_NUM_THREADS='8' cannot be set: each pod computes in one thread",
        ),
        (
            "pods: {env: [{name: https_proxy, value: 'http://proxy:3128'}]}",
            "pods.env[0].name: https_proxy='http://proxy:3128' cannot be set: a proxy would",
        ),
        (
            "pods: {httpsProxy: 'http://proxy:3128'}",
            "pods.httpsProxy: 'http://proxy:3128' is not used: a proxy would connect",
        ),
        ("pods: {perService: {labels: ['a b']}}", "pods.perService.labels: 'a b' is neither"),
        ("pods: {perService: {label: []}}", "unknown setting pods.perService.label"),
    ],
)
def test_a_wrong_pod_setting_is_refused_with_its_path(text: str, message: str) -> None:
    with pytest.raises(SettingsError) as refused:
        parse_settings(text)
    assert message in str(refused.value)


@pytest.mark.parametrize(
    "name",
    [
        *("PYTHONPATH", "PYTHONSTARTUP", "pythonhome", "LD_PRELOAD", "LD_LIBRARY_PATH", "PATH"),
        *("HOME", "TMPDIR", "HTTP_PROXY", "no_proxy", "ALL_PROXY", "OMP_NUM_THREADS"),
        *("OPENBLAS_CORETYPE", "MKL_NUM_THREADS", "SSL_CERT_FILE", "SSLKEYLOGFILE"),
        *("OPENSSL_CONF", "KUBERNETES_SERVICE_HOST", "GLIBC_TUNABLES", "1A", "A-B", ""),
    ],
)
def test_variables_that_would_undo_a_guarantee_stay_ours(name: str) -> None:
    assert environment.refusal(name)


@pytest.mark.parametrize("name", ["SITE", "TZ", "LANG", "DD_AGENT_HOST", "_x", "MY_PROXY_NOTE"])
def test_other_variables_may_be_set(name: str) -> None:
    assert environment.refusal(name) == ""
