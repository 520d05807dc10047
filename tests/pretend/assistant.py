"""An API server that answers as one user may see it, and an assistant that asks it by MCP."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from mcp.client import Client
from mcp.types import CallToolResult, TextContent

from anomaly_cli.mcp.options import Options
from anomaly_cli.mcp.server import server
from loopback.server import Answer, Asked, LoopbackServer

Json = dict[str, Any]
_GROUP = "/apis/anomaly-operator.dev/v1alpha1"
_PLURALS = {"Anomaly": "anomalies", "AnomalyService": "anomalyservices", "SLOPolicy": "slopolicies"}


@dataclass
class Api:
    """`objects` as they are stored; `forbidden`: the user may do nothing; `patched`: the bodies of
    the patches that came."""

    objects: list[Json] = field(default_factory=list)
    user: str = "jane"
    forbidden: bool = False
    asked: list[str] = field(default_factory=list)
    patched: list[Json] = field(default_factory=list)

    def respond(self, asked: Asked) -> Answer:
        path = urlsplit(asked.path).path
        self.asked.append(f"{asked.method} {path}")
        if path.startswith("/apis/authentication.k8s.io/"):
            return _answer({"status": {"userInfo": {"username": self.user}}})
        parts = path.removeprefix(f"{_GROUP}/").split("/")
        namespace = parts[1] if parts[0] == "namespaces" else ""
        plural, *name = parts[2:] if namespace else parts
        if self.forbidden:
            return self._refused(asked.method, plural, namespace)
        found = [
            one
            for one in self.objects
            if _PLURALS[one["kind"]] == plural and namespace in {"", one["metadata"]["namespace"]}
        ]
        if not name:
            return _answer({"items": found, "metadata": {}})
        mine = [one for one in found if one["metadata"]["name"] == name[0]]
        if not mine:
            return _status(404, "NotFound", f'{plural} "{name[0]}" not found')
        if asked.method == "PATCH":
            self.patched.append(json.loads(asked.body))
        return _answer(mine[0])

    def _refused(self, method: str, plural: str, namespace: str) -> Answer:
        verb = "patch" if method == "PATCH" else "list"
        where = f'in the namespace "{namespace}"' if namespace else "at the cluster scope"
        return _status(
            403,
            "Forbidden",
            f'{plural}.anomaly-operator.dev is forbidden: User "{self.user}" cannot {verb} '
            f'resource "{plural}" in API group "anomaly-operator.dev" {where}',
        )


def _answer(document: Json) -> Answer:
    return Answer(200, json.dumps(document).encode())


def _status(code: int, reason: str, message: str) -> Answer:
    document = {"kind": "Status", "code": code, "reason": reason, "message": message}
    return Answer(code, json.dumps(document).encode())


class Assistant:
    """What an assistant does with the tools."""

    def __init__(self, client: Client) -> None:
        self.client = client

    async def call(self, tool: str, **arguments: Any) -> tuple[str, Json]:
        """The text and the document of an answer."""
        found = await self.raw(tool, **arguments)
        assert not found.is_error, found
        assert isinstance(found.structured_content, dict)
        return _text(found), found.structured_content

    async def refused(self, tool: str, **arguments: Any) -> str:
        """The words of a refusal."""
        found = await self.raw(tool, **arguments)
        assert found.is_error, found
        return _text(found)

    async def raw(self, tool: str, **arguments: Any) -> CallToolResult:
        return await self.client.call_tool(tool, arguments)


def _text(found: CallToolResult) -> str:
    (content,) = found.content
    assert isinstance(content, TextContent)
    return content.text


@asynccontextmanager
async def asking(options: Options) -> AsyncIterator[Assistant]:
    """An assistant that is connected to a server with `options`, in memory."""
    async with Client(server(options), raise_exceptions=True) as client:
        yield Assistant(client)


def served(api: Api, folder: Path) -> Iterator[str]:
    """The kubeconfig of a user of `api`, whose namespace is `shop`."""
    with LoopbackServer(api.respond) as found:
        document = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "here",
            "contexts": [
                {"name": "here", "context": {"cluster": "c", "user": "u", "namespace": "shop"}}
            ],
            "clusters": [{"name": "c", "cluster": {"server": found.url}}],
            "users": [{"name": "u", "user": {"token": "opaque"}}],
        }
        path = folder / "kubeconfig"
        path.write_text(json.dumps(document))
        yield str(path)
