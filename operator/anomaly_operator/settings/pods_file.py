"""Reads `pods` of the settings file. What the API server would refuse in every pod, and what would
undo a guarantee of the runtime, is refused here, with the path, the value and the reason.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from anomaly_operator.api import names
from anomaly_operator.api.fields import Fields
from anomaly_operator.settings import environment
from anomaly_operator.settings.pods import RESERVED_DOMAINS, RESERVED_KEYS, PerService, PodSettings

_KEY = re.compile(
    r"^([a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$"
)
_LABEL_VALUE = re.compile(r"^([A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?$")
_AFFINITIES = ("nodeAffinity", "podAffinity", "podAntiAffinity")
_PROXIES = ("httpProxy", "httpsProxy", "noProxy")
_ALLOWED = re.compile(r"^([*]|[A-Za-z0-9]([A-Za-z0-9_./-]*[A-Za-z0-9])?/?)$")


def read_pods(part: Fields) -> PodSettings:
    """Raises the error of `part`."""
    default = PodSettings()
    for key in _PROXIES:
        if part.has(key):
            raise part.refuse(key, f"{part.text(key)!r} is not used: {environment.PROXY}")
    context = part.child("securityContext")
    pods = PodSettings(
        annotations=_map(part, "annotations", default.annotations),
        labels=_map(part, "labels", default.labels, labels=True),
        node_selector=_map(part, "nodeSelector", {}, labels=True),
        tolerations=part.mappings("tolerations"),
        affinity=_affinity(part),
        topology_spread_constraints=_spread(part),
        priority_class_name=part.text("priorityClassName"),
        runtime_class_name=part.text("runtimeClassName"),
        env=_env(part),
        uid_from_platform=context.flag("uidFromPlatform", default=False),
        per_service=_per_service(part.child("perService")),
    )
    context.done()
    part.done()
    return pods


def _map(
    part: Fields, key: str, default: Mapping[str, str], labels: bool = False
) -> Mapping[str, str]:
    """A mapping of strings with valid keys; one that is given replaces the default."""
    if not part.has(key):
        return default
    found = part.text_map(key)
    for name, value in found.items():
        if _KEY.match(name) is None:
            raise part.refuse(key, f"{name!r} is not a valid key; write for example team")
        if name in RESERVED_KEYS or name.partition("/")[0] in RESERVED_DOMAINS:
            raise part.refuse(key, f"{name} is set by the operator; choose another key")
        if labels and _LABEL_VALUE.match(value) is None:
            text = f"{name}: {value!r} is not a label value: at most 63 letters, digits, - _ and ."
            raise part.refuse(key, text)
    return found


def _affinity(part: Fields) -> Mapping[str, Any]:
    found = part.mapping("affinity")
    for key in found:
        if key not in _AFFINITIES:
            raise part.refuse("affinity", f"{key!r} is none of {', '.join(_AFFINITIES)}")
    return found


def _spread(part: Fields) -> tuple[Mapping[str, Any], ...]:
    """Without a labelSelector a constraint would count no pod at all; ours are meant."""
    ours = {"labelSelector": {"matchLabels": {names.LABEL_MANAGED_BY: names.MANAGED_BY}}}
    return tuple({**ours, **one} for one in part.mappings("topologySpreadConstraints"))


def _env(part: Fields) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for item in part.items("env"):
        name, value = item.required_text("name", "SITE"), item.text("value")
        item.done()
        why = environment.refusal(name)
        if why:
            raise item.refuse("name", f"{name}={value!r} cannot be set: {why}")
        if name in found:
            raise item.refuse("name", f"{name} stands there twice")
        found[name] = value
    return found


def _per_service(part: Fields) -> PerService:
    default = PerService()

    def allowed(key: str, otherwise: tuple[str, ...]) -> tuple[str, ...]:
        given = part.texts(key) if part.has(key) else otherwise
        for entry in given:
            if _ALLOWED.match(entry) is None:
                text = f"{entry!r} is neither a key (team), a domain (example.com/) nor *"
                raise part.refuse(key, text)
        return given

    read = PerService(
        annotations=allowed("annotations", default.annotations),
        labels=allowed("labels", default.labels),
        node_selector=allowed("nodeSelector", default.node_selector),
        tolerations=allowed("tolerations", default.tolerations),
        priority_classes=part.texts("priorityClasses"),
    )
    part.done()
    return read
