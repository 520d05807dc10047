"""ConfigMaps, Secrets, tokens and the downward API as files and environment."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest

from anomaly_sandbox.node import environment, launch, status, volumes
from anomaly_sandbox.node.images import Image
from anomaly_sandbox.node.lifecycle import Container, Phase, Run
from anomaly_sandbox.node.lookup import MissingReference

Json = dict[str, Any]
POD: Json = {
    "metadata": {
        "name": "web",
        "namespace": "shop",
        "uid": "u-1",
        "labels": {"b": "2", "a": 'say "1"'},
    },
    "spec": {
        "nodeName": "sandbox",
        "serviceAccountName": "runner",
        "containers": [{"name": "main", "image": "x", "resources": {"limits": {"memory": "64Mi"}}}],
    },
}


class Objects:
    """A namespace with one ConfigMap and one Secret, both called `c`."""

    async def config_map(self, name: str) -> Json | None:
        return {"data": {"k": "v"}, "binaryData": {"bin": "AAE="}} if name == "c" else None

    async def secret(self, name: str) -> Json | None:
        encoded = base64.b64encode(b"hidden").decode()
        return {"data": {"password": encoded}} if name == "c" else None

    async def token(self, audience: str, seconds: int) -> str:
        return f"token for {audience or 'the API server'}, {seconds} s"

    async def claim_path(self, name: str) -> str:
        raise MissingReference(name)


async def render(volume: Json) -> dict[str, bytes] | None:
    return await volumes.render(volume, POD, Objects(), pod_ip="127.9.1.1", host_ip="127.9.0.1")


@pytest.mark.parametrize(
    ("volume", "files"),
    [
        ({"configMap": {"name": "c"}}, {"k": b"v", "bin": b"\x00\x01"}),
        ({"configMap": {"name": "c", "items": [{"key": "k", "path": "d/x"}]}}, {"d/x": b"v"}),
        ({"configMap": {"name": "no", "optional": True}}, {}),
        ({"secret": {"secretName": "c"}}, {"password": b"hidden"}),
        (
            {"secret": {"secretName": "c", "optional": True, "items": [{"key": "z", "path": "z"}]}},
            {},
        ),
        ({"emptyDir": {}}, None),
        (
            {"downwardAPI": {"items": [
                {"path": "l", "fieldRef": {"fieldPath": "metadata.labels"}},
                {"path": "m", "resourceFieldRef": {
                    "containerName": "main", "resource": "limits.memory", "divisor": "1Mi"}},
            ]}},
            {"l": b'a="say \\"1\\""\nb="2"', "m": b"64"},
        ),
        (
            {"projected": {"sources": [
                {"serviceAccountToken": {"path": "t", "expirationSeconds": 600, "audience": "x"}},
                {"secret": {"name": "c"}},
            ]}},
            {"t": b"token for x, 600 s", "password": b"hidden"},
        ),
    ],
)  # fmt: skip
async def test_a_volume_is_rendered_to_files(volume: Json, files: dict[str, bytes] | None) -> None:
    assert await render(volume) == files


@pytest.mark.parametrize(
    ("volume", "words"),
    [
        ({"configMap": {"name": "no"}}, 'configmap "no" not found'),
        ({"secret": {"secretName": "no"}}, 'secret "no" not found'),
        ({"secret": {"secretName": "c", "items": [{"key": "z", "path": "z"}]}}, "no key z"),
    ],
)
async def test_what_is_missing_is_named(volume: Json, words: str) -> None:
    with pytest.raises(MissingReference, match=words):
        await render(volume)


def test_written_files_follow_their_source_and_stay_inside(tmp_path: Path) -> None:
    folder = tmp_path / "v"
    volumes.write(folder, {"a": b"1", "d/b": b"2"})
    before = (folder / "a").stat().st_ino
    volumes.write(folder, {"a": b"1", "c": b"3"})
    assert sorted(item.name for item in folder.rglob("*") if item.is_file()) == ["a", "c"]
    assert (folder / "a").stat().st_ino == before
    with pytest.raises(MissingReference, match="leaves its volume"):
        volumes.write(folder, {"../x": b""})


async def test_the_environment_comes_from_all_its_sources() -> None:
    container = {
        "envFrom": [
            {"prefix": "C_", "configMapRef": {"name": "c"}},
            {"secretRef": {"name": "no", "optional": True}},
        ],
        "env": [
            {"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
            {"name": "BIND", "value": "$(IP):80"},
            {"name": "P", "valueFrom": {"secretKeyRef": {"name": "c", "key": "password"}}},
            {
                "name": "GONE",
                "valueFrom": {"configMapKeyRef": {"name": "c", "key": "z", "optional": True}},
            },
        ],
    }
    found = await environment.resolve(
        POD, container, Objects(), base={"HOME": "/h"}, pod_ip="127.9.1.1", host_ip="127.9.0.1"
    )
    assert found == {
        "HOME": "/h",
        "C_k": "v",
        "IP": "127.9.1.1",
        "BIND": "127.9.1.1:80",
        "P": "hidden",
    }


def test_a_program_that_is_not_there_ends_as_a_container_that_could_not_start(
    tmp_path: Path,
) -> None:
    folders = launch.Folders(tmp_path)
    image = Image("x")
    env = launch.base_environment(POD, image, folders, ("127.0.0.1", "6443"))
    found = launch.prepare({"command": ["no-such-program"]}, image, env, [], folders)
    assert found.argv[0] == "/bin/sh"
    assert f"exit {launch.NOT_STARTED}" in found.argv[2]


def facts(run: Run, **more: Any) -> status.Facts:
    return status.Facts(
        phase=Phase.RUNNING,
        containers=[Container("main", runs=(run,))],
        pod_ip="127.9.1.1",
        host_ip="127.9.0.1",
        now=1_000.0,
        **more,
    )


def test_a_status_that_was_written_is_not_written_again() -> None:
    run = Run(0, 990.0)
    first = status.pod_status(POD, facts(run, ready=frozenset({"main"})))
    written = {**POD, "status": first}
    again = status.pod_status(written, facts(run, ready=frozenset({"main"})))
    assert not status.differs(again, first)
    unready = status.pod_status(written, facts(run))
    assert status.differs(unready, first)


def test_conditions_of_others_do_not_count_as_a_difference() -> None:
    mine = status.pod_status(POD, facts(Run(0, 990.0)))
    live = {**mine, "conditions": [*mine["conditions"], {"type": "Foreign", "status": "True"}]}
    assert not status.differs(mine, live)
