"""Whatever happens, in any order, killed anywhere: one end state, and then silence."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anomaly_operator.api.text import to_text
from anomaly_operator.settings.serving import ServingSettings
from detector_runtime.contract.codec import loads
from detector_runtime.contract.serving import SERVED_FILE, Served
from detector_runtime.contract.vocabulary import RunOutcome
from pretend.cluster import SETTINGS, Cluster, Killed, serving, trained
from pretend.histories import happen, happenings


@settings(max_examples=150)
@given(history=st.lists(happenings(), max_size=14))
def test_after_any_history_it_settles_and_then_writes_nothing(
    history: list[tuple[Any, ...]],
) -> None:
    cluster = Cluster()
    cluster.service(incidents={"separation": "6h"})
    for what in history:
        happen(cluster, what)
    cluster.settle()
    assert cluster.plan().actions == ()
    cluster.restart()
    assert cluster.plan().actions == ()
    cluster.now += 1
    assert cluster.plan().events == ()


SERVED = replace(SETTINGS, serving=ServingSettings(enabled=True))


@settings(max_examples=100)
@given(history=st.lists(happenings(), max_size=14), wanted=st.booleans())
def test_after_any_history_a_model_is_served_where_that_is_wanted_and_nothing_is_left_elsewhere(
    history: list[tuple[Any, ...]], wanted: bool
) -> None:
    cluster = Cluster(settings=SERVED)
    cluster.service(incidents={"separation": "6h"}, serving={"enabled": True})
    for what in history:
        happen(cluster, what)
    cluster.service(incidents={"separation": "6h"}, serving={"enabled": wanted})
    cluster.settle()
    revision = cluster.status().get("model", {}).get("revision", "")
    told = [one["data"] for one in cluster.of_kind("ConfigMap") if SERVED_FILE in one["data"]]
    served = [loads(Served, one[SERVED_FILE]).revision for one in told]
    assert served == ([revision] if wanted and revision else [])
    for kind in ("Deployment", "Service"):
        assert len(cluster.of_kind(kind)) == len(served)
    assert cluster.status().get("serving", {}).get("revision", "") == "".join(served)
    assert cluster.plan().actions == ()
    cluster.restart()
    assert cluster.plan().actions == ()


@settings(max_examples=60)
@given(history=st.lists(happenings(), max_size=12))
def test_a_namespace_never_has_more_than_one_training_of_a_service_under_way(
    history: list[tuple[Any, ...]],
) -> None:
    cluster = Cluster()
    cluster.service(incidents={"separation": "6h"})
    for what in history:
        happen(cluster, what)
        cluster.reconcile()
        running = [job for job in cluster.jobs() if "status" not in job]
        assert len(running) <= 1


@settings(max_examples=20)
@given(
    history=st.lists(happenings(), max_size=10),
    runs=st.sampled_from([RunOutcome.SUCCEEDED, RunOutcome.MODEL_REFUSED, RunOutcome.NO_DATA]),
)
def test_a_day_in_which_every_training_goes_well_has_few_of_them(
    history: list[tuple[Any, ...]], runs: RunOutcome
) -> None:
    cluster = Cluster()
    cluster.service(incidents={"separation": "6h"})
    for what in history:
        happen(cluster, what)
    cluster.settle()
    before = len(cluster.jobs())
    for _ in range(24):
        cluster.now += 3600
        happen(cluster, ("end", RunOutcome.SUCCEEDED))
        cluster.settle()
        happen(cluster, ("detect", runs, 0))
        cluster.settle()
    # One by the schedule, one for a spec or a request that waited; a lost model each 6 hours.
    assert len(cluster.jobs()) - before <= (7 if runs is RunOutcome.MODEL_REFUSED else 3)


def whole_way(cluster: Cluster) -> None:
    """Apply, train, detect, an incident; reconciled after each step as the operator would."""
    cluster.service()
    pump(cluster)
    cluster.now += 30
    if "status" not in cluster.jobs()[-1]:
        cluster.end_training(trained(cluster))
    pump(cluster)
    for _ in range(2):
        cluster.now += 120
        end = to_text(cluster.now - cluster.now % 120)
        windows = [{"end": end, "verdict": "Anomalous", "severity": "High", "score": "7"}]
        cluster.detect(
            scoredFrom=to_text(cluster.now - cluster.now % 120 - 120),
            scoredThrough=end,
            windows=windows,
        )
        pump(cluster)


def pump(cluster: Cluster) -> None:
    """Reconcile until silent; a killed operator starts again with an empty cache."""
    for _ in range(20):
        try:
            if not cluster.reconcile().actions:
                return
        except Killed:
            cluster.restart()
    raise AssertionError("it does not settle")


def seen(cluster: Cluster) -> dict[tuple[str, str], Any]:
    """What is there, without uids and versions."""
    found = {}
    for (kind, _, name), raw in cluster.objects.items():
        metadata = raw["metadata"]
        owners = len(metadata.get("ownerReferences", ()))
        found[kind, name] = (raw.get("spec"), raw.get("data"), raw.get("status"), owners)
    return found


def test_killed_before_each_of_its_writes_the_operator_ends_in_the_same_state() -> None:
    undisturbed = Cluster()
    whole_way(undisturbed)
    total = undisturbed.writes
    assert total >= 12
    for write in range(total):
        cluster = Cluster(kill_after=write)
        whole_way(cluster)
        assert seen(cluster) == seen(undisturbed), f"killed before write {write}"


@pytest.mark.parametrize("twice", [True, False])
def test_events_seen_twice_change_nothing(twice: bool) -> None:
    cluster = serving(Cluster())
    before = seen(cluster)
    for _ in range(2 if twice else 1):
        cluster.restart()
        cluster.settle()
    assert seen(cluster) == before


def test_a_training_run_killed_before_each_of_its_writes_ends_in_the_same_state() -> None:
    def way(cluster: Cluster) -> None:
        run = {"log": {"claim": "llama-run", "path": "train.jsonl"}}
        cluster.service(profile="TrainingRun", trainingRun=run)
        pump(cluster)
        for triggers in ((), ("loss_spike",), (), (), (), ()):
            cluster.now += 60
            cluster.follow("Running", *triggers)
            pump(cluster)
        cluster.put("AnomalyService", "checkout", spec={"preset": "OpenTelemetrySpanMetrics"})
        pump(cluster)

    undisturbed = Cluster()
    way(undisturbed)
    assert undisturbed.of_kind("CronJob") == []
    assert len(undisturbed.of_kind("Anomaly")) == 1
    for write in range(undisturbed.writes):
        cluster = Cluster(kill_after=write)
        way(cluster)
        assert seen(cluster) == seen(undisturbed), f"killed before write {write}"
