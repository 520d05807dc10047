"""A small blocking client for the API server, for the sandbox itself and for tests.

It exists so that a test that polls does not start a kubectl each time. It finds the path of a
kind by discovery, so it knows the CRDs too, by kind, plural, singular or short name.
"""

from __future__ import annotations

import http.client
import json
import ssl
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlencode, urlsplit

Json = dict[str, Any]
_DISCOVERY = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
_CLOSED_MEANWHILE = (
    http.client.RemoteDisconnected,
    ConnectionError,
    ssl.SSLEOFError,
    ssl.SSLZeroReturnError,
)


class ApiError(RuntimeError):
    """The API server's answer was no; `status` is the HTTP code, `reason` its word for it."""

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(f"{status} {reason}: {message}")
        self.status = status
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Resource:
    """Where objects of one kind live."""

    prefix: str
    plural: str
    namespaced: bool

    def path(self, namespace: str | None, name: str | None = None, sub: str | None = None) -> str:
        scope = f"/namespaces/{namespace}" if self.namespaced and namespace else ""
        tail = "".join(f"/{part}" for part in (name, sub) if part)
        return f"{self.prefix}{scope}/{self.plural}{tail}"


class Api:
    """Requests with a bearer token, or to a local proxy without. Safe in several threads."""

    def __init__(
        self, server: str, token: str = "", ca_file: Path | None = None, timeout: float = 30.0
    ) -> None:
        self.server = server
        self._host = urlsplit(server).netloc
        self._token = token
        self._context = ssl.create_default_context(cafile=str(ca_file)) if ca_file else None
        self._timeout = timeout
        self._ca_file = ca_file
        self._user = ""
        self._idle: list[http.client.HTTPConnection] = []
        self._lock = threading.Lock()
        self._resources: dict[str, Resource] = {}

    def as_user(self, name: str) -> Api:
        """Requests that the same login makes as another user, by impersonation."""
        other = Api(self.server, self._token, self._ca_file, self._timeout)
        other._user = name
        return other

    def request(
        self,
        method: str,
        path: str,
        body: Json | None = None,
        *,
        query: dict[str, str] | None = None,
        content_type: str = "application/json",
        accept: str = "application/json",
    ) -> Json:
        """The decoded answer; ApiError for 4xx and 5xx, OSError when nobody answers."""
        url = f"{path}?{urlencode(query)}" if query else path
        headers = {"Accept": accept}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        if self._user:
            headers["Impersonate-User"] = self._user
        data = None
        if body is not None:
            data = json.dumps(body).encode()
            headers["Content-Type"] = content_type
        status, text, encoding = self._send(method, url, data, headers)
        is_json = encoding.startswith("application/json")
        content = json.loads(text) if is_json else {"text": text.decode(errors="replace")}
        if status >= 400:
            raise ApiError(status, content.get("reason", ""), content.get("message", str(content)))
        return cast("Json", content)

    def get(self, kind: str, name: str, namespace: str | None = None) -> Json | None:
        """The object, or None when there is none of that name."""
        try:
            return self.request("GET", self.resource(kind).path(namespace, name))
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    def list(
        self, kind: str, namespace: str | None = None, *, labels: str = "", fields: str = ""
    ) -> list[Json]:
        """Objects of a kind, in one namespace or (None) in all."""
        query = {k: v for k, v in (("labelSelector", labels), ("fieldSelector", fields)) if v}
        answer = self.request("GET", self.resource(kind).path(namespace), query=query)
        return cast("list[Json]", answer["items"])

    def create(self, kind: str, body: Json, namespace: str | None = None) -> Json:
        return self.request("POST", self.resource(kind).path(namespace), body)

    def patch(
        self,
        kind: str,
        name: str,
        namespace: str | None,
        body: Json,
        *,
        sub: str | None = None,
        content_type: str = "application/merge-patch+json",
    ) -> Json:
        path = self.resource(kind).path(namespace, name, sub)
        return self.request("PATCH", path, body, content_type=content_type)

    def delete(self, kind: str, name: str, namespace: str | None = None) -> None:
        """Deletes the object if there is one; dependants go in the background."""
        body = {"propagationPolicy": "Background"}
        try:
            self.request("DELETE", self.resource(kind).path(namespace, name), body)
        except ApiError as error:
            if error.status != 404:
                raise

    def token(self, account: str, namespace: str, seconds: int = 86400) -> str:
        """A token of a ServiceAccount (TokenRequest)."""
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token"
        request = {"spec": {"expirationSeconds": seconds, "audiences": []}}
        return str(self.request("POST", path, request)["status"]["token"])

    def resource(self, kind: str) -> Resource:
        """Where a kind lives, by kind, plural, singular or short name in any case."""
        wanted = kind.lower()
        if wanted not in self._resources:
            self._discover()
        try:
            return self._resources[wanted]
        except KeyError:
            raise ApiError(404, "UnknownKind", f"the server has no kind {kind!r}") from None

    def _discover(self) -> None:
        found: dict[str, Resource] = {}
        for root in ("/api", "/apis"):
            for group in self.request("GET", root, accept=_DISCOVERY)["items"]:
                version = group["versions"][0]
                name = group["metadata"].get("name", "")
                prefix = (
                    f"{root}/{name}/{version['version']}" if name else f"/api/{version['version']}"
                )
                for item in version.get("resources", ()):
                    entry = Resource(prefix, item["resource"], item["scope"] == "Namespaced")
                    names = (
                        item["resource"],
                        item.get("singularResource", ""),
                        item.get("responseKind", {}).get("kind", ""),
                        *item.get("shortNames", ()),
                    )
                    for word in names:
                        # The core group comes first and wins: `events` means the core ones.
                        found.setdefault(word.lower(), entry)
        self._resources = found

    def _send(
        self, method: str, url: str, data: bytes | None, headers: dict[str, str]
    ) -> tuple[int, bytes, str]:
        """Keeps connections open; a kept one that went stale meanwhile is replaced once."""
        kept = self._take()
        if kept is not None:
            try:
                return self._exchange(kept, method, url, data, headers)
            except _CLOSED_MEANWHILE:
                # The server had closed it before it saw the request.
                pass
        return self._exchange(self._connection(), method, url, data, headers)

    def _connection(self) -> http.client.HTTPConnection:
        if self._context is None:
            return http.client.HTTPConnection(self._host, timeout=self._timeout)
        return http.client.HTTPSConnection(self._host, timeout=self._timeout, context=self._context)

    def _exchange(
        self,
        connection: http.client.HTTPConnection,
        method: str,
        url: str,
        data: bytes | None,
        headers: dict[str, str],
    ) -> tuple[int, bytes, str]:
        try:
            connection.request(method, url, data, headers)
            response = connection.getresponse()
            text = response.read()
        except BaseException:
            connection.close()
            raise
        with self._lock:
            self._idle.append(connection)
        return response.status, text, response.headers.get("Content-Type", "")

    def _take(self) -> http.client.HTTPConnection | None:
        with self._lock:
            return self._idle.pop() if self._idle else None

    def close(self) -> None:
        """Closes the idle connections; the next request opens a new one."""
        while (connection := self._take()) is not None:
            connection.close()
