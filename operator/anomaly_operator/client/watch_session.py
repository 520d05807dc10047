"""The HTTP session of the watches: it passes lists on without their items.

kopf lists before it watches, by a number of objects and whatever their bytes, of all kinds at
once. It needs no more of a list than the version to watch from, as the operator lists by itself.
So a list is asked for the metadata of one object, which is dropped too. Watches pass unchanged.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import Any

import aiohttp
from aiohttp import ClientHandlerType, ClientRequest, ClientResponse

from anomaly_operator.client.login import Connection
from anomaly_operator.client.transport import HEADS, tls_context

LIMIT = 1
"""Objects of a list; with a limit of 0 the API server would send all."""


def watch_session(connection: Connection, listed: Callable[[str], None]) -> aiohttp.ClientSession:
    """`listed` is called with the path of each list once it was answered: what happens later, the
    watch that follows tells; what happened before, only a list that begins from now on.
    """

    async def heads(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        lists = _lists(request.url.query)
        if lists:
            request.headers["Accept"] = HEADS
        response = await handler(request)
        if lists and response.status == 200:
            listed(request.url.path)
        return response

    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, ssl=tls_context(connection)),
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"Authorization": connection.authorization} if connection.authorization else {},
        middlewares=(heads,),
        response_class=_Response,
    )


def renewal(connection: Connection, now: float) -> datetime.datetime | None:
    """When the credentials are to be read anew, a good while before their token ends; None where
    it does not say.
    """
    if connection.expires is None:
        return None
    # At least a minute ahead, else kopf would ask again without a pause.
    until = max(now + 60.0, connection.expires - 0.2 * (connection.expires - now) - 60.0)
    return datetime.datetime.fromtimestamp(until, datetime.UTC)


class _Response(ClientResponse):
    async def json(self, **options: Any) -> Any:
        document = await super().json(**options)
        if _lists(self.url.query) and isinstance(document, dict) and "items" in document:
            version = (document.get("metadata") or {}).get("resourceVersion")
            return {**document, "metadata": {"resourceVersion": version}, "items": []}
        return document


def _lists(query: Any) -> bool:
    """kopf's lists have a limit, its watches and questions about kinds do not."""
    return "limit" in query
