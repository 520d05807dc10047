"""A cluster in which another field manager owns every status as well, so that no apply drops a
field, and statuses that an API server would admit."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from hypothesis import strategies as st

from anomaly_operator.api.conditions import MAP_LISTS
from anomaly_operator.api.names import STATUS_FIELD_MANAGER
from anomaly_operator.api.resources import Resource
from anomaly_operator.controller.execute import Executor
from anomaly_operator.world.plan import EventSpec, Plan
from pretend.api_server import Json
from pretend.cluster import Cluster
from pretend.loop import PretendKube

OTHER = "velero"
CRDS = Path(__file__).parents[2] / "crds"


class Contested(Cluster):
    """`carry_out` uses the operator's executor. Statuses are as they are stored. `before`: what
    happens right before a request.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        self.before: Callable[[str], None] = lambda _verb: None
        self.told: list[EventSpec] = []
        self.sent: list[tuple[str, str]] = []
        self._executor = Executor(
            ContestedKube(self),  # type: ignore[arg-type]
            self.listen(lambda _change: None),
            post=self.told.append,
            monotonic=lambda: float(self.now),
        )

    def stored(self, raw: Json) -> Json:
        return copy.deepcopy(raw)

    @property
    def executor(self) -> Executor:
        return self._executor

    def write_status(self, kind: str, name: str, fields: Json) -> None:
        """What the other manager does."""
        live = self.get(kind, name).get("status", {})
        raw = copy.deepcopy(self.get(kind, name))
        raw["status"] = merged(live, fields, MAP_LISTS[kind])
        self.keep(raw)

    def keep(self, raw: Json) -> Json:
        """`raw` with the other manager as the one that owns its status."""
        fields = _fields({"status": raw["status"]})
        owner = {"manager": OTHER, "subresource": "status", "fieldsV1": fields}
        raw["metadata"]["managedFields"] = [owner]
        return self._store(raw)

    def carry_out(self, plan: Plan) -> None:
        asyncio.run(self._executor.run(plan.actions))
        self.events.extend(plan.events)


class ContestedKube(PretendKube):
    """`cluster.sent` lists the requests that write a status."""

    cluster: Contested

    async def apply_status(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        *,
        uid: str,
        resource_version: str,
        status: Mapping[str, Any],
        manager: str = STATUS_FIELD_MANAGER,
    ) -> Json:
        assert manager == STATUS_FIELD_MANAGER
        self.cluster.before("apply")
        raw = self._at(resource, namespace, name, resource_version)
        assert uid == raw["metadata"]["uid"]
        raw["status"] = merged(raw.get("status", {}), status, MAP_LISTS[resource.kind])
        return self._stored("apply", raw)

    async def patch_status(
        self, resource: Resource, namespace: str, name: str, operations: Sequence[Json]
    ) -> Json:
        self.cluster.before("remove")
        version, *removals = operations
        raw = self._at(resource, namespace, name, version["value"])
        for one in removals:
            assert one["op"] == "remove"
            parts = [part.replace("~1", "/").replace("~0", "~") for part in one["path"].split("/")]
            parent: Any = raw
            for part in parts[1:-1]:
                parent = parent[int(part) if isinstance(parent, list) else part]
            del parent[int(parts[-1]) if isinstance(parent, list) else parts[-1]]
        return self._stored("remove", raw)

    def _stored(self, verb: str, raw: Json) -> Json:
        self.cluster.sent.append((verb, raw["kind"]))
        return copy.deepcopy(self.cluster.keep(raw))


def contest(cluster: Cluster) -> Contested:
    """A copy of `cluster` in which the other manager owns every status."""
    contested = Contested(settings=cluster.settings, now=cluster.now, _versions=10_000)
    for key, raw in cluster.objects.items():
        contested.objects[key] = cluster.stored(raw)
    contested.restart()
    return contested


def merged(
    live: Any, applied: Any, lists: Mapping[tuple[str, ...], str], path: tuple[str, ...] = ()
) -> Any:
    """What a server-side apply of `applied` makes of `live` where others own all of it, too."""
    if isinstance(live, Mapping) and isinstance(applied, Mapping):
        both = {
            key: merged(live[key], value, lists, (*path, key)) if key in live else value
            for key, value in applied.items()
        }
        return copy.deepcopy({**live, **both})
    key = lists.get(path)
    if key is None or not (isinstance(live, list) and isinstance(applied, list)):
        return copy.deepcopy(applied)
    items = {item[key]: item for item in live}
    items |= {one[key]: merged(items.get(one[key]), one, lists, path) for one in applied}
    return list(items.values())


def statuses(kind: str, *without: str) -> st.SearchStrategy[Json]:
    """Statuses that the schema of a kind admits, with any of their fields."""
    for path in CRDS.glob("*.yaml"):
        document = yaml.safe_load(path.read_text())
        if document["spec"]["names"]["kind"] == kind:
            schema = document["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
            status = schema["properties"]["status"]
            kept = {key: one for key, one in status["properties"].items() if key not in without}
            return _values({**status, "properties": kept})
    raise LookupError(kind)


def _values(schema: Json) -> st.SearchStrategy[Any]:
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    match schema["type"]:
        case "object" if "properties" in schema:
            fields = {key: _values(one) for key, one in schema["properties"].items()}
            needed = {key: fields.pop(key) for key in schema.get("required", ())}
            return st.fixed_dictionaries(needed, optional=fields)
        case "object":
            values = _values(schema.get("additionalProperties", {"type": "string"}))
            return st.dictionaries(st.sampled_from(["one", "two"]), values, max_size=2)
        case "array":
            keys = schema.get("x-kubernetes-list-map-keys")
            unique = (lambda item: item[keys[0]]) if keys else None
            return st.lists(_values(schema["items"]), max_size=2, unique_by=unique)
        case "boolean":
            return st.booleans()
        case "integer":
            least = schema.get("minimum", 0)
            return st.integers(least, min(schema.get("maximum", least + 9), least + 9))
    if schema.get("format") == "date-time":
        return st.sampled_from(["2026-11-18T11:00:00Z", "2026-11-18T11:10:00Z"])
    if "pattern" in schema:
        return st.from_regex(schema["pattern"], fullmatch=True).filter(
            lambda text: len(text) <= schema.get("maxLength", 64)
        )
    return st.sampled_from(["", "1", "Ready", "20261118-100100-000001"])


def _fields(value: Any) -> Json:
    """Roughly as managedFields has them: without the items of lists."""
    if not isinstance(value, Mapping):
        return {}
    return {f"f:{key}": _fields(one) for key, one in value.items()}
