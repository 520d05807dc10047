"""The API server as a dashboard sees it: lists, watches, patches and reviews of the three kinds.

Everybody with a known token may do what a `Person` says. Objects change as a test says, and every
watch hears of it. What is not asked of it by a dashboard, it does not answer.
"""

from __future__ import annotations

import copy
import json
import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qsl

from anomaly_operator.api import names
from anomaly_operator.api.resources import ANOMALY, POLICY, SERVICE
from loopback.server import Answer, Asked, LoopbackServer

Json = dict[str, Any]
Key = tuple[str, str, str]  # plural, namespace, name
RESOURCES = {one.plural: one for one in (SERVICE, ANOMALY, POLICY)}
READS = frozenset({"get", "list", "watch"})
WRITES = frozenset({"create", "update", "patch"})
GROUP = f"/apis/{names.API_VERSION}"
WATCH_SECONDS = 300.0


@dataclass(frozen=True)
class Person:
    """`namespaces`: where; None = everywhere. `verbs` on all three kinds."""

    name: str
    namespaces: frozenset[str] | None = None
    verbs: frozenset[str] = READS | WRITES

    def may(self, verb: str, namespace: str) -> bool:
        known = self.namespaces is None or namespace in self.namespaces
        return verb in self.verbs and known


ADMIN = Person("admin")


