"""The requests of one lookup of changes, and that none of them can fail it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from anomaly_operator.api.errors import (
    ApiError,
    ForbiddenError,
    NotFoundError,
    ServerError,
    UnreachableError,
)
from anomaly_operator.api.reasons import Reason
from anomaly_operator.api.resources import Resource
from anomaly_operator.controller.workload_reader import MAX_NODES, read_workload
from anomaly_operator.spec.workload import DEFAULT_KINDS, WorkloadKind
from anomaly_operator.world.plan import ReadWorkload
from anomaly_operator.world.workload import Unread, Workload

Json = dict[str, Any]
LOOKUP = ReadWorkload("shop", "payments", DEFAULT_KINDS)
SELECTOR = {"matchLabels": {"app": "payments"}}


class Server:
    """Answers from `objects` by kind and name and from `lists` by kind; `errors` by plural."""

    def __init__(self, **objects: Json) -> None:
        self.objects, self.lists = objects, dict[str, list[Json]]()
        self.errors: dict[str, ApiError] = {}
        self.asked: list[str] = []

    async def get(self, resource: Resource, namespace: str, name: str) -> Json | None:
        self.asked.append(resource.path(namespace, name))
        if resource.plural in self.errors:
            raise self.errors[resource.plural]
        return self.objects.get(resource.kind)

    async def pages(
        self, resource: Resource, namespace: str, *, labels: str = "", fields: str = ""
    ) -> AsyncIterator[list[Json]]:
        self.asked.append(f"{resource.plural}?{labels or fields}")
        if resource.plural in self.errors:
            raise self.errors[resource.plural]
        yield self.lists.get(resource.kind, [])


def deployment() -> Json:
    return {"metadata": {"name": "payments", "uid": "uid-1"}, "spec": {"selector": SELECTOR}}


async def read(server: Server, lookup: ReadWorkload = LOOKUP) -> Workload:
    return await read_workload(server, lookup)  # type: ignore[arg-type]


async def test_a_deployment_costs_four_requests() -> None:
    server = Server(Deployment=deployment())
    assert await read(server) == Workload("Deployment", "payments")
    assert server.asked == [
        "/apis/apps/v1/namespaces/shop/deployments/payments",
        "replicasets?app=payments",
        "pods?app=payments",
        "events?regarding.uid=uid-1",
    ]


async def test_the_kinds_are_tried_in_order_until_one_is_there() -> None:
    server = Server(Rollout=deployment())
    assert (await read(server)).kind == "Rollout"
    assert [path.split("/")[-2] for path in server.asked[:3]] == [
        "deployments",
        "statefulsets",
        "rollouts",
    ]
    lookup = ReadWorkload("shop", "agent", (WorkloadKind.DAEMON_SET,))
    assert await read(server, lookup) == Workload()
    assert (await read(Server(DaemonSet=deployment()), lookup)).kind == "DaemonSet"


async def test_a_stateful_set_has_controller_revisions() -> None:
    server = Server(StatefulSet=deployment())
    await read(server)
    assert "controllerrevisions?app=payments" in server.asked


@pytest.mark.parametrize(
    ("error", "reason", "said"),
    [
        (ForbiddenError(403, "no", "list"), Reason.FORBIDDEN, ""),
        (NotFoundError(404, "no", "list"), Reason.KIND_NOT_SERVED, ""),
        (ServerError(500, "no", "list"), Reason.SERVER_ERROR, "ServerError"),
    ],
)
async def test_what_is_refused_is_noted_and_the_rest_is_read(
    error: ApiError, reason: Reason, said: str
) -> None:
    server = Server(Deployment=deployment())
    server.errors = {"replicasets": error}
    ended = {"terminated": {"finishedAt": "2026-11-18T11:00:00Z", "reason": "OOMKilled"}}
    status = {"containerStatuses": [{"name": "app", "lastState": ended}]}
    server.lists["Pod"] = [{"metadata": {"name": "p"}, "status": status}]
    found = await read(server)
    assert found.unread == (Unread("replicasets", reason, said),)
    assert [one.reason for one in found.ends] == ["OOMKilled"]


async def test_a_server_that_does_not_answer_is_asked_once() -> None:
    server = Server(Deployment=deployment())
    server.errors = {"replicasets": UnreachableError(0, "timed out", "list")}
    found = await read(server)
    assert found.unread == (Unread("replicasets", Reason.SERVER_ERROR, "ApiUnreachable"),)
    assert len(server.asked) == 2


async def test_without_any_right_there_is_an_answer_all_the_same() -> None:
    server = Server()
    server.errors = dict.fromkeys(
        ("deployments", "statefulsets", "rollouts"), ForbiddenError(403, "no", "get")
    )
    found = await read(server)
    assert found.kind == ""
    assert {one.reason for one in found.unread} == {Reason.FORBIDDEN}


async def test_nodes_are_read_only_where_wanted_and_a_few_of_them() -> None:
    server = Server(Deployment=deployment())
    server.lists["Pod"] = [{"spec": {"nodeName": f"n{n % 15:02d}"}} for n in range(30)]
    await read(server)
    assert not any("/nodes/" in path for path in server.asked)
    await read(server, ReadWorkload("shop", "payments", DEFAULT_KINDS, nodes=True))
    nodes = [path for path in server.asked if "/nodes/" in path]
    assert nodes == [f"/api/v1/nodes/n{n:02d}" for n in range(MAX_NODES)]
