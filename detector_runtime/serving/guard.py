"""The gate before the routes that cost something: who asks, how often, how many at once.

Plain ASGI, because a middleware of the framework's own kind costs more than the model. Probes,
metrics and the document of the API pass without a token and are never refused for load: a busy
server must not look dead.
"""

from __future__ import annotations

import time
from collections.abc import Mapping

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from detector_runtime.serving.admission import Admission
from detector_runtime.serving.answers import answer, refusal
from detector_runtime.serving.authentication import Authenticator, AuthUnavailableError
from detector_runtime.serving.measures import Measures

OPEN = frozenset({"/health", "/ready", "/metrics", "/openapi.json"})
_KNOWN = ("/predict", "/predict/batch", "/predict/async", "/model/info")
_JOBS = "/jobs/"


class Guard:
    """Refuses with 401, 429 or 503, counts and times the rest."""

    def __init__(
        self,
        app: ASGIApp,
        admission: Admission,
        measures: Measures,
        authenticator: Authenticator | None,
    ) -> None:
        self._app = app
        self._admission = admission
        self._measures = measures
        self._authenticator = authenticator

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in OPEN:
            await self._app(scope, receive, send)
            return
        begun = time.perf_counter()
        path, code = _shown(scope["path"]), 500

        async def told(message: Message) -> None:
            nonlocal code
            if message["type"] == "http.response.start":
                code = message["status"]
            await send(message)

        try:
            await self._guarded(scope, receive, told)
        finally:
            self._measures.requests.labels(path, str(code)).inc()
            self._measures.seconds.labels(path).observe(time.perf_counter() - begun)

    async def _guarded(self, scope: Scope, receive: Receive, send: Send) -> None:
        refused = self._admission.enter(time.monotonic())
        if refused is not None:
            response = refusal(refused.status, refused.reason, refused.retry_after)
            await response(scope, receive, send)
            return
        self._measures.in_progress.inc()
        try:
            if self._authenticator is not None:
                token = _bearer(dict(scope["headers"]))
                try:
                    allowed = bool(token) and await self._authenticator.allows(token)
                except AuthUnavailableError as error:
                    await refusal(503, str(error), 1)(scope, receive, send)
                    return
                if not allowed:
                    denied = answer(401, {"detail": "no valid bearer token"}, _CHALLENGE)
                    await denied(scope, receive, send)
                    return
            await self._app(scope, receive, send)
        finally:
            self._measures.in_progress.dec()
            self._admission.leave()


_CHALLENGE = {"WWW-Authenticate": "Bearer"}


def _bearer(headers: Mapping[bytes, bytes]) -> str:
    kind, _, token = headers.get(b"authorization", b"").decode("latin-1").partition(" ")
    return token.strip() if kind.lower() == "bearer" else ""


def _shown(path: str) -> str:
    """A path of the few there are: a client must not make series."""
    if path in _KNOWN:
        return path
    return "/jobs/{id}" if path.startswith(_JOBS) else "other"
