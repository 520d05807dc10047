"""A dashboard behind its real door, in front of a pretended API server."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from loopback.authorizer import Authorizer
from unit.anomaly_dashboard.identity.house import House


@pytest.fixture
def authorizer() -> Iterator[Authorizer]:
    with Authorizer() as running:
        running.people |= {"token-of-ann": "ann", "token-of-bob": "bob"}
        yield running


@pytest.fixture
async def house(authorizer: Authorizer) -> AsyncIterator[House]:
    """With incidents and services in shop and bank; ann may read shop."""
    found = House(authorizer)
    for plural in ("anomalyservices", "anomalies", "slopolicies"):
        authorizer.grants.add(("ann", "list", plural, "shop"))
    yield found
    await found.register.lines.close()
