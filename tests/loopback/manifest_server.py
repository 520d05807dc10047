"""The API server as far as manifests go: reads, server-side apply and its dry run.

Who owns a field, defaults and admission are the real server's; the control-plane tests have them.
Here an answer on cue stands for a refusal.
"""

from __future__ import annotations

import copy
import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

from anomaly_operator.client.login import Connection, Login
from loopback.server import Answer, Asked, LoopbackServer

Json = dict[str, Any]


class HereLogin(Login):
    """The login of somebody with a token for a server on loopback."""

    def __init__(self, url: str) -> None:
        self._url = url

    async def connect(self) -> Connection:
        return Connection(server=self._url, authorization="Bearer anns-token")


class ManifestServer(LoopbackServer):
    """`objects` by path; `refusals`: answers to the next applies of a path, dry or not."""

    def __init__(self) -> None:
        self.objects: dict[str, Json] = {}
        self.refusals: dict[str, Answer] = {}
        super().__init__(self._respond)

    @property
    def login(self) -> Login:
        return HereLogin(self.url)

    @property
    def written(self) -> list[str]:
        """Paths that were applied, dry runs left out."""
        return [
            urlsplit(one.path).path
            for one in self.asked
            if one.method == "PATCH" and "dryRun" not in one.path
        ]

    def put(self, plural: str, raw: Json) -> None:
        metadata = raw["metadata"]
        self.objects[_path(plural, metadata["namespace"], metadata["name"])] = raw

    def refuse(self, plural: str, namespace: str, name: str, status: int, message: str) -> None:
        reason = {409: "Conflict", 403: "Forbidden", 422: "Invalid"}[status]
        body = {"kind": "Status", "reason": reason, "message": message}
        answer = Answer(status, json.dumps(body).encode())
        self.refusals[_path(plural, namespace, name)] = answer

    def _respond(self, asked: Asked) -> Answer:
        url = urlsplit(asked.path)
        live = self.objects.get(url.path)
        if asked.method == "GET":
            if live is None:
                return Answer(404, b'{"kind":"Status","reason":"NotFound","message":"not found"}')
            return Answer(200, json.dumps(live).encode())
        query = parse_qs(url.query)
        assert asked.method == "PATCH"
        assert query["fieldManager"] == ["anomaly-dashboard"]
        assert "force" not in query
        if url.path in self.refusals:
            return self.refusals[url.path]
        merged = _merged(copy.deepcopy(live or {}), json.loads(asked.body))
        if "dryRun" not in query:
            self.objects[url.path] = merged
        return Answer(200, json.dumps(merged).encode())


def _merged(live: Json, said: Json) -> Json:
    for key, value in said.items():
        known = live.get(key)
        live[key] = _merged(known, value) if isinstance(known, dict) and value else value
    return live


def _path(plural: str, namespace: str, name: str) -> str:
    return f"/apis/anomaly-operator.dev/v1alpha1/namespaces/{namespace}/{plural}/{name}"
