"""Whether a request's bearer token is good: a mounted file's, or one that Kubernetes vouches for.

The token file is read at each change, so a rotated Secret needs no restart. TokenReview answers are
kept briefly, good and bad alike, under a digest: the tokens themselves are not kept. Who may do
what is not decided here: whoever authenticates may ask.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import ssl
import time
from http.client import HTTPSConnection
from pathlib import Path
from typing import Protocol

from detector_runtime.errors import ConfigInvalidError
from detector_runtime.http_exchange import (
    BodyTooLargeError,
    ExchangeFailedError,
    Limits,
    Request,
    exchange,
)
from detector_runtime.log import log
from detector_runtime.serving.options import Auth, ServeOptions
from detector_runtime.serving.served_file import stamp

REVIEW_SECONDS = 30.0
"""For which an answer is believed; a revoked token is good for so long."""
MAX_REVIEWS = 1024
REVIEW_TIMEOUT = 5.0
MAX_REVIEW_BYTES = 256 * 1024
_REVIEWS = "/apis/authentication.k8s.io/v1/tokenreviews"


class AuthUnavailableError(Exception):
    """Nobody can be asked at the moment."""


class Authenticator(Protocol):
    async def allows(self, token: str) -> bool:
        """Whether `token` is good; AuthUnavailableError where that cannot be told."""


class TokenFile:
    """The one token that `path` holds; AuthUnavailableError while it holds none."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamp: tuple[int, int] | None = None
        self._token = b""

    async def allows(self, token: str) -> bool:
        found = stamp(self._path)
        if found is None or found != self._stamp:
            self._read()
            self._stamp = found
        if not self._token:
            raise AuthUnavailableError(f"{self._path} holds no token")
        return hmac.compare_digest(token.encode(), self._token)

    def _read(self) -> None:
        try:
            self._token = self._path.read_bytes().strip()
        except OSError:
            self._token = b""


class TokenReviews:
    """Asks the API server with the pod's own token. `identity`: folder with `token` and
    `ca.crt`; `audience`: whom the token must be for, empty: the API server."""

    def __init__(self, api_server: tuple[str, int], identity: Path, audience: str) -> None:
        self._api_server = api_server
        self._identity = identity
        self._audience = audience
        self._known: dict[bytes, tuple[float, bool]] = {}
        try:
            self._context = ssl.create_default_context(cafile=str(identity / "ca.crt"))
        except OSError as error:
            raise ConfigInvalidError(f"{identity / 'ca.crt'}: no usable certificate") from error

    async def allows(self, token: str) -> bool:
        key = hashlib.sha256(token.encode()).digest()
        now = time.monotonic()
        known = self._known.get(key)
        if known is not None and now - known[0] < REVIEW_SECONDS:
            return known[1]
        good = await asyncio.to_thread(self._review, token)
        if len(self._known) >= MAX_REVIEWS:
            self._known.clear()
        self._known[key] = (now, good)
        return good

    def _review(self, token: str) -> bool:
        spec: dict[str, object] = {"token": token}
        if self._audience:
            spec["audiences"] = [self._audience]
        document = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenReview",
            "spec": spec,
        }
        connection = HTTPSConnection(*self._api_server, context=self._context)
        limits = Limits(REVIEW_TIMEOUT, time.monotonic() + REVIEW_TIMEOUT, MAX_REVIEW_BYTES)
        try:
            own = (self._identity / "token").read_text(encoding="ascii").strip()
            headers = {"Authorization": f"Bearer {own}", "Content-Type": "application/json"}
            body = json.dumps(document).encode()
            reply = exchange(connection, Request("POST", _REVIEWS, headers, body), limits)
            if reply.status not in {200, 201}:
                raise AuthUnavailableError(f"TokenReview: the API server answers {reply.status}")
            return _authenticated(reply.body, self._audience)
        except (OSError, ValueError, ExchangeFailedError, BodyTooLargeError) as error:
            raise AuthUnavailableError(f"TokenReview: {error}") from error
        finally:
            connection.close()


def authenticator(options: ServeOptions) -> Authenticator | None:
    """What `options` ask for; None where anyone may ask. ConfigInvalidError without a usable
    certificate."""
    if options.auth is Auth.TOKEN:
        return TokenFile(options.token)
    if options.auth is Auth.TOKEN_REVIEW:
        assert options.api_server is not None
        return TokenReviews(options.api_server, options.identity, options.audience)
    log("info", "no authentication: whoever reaches the port may ask")
    return None


def _authenticated(body: bytes, audience: str) -> bool:
    status = json.loads(body).get("status") or {}
    if not status.get("authenticated"):
        return False
    return not audience or audience in (status.get("audiences") or [])
