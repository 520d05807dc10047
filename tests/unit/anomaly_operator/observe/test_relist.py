"""Full lists after a restore of etcd: resourceVersions begin again below those that are known."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from anomaly_operator.api import resources
from anomaly_operator.observe import relist
from anomaly_operator.observe.cache import Cache, Change
from anomaly_operator.observe.intake import Intake
from anomaly_operator.observe.relist import Relister
from anomaly_operator.telemetry.metrics import Metrics
from anomaly_operator.world.objects import ServiceObject

Json = dict[str, Any]


def service(version: int, generation: int = 1, step: str = "1m", name: str = "checkout") -> Json:
    return {
        "apiVersion": "anomaly-operator.dev/v1alpha1",
        "kind": "AnomalyService",
        "metadata": {
            "namespace": "shop",
            "name": name,
            "uid": f"uid-{name}",
            "resourceVersion": str(version),
            "generation": generation,
        },
        "spec": {"preset": "OpenTelemetrySpanMetrics", "step": step},
    }


@dataclass
class Lists:
    """An API server that lists `pages`; `meanwhile` happens before the first one arrives."""

    pages_of_services: list[list[Json]] = field(default_factory=list)
    meanwhile: Callable[[], None] = lambda: None
    asked: list[str] = field(default_factory=list)

    async def pages(
        self, resource: resources.Resource, namespace: str = "", *, labels: str = ""
    ) -> AsyncIterator[list[Json]]:
        self.asked.append(resource.kind)
        self.meanwhile()
        for page in self.pages_of_services if resource is resources.SERVICE else ():
            yield page


class Desk:
    """A cache that has known a service for long, and what lists of it bring."""

    def __init__(self) -> None:
        self.cache, self.lists, self.changes = Cache(), Lists(), list[Change]()
        self.intake = Intake(self.cache, self.changes.append)
        self.relister = Relister(self.lists, self.cache, self.intake, Metrics("test"))
        self.intake.take(service(900_000, generation=7))
        self.changes.clear()

    async def sweep(self, *listed: Json) -> None:
        self.lists.pages_of_services = [[raw] for raw in listed]
        await self.relister.sweep(resources.SERVICE, check=True)

    @property
    def known(self) -> ServiceObject:
        found = self.cache.service("shop", "checkout")
        assert found is not None
        return found

    @property
    def step(self) -> int:
        assert self.known.spec is not None
        return self.known.spec.step_seconds


@pytest.fixture
def desk() -> Desk:
    return Desk()


async def test_after_a_restore_the_list_is_the_truth_and_news_arrive_again(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "anomaly_operator.observe.relist"):
        await desk.sweep(service(500_000, generation=6, step="2m"))
    assert (desk.known.meta.resource_version, desk.step) == ("500000", 120)
    assert [change.new for change in desk.changes] == [desk.known]
    assert [record.message for record in caplog.records] == ["history rewound"]
    desk.intake.take(service(500_123, generation=7, step="5m"))
    assert (desk.known.meta.resource_version, desk.step) == ("500123", 300)


async def test_after_a_restore_a_generation_may_mean_another_spec(desk: Desk) -> None:
    await desk.sweep(service(500_123, generation=7, step="5m"))
    assert desk.step == 300


async def test_after_a_restore_it_is_listed_once_more(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """News of the restored history that came before the list looked old and were dropped."""
    await desk.sweep(service(500_000))
    desk.lists.pages_of_services = [[service(500_050, generation=2, step="2m")]]
    desk.lists.asked.clear()
    desk.lists.meanwhile = _end_with(resources.WATCHED[-1].kind, desk.lists)
    monkeypatch.setattr(relist, "PAUSE_SECONDS", 0.0)
    with pytest.raises(Ended):
        async with asyncio.timeout(60):
            await desk.relister.keep(period=3600)
    assert desk.step == 120


class Ended(Exception):  # noqa: N818 - it is no error
    """Every kind was listed."""


def _end_with(kind: str, lists: Lists) -> Callable[[], None]:
    def look() -> None:
        if lists.asked[-1] == kind:
            raise Ended

    return look


async def test_what_comes_while_a_list_is_on_its_way_is_newer_than_the_list(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    desk.lists.meanwhile = lambda: desk.intake.take(service(900_009, step="2m"))
    await desk.sweep(service(900_000, generation=7))
    assert (desk.known.meta.resource_version, desk.step) == ("900009", 120)
    assert len(desk.changes) == 1
    assert caplog.records == []


async def test_what_is_deleted_while_a_list_is_on_its_way_stays_away(desk: Desk) -> None:
    desk.lists.meanwhile = lambda: desk.intake.remove(desk.known.meta)
    await desk.sweep(service(500_000))
    assert desk.cache.service("shop", "checkout") is None


async def test_of_versions_that_are_no_numbers_none_is_older(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    for version in ("b", "a", "b"):
        raw = service(0)
        raw["metadata"]["resourceVersion"] = version
        await desk.sweep(raw)
        assert desk.known.meta.resource_version == version
    assert caplog.records == []
