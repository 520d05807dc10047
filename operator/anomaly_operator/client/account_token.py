"""A login as another ServiceAccount of the operator's namespace, by tokens that live ten minutes.

The operator may create a token for one account alone; what that account does stands under its own
name in the audit log. The token is kept in memory and never written anywhere.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from anomaly_operator.client.kube import Kube
from anomaly_operator.client.login import Connection, Login

LIFETIME_SECONDS = 600
"""The shortest that the API server grants."""
RENEW_SECONDS = 120.0
"""Before its end a token is replaced: longer than a request may take."""


class AccountLogin:
    """`own`: the operator's login, `kube` what speaks with it. An empty `namespace` is that of the
    login."""

    def __init__(
        self,
        own: Login,
        kube: Kube,
        account: str,
        namespace: str = "",
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._own = own
        self._kube = kube
        self._account = account
        self._namespace = namespace
        self._wall = wall
        self._token = ""
        self._expires = 0.0

    async def connect(self) -> Connection:
        """The same server, under the token of the account. Raises ApiError, LoginFailedError."""
        own = await self._own.connect()
        if self._wall() >= self._expires - RENEW_SECONDS:
            namespace = self._namespace or own.namespace
            self._token, self._expires = await self._kube.token(
                namespace, self._account, LIFETIME_SECONDS
            )
        return replace(
            own,
            cert_file=None,
            key_file=None,
            authorization=f"Bearer {self._token}",
            expires=self._expires,
        )
