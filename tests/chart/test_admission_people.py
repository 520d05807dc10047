"""Who may speak for whom: the policy for what users write on incidents, on a real API server."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from anomaly_operator.api import names
from anomaly_sandbox.cluster import Sandbox

pytestmark = pytest.mark.controlplane

Json = dict[str, Any]
RELEASE = "people"
GITOPS = "system:serviceaccount:flux-system:kustomize-controller"
VALUES: Json = {
    "fullnameOverride": RELEASE,
    "crds": {"keep": False},
    "admissionPolicies": {"trustedUsers": [GITOPS]},
}
POLICY_KINDS = ("ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding")


@pytest.fixture(scope="module")
def guarded(cluster: Sandbox, render: Callable[..., list[Json]]) -> Iterator[Sandbox]:
    """The chart's roles for users and its policy for what they write."""
    objects = render(VALUES)
    cluster.apply([one for one in objects if one["kind"] == "CustomResourceDefinition"])
    roles = [
        one
        for one in objects
        if one["kind"] == "ClusterRole" and one["metadata"]["name"].endswith(("-view", "-edit"))
    ]
    policies = [
        one
        for one in objects
        if one["kind"] in POLICY_KINDS and one["metadata"]["name"].endswith("-people")
    ]
    assert len(roles) == len(policies) == 2
    cluster.apply(roles + policies)
    cluster.wait_for(lambda: cluster.api.resource("anomalies"), 90, "the CRDs are served")
    yield cluster
    for item in roles + policies:
        cluster.api.delete(item["kind"], item["metadata"]["name"])


@pytest.fixture(scope="module")
def shop(guarded: Sandbox, render: Callable[..., list[Json]]) -> Iterator[str]:
    """A namespace with an incident, where alice, bob and the GitOps account may edit."""
    namespace = "test-people"
    guarded.api.create("namespaces", {"metadata": {"name": namespace}})
    roles = [
        one["metadata"]["name"]
        for one in render(VALUES)
        if one["kind"] == "ClusterRole" and one["metadata"]["name"].endswith(("-view", "-edit"))
    ]
    for role in roles:
        binding = {
            "metadata": {"name": role},
            "roleRef": {
                "apiGroup": "rbac.authorization.k8s.io",
                "kind": "ClusterRole",
                "name": role,
            },
            "subjects": [
                {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user}
                for user in ("alice", "bob", GITOPS)
            ],
        }
        guarded.api.create("rolebindings", binding, namespace)
    incident = {
        "apiVersion": names.API_VERSION,
        "kind": "Anomaly",
        "metadata": {"name": "checkout-1"},
        "spec": {
            "serviceRef": {"name": "checkout"},
            "openingPattern": "metric_latency",
            "fingerprint": "9f2c1a7be01d",
            "firstSeen": "2026-11-22T11:34:00Z",
        },
    }
    guarded.api.create("anomalies", incident, namespace)
    forged = {"acknowledgement": {"by": "bob"}}
    # As a dry run: what was once accepted may be said again.
    guarded.wait_for(
        lambda: (
            "the request is from alice" in refused(guarded, namespace, "alice", forged, dry=True)
        ),
        90,
        "the policy is in force",
    )
    yield namespace
    guarded.api.delete("namespaces", namespace)


def say(
    sandbox: Sandbox, namespace: str, user: str, spec: Json, *, dry: bool = False
) -> tuple[int, str]:
    """A merge patch of the spec as `user`, with all that kubectl says of it."""
    change = json.dumps({"spec": spec})
    words = ("patch", "anomaly", "checkout-1", "-n", namespace, "--type=merge", "-p", change)
    done = sandbox.kubectl(*words, f"--as={user}", f"--dry-run={'server' if dry else 'none'}")
    return done.returncode, done.stdout + done.stderr


def refused(sandbox: Sandbox, namespace: str, user: str, spec: Json, *, dry: bool = False) -> str:
    code, said = say(sandbox, namespace, user, spec, dry=dry)
    return said if code else ""


def spec_of(sandbox: Sandbox, namespace: str) -> Json:
    found = sandbox.get("anomalies", "checkout-1", namespace)
    assert found is not None
    spec = found["spec"]
    assert isinstance(spec, dict)
    return spec


@pytest.fixture
def fresh(guarded: Sandbox, shop: str) -> str:
    """The namespace, with nothing said of the incident yet."""
    nothing = dict.fromkeys(("acknowledgement", "feedback", "resolution"))
    guarded.api.patch("anomalies", "checkout-1", shop, {"spec": nothing})
    return shop


AT = {"at": "2026-11-22T11:50:00Z"}
STATEMENTS: list[tuple[str, Json]] = [
    ("acknowledgement", {"comment": "on it", **AT}),
    ("feedback", {"verdict": "TruePositive", **AT}),
    ("resolution", {"note": "The cache was full; it has been restarted.", **AT}),
]


@pytest.mark.parametrize(("field", "statement"), STATEMENTS, ids=[row[0] for row in STATEMENTS])
def test_a_user_speaks_in_the_own_name_alone(
    guarded: Sandbox, fresh: str, field: str, statement: Json
) -> None:
    mine, others = {field: statement | {"by": "alice"}}, {field: statement | {"by": "bob"}}
    said = refused(guarded, fresh, "alice", others)
    assert f"spec.{field}.by is bob, but the request is from alice; set by to alice" in said
    assert "admissionPolicies.trustedUsers" in said
    assert refused(guarded, fresh, "alice", mine) == ""
    assert spec_of(guarded, fresh)[field]["by"] == "alice"


@pytest.mark.parametrize(("field", "statement"), STATEMENTS, ids=[row[0] for row in STATEMENTS])
def test_an_account_for_gitops_may_name_others_and_apply_again(
    guarded: Sandbox, fresh: str, field: str, statement: Json
) -> None:
    named = {field: statement | {"by": "alice"}}
    assert refused(guarded, fresh, GITOPS, named) == ""
    # What alice said may stand in what another user applies, as long as it is unchanged.
    assert refused(guarded, fresh, "bob", {**named, "serviceRef": {"name": "checkout"}}) == ""
    changed = {field: named[field] | {"at": "2026-11-22T12:00:00Z"}}
    assert "the request is from bob" in refused(guarded, fresh, "bob", changed)


def test_nobody_puts_words_into_the_mouth_of_another(guarded: Sandbox, fresh: str) -> None:
    expected = {"feedback": {"verdict": "Expected", "by": "alice", "comment": "a sale"}}
    assert refused(guarded, fresh, "alice", expected) == ""
    twisted = {"feedback": {"verdict": "FalsePositive"}}
    assert "spec.feedback.by is alice" in refused(guarded, fresh, "bob", twisted)
    own = {"feedback": {"verdict": "FalsePositive", "by": "bob"}}
    assert refused(guarded, fresh, "bob", own) == ""
    assert refused(guarded, fresh, "alice", {"feedback": None}) == ""


def test_feedback_that_names_nobody_needs_no_name(guarded: Sandbox, fresh: str) -> None:
    assert refused(guarded, fresh, "bob", {"feedback": {"verdict": "Expected"}}) == ""


def test_an_acknowledgement_of_somebody_else_leaves_the_rest_free(
    guarded: Sandbox, fresh: str
) -> None:
    assert refused(guarded, fresh, "alice", {"acknowledgement": {"by": "alice"}}) == ""
    note = {"resolution": {"note": "fixed", "by": "bob"}}
    assert refused(guarded, fresh, "bob", note) == ""
