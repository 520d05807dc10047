"""What the chart renders: held against golden files, against the files that it embeds, and against
what the operator makes of it."""

from __future__ import annotations

import json
import os
import re
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from anomaly_operator.api import errors
from anomaly_operator.arguments import parse as parse_arguments
from anomaly_operator.settings import environment
from anomaly_operator.settings.file import parse_settings
from anomaly_operator.settings.values import Settings
from detector_runtime.contract.source_request import SourceLimits
from detector_runtime.contract.vocabulary import Severity

Json = dict[str, Any]
GOLDEN = Path(__file__).parent / "golden"
ROOT = Path(__file__).parents[2]
CHART = ROOT / "helm" / "anomaly-operator"

MONITORING = {
    "metrics": {
        "serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"}},
        "podMonitor": {"enabled": True},
        "prometheusRule": {"enabled": True},
    },
    "notifications": {"secretName": "receivers"},
    "networkPolicy": {
        "receivers": {"ports": [443, 9093], "to": [{"ipBlock": {"cidr": "10.0.0.0/8"}}]}
    },
    "settings": {
        "notifications": {
            "receivers": [
                {"name": "alerts", "type": "Alertmanager", "url": "http://alertmanager:9093"},
                {
                    "name": "chat",
                    "type": "Slack",
                    "urlFile": "/etc/anomaly-notifications/slack-url",
                },
            ],
            "routes": [{"match": {"minSeverity": "High"}, "receivers": ["chat"]}],
        },
        "sources": {
            "default": {
                "url": "https://mimir.example",
                "auth": {"type": "Bearer", "secretName": "metrics-auth"},
                "caConfigMap": "metrics-ca",
                "headers": {"X-Scope-OrgID": "$(namespace)"},
                "limits": {"maxRange": "31d"},
            },
            "files": {"type": "CSV", "configMap": "metrics-files"},
        },
        "images": {"pullSecrets": ["registry"]},
    },
}
PLATFORM: Json = {
    "global": {"imageRegistry": "mirror.example:5000/apps"},
    "commonLabels": {"team": "platform", "example.com/owner": "sre"},
    "securityContext": {"uidFromPlatform": True},
    "priorityClassName": "high",
    "runtimeClassName": "gvisor",
    "nodeSelector": {"pool": "infra"},
    "tolerations": [{"key": "infra", "operator": "Exists"}],
    "topologySpreadConstraints": [
        {"maxSkew": 2, "topologyKey": "rack", "whenUnsatisfiable": "DoNotSchedule"}
    ],
    "podAnnotations": {"example.com/note": "operator"},
    "podLabels": {"tier": "infra"},
    "extraEnv": [{"name": "SITE", "value": "fra"}],
    "settings": {
        "images": {"score": "quay.io/anomaly/score:1", "train": "anomaly/train:1"},
        "pods": {
            "annotations": {"team": "platform", "dapr.io/enabled": None},
            "labels": {"cost-center": "42"},
            "affinity": {"nodeAffinity": {}},
            "runtimeClassName": "gvisor",
            "env": [{"name": "SITE", "value": "fra & co"}],
            "securityContext": {"uidFromPlatform": True},
            "perService": {"nodeSelector": ["pool"], "priorityClasses": ["low"]},
        },
    },
}
CASES: dict[str, Json] = {
    "default": {},
    "namespaced": {"watchNamespaces": ["shop", "payments"], "replicaCount": 1},
    "monitoring": MONITORING,
    "platform": PLATFORM,
}
REFUSED_NAMES = [
    *("PYTHONPATH", "PYTHONHOME", "LD_PRELOAD", "PATH", "HOME", "TMPDIR", "TEMP", "TMP", "ENV"),
    *("BASH_ENV", "IFS", "VIRTUAL_ENV", "GCONV_PATH", "LOCPATH", "NLSPATH", "GLIBC_TUNABLES"),
    *("MALLOC_CHECK_", "OPENSSL_CONF", "SSL_CERT_FILE", "SSLKEYLOGFILE", "REQUESTS_CA_BUNDLE"),
    *("CURL_CA_BUNDLE", "KUBERNETES_SERVICE_HOST", "KUBECONFIG", "POD_IP", "HOSTALIASES"),
    *("LOCALDOMAIN", "RES_OPTIONS", "HTTP_PROXY", "ALL_PROXY", "OMP_NUM_THREADS", "GOMP_X"),
    *("KMP_X", "OPENBLAS_X", "GOTO_X", "MKL_X", "BLIS_X", "NUMEXPR_X", "VECLIB_X", "LOKY_X"),
    *("NPY_X", "NUMPY_X", "SCIPY_X", "SKLEARN_X", "JOBLIB_X", "THREADPOOLCTL_X"),
]
ADMITTED_NAMES = ["SITE", "TZ", "LANG", "DD_AGENT_HOST", "PROXY_NOTE", "MYPATH", "XPYTHON"]
FILLED = {"resources", "sources", "annotations", "labels"}
"""Maps that users fill; one counts as one value."""


