"""The environment of a container: its sources, and the `$(NAME)` references in it."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from typing import Any

from anomaly_sandbox.node import downward
from anomaly_sandbox.node.lookup import Lookup, MissingReference

Json = dict[str, Any]
_REFERENCE = re.compile(r"\$(\$|\([^()]+\))")


def expand(text: str, values: Mapping[str, str]) -> str:
    """`$(NAME)` becomes the value if there is one, `$$` becomes `$`, all else stays."""

    def replace(found: re.Match[str]) -> str:
        word = found[1]
        if word == "$":
            return "$"
        return values.get(word[1:-1], found[0])

    return _REFERENCE.sub(replace, text)


async def resolve(
    pod: Json,
    container: Json,
    lookup: Lookup,
    *,
    base: Mapping[str, str],
    pod_ip: str,
    host_ip: str,
) -> dict[str, str]:
    """`base` plus what the container asks for, references expanded.

    Raises MissingReference for a ConfigMap, Secret or key that is neither there nor optional.
    """
    values = dict(base)
    for source in container.get("envFrom", ()):
        values.update(await _all_of(source, lookup))
    for item in container.get("env", ()):
        if "valueFrom" in item:
            found = await _one_of(pod, container, item["valueFrom"], lookup, pod_ip, host_ip)
            if found is not None:
                values[item["name"]] = found
        else:
            values[item["name"]] = expand(item.get("value", ""), values)
    return values


async def _all_of(source: Json, lookup: Lookup) -> dict[str, str]:
    prefix = source.get("prefix", "")
    if "configMapRef" in source:
        reference = source["configMapRef"]
        found = await lookup.config_map(reference["name"])
        data = dict((found or {}).get("data") or {})
        kind = "configmap"
    else:
        reference = source["secretRef"]
        found = await lookup.secret(reference["name"])
        encoded = (found or {}).get("data") or {}
        data = {key: base64.b64decode(value).decode() for key, value in encoded.items()}
        kind = "secret"
    if found is None and not reference.get("optional"):
        raise MissingReference(f'{kind} "{reference["name"]}" not found')
    return {prefix + key: value for key, value in data.items()}


async def _one_of(  # noqa: PLR0917 - the parts of one value
    pod: Json, container: Json, source: Json, lookup: Lookup, pod_ip: str, host_ip: str
) -> str | None:
    if "fieldRef" in source:
        path = source["fieldRef"]["fieldPath"]
        return downward.field_value(pod, path, pod_ip=pod_ip, host_ip=host_ip)
    if "resourceFieldRef" in source:
        return downward.resource_value(container, source["resourceFieldRef"])
    if "configMapKeyRef" in source:
        reference, kind = source["configMapKeyRef"], "configmap"
        found = await lookup.config_map(reference["name"])
    elif "secretKeyRef" in source:
        reference, kind = source["secretKeyRef"], "secret"
        found = await lookup.secret(reference["name"])
    else:
        raise MissingReference(f"valueFrom {', '.join(source)} is not supported")
    value = ((found or {}).get("data") or {}).get(reference["key"])
    if value is not None:
        return base64.b64decode(value).decode() if kind == "secret" else str(value)
    if reference.get("optional"):
        return None
    if found is None:
        raise MissingReference(f'{kind} "{reference["name"]}" not found')
    raise MissingReference(f'{kind} "{reference["name"]}" has no key {reference["key"]}')
