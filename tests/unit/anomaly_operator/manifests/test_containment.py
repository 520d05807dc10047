"""When an apply would change something, and when it would only make noise."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from anomaly_operator.manifests.containment import contained

RENDERED: dict[str, Any] = {
    "apiVersion": "batch/v1",
    "kind": "CronJob",
    "metadata": {
        "name": "a",
        "namespace": "b",
        "labels": {"x": "1"},
        "ownerReferences": [{"uid": "u1", "kind": "AnomalyService", "blockOwnerDeletion": False}],
    },
    "spec": {
        "suspend": False,
        "template": {
            "hostNetwork": False,
            "containers": [
                {"name": "c", "resources": {"limits": {"memory": "1Gi", "cpu": "1000m"}}}
            ],
            "volumes": [{"name": "t", "emptyDir": {"sizeLimit": "64Mi"}}],
        },
    },
}


def live() -> dict[str, Any]:
    """As the API server gives it back: defaults added, quantities rewritten, false dropped."""
    found = copy.deepcopy(RENDERED)
    del found["spec"]["template"]["hostNetwork"]
    container = found["spec"]["template"]["containers"][0]
    container |= {
        "imagePullPolicy": "Always",
        "resources": {"limits": {"memory": "1073741824", "cpu": "1"}},
    }
    found["spec"]["failedJobsHistoryLimit"] = 1
    found["metadata"]["labels"]["added-by"] = "somebody"
    del found["metadata"]["ownerReferences"]
    return found


def test_defaults_and_additions_of_others_are_no_difference() -> None:
    assert contained(RENDERED, live(), ["u1", "u2"])


@pytest.mark.parametrize(
    "edit",
    [
        lambda it: it["metadata"]["labels"].pop("x"),
        lambda it: it["spec"].update(suspend=True),
        lambda it: it["spec"]["template"].update(hostNetwork=True),
        lambda it: it["spec"]["template"]["containers"].append({"name": "miner"}),
        lambda it: it["spec"]["template"]["volumes"].clear(),
        lambda it: it["spec"]["template"]["containers"][0]["resources"]["limits"].update(
            memory="2Gi"
        ),
        lambda it: it["spec"]["template"].pop("containers"),
        lambda it: it.pop("spec"),
    ],
)
def test_an_edit_of_what_we_rendered_is_a_difference(edit: Any) -> None:
    found = live()
    edit(found)
    assert not contained(RENDERED, found, ["u1"])


def test_an_owner_that_is_missing_is_a_difference() -> None:
    assert not contained(RENDERED, live(), ["u2"])