@pytest.mark.parametrize("case", CASES)
def test_the_rendered_chart_is_as_recorded(case: str, render: Callable[..., list[Json]]) -> None:
    """UPDATE_GOLDEN=1 records anew; the difference is then for the reviewer."""
    objects = [o for o in render(CASES[case]) if o["kind"] != "CustomResourceDefinition"]
    text = yaml.safe_dump_all(objects, sort_keys=True, width=110)
    file = GOLDEN / f"{case}.yaml"
    if os.environ.get("UPDATE_GOLDEN"):
        file.write_text(text)
    assert text == file.read_text()


def test_the_chart_embeds_the_only_copy_of_the_crds(render: Callable[..., list[Json]]) -> None:
    rendered = {
        o["metadata"]["name"]: o["spec"]
        for o in render()
        if o["kind"] == "CustomResourceDefinition"
    }
    files = [yaml.safe_load(path.read_text()) for path in (ROOT / "crds").glob("*.yaml")]
    assert rendered == {document["metadata"]["name"]: document["spec"] for document in files}


def test_a_packaged_chart_holds_the_crds_themselves(
    helm: Callable[..., Any], tmp_path: Path
) -> None:
    done = helm("package", str(CHART), "--destination", str(tmp_path))
    assert done.returncode == 0, done.stderr
    (package,) = tmp_path.glob("*.tgz")
    with tarfile.open(package) as archive:
        for name in ("anomalies", "anomalyservices", "slopolicies"):
            packed = archive.extractfile(f"anomaly-operator/files/crds/{name}.yaml")
            assert packed is not None
            assert packed.read() == (ROOT / "crds" / f"{name}.yaml").read_bytes()


@pytest.mark.parametrize(("keep", "kept"), [(True, "keep"), (False, None)])
def test_crds_outlive_the_release_when_wanted(
    keep: bool, kept: str | None, render: Callable[..., list[Json]]
) -> None:
    objects = render({"crds": {"keep": keep}})
    crds = [o for o in objects if o["kind"] == "CustomResourceDefinition"]
    assert len(crds) == 3
    assert {
        crd["metadata"].get("annotations", {}).get("helm.sh/resource-policy") for crd in crds
    } == {kept}


def test_crds_can_be_left_to_others(render: Callable[..., list[Json]]) -> None:
    kinds = {o["kind"] for o in render({"crds": {"enabled": False}})}
    assert "CustomResourceDefinition" not in kinds


def test_the_operator_reads_what_the_chart_writes(
    render: Callable[..., list[Json]], only: Callable[..., Json]
) -> None:
    config = only(render(MONITORING), "ConfigMap")
    settings = parse_settings(config["data"]["settings.yaml"])
    assert settings.sources["default"].secret_name == "metrics-auth"
    assert settings.sources["files"].config_map == "metrics-files"
    assert settings.images.pull_secrets == ("registry",)
    assert [one.name for one in settings.notifications.receivers] == ["alerts", "chat"]
    assert settings.notifications.routes[0].match.min_severity is Severity.HIGH


