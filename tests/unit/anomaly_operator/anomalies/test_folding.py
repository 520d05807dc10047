"""What the pods find is folded, whatever else is wrong with the service."""

from __future__ import annotations

from dataclasses import replace

import pytest

from anomaly_operator.api.text import to_text
from anomaly_operator.world.plan import Apply, object_of
from anomaly_operator.world.refusal import Refusal, Withheld, refusal
from tests.pretend.cluster import Cluster, serving

STEP = 120
CRITICAL = {"verdict": "Anomalous", "score": "9", "severity": "Critical"}


def found(cluster: Cluster, ends: list[int], through: int, pattern: str = "slo_breach") -> None:
    """The pods, which still score windows of two minutes, find these critical."""
    cluster.detect(
        stepSeconds=STEP,
        scoredFrom=to_text(through - 20 * STEP),
        scoredThrough=to_text(through),
        windows=[{"end": to_text(end), "patterns": [pattern], **CRITICAL} for end in ends],
    )


def grid(cluster: Cluster) -> int:
    return cluster.now - cluster.now % STEP


@pytest.mark.parametrize("step", ["1m", "5m"])
def test_windows_of_the_old_step_confirm_while_a_changed_step_waits_for_its_model(
    step: str,
) -> None:
    cluster = serving(Cluster())
    cluster.service(step=step, rateInterval="5m")
    cluster.settle()
    first = grid(cluster)
    ends: list[int] = []
    for end in range(first, first + 12 * STEP, STEP):
        ends.append(end)
        cluster.now = end + 35
        found(cluster, ends, end)
        cluster.settle()
    assert cluster.status()["state"] == "Anomalous"
    assert cluster.status()["incidents"]["open"] == 1
    assert [one.reason for one in cluster.events].count("AnomalyOpened") == 1
    assert "AnomalyRecovering" not in [one.reason for one in cluster.events]


def test_an_hourly_model_keeps_an_incident_open_under_a_short_separation() -> None:
    """The spec's half hour is shorter than the old model's windows."""
    cluster = serving(Cluster(), step="1h", inference={"interval": "1h"},
                      incidents={"separation": "6h"})  # fmt: skip
    cluster.service(step="1m", inference={"interval": "1m"}, incidents={"separation": "30m"})
    cluster.settle()
    first = cluster.now - cluster.now % 3600
    for count in range(1, 6):
        through = first + 3600 * (count - 1)
        cluster.now = through + 35
        cluster.detect(
            stepSeconds=3600,
            scoredFrom=to_text(first - 7200),
            scoredThrough=to_text(through),
            windows=[
                {"end": to_text(first + 3600 * k), "patterns": ["slo_breach"], **CRITICAL}
                for k in range(count)
            ],
        )
        cluster.settle()
    assert cluster.status()["incidents"]["open"] == 1
    assert len(cluster.of_kind("Anomaly")) == 1
    assert cluster.condition("Detecting")["status"] == "True"


def test_a_document_that_says_no_step_is_read_on_the_grid_of_the_spec() -> None:
    cluster = serving(Cluster())
    end = grid(cluster)
    cluster.detect(
        scoredFrom=to_text(end - 2 * STEP),
        scoredThrough=to_text(end),
        windows=[{"end": to_text(at), "patterns": ["slo_breach"], **CRITICAL}
                 for at in (end - STEP, end)],
    )  # fmt: skip
    cluster.settle()
    assert cluster.status()["incidents"]["open"] == 1


def _renamed_source(cluster: Cluster) -> None:
    sources = {"renamed": next(iter(cluster.settings.sources.values()))}
    cluster.settings = replace(cluster.settings, sources=sources)


def _unknown_zone(cluster: Cluster) -> None:
    cluster.service(timeZone="Mars/Olympus", incidents={"confirmationCycles": 3})


@pytest.mark.parametrize("spoil", [_renamed_source, _unknown_zone])
def test_what_is_found_under_a_spec_that_cannot_be_used_is_an_incident(spoil) -> None:  # type: ignore[no-untyped-def]
    cluster = serving(Cluster())
    spoil(cluster)
    cluster.settle()
    assert cluster.status()["state"] == "Degraded"
    children = [raw for raw in cluster.objects.values() if raw["kind"] in ("CronJob", "ConfigMap")]
    cluster.now += 600
    end = grid(cluster)
    found(cluster, [end - 2 * STEP, end - STEP, end], end)
    cluster.settle()
    status = cluster.status()
    assert (status["state"], status["severity"]) == ("Anomalous", "Critical")
    (anomaly,) = cluster.of_kind("Anomaly")
    assert anomaly["status"]["state"] == "Open"
    assert cluster.condition("Ready")["status"] == "False"
    assert [one.reason for one in cluster.events].count("AnomalyOpened") == 1
    assert [raw for raw in cluster.objects.values() if raw["kind"] in ("CronJob", "ConfigMap")] == (
        children
    )
    writes = cluster.writes
    cluster.settle()
    assert cluster.writes == writes

    cluster.now += 10 * STEP
    found(cluster, [], grid(cluster))
    cluster.settle()
    assert cluster.status()["state"] == "Degraded"
    assert cluster.of_kind("Anomaly")[0]["status"]["state"] == "Closed"


def test_the_incidents_of_an_unusable_spec_keep_its_own_terms() -> None:
    cluster = serving(Cluster(), incidents={"confirmationCycles": 3})
    _unknown_zone(cluster)
    end = grid(cluster)
    found(cluster, [end - STEP, end], end)
    cluster.settle()
    assert cluster.status()["incidents"]["suspected"] == 1
    assert cluster.of_kind("Anomaly") == []


def test_without_a_step_nothing_is_folded_under_an_unusable_spec() -> None:
    cluster = serving(Cluster())
    _unknown_zone(cluster)
    end = grid(cluster)
    cluster.detect(scoredThrough=to_text(end), windows=[{"end": to_text(end), **CRITICAL}])
    cluster.settle()
    assert cluster.status()["incidents"].get("suspected", 0) == 0


def test_refused_objects_do_not_hold_up_the_fold() -> None:
    """A quota on Anomaly objects: the incidents without one are forgotten like others."""
    cluster = serving(Cluster())
    refused: tuple[Refusal, ...] = ()
    for number in range(12):
        cluster.now += 3 * 3600
        end = grid(cluster)
        found(cluster, [end - 5 * STEP, end - 4 * STEP], end, f"metric_m{number}")
        for _ in range(4):
            cluster.withheld = Withheld(refused)
            plan = cluster.plan()
            makes = [one for one in plan.actions
                     if isinstance(one, Apply) and one.manifest["kind"] == "Anomaly"]  # fmt: skip
            if not makes:
                cluster.carry_out(plan)
                break
            index = plan.actions.index(makes[0])
            cluster.carry_out(replace(plan, actions=plan.actions[:index]))
            told = refusal(*object_of(makes[0]), 403, "exceeded quota: anomalies")
            refused = (*refused, told)
    assert cluster.status()["incidents"]["tracked"][0]["pattern"] == "metric_m11"
    assert cluster.condition("Stalled")["reason"] == "QuotaExceeded"