class ClusterAPI(LoopbackServer):
    """`people` by their tokens; the token of `loopback.kubeconfig` is the administrator's."""

    def __init__(self, objects: Iterable[Json], people: Mapping[str, Person] | None = None) -> None:
        self.people = {"opaque": ADMIN, **(people or {})}
        self.objects: dict[Key, Json] = {}
        self._version = 1_000
        self._log: list[tuple[int, str, Json]] = []
        self._news = threading.Condition()
        self._closing = False
        for raw in objects:
            self.put(raw)
        super().__init__(self._respond)

    def __exit__(self, *arguments: object) -> None:
        with self._news:
            self._closing = True
            self._news.notify_all()
        super().__exit__(*arguments)

    # What happens in the cluster.

    def put(self, raw: Json) -> Json:
        """Create or replace the object."""
        resource = next(one for one in RESOURCES.values() if one.kind == raw["kind"])
        metadata = raw["metadata"]
        key = (resource.plural, metadata["namespace"], metadata["name"])
        with self._news:
            kind = "MODIFIED" if key in self.objects else "ADDED"
            self._version += 1
            found = copy.deepcopy(raw)
            found["metadata"]["resourceVersion"] = str(self._version)
            self.objects[key] = found
            self._tell(kind, found)
        return found

    def drop(self, plural: str, namespace: str, name: str) -> None:
        """Delete the object."""
        with self._news:
            gone = self.objects.pop((plural, namespace, name))
            self._version += 1
            gone = copy.deepcopy(gone)
            gone["metadata"]["resourceVersion"] = str(self._version)
            self._tell("DELETED", gone)

    def get(self, plural: str, namespace: str, name: str) -> Json:
        """As it is now."""
        with self._news:
            return copy.deepcopy(self.objects[plural, namespace, name])

    def _tell(self, kind: str, raw: Json) -> None:
        self._log.append((self._version, kind, raw))
        self._news.notify_all()

    # What a client asks.

    def _respond(self, asked: Asked) -> Answer:
        path, _, query = asked.path.partition("?")
        arguments = dict(parse_qsl(query))
        token = asked.headers.get("authorization", "").removeprefix("Bearer ")
        person = self.people.get(token)
        if person is None:
            return failure(401, "Unauthorized", "Unauthorized")
        if "/apis/auth" in path and asked.method == "POST":
            return self._review(path, json.loads(asked.body), person)
        if not path.startswith(f"{GROUP}/"):
            return failure(404, "NotFound", "the server could not find the requested resource")
        parts = path.removeprefix(f"{GROUP}/").split("/")
        namespace = ""
        if parts[0] == "namespaces":
            namespace, parts = parts[1], parts[2:]
        plural, name = parts[0], parts[1] if len(parts) > 1 else ""
        if plural not in RESOURCES:
            return failure(404, "NotFound", "the server could not find the requested resource")
        verb = _verb(asked.method, name, arguments)
        if not person.may(verb, namespace):
            told = f'{plural}.{names.GROUP} is forbidden: User "{person.name}" cannot {verb} '
            told += f'resource "{plural}" in API group "{names.GROUP}"'
            return failure(403, "Forbidden", told)
        if verb == "watch":
            since = int(arguments.get("resourceVersion") or 0)
            return Answer(stream=lambda handler: self._watch(handler, plural, namespace, since))
        if verb == "list":
            return self._list(plural, namespace, arguments)
        if verb == "create":
            return self._create(plural, namespace, json.loads(asked.body), arguments)
        return self._one((plural, namespace, name), verb, asked, arguments)

    def _list(self, plural: str, namespace: str, arguments: Mapping[str, str]) -> Answer:
        with self._news:
            found = [
                raw
                for (kind, where, _), raw in sorted(self.objects.items())
                if kind == plural and namespace in {"", where}
            ]
            version = str(self._version)
        begin, limit = int(arguments.get("continue") or 0), int(arguments.get("limit") or 0)
        page = found[begin : begin + limit] if limit else found
        more = limit and begin + limit < len(found)
        metadata = {"resourceVersion": version}
        metadata |= {"continue": str(begin + limit)} if more else {}
        kind = f"{RESOURCES[plural].kind}List"
        return answer({"kind": kind, "apiVersion": names.API_VERSION, "metadata": metadata,
                       "items": page})  # fmt: skip

    def _watch(
        self, handler: BaseHTTPRequestHandler, plural: str, namespace: str, since: int
    ) -> None:
        for kind, raw in self._changes(plural, namespace, since):
            handler.wfile.write(json.dumps({"type": kind, "object": raw}).encode() + b"\n")
            handler.wfile.flush()

    def _changes(self, plural: str, namespace: str, since: int) -> Iterator[tuple[str, Json]]:
        wanted = RESOURCES[plural].kind
        seen = len(self._log) if not since else 0
        while fresh := self._news_after(seen):
            seen += len(fresh)
            for version, kind, raw in fresh:
                near = namespace in {"", raw["metadata"]["namespace"]}
                if version > since and near and raw["kind"] == wanted:
                    yield kind, raw

    def _news_after(self, seen: int) -> list[tuple[int, str, Json]]:
        """What happened since, waited for; nothing when the server ends."""
        with self._news:
            self._news.wait_for(lambda: self._closing or len(self._log) > seen, WATCH_SECONDS)
            return [] if self._closing else self._log[seen:]

    def _create(
        self, plural: str, namespace: str, body: Json, arguments: Mapping[str, str]
    ) -> Answer:
        name = body["metadata"]["name"]
        if (plural, namespace, name) in self.objects:
            return failure(409, "AlreadyExists", f'{plural} "{name}" already exists')
        body["metadata"]["namespace"] = namespace
        body["metadata"].setdefault("uid", f"uid-{namespace}-{name}")
        return answer(body if "dryRun" in arguments else self.put(body), 201)

    def _one(self, key: Key, verb: str, asked: Asked, arguments: Mapping[str, str]) -> Answer:
        known = self.objects.get(key)
        if verb == "get":
            return answer(known) if known else _missing(key)
        body = json.loads(asked.body)
        if asked.headers.get("content-type") == "application/apply-patch+yaml":
            known = known or {"metadata": {"uid": f"uid-{key[1]}-{key[2]}"}}
        if known is None:
            return _missing(key)
        wanted = body.get("metadata", {}).get("resourceVersion")
        if wanted not in {None, known["metadata"].get("resourceVersion")}:
            return failure(409, "Conflict", "the object has been modified")
        changed = body if verb == "update" else merged(known, body)
        return answer(changed if "dryRun" in arguments else self.put(changed))

    def _review(self, path: str, body: Json, person: Person) -> Answer:
        if path.endswith("selfsubjectreviews"):
            status: Json = {"userInfo": {"username": person.name, "groups": []}}
        else:
            asked = person
            if path.endswith("/subjectaccessreviews"):
                user = body["spec"].get("user", "")
                known = {one.name: one for one in self.people.values()}
                asked = known.get(user, Person(user, frozenset()))
            about = body["spec"].get("resourceAttributes", {})
            allowed = asked.may(about.get("verb", ""), about.get("namespace", ""))
            status = {"allowed": allowed and about.get("group") == names.GROUP}
        return answer({**body, "status": status}, 201)


def answer(document: Json, status: int = 200) -> Answer:
    return Answer(status, json.dumps(document).encode(), {"Content-Type": "application/json"})


def failure(code: int, reason: str, message: str) -> Answer:
    body = {"kind": "Status", "status": "Failure", "code": code, "reason": reason}
    return answer({**body, "message": message}, code)


def merged(known: Any, patch: Any) -> Any:
    """`known` after a JSON merge patch (RFC 7386)."""
    if not isinstance(patch, dict):
        return patch
    found = dict(known) if isinstance(known, dict) else {}
    for name, value in patch.items():
        if value is None:
            found.pop(name, None)
        else:
            found[name] = merged(found.get(name), value)
    return found


def _verb(method: str, name: str, arguments: Mapping[str, str]) -> str:
    if method == "GET":
        watch = arguments.get("watch") in {"1", "true"}
        return "get" if name else "watch" if watch else "list"
    return {"POST": "create", "PUT": "update"}.get(method, "patch")


def _missing(key: Key) -> Answer:
    return failure(404, "NotFound", f'{key[0]}.{names.GROUP} "{key[2]}" not found')
