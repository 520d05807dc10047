"""The operator's rights, as a list that a reviewer reads."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from anomaly_operator.api import names, resources
from anomaly_operator.client.leader import LEASE_NAME
from anomaly_operator.manifests import namespace as manifests_namespace

Json = dict[str, Any]
CHART = Path(__file__).parents[2] / "helm" / "anomaly-operator"

RIGHTS = {
    "anomalyservices.anomaly-operator.dev": "get list watch",
    "anomalyservices.anomaly-operator.dev/status": "patch",
    "slopolicies.anomaly-operator.dev": "list watch",
    "slopolicies.anomaly-operator.dev/status": "patch",
    "anomalies.anomaly-operator.dev": "create delete get list patch watch",
    "anomalies.anomaly-operator.dev/status": "patch",
    "jobs.batch": "create delete get list watch",
    "cronjobs.batch": "create delete get list patch watch",
    "trainjobs.trainer.kubeflow.org": "get",
    "configmaps": "create delete get list patch watch",
    "persistentvolumeclaims": "create delete get list patch watch",
    "serviceaccounts": "create delete get list patch watch",
    "roles.rbac.authorization.k8s.io": "create delete get list patch watch",
    "rolebindings.rbac.authorization.k8s.io": "create delete get list patch watch",
    "pods": "list",
    "deployments.apps": "get",
    "statefulsets.apps": "get",
    "daemonsets.apps": "get",
    "rollouts.argoproj.io": "get",
    "replicasets.apps": "list",
    "controllerrevisions.apps": "list",
    "prometheusrules.monitoring.coreos.com": "create delete list patch",
    "events.events.k8s.io": "create list patch",
}
FORBIDDEN_RESOURCES = {"secrets", "pods/exec", "pods/attach", "nodes", "serviceaccounts/token"}
FORBIDDEN_VERBS = {"*", "bind", "escalate", "impersonate", "deletecollection"}


def granted(rules: list[Json]) -> dict[str, set[str]]:
    """Verbs by `resource.group/subresource`."""
    found: dict[str, set[str]] = {}
    for rule in rules:
        for group in rule["apiGroups"]:
            for resource in rule["resources"]:
                name, _, sub = resource.partition("/")
                key = f"{name}.{group}" if group else name
                key += f"/{sub}" if sub else ""
                found.setdefault(key, set()).update(rule["verbs"])
    return found


@pytest.fixture
def operator_rules(render: Callable[..., list[Json]]) -> list[Json]:
    objects = render({"rbac": {"aggregate": False}})
    (role,) = [o for o in objects if o["kind"] == "ClusterRole"]
    return list(role["rules"])


def test_the_rights_are_these_and_no_others(operator_rules: list[Json]) -> None:
    shown = {key: " ".join(sorted(verbs)) for key, verbs in granted(operator_rules).items()}
    assert shown == RIGHTS


def test_what_a_namespace_shares_is_deleted_by_name_alone(operator_rules: list[Json]) -> None:
    shared = {"persistentvolumeclaims", "serviceaccounts", "roles", "rolebindings"}
    rules = [r for r in operator_rules if shared & set(r["resources"]) and "delete" in r["verbs"]]
    named = {resource: r["resourceNames"] for r in rules for resource in r["resources"]}
    assert named.pop("persistentvolumeclaims") == [names.MODELS_CLAIM]
    assert named == {key: [names.RUNNER] for key in shared - {"persistentvolumeclaims"}}
    assert all(rule["verbs"] == ["delete"] for rule in rules)


def test_prometheus_rules_can_be_left_to_others(render: Callable[..., list[Json]]) -> None:
    objects = render({"rbac": {"aggregate": False, "prometheusRules": False}})
    (role,) = [o for o in objects if o["kind"] == "ClusterRole"]
    shown = granted(list(role["rules"]))
    assert set(RIGHTS) - set(shown) == {"prometheusrules.monitoring.coreos.com"}


def test_models_are_served_only_where_the_administrator_says_so(
    render: Callable[..., list[Json]],
) -> None:
    objects = render({"rbac": {"aggregate": False}, "serving": {"enabled": True}})
    (role,) = [o for o in objects if o["kind"] == "ClusterRole"]
    shown = granted(list(role["rules"]))
    assert set(shown) - set(RIGHTS) == {"services"}
    written = {"create", "delete", "get", "patch"}
    assert shown["services"] == shown["deployments.apps"] == written


def test_lookups_of_changes_can_be_switched_off(render: Callable[..., list[Json]]) -> None:
    objects = render({"rbac": {"aggregate": False}, "changes": {"enabled": False}})
    (role,) = [o for o in objects if o["kind"] == "ClusterRole"]
    shown = granted(list(role["rules"]))
    assert shown["events.events.k8s.io"] == {"create", "patch"}
    assert not any(key.endswith((".apps", ".argoproj.io")) for key in shown)


@pytest.mark.parametrize("namespaces", [[], ["shop"]])
def test_nodes_are_read_only_where_the_administrator_says_so(
    namespaces: list[str], render: Callable[..., list[Json]]
) -> None:
    def nodes(**changes: bool) -> list[Json]:
        values = {"changes": changes, "watchNamespaces": namespaces}
        return [o for o in render(values) if o["metadata"]["name"].endswith("-nodes")]

    assert nodes() == []
    assert nodes(nodes=True, enabled=False) == []
    role, binding = nodes(nodes=True)
    assert granted(role["rules"]) == {"nodes": {"get"}}
    assert binding["roleRef"]["name"] == role["metadata"]["name"]


def test_the_suspender_may_suspend_and_the_operator_may_only_be_the_suspender(
    render: Callable[..., list[Json]],
) -> None:
    values = {"trainingRuns": {"suspend": {"enabled": True, "namespaces": ["ml", "vision"]}}}
    objects = [o for o in render(values) if "suspender" in o["metadata"]["name"]]
    role, token = [o for o in objects if "rules" in o]
    assert granted(role["rules"]) == {
        "jobs.batch": {"get", "patch"},
        "trainjobs.trainer.kubeflow.org": {"get", "patch"},
    }
    (rule,) = token["rules"]
    assert (rule["resources"], rule["verbs"]) == (["serviceaccounts/token"], ["create"])
    assert rule["resourceNames"] == ["anomaly-operator-suspender"]
    bindings = [o for o in objects if o["kind"] == "RoleBinding" and o is not token]
    bound = {o["metadata"]["namespace"]: o["subjects"][0]["name"] for o in bindings}
    assert bound == {
        "ml": "anomaly-operator-suspender",
        "vision": "anomaly-operator-suspender",
        "anomaly-system": "anomaly-operator",
    }


def test_no_rule_is_wide(render: Callable[..., list[Json]]) -> None:
    rules = [rule for o in render() if "Role" in o["kind"] for rule in o.get("rules", ())]
    for rule in rules:
        assert "*" not in rule["apiGroups"] + rule["resources"] + rule["verbs"]
        assert not FORBIDDEN_RESOURCES & set(rule["resources"])
    own = granted([r for r in rules if r["apiGroups"] != ["anomaly-operator.dev"]])
    assert not FORBIDDEN_VERBS & set().union(*own.values())


def test_every_rule_has_a_reason() -> None:
    lines = (CHART / "templates" / "_rules.tpl").read_text().splitlines()
    unexplained = [
        line
        for before, line in pairwise(lines)
        if line.startswith("- apiGroups") and not before.startswith("#")
    ]
    assert len([line for line in lines if line.startswith("- apiGroups")]) >= 10
    # A reason may speak of the two rules that follow it.
    assert len(unexplained) <= 1


def test_the_operator_holds_what_it_grants(operator_rules: list[Json]) -> None:
    """The API server lets nobody grant what they do not hold themselves."""
    own = granted(operator_rules)
    runner = granted(manifests_namespace.role("shop")["rules"])
    assert runner
    for key, verbs in runner.items():
        assert verbs <= own[key], key


def test_everything_that_the_operator_speaks_of_is_granted(operator_rules: list[Json]) -> None:
    own = granted(operator_rules)
    for resource in resources.WATCHED:
        key = f"{resource.plural}.{resource.group}" if resource.group else resource.plural
        assert {"list", "watch"} <= own[key], key


def test_the_lease_is_granted_by_name(render: Callable[..., list[Json]]) -> None:
    (role,) = [o for o in render() if o["metadata"]["name"].endswith("-election") and "rules" in o]
    named = [rule for rule in role["rules"] if "resourceNames" in rule]
    assert [(rule["resourceNames"], rule["verbs"]) for rule in named] == [
        ([LEASE_NAME], ["get", "update"])
    ]


@pytest.mark.parametrize(
    ("role", "resource", "verbs"),
    [
        ("view", "anomalies.anomaly-operator.dev", {"get", "list", "watch"}),
        ("edit", "anomalies.anomaly-operator.dev", {"update", "patch", "delete"}),
        (
            "edit",
            "anomalyservices.anomaly-operator.dev",
            {"create", "update", "patch", "delete", "deletecollection"},
        ),
    ],
)
def test_people_get_their_rights_through_the_clusters_roles(
    role: str, resource: str, verbs: set[str], render: Callable[..., list[Json]]
) -> None:
    found = [o for o in render() if o["metadata"]["name"].endswith(f"-{role}")]
    (aggregated,) = found
    labels = aggregated["metadata"]["labels"]
    assert labels[f"rbac.authorization.k8s.io/aggregate-to-{role}"] == "true"
    assert granted(aggregated["rules"])[resource] == verbs
