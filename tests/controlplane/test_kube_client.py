"""The API client against a real API server: what is refused is refused by the server's rules."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from anomaly_operator.api import errors, names, resources
from anomaly_operator.client.kube import Kube
from anomaly_operator.client.login import Connection, KubeconfigLogin
from anomaly_operator.client.throttle import TokenBucket
from anomaly_operator.client.transport import Transport
from anomaly_sandbox.cluster import Sandbox

pytestmark = pytest.mark.controlplane


class Journal:
    """The requests that were sent, as the metrics see them."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str, str]] = []

    def __call__(self, verb: str, resource: str, code: str, seconds: float) -> None:
        self.sent.append((verb, resource, code))


@pytest.fixture
def journal() -> Journal:
    return Journal()


@pytest.fixture
async def kube(sandbox: Sandbox, journal: Journal) -> AsyncIterator[Kube]:
    login = KubeconfigLogin(sandbox.kubeconfig)
    client = Kube(Transport(login, TokenBucket(100, 200), observe=journal))
    yield client
    await client.close()


def config_map(namespace: str, name: str = "one", **data: str) -> dict[str, Any]:
    metadata = {"namespace": namespace, "name": name, "labels": {names.LABEL_WATCHED: "true"}}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


async def test_an_absent_object_is_none(kube: Kube, namespace: str) -> None:
    assert await kube.get(resources.CONFIG_MAP, namespace, "absent") is None


async def test_an_apply_makes_and_a_second_one_changes_nothing(
    kube: Kube, namespace: str, journal: Journal
) -> None:
    made = await kube.apply(config_map(namespace, key="value"))
    again = await kube.apply(config_map(namespace, key="value"), uid=made["metadata"]["uid"])
    assert again["metadata"]["resourceVersion"] == made["metadata"]["resourceVersion"]
    assert journal.sent == [("apply", "configmaps", "201"), ("apply", "configmaps", "200")]


async def test_an_apply_to_a_namesake_made_anew_is_refused(kube: Kube, namespace: str) -> None:
    first = await kube.apply(config_map(namespace, key="value"))
    uid = first["metadata"]["uid"]
    await kube.delete(resources.CONFIG_MAP, namespace, "one", uid=uid)
    with pytest.raises(errors.ConflictError):
        await kube.apply(config_map(namespace, key="other"), uid=uid)
    await kube.apply(config_map(namespace, key="anew"))
    with pytest.raises(errors.ConflictError) as refused:
        await kube.apply(config_map(namespace, key="other"), uid=uid)
    assert refused.value.retry is errors.Retry.SOON


async def test_an_apply_without_uid_does_not_take_a_foreign_field(
    kube: Kube, namespace: str, sandbox: Sandbox
) -> None:
    sandbox.apply(config_map(namespace, key="theirs"))
    with pytest.raises(errors.ConflictError):
        await kube.apply(config_map(namespace, key="ours"))
    live = await kube.get(resources.CONFIG_MAP, namespace, "one")
    assert live is not None
    assert live["data"] == {"key": "theirs"}


async def test_an_edited_object_of_ours_is_repaired(
    kube: Kube, namespace: str, sandbox: Sandbox
) -> None:
    made = await kube.apply(config_map(namespace, key="ours"))
    sandbox.kubectl("patch", "configmap", "one", "-n", namespace, "-p", '{"data":{"key":"theirs"}}')
    repaired = await kube.apply(config_map(namespace, key="ours"), uid=made["metadata"]["uid"])
    assert repaired["data"] == {"key": "ours"}


async def test_a_second_create_says_that_it_exists(kube: Kube, namespace: str) -> None:
    await kube.create(config_map(namespace))
    with pytest.raises(errors.AlreadyExistsError):
        await kube.create(config_map(namespace))


async def test_a_delete_spares_another_object_of_the_name(kube: Kube, namespace: str) -> None:
    await kube.create(config_map(namespace))
    with pytest.raises(errors.ConflictError):
        await kube.delete(resources.CONFIG_MAP, namespace, "one", uid="another")
    with pytest.raises(errors.NotFoundError):
        await kube.delete(resources.CONFIG_MAP, namespace, "absent", uid="any")


async def test_pages_give_every_object_and_its_kind(kube: Kube, namespace: str) -> None:
    for number in range(3):
        await kube.create(config_map(namespace, f"n{number}"))
    label = f"{names.LABEL_WATCHED}=true"
    found = [
        item
        async for page in kube.pages(resources.CONFIG_MAP, namespace, labels=label)
        for item in page
    ]
    assert [item["metadata"]["name"] for item in found] == ["n0", "n1", "n2"]
    assert {(item["apiVersion"], item["kind"]) for item in found} == {("v1", "ConfigMap")}