def test_additions_to_requests_arrive_as_they_are_written(
    render: Callable[..., list[Json]], only: Callable[..., Json]
) -> None:
    source = {
        "headers": {"X-Scope-OrgID": "$(namespace)"},
        "queryParameters": {"dedup": True, "limit": 5, "extra_filters[]": ['{a="1"}', '{b="2"}']},
        "limits": {"maxRange": "31d", "maxPoints": 30_000},
        "harmlessWarnings": ["query samples processed"],
    }
    config = only(render({"settings": {"sources": {"default": source}}}), "ConfigMap")
    read = parse_settings(config["data"]["settings.yaml"]).sources["default"]
    assert read.headers == (("X-Scope-OrgID", "$(namespace)"),)
    assert [name for name, _ in read.query_parameters] == [
        "dedup", "extra_filters[]", "extra_filters[]", "limit",
    ]  # fmt: skip
    assert read.limits == SourceLimits(max_points=30_000, max_range_seconds=31 * 86_400)
    assert read.harmless_warnings == ("query samples processed",)


def test_the_charts_defaults_are_the_operators(operator_settings: Settings) -> None:
    plain = parse_settings("")
    for name in ("storage", "images", "concurrency", "qps", "burst", "max_anomalies", "pods"):
        assert getattr(operator_settings, name) == getattr(plain, name), name
    assert operator_settings.training.max_concurrent == plain.training.max_concurrent
    assert operator_settings.training.deadline_seconds == plain.training.deadline_seconds


def test_pod_settings_reach_the_operator(
    render: Callable[..., list[Json]], only: Callable[..., Json]
) -> None:
    pods = parse_settings(only(render(PLATFORM), "ConfigMap")["data"]["settings.yaml"]).pods
    assert pods.annotations["team"] == "platform"
    assert "dapr.io/enabled" not in pods.annotations
    assert pods.annotations["sidecar.istio.io/inject"] == "false"
    assert pods.env == {"SITE": "fra & co"}
    assert pods.uid_from_platform
    assert pods.per_service.node_selector == ("pool",)
    assert pods.per_service.labels == ("*",)


def test_one_registry_holds_all_three_images(
    render: Callable[..., list[Json]], only: Callable[..., Json]
) -> None:
    objects = render(PLATFORM)
    pod = only(objects, "Deployment")["spec"]["template"]["spec"]
    images = parse_settings(only(objects, "ConfigMap")["data"]["settings.yaml"]).images
    mirror = "mirror.example:5000/apps"
    assert pod["containers"][0]["image"] == f"{mirror}/anomaly-operator/operator:0.1.0"
    assert images.score == f"{mirror}/anomaly/score:1"
    assert images.train == f"{mirror}/anomaly/train:1"
    policy = only(objects, "ValidatingAdmissionPolicy", "anomaly-system-anomaly-operator-workloads")
    (allowed,) = (v for v in policy["spec"]["variables"] if v["name"] == "images")
    assert json.loads(allowed["expression"]) == [images.score, images.train]


def test_common_labels_are_on_every_object_and_override_none_of_the_charts(
    render: Callable[..., list[Json]], only: Callable[..., Json]
) -> None:
    plain = {(o["kind"], o["metadata"]["name"]): o["metadata"].get("labels") for o in render()}
    for item in render(PLATFORM):
        labels = item["metadata"]["labels"]
        assert PLATFORM["commonLabels"].items() <= labels.items()
        known = plain.get((item["kind"], item["metadata"]["name"]))
        assert not known or known.items() <= labels.items()
    deployment = only(render(PLATFORM), "Deployment")["spec"]
    assert deployment["template"]["metadata"]["labels"]["team"] == "platform"
    assert "team" not in deployment["selector"]["matchLabels"]


def test_the_platform_may_choose_the_uid_of_every_pod(
    render: Callable[..., list[Json]], only: Callable[..., Json]
) -> None:
    objects = render(PLATFORM)
    operator = only(objects, "Deployment")["spec"]["template"]["spec"]
    for pod in (operator, only(objects, "Pod")["spec"]):
        assert pod["securityContext"] == {
            "runAsNonRoot": True,
            "seccompProfile": {"type": "RuntimeDefault"},
        }


VARIABLES = ["PYTHONPATH", "LD_PRELOAD", "https_proxy", "NO_PROXY", "OMP_NUM_THREADS", "POD_IP"]


