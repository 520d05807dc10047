"""An incident is told once, whatever fails after the status that says it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from anomaly_operator.api.errors import ApiError, ForbiddenError, NotFoundError, UnreachableError
from anomaly_operator.api.text import to_text
from anomaly_operator.world.plan import ApplyStatus, Write, object_of
from tests.pretend.cluster import Cluster, serving
from tests.pretend.loop import Loop

STEP = 120
UNREACHABLE = UnreachableError(0, "no answer", "apply")
REFUSED = ForbiddenError(403, "403 Forbidden: exceeded quota: q", "apply")
GONE = NotFoundError(404, "404 NotFound", "apply")


def _in_trouble() -> Cluster:
    """Two critical windows, just found by the pods of a service that was well."""
    cluster = serving(Cluster())
    cluster.now += 600
    end = cluster.now - cluster.now % STEP
    cluster.detect(
        stepSeconds=STEP,
        scoredFrom=to_text(end - STEP),
        scoredThrough=to_text(end),
        windows=[
            {
                "end": to_text(at),
                "verdict": "Anomalous",
                "score": "9",
                "severity": "Critical",
                "patterns": ["slo_breach"],
            }
            for at in (end - STEP, end)
        ],
    )
    return cluster


def _failing(error: ApiError, kind: str, times: int, status: bool) -> Callable[[Write], None]:
    left = [times]

    def before(action: Write) -> None:
        wanted = object_of(action)[0] == kind and isinstance(action, ApplyStatus) == status
        if wanted and left[0]:
            left[0] -= 1
            raise error

    return before


@pytest.mark.parametrize("times", [1, 1000], ids=["once", "always"])
@pytest.mark.parametrize("error", [UNREACHABLE, REFUSED, GONE], ids=lambda error: error.reason)
@pytest.mark.parametrize("status", [False, True], ids=["object", "status"])
async def test_an_incident_is_told_though_its_object_cannot_be_written(
    error: ApiError, times: int, status: bool
) -> None:
    loop = Loop(_in_trouble())
    loop.kube.before = _failing(error, "Anomaly", times, status)
    await loop.calm(1.5)
    assert [one.reason for one in loop.events].count("AnomalyOpened") == 1


async def test_an_incident_is_told_once_though_its_status_fails_first() -> None:
    loop = Loop(_in_trouble())
    loop.kube.before = _failing(UNREACHABLE, "AnomalyService", 1, True)
    await loop.until(lambda: "AnomalyOpened" in [one.reason for one in loop.events])
    await loop.calm()
    assert [one.reason for one in loop.events].count("AnomalyOpened") == 1


async def test_nothing_is_told_while_its_status_cannot_be_written() -> None:
    loop = Loop(_in_trouble())
    loop.kube.before = _failing(UNREACHABLE, "AnomalyService", 1000, True)
    await loop.calm(0.5)
    assert "AnomalyOpened" not in [one.reason for one in loop.events]