async def test_an_object_the_server_refuses_is_invalid_and_says_where(
    kube: Kube, namespace: str
) -> None:
    with pytest.raises(errors.InvalidError, match="one_two") as refused:
        await kube.create(config_map(namespace, "one_two"))
    assert refused.value.retry is errors.Retry.BACK_OFF


async def test_a_status_computed_from_an_older_object_is_refused(
    kube: Kube, crds: Sandbox, namespace: str
) -> None:
    crds.apply(
        {
            "apiVersion": names.API_VERSION,
            "kind": "SLOPolicy",
            "metadata": {"name": "web", "namespace": namespace},
            "spec": {
                "thresholds": {"errorRate": {"acceptable": "1%", "warning": "2%", "critical": "3%"}}
            },
        }
    )
    seen = await kube.get(resources.POLICY, namespace, "web")
    assert seen is not None

    async def write(version: str, generation: int) -> dict[str, Any]:
        return await kube.apply_status(
            resources.POLICY,
            namespace,
            "web",
            uid=seen["metadata"]["uid"],
            resource_version=version,
            status={"observedGeneration": generation},
        )

    version = seen["metadata"]["resourceVersion"]
    written = await write(version, 1)
    assert written["status"]["observedGeneration"] == 1
    with pytest.raises(errors.ConflictError):
        await write(version, 2)
    same = await write(written["metadata"]["resourceVersion"], 1)
    assert same["metadata"]["resourceVersion"] == written["metadata"]["resourceVersion"]


async def test_the_fence_stops_writes_and_lets_reads_pass(sandbox: Sandbox, namespace: str) -> None:
    def fence() -> None:
        raise errors.NotLeaderError("not now")

    login = KubeconfigLogin(sandbox.kubeconfig)
    fenced = Kube(Transport(login, TokenBucket(100, 200), fence=fence))
    log = sandbox.audit().since_now()
    try:
        assert await fenced.get(resources.CONFIG_MAP, namespace, "one") is None
        with pytest.raises(errors.NotLeaderError):
            await fenced.create(config_map(namespace))
        with pytest.raises(errors.NotLeaderError):
            await fenced.delete(resources.CONFIG_MAP, namespace, "one", uid="any")
    finally:
        await fenced.close()
    assert log.requests(namespace=namespace, resource="configmaps", writes=True) == []


class RenewedToken:
    """A login whose first token has expired by the time it is used."""

    def __init__(self, path: Path) -> None:
        self.inner = KubeconfigLogin(path)
        self.reads = 0

    async def connect(self) -> Connection:
        self.reads += 1
        fresh = await self.inner.connect()
        token = "Bearer expired" if self.reads == 1 else fresh.authorization
        return Connection(fresh.server, fresh.ca_file, authorization=token)


async def test_an_expired_token_is_read_again_once(sandbox: Sandbox, namespace: str) -> None:
    login = RenewedToken(sandbox.kubeconfig)
    client = Kube(Transport(login, TokenBucket(100, 200)))
    try:
        assert await client.get(resources.CONFIG_MAP, namespace, "absent") is None
        assert login.reads == 2
    finally:
        await client.close()


async def test_a_refused_login_is_an_error_and_no_loop(sandbox: Sandbox, namespace: str) -> None:
    class Refused:
        async def connect(self) -> Connection:
            fresh = await KubeconfigLogin(sandbox.kubeconfig).connect()
            return Connection(fresh.server, fresh.ca_file, authorization="Bearer nobody")

    client = Kube(Transport(Refused(), TokenBucket(100, 200)))
    try:
        with pytest.raises(errors.UnauthorizedError):
            await client.get(resources.CONFIG_MAP, namespace, "absent")
    finally:
        await client.close()


async def test_a_namespace_that_is_being_deleted_is_left_alone(
    kube: Kube, sandbox: Sandbox, make_namespace: Any
) -> None:
    doomed = make_namespace()
    held = config_map(doomed, "held")
    held["metadata"]["finalizers"] = ["example.com/hold"]
    await kube.create(held)
    sandbox.api.delete("namespaces", doomed)
    with pytest.raises(errors.TerminatingError) as refused:
        await kube.create(config_map(doomed, "late"))
    assert refused.value.retry is errors.Retry.ON_CHANGE
    patch = '{"metadata":{"finalizers":null}}'
    sandbox.kubectl("patch", "configmap", "held", "-n", doomed, "--type=merge", "-p", patch)