@pytest.mark.parametrize("name", VARIABLES)
@pytest.mark.parametrize("place", ["extraEnv", "settings.pods.env"])
def test_variables_that_would_undo_a_guarantee_are_refused(
    name: str, place: str, helm: Callable[..., Any]
) -> None:
    """With the words of the operator's settings, before anything is installed."""
    found: Any = [{"name": name, "value": "x"}]
    for key in reversed(place.split(".")):
        found = {key: found}
    done = helm("template", "x", str(CHART), values=found)
    assert done.returncode != 0
    assert f'{place}: {name}="x" cannot be set: {environment.refusal(name)}' in done.stderr


def test_chart_and_operator_refuse_the_same_variables() -> None:
    text = (CHART / "templates" / "_helpers.tpl").read_text()
    chart = [re.compile(found) for found in re.findall(r'regexMatch "([^"]+)" \$name', text)]
    assert chart
    for name in (*REFUSED_NAMES, *ADMITTED_NAMES):
        refused = any(pattern.match(name) for pattern in chart)
        assert refused is bool(environment.refusal(name)), name


def test_a_proxy_is_refused_with_the_reason(helm: Callable[..., Any]) -> None:
    values = {"settings": {"pods": {"httpsProxy": "http://proxy:3128"}}}
    done = helm("template", "x", str(CHART), values=values)
    assert done.returncode != 0
    assert 'settings.pods.httpsProxy: "http://proxy:3128" is not used: a proxy' in done.stderr


def test_failures_alert_but_for_those_of_news_that_were_old(
    render: Callable[..., list[Json]], only: Callable[..., Json]
) -> None:
    """A conflict is how writers on one object take turns, not a failure."""
    group = only(render(MONITORING), "PrometheusRule")["spec"]["groups"][0]
    (rule,) = (r for r in group["rules"] if r["alert"] == "AnomalyOperatorReconcileFailures")
    matcher = re.search(r'result!~"([^"]*)"', rule["expr"])
    assert matcher is not None
    quiet = {
        error.reason
        for error in vars(errors).values()
        if isinstance(error, type) and getattr(error, "retry", None) is errors.Retry.SOON
    }
    assert set(matcher[1].split("|")) == {"Success", *quiet}


def test_namespaces_reach_the_operator(
    render: Callable[..., list[Json]], only: Callable[..., Json]
) -> None:
    config = only(render(CASES["namespaced"]), "ConfigMap")
    settings = parse_settings(config["data"]["settings.yaml"])
    assert settings.watch_namespaces == ("shop", "payments")


def test_the_operator_understands_its_arguments(
    render: Callable[..., list[Json]], only: Callable[..., Json]
) -> None:
    pod = only(render(), "Deployment")["spec"]["template"]["spec"]
    arguments = [text.replace("$(POD_IP)", "10.1.2.3") for text in pod["containers"][0]["args"]]
    options = parse_arguments(arguments)
    assert options.leader_elect
    assert options.metrics_bind == "10.1.2.3:8080"
    assert options.health_bind == "10.1.2.3:8081"


def test_a_change_of_the_settings_restarts_the_operator(
    render: Callable[..., list[Json]], only: Callable[..., Json]
) -> None:
    def checksum(values: Json) -> str:
        template = only(render(values), "Deployment")["spec"]["template"]
        return str(template["metadata"]["annotations"]["checksum/settings"])

    assert checksum({}) == checksum({"replicaCount": 3})
    assert checksum({}) != checksum({"settings": {"qps": 20}})
    assert checksum({}) != checksum({"watchNamespaces": ["shop"]})


@pytest.mark.parametrize(
    ("image", "reference"),
    [
        ({}, "anomaly-operator/operator:0.1.0"),
        ({"tag": "0.2.0"}, "anomaly-operator/operator:0.2.0"),
        (
            {"tag": "0.2.0", "digest": "sha256:" + "a" * 64},
            "anomaly-operator/operator@sha256:" + "a" * 64,
        ),
    ],
)
def test_a_digest_wins_over_a_tag(
    image: Json, reference: str, render: Callable[..., list[Json]], only: Callable[..., Json]
) -> None:
    pod = only(render({"image": image}), "Deployment")["spec"]["template"]["spec"]
    assert pod["containers"][0]["image"] == reference


