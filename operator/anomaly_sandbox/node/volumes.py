"""The files of a pod's volumes, laid out as folders.

ConfigMaps, Secrets, tokens and the downward API are rendered to names and bytes first and
written then, each file aside and renamed, so that a running process reads the old or the new.
"""

from __future__ import annotations

import base64
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from anomaly_sandbox.node import downward
from anomaly_sandbox.node.environment import expand
from anomaly_sandbox.node.lookup import Lookup, MissingReference
from anomaly_sandbox.node.paths import Mount

Json = dict[str, Any]
Files = dict[str, bytes]
DEFAULT_TOKEN_SECONDS = 3600


async def render(
    volume: Json, pod: Json, lookup: Lookup, *, pod_ip: str, host_ip: str
) -> Files | None:
    """The files of a volume; None for one that holds the container's own files.

    Raises MissingReference for what is neither there nor optional.
    """
    if "configMap" in volume:
        return await _config_map(volume["configMap"], volume["configMap"].get("name", ""), lookup)
    if "secret" in volume:
        return await _secret(volume["secret"], volume["secret"].get("secretName", ""), lookup)
    if "downwardAPI" in volume:
        return _downward(volume["downwardAPI"], pod, pod_ip, host_ip)
    if "projected" not in volume:
        return None
    files: Files = {}
    for source in volume["projected"].get("sources", ()):
        if "configMap" in source:
            part = await _config_map(source["configMap"], source["configMap"]["name"], lookup)
        elif "secret" in source:
            part = await _secret(source["secret"], source["secret"]["name"], lookup)
        elif "downwardAPI" in source:
            part = _downward(source["downwardAPI"], pod, pod_ip, host_ip)
        else:
            wanted = source["serviceAccountToken"]
            seconds = wanted.get("expirationSeconds", DEFAULT_TOKEN_SECONDS)
            token = await lookup.token(wanted.get("audience", ""), seconds)
            part = {wanted["path"]: token.encode()}
        files.update(part)
    return files


def write(folder: Path, files: Mapping[str, bytes]) -> None:
    """Makes `folder` hold exactly these files, changing only what differs."""
    folder.mkdir(parents=True, exist_ok=True)
    kept = {folder / name for name in files}
    for path in [item for item in folder.rglob("*") if item.is_file() and item not in kept]:
        path.unlink()
    for name, content in files.items():
        path = folder / name
        if not path.resolve().is_relative_to(folder.resolve()):
            raise MissingReference(f"path {name!r} leaves its volume")
        if path.is_file() and path.read_bytes() == content:
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        aside = path.with_name(f".{path.name}.new")
        aside.write_bytes(content)
        aside.chmod(0o444)
        aside.replace(path)


def mounts(container: Json, targets: Mapping[str, Path], env: Mapping[str, str]) -> list[Mount]:
    """The container's mounts; `targets` maps volume names to their folders."""
    found = []
    for mount in container.get("volumeMounts", ()):
        target = targets[mount["name"]]
        inner = mount.get("subPath", "") or expand(mount.get("subPathExpr", ""), env)
        if inner:
            if ".." in Path(inner).parts or Path(inner).is_absolute():
                raise MissingReference(f"subPath {inner!r} leaves its volume")
            target = target / inner
            if not target.exists():
                target.mkdir(parents=True)
        found.append(Mount(mount["mountPath"], target))
    return found


def remove(folder: Path) -> None:
    """Removes a pod's folder, also what the pod made read-only in it."""
    for inner, _, _ in os.walk(folder):
        Path(inner).chmod(0o700)
    shutil.rmtree(folder, ignore_errors=True)


async def _config_map(source: Json, name: str, lookup: Lookup) -> Files:
    found = await lookup.config_map(name)
    if found is None:
        return _absent(source, "configmap", name)
    files = {key: value.encode() for key, value in (found.get("data") or {}).items()}
    for key, value in (found.get("binaryData") or {}).items():
        files[key] = base64.b64decode(value)
    return _chosen(source, files, f'configmap "{name}"')


async def _secret(source: Json, name: str, lookup: Lookup) -> Files:
    found = await lookup.secret(name)
    if found is None:
        return _absent(source, "secret", name)
    files = {key: base64.b64decode(value) for key, value in (found.get("data") or {}).items()}
    return _chosen(source, files, f'secret "{name}"')


def _absent(source: Json, kind: str, name: str) -> Files:
    if source.get("optional"):
        return {}
    raise MissingReference(f'{kind} "{name}" not found')


def _chosen(source: Json, files: Files, what: str) -> Files:
    if not source.get("items"):
        return files
    chosen: Files = {}
    for item in source["items"]:
        if item["key"] in files:
            chosen[item["path"]] = files[item["key"]]
        elif not source.get("optional"):
            raise MissingReference(f"{what} has no key {item['key']}")
    return chosen


def _downward(source: Json, pod: Json, pod_ip: str, host_ip: str) -> Files:
    files: Files = {}
    for item in source.get("items", ()):
        if "fieldRef" in item:
            path = item["fieldRef"]["fieldPath"]
            value = downward.field_value(pod, path, pod_ip=pod_ip, host_ip=host_ip)
        else:
            reference = item["resourceFieldRef"]
            named = {entry["name"]: entry for entry in pod["spec"]["containers"]}
            value = downward.resource_value(named[reference["containerName"]], reference)
        files[item["path"]] = value.encode()
    return files
