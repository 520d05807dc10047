"""The API server as far as identity goes: whose a token is, who may do what, and Anomaly objects.

`grants` is the whole of its RBAC; `asked` is what came. It knows no impersonation: a request that
tries it is answered with 400.
"""

from __future__ import annotations

import copy
import json
import threading
from typing import Any

from anomaly_operator.client.login import Connection
from loopback.server import Answer, Asked, LoopbackServer

Json = dict[str, Any]
EVERYWHERE = ""
DASHBOARD = "token-of-the-dashboard"


class Authorizer(LoopbackServer):
    """`people`: user by token; `grants`: user, verb, plural, namespace (EVERYWHERE = all)."""

    def __init__(self) -> None:
        self.people = {DASHBOARD: "dashboard"}
        self.grants: set[tuple[str, str, str, str]] = set()
        self.incidents: dict[tuple[str, str], Json] = {}
        self.broken = 0
        """Status that every request is answered with, 0 = the right one."""
        self.conflicts = 0
        """Writes that are answered with a conflict before one passes."""
        self.gate: threading.Event | None = None
        """Nothing is answered before it is set."""
        self.most_at_once = 0
        self._at_once = 0
        self._lock = threading.Lock()
        super().__init__(self._respond)

    async def connect(self) -> Connection:
        """As a login: the dashboard's own account."""
        return Connection(self.url, authorization=f"Bearer {DASHBOARD}", namespace="monitoring")

    def reviews(self, kind: str) -> list[Json]:
        """The `spec` of each review of that kind that was asked for."""
        return [json.loads(one.body)["spec"] for one in self.asked if one.path.endswith(f"/{kind}")]

    def _respond(self, asked: Asked) -> Answer:
        with self._lock:
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            if self.gate is not None:
                assert self.gate.wait(30)
            return self._answer(asked)
        finally:
            with self._lock:
                self._at_once -= 1

    def _answer(self, asked: Asked) -> Answer:
        if any(name.startswith("impersonate-") for name in asked.headers):
            return _status(400, "nobody is impersonated here")
        if self.broken:
            return _status(self.broken, "broken")
        user = self.people.get(asked.headers.get("authorization", "").removeprefix("Bearer "))
        if user is None:
            return _status(401, "Unauthorized")
        kind = asked.path.partition("?")[0].rpartition("/")[2]
        if kind == "selfsubjectreviews":
            info = {"username": user, "groups": ["system:authenticated"]}
            return _json(201, {"status": {"userInfo": info}})
        if kind in {"selfsubjectaccessreviews", "subjectaccessreviews"}:
            spec = json.loads(asked.body)["spec"]
            if kind == "subjectaccessreviews":
                if user != "dashboard":
                    return _status(403, f'User "{user}" cannot create resource')
                user = spec["user"]
            return _json(201, {"status": {"allowed": self._allowed(user, spec)}})
        return self._incident(asked, user)

    def _allowed(self, user: str, spec: Json) -> bool:
        wanted = spec["resourceAttributes"]
        verb, plural = wanted["verb"], wanted["resource"]
        where = wanted.get("namespace", EVERYWHERE)
        return bool(self.grants & {(user, verb, plural, EVERYWHERE), (user, verb, plural, where)})

    def _incident(self, asked: Asked, user: str) -> Answer:
        *_, namespace, plural, name = asked.path.partition("?")[0].split("/")
        verb = {"GET": "get", "PATCH": "patch"}[asked.method]
        spec = {"resourceAttributes": {"verb": verb, "resource": plural, "namespace": namespace}}
        if not self._allowed(user, spec):
            said = f'User "{user}" cannot {verb} resource "{plural}" in API group ""'
            return _status(403, f'{plural} is forbidden: {said} in the namespace "{namespace}"')
        found = self.incidents.get((namespace, name))
        if found is None:
            return _status(404, f'{plural} "{name}" not found')
        if verb == "patch":
            body = json.loads(asked.body)
            if self.conflicts:
                self.conflicts -= 1
                _bump(found)
            if body["metadata"]["resourceVersion"] != found["metadata"]["resourceVersion"]:
                return _status(409, "the object has been modified")
            found["spec"] |= copy.deepcopy(body["spec"])
            _bump(found)
        return _json(200, found)


def _bump(found: Json) -> None:
    version = int(found["metadata"]["resourceVersion"])
    found["metadata"]["resourceVersion"] = str(version + 1)


def _json(status: int, document: Json) -> Answer:
    return Answer(status, json.dumps(document).encode())


def _status(code: int, message: str) -> Answer:
    return _json(code, {"kind": "Status", "code": code, "message": message})