def test_a_single_replica_has_no_disruption_budget(render: Callable[..., list[Json]]) -> None:
    assert "PodDisruptionBudget" in {o["kind"] for o in render()}
    assert "PodDisruptionBudget" not in {o["kind"] for o in render({"replicaCount": 1})}


def test_named_namespaces_need_no_right_in_others(render: Callable[..., list[Json]]) -> None:
    values = {**CASES["namespaced"], "rbac": {"aggregate": False}}
    objects = render(values)
    assert [o for o in objects if o["kind"].startswith("ClusterRole")] == []
    places = sorted(o["metadata"]["namespace"] for o in objects if o["kind"] == "Role")
    assert places == ["anomaly-system", "anomaly-system", "payments", "shop"]


def test_every_pod_is_under_a_network_policy_and_every_policy_has_a_pod(
    render: Callable[..., list[Json]], only: Callable[..., Json]
) -> None:
    objects = render()
    labels = only(objects, "Deployment")["spec"]["template"]["metadata"]["labels"]
    policies = [o for o in objects if o["kind"] == "NetworkPolicy"]
    assert policies
    for policy in policies:
        selected = policy["spec"]["podSelector"]["matchLabels"]
        assert selected.items() <= labels.items()


def test_runtime_pods_are_under_the_policies_of_named_namespaces(
    render: Callable[..., list[Json]], workloads: dict[str, Json]
) -> None:
    policies = [
        o
        for o in render(CASES["namespaced"])
        if o["kind"] == "NetworkPolicy" and o["metadata"]["namespace"] == "shop"
    ]
    (policy,) = policies
    selector = policy["spec"]["podSelector"]
    (expression,) = selector["matchExpressions"]
    job = workloads["Job"]["spec"]["template"]
    run = workloads["CronJob"]["spec"]["jobTemplate"]["spec"]["template"]
    for template in (job, run):
        labels = template["metadata"]["labels"]
        assert selector["matchLabels"].items() <= labels.items()
        assert labels[expression["key"]] in expression["values"]


def test_selectors_find_the_operators_pods(
    render: Callable[..., list[Json]], only: Callable[..., Json]
) -> None:
    objects = render(MONITORING)
    deployment = only(objects, "Deployment")
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    service = only(objects, "Service")
    assert service["spec"]["type"] == "ClusterIP"
    selectors = [
        deployment["spec"]["selector"]["matchLabels"],
        service["spec"]["selector"],
        only(objects, "PodDisruptionBudget")["spec"]["selector"]["matchLabels"],
        only(objects, "PodMonitor")["spec"]["selector"]["matchLabels"],
    ]
    assert all(selector.items() <= labels.items() for selector in selectors)
    monitored = only(objects, "ServiceMonitor")["spec"]["selector"]["matchLabels"]
    assert monitored.items() <= service["metadata"]["labels"].items()


def test_notes_name_the_next_three_commands(helm: Callable[..., Any]) -> None:
    command = ("install", "anomaly-operator", str(CHART), "--dry-run=client")
    done = helm(*command, "--namespace", "anomaly-system", values=MONITORING)
    assert done.returncode == 0, done.stderr
    notes = done.stdout.partition("NOTES:")[2]
    for words in (
        "kubectl apply -f -",
        "kubectl wait asvc/SERVICE -n default --for=condition=Ready",
        "kubectl get anomalies -A --field-selector status.state=Open",
        "put the Secret metrics-auth into each namespace",
    ):
        assert words in notes
    files = {"type": "CSV", "configMap": "metrics-files"}
    done = helm(*command, values={"settings": {"sources": {"files": files}}})
    assert "Metrics come from default (http" in done.stdout
    assert "), files (CSV); change that in settings.sources." in done.stdout


def test_the_readme_lists_every_value() -> None:
    listed = (CHART / "README.md").read_text()
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    missing = [path for path in _paths(values) if f"`{path}`" not in listed]
    assert missing == []


def _paths(values: Json, prefix: str = "") -> list[str]:
    """Paths of the values; a map that users fill, and one of quantities, counts as one."""
    found = []
    for key, value in values.items():
        path = f"{prefix}{key}"
        if isinstance(value, dict) and value and key not in FILLED:
            found += _paths(value, f"{path}.")
        else:
            found.append(path)
    return found
