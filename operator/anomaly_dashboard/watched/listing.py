"""Fills the store by listing again and again."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from anomaly_dashboard.watched.store import Store
from anomaly_operator.api.errors import OperatorError
from anomaly_operator.api.resources import CUSTOM
from anomaly_operator.client.kube import Kube
from anomaly_operator.client.login import Login
from anomaly_operator.client.throttle import TokenBucket
from anomaly_operator.client.transport import Transport


async def watch(store: Store, login: Login, namespaces: Sequence[str] = ()) -> None:
    """Until cancelled."""
    kube = Kube(Transport(login, TokenBucket(20, 20)))
    try:
        while True:
            try:
                for resource in CUSTOM:
                    found = [
                        one
                        for namespace in namespaces or ("",)
                        async for page in kube.pages(resource, namespace)
                        for one in page
                    ]
                    store.replace(resource, found)
                store.synced = True
            except OperatorError:
                pass
            await asyncio.sleep(2.0)
    finally:
        await kube.close()
