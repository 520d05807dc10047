"""The dashboard as the chart installs it: one restricted pod, few rights, and ways to reach it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from anomaly_dashboard.arguments import parse as parse_arguments
from anomaly_operator.settings.file import parse_settings

Json = dict[str, Any]
CHART = Path(__file__).parents[2] / "helm" / "anomaly-operator"
GOLDEN = Path(__file__).parent / "golden" / "dashboard.yaml"
NAME = "anomaly-operator-dashboard"
PROXY = {"enabled": True, "groupsHeader": "X-Forwarded-Groups", "cidrs": ["10.0.12.0/24"]}
FULL: Json = {
    "dashboard": {
        "enabled": True,
        "publicURL": "https://ops.example.com",
        "pathPrefix": "/anomalies",
        "sourceTokens": "source-tokens",
        "proxy": PROXY,
        "ingress": {
            "enabled": True,
            "className": "nginx",
            "host": "ops.example.com",
            "tlsSecretName": "ops-tls",
        },
        "httpRoute": {
            "enabled": True,
            "parentRefs": [{"name": "public", "namespace": "gateways"}],
            "hostnames": ["ops.example.com"],
        },
        "networkPolicy": {
            "from": [{"namespaceSelector": {"matchLabels": {"name": "gateways"}}}],
            "sourcesTo": [{"ipBlock": {"cidr": "10.1.0.0/16"}}],
        },
    },
    "settings": {
        "sources": {
            "default": {"auth": {"type": "Bearer", "secretName": "metrics-auth"}},
            "files": {"type": "CSV", "configMap": "metrics-files"},
        }
    },
    "watchNamespaces": ["shop", "payments"],
    "metrics": {"serviceMonitor": {"enabled": True}, "podMonitor": {"enabled": True}},
}
Render = Callable[..., list[Json]]


def dashboard(objects: list[Json]) -> list[Json]:
    return [o for o in objects if NAME in o["metadata"]["name"]]


def asked(**values: Any) -> Json:
    return {"dashboard": {"enabled": True, **values}}


@pytest.fixture
def full(render: Render) -> list[Json]:
    return dashboard(render(FULL))


def test_the_rendered_dashboard_is_as_recorded(full: list[Json]) -> None:
    """UPDATE_GOLDEN=1 records anew; the difference is then for the reviewer."""
    text = yaml.safe_dump_all(full, sort_keys=True, width=110)
    if os.environ.get("UPDATE_GOLDEN"):
        GOLDEN.write_text(text)
    assert text == GOLDEN.read_text()


def test_there_is_no_dashboard_unless_it_is_asked_for(render: Render) -> None:
    assert dashboard(render()) == []


def test_by_default_it_is_reached_inside_the_cluster_alone(render: Render) -> None:
    kinds = sorted(o["kind"] for o in dashboard(render(asked())))
    assert kinds == [
        *("ClusterRole", "ClusterRoleBinding", "Deployment", "NetworkPolicy"),
        *("Service", "ServiceAccount"),
    ]


def rights(objects: list[Json]) -> dict[str, list[tuple[list[str], list[str]]]]:
    return {
        f"{o['kind']} {o['metadata'].get('namespace', '')}".strip(): [
            (rule["resources"], rule["verbs"]) for rule in o["rules"]
        ]
        for o in dashboard(objects)
        if "rules" in o
    }


WATCHED = [(["anomalyservices", "anomalies", "slopolicies"], ["list", "watch"])]
REVIEWS = [(["subjectaccessreviews"], ["create"])]


def test_its_account_may_list_and_watch_the_three_kinds_and_nothing_else(render: Render) -> None:
    assert rights(render(asked())) == {"ClusterRole": WATCHED}


def test_with_named_namespaces_it_has_no_right_in_others(render: Render) -> None:
    values = {**asked(), "watchNamespaces": ["shop", "payments"]}
    assert rights(render(values)) == {"Role shop": WATCHED, "Role payments": WATCHED}


def test_only_with_a_proxy_it_asks_for_the_rights_of_others(render: Render) -> None:
    assert rights(render(FULL))["ClusterRole"] == REVIEWS


def test_every_role_is_bound_to_its_account(full: list[Json]) -> None:
    bindings = [o for o in full if o["kind"].endswith("Binding")]
    roles = [o for o in full if "rules" in o]
    place = {"kind": "ServiceAccount", "name": NAME, "namespace": "anomaly-system"}
    assert [o["subjects"] for o in bindings] == [[place]] * len(roles)
    assert {(o["roleRef"]["kind"], o["roleRef"]["name"]) for o in bindings} == {
        (o["kind"], o["metadata"]["name"]) for o in roles
    }


def test_rights_can_be_left_to_an_administrator(render: Render) -> None:
    assert rights(render({**FULL, "rbac": {"create": False}})) == {}


def test_the_clusters_roles_for_people_stay_as_they_are(render: Render) -> None:
    def people(objects: list[Json]) -> list[Json]:
        return [o for o in objects if o["metadata"]["name"].endswith(("-view", "-edit"))]

    assert people(render(asked())) == people(render())


def test_registry_labels_and_user_are_those_of_the_other_pods(render: Render, only: Any) -> None:
    values = {
        **FULL,
        "global": {"imageRegistry": "mirror.example:5000/apps"},
        "commonLabels": {"team": "platform"},
        "securityContext": {"uidFromPlatform": True},
        "image": {"pullSecrets": ["registry"]},
        "grafana": {"dashboards": {"enabled": True}},
    }
    objects = render(values)
    found = dashboard(objects) + [o for o in objects if "-grafana-" in o["metadata"]["name"]]
    assert len(found) > len(dashboard(objects))
    assert all(o["metadata"]["labels"]["team"] == "platform" for o in found)
    template = only(found, "Deployment")["spec"]["template"]
    assert template["metadata"]["labels"]["team"] == "platform"
    pod = template["spec"]
    assert pod["imagePullSecrets"] == [{"name": "registry"}]
    assert "runAsUser" not in pod["securityContext"]
    image = pod["containers"][0]["image"]
    assert image == "mirror.example:5000/apps/anomaly-operator/dashboard:0.1.0"


def test_pods_of_the_dashboard_go_where_its_values_say(render: Render, only: Any) -> None:
    values = asked(
        nodeSelector={"pool": "infra"},
        tolerations=[{"key": "infra", "operator": "Exists"}],
        affinity={"nodeAffinity": {}},
        priorityClassName="high",
        podLabels={"tier": "infra"},
        podAnnotations={"example.com/note": "web"},
    )
    template = only(render(values), "Deployment", NAME)["spec"]["template"]
    for key in ("nodeSelector", "tolerations", "affinity", "priorityClassName"):
        assert template["spec"][key] == values["dashboard"][key]
    assert template["metadata"]["labels"]["tier"] == "infra"
    assert template["metadata"]["annotations"]["example.com/note"] == "web"


def test_sessions_live_in_one_pod_which_is_never_two(full: list[Json], only: Any) -> None:
    spec = only(full, "Deployment")["spec"]
    assert (spec["replicas"], spec["strategy"]) == (1, {"type": "Recreate"})


def test_selectors_find_the_dashboards_pod_and_not_the_operators(
    render: Render, full: list[Json], only: Any
) -> None:
    labels = only(full, "Deployment")["spec"]["template"]["metadata"]["labels"]
    operator = only(render(FULL), "Deployment", "anomaly-operator")["spec"]
    selectors = [
        only(full, "Deployment")["spec"]["selector"]["matchLabels"],
        only(full, "Service")["spec"]["selector"],
        only(full, "NetworkPolicy")["spec"]["podSelector"]["matchLabels"],
        only(full, "PodMonitor")["spec"]["selector"]["matchLabels"],
    ]
    for selector in selectors:
        assert selector.items() <= labels.items()
        assert not selector.items() <= operator["template"]["metadata"]["labels"].items()
    assert not operator["selector"]["matchLabels"].items() <= labels.items()
    monitored = only(full, "ServiceMonitor")["spec"]["selector"]["matchLabels"]
    assert monitored.items() <= only(full, "Service")["metadata"]["labels"].items()


def test_ways_in_lead_to_the_service(full: list[Json], only: Any) -> None:
    service = only(full, "Service")
    ports = {port["name"]: port["port"] for port in service["spec"]["ports"]}
    (rule,) = only(full, "Ingress")["spec"]["rules"]
    (path,) = rule["http"]["paths"]
    assert (rule["host"], path["path"]) == ("ops.example.com", "/anomalies")
    assert path["backend"]["service"] == {"name": NAME, "port": {"name": "http"}}
    (route,) = only(full, "HTTPRoute")["spec"]["rules"]
    assert route["backendRefs"] == [{"name": NAME, "port": ports["http"]}]
    assert route["matches"] == [{"path": {"type": "PathPrefix", "value": "/anomalies"}}]


def test_the_network_policy_lets_in_and_out_what_is_named(full: list[Json], only: Any) -> None:
    spec = only(full, "NetworkPolicy")["spec"]
    web, metrics = spec["ingress"]
    assert web["from"] == FULL["dashboard"]["networkPolicy"]["from"]
    assert [web["ports"][0]["port"], metrics["ports"][0]["port"]] == ["http", "metrics"]
    api, dns, sources = spec["egress"]
    assert [port["port"] for port in api["ports"]] == [443, 6443]
    assert {port["port"] for port in dns["ports"]} == {53}
    assert [port["port"] for port in sources["ports"]] == [80, 443, 9090]
    assert sources["to"] == FULL["dashboard"]["networkPolicy"]["sourcesTo"]


def test_it_reads_the_operators_settings_and_restarts_with_them(render: Render, only: Any) -> None:
    def template(values: Json) -> Json:
        return dict(only(render(values), "Deployment", NAME)["spec"]["template"])

    def checksum(values: Json) -> str:
        return str(template(values)["metadata"]["annotations"]["checksum/settings"])

    volumes = {v["name"]: v for v in template(asked())["spec"]["volumes"]}
    config = only(render(asked()), "ConfigMap", volumes["settings"]["configMap"]["name"])
    assert "default" in parse_settings(config["data"]["settings.yaml"]).sources
    assert checksum(asked()) == checksum({**asked(), "replicaCount": 3})
    assert checksum(asked()) != checksum({**asked(), "settings": {"qps": 20}})


def test_credentials_of_a_source_are_files_in_a_folder_of_its_name(
    full: list[Json], only: Any
) -> None:
    (volume,) = (
        v for v in only(full, "Deployment")["spec"]["template"]["spec"]["volumes"] if "secret" in v
    )
    assert volume["secret"]["optional"] is True
    assert {item["key"]: item["path"] for item in volume["secret"]["items"]} == {
        "default.token": "default/auth/token",
        "default.username": "default/auth/username",
        "default.password": "default/auth/password",
        "default.ca.crt": "default/ca/ca.crt",
    }


def test_it_is_told_of_prefix_address_and_proxy(full: list[Json], only: Any) -> None:
    (container,) = only(full, "Deployment")["spec"]["template"]["spec"]["containers"]
    ports = {port["name"]: str(port["containerPort"]) for port in container["ports"]}
    given = dict(argument.removeprefix("--").split("=", 1) for argument in container["args"])
    assert given == {
        "settings": "/etc/anomaly-operator/settings.yaml",
        "identity-dir": "/var/run/secrets/kubernetes.io/serviceaccount",
        "log-level": "info",
        "host": "0.0.0.0",
        "port": ports["http"],
        "metrics-port": ports["metrics"],
        "explore-workers": "1",
        "path-prefix": "/anomalies",
        "public-url": "https://ops.example.com",
        "proxy-user-header": "X-Forwarded-User",
        "proxy-groups-header": "X-Forwarded-Groups",
        "proxy-cidr": "10.0.12.0/24",
    }


@pytest.mark.parametrize("values", [asked(), FULL])
def test_the_dashboard_understands_its_arguments(values: Json, render: Render, only: Any) -> None:
    pod = only(render(values), "Deployment", NAME)["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    settings = parse_arguments(container["args"])
    assert (settings.port, settings.metrics_port) == (ports["http"], ports["metrics"])
    mounts = [mount["mountPath"] for mount in container["volumeMounts"]]
    assert str(settings.operator_settings).startswith(mounts[0])
    assert not settings.local
    assert bool(settings.proxy) is bool(values["dashboard"].get("proxy"))
    assert settings.path_prefix == values["dashboard"].get("pathPrefix", "")


def test_without_a_proxy_no_header_is_trusted(render: Render, only: Any) -> None:
    off = {**PROXY, "enabled": False}
    pod = only(render(asked(proxy=off)), "Deployment", NAME)["spec"]["template"]["spec"]
    words = [word for word in pod["containers"][0]["args"] if word.startswith("--proxy")]
    assert words == ["--proxy-cidr=10.0.12.0/24"]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"proxy": {"enabled": True}}, "/dashboard/proxy/cidrs"),
        ({"proxy": {**PROXY, "userHeader": ""}}, "/dashboard/proxy/userHeader"),
        ({"proxy": {"cidrs": ["all"]}}, "/dashboard/proxy/cidrs/0"),
        ({"ingress": {"enabled": True}}, "/dashboard/ingress/host"),
        ({"httpRoute": {"enabled": True}}, "/dashboard/httpRoute/parentRefs"),
        ({"exploreWorkers": 0}, "/dashboard/exploreWorkers"),
        ({"pathPrefix": "/anomalies/"}, "/dashboard/pathPrefix"),
        ({"publicURL": "https://ops.example.com/anomalies"}, "/dashboard/publicURL"),
        ({"replicas": 2}, "additional properties 'replicas' not allowed"),
        ({"image": "anomaly-operator/dashboard:latest"}, "/dashboard/image"),
    ],
)
def test_values_that_cannot_work_are_refused(values: Json, words: str, helm: Any) -> None:
    done = helm("template", "x", str(CHART), values=asked(**values))
    assert done.returncode != 0
    assert words in done.stderr


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({}, "port-forward -n anomaly-system svc/anomaly-operator-dashboard 8050"),
        (FULL["dashboard"], "Open https://ops.example.com/anomalies"),
    ],
)
def test_notes_say_where_to_open_it(values: Json, words: str, helm: Any) -> None:
    command = ("install", "anomaly-operator", str(CHART), "--dry-run=client")
    done = helm(*command, "--namespace", "anomaly-system", values=asked(**values))
    assert done.returncode == 0, done.stderr
    notes = done.stdout.partition("NOTES:")[2]
    assert words in notes
    assert "kubectl create token ACCOUNT -n NAMESPACE" in notes
