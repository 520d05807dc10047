"""Whatever happens, in any order, killed anywhere: one end state, and then silence."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anomaly_operator.incidents.instants import to_text
from detector_runtime.contract import RunOutcome, TrainReport
from pretend.cluster import Cluster, Killed, serving, trained

REVISIONS = ["", "20261118-100100-000001", "20200101-000000-aaaaaa"]
SHARED = ("ServiceAccount", "Role", "RoleBinding", "PersistentVolumeClaim")


def happenings() -> st.SearchStrategy[tuple[Any, ...]]:
    spec = st.fixed_dictionaries(
        {},
        optional={
            "step": st.sampled_from(["1m", "2m", "5m"]),
            "suspend": st.booleans(),
            "modelRevision": st.sampled_from(
                ["", "20261118-100100-000001", "20200101-000000-aaaaaa"]
            ),
            "source": st.sampled_from([{"name": "default"}, {"name": "gone"}]),
            "inference": st.sampled_from([{"interval": "5m"}, {"interval": "1h"}]),
            "incidents": st.sampled_from([{"separation": "6h"}]),
        },
    ).map(lambda found: {"incidents": {"separation": "6h"}, **found})
    return st.one_of(
        st.tuples(st.just("spec"), spec),
        st.tuples(st.just("request"), st.text("ab", min_size=1, max_size=2)),
        st.tuples(st.just("delete"), st.integers(0, 9)),
        st.tuples(st.just("edit"), st.integers(0, 9)),
        st.tuples(st.just("end"), st.sampled_from(list(RunOutcome))),
        st.tuples(st.just("detect"), st.sampled_from(list(RunOutcome)), st.integers(0, 3)),
        st.tuples(st.just("wait"), st.integers(1, 100_000)),
        st.tuples(st.just("restart")),
        st.tuples(st.just("reconcile")),
        st.tuples(st.just("kill"), st.integers(0, 4)),
    )


def happen(cluster: Cluster, what: tuple[Any, ...]) -> None:
    cluster.now += 2
    match what:
        case ("spec", spec):
            cluster.service(**spec)
        case ("request", value):
            annotations = {"anomaly-operator.dev/train-requested-at": value}
            cluster.put("AnomalyService", "checkout", annotations=annotations)
        case ("wait", seconds):
            cluster.now += seconds
        case ("restart",):
            cluster.restart()
        case ("reconcile",):
            cluster.reconcile()
        case ("kill", after):
            cluster.kill_after = cluster.writes + after
            with contextlib.suppress(Killed):
                cluster.reconcile()
            cluster.restart()
        case ("delete" | "edit", number):
            meddle(cluster, what[0], number)
        case _:
            finish(cluster, what)


def meddle(cluster: Cluster, how: str, number: int) -> None:
    """Somebody deletes a child, or has it say something else."""
    found = [raw for raw in children(cluster) if how == "delete" or raw["kind"] != "Job"]
    if not found:
        return
    victim = found[number % len(found)]
    kind, name = victim["kind"], victim["metadata"]["name"]
    if how == "delete":
        cluster.remove(kind, name)
    else:
        cluster.put(kind, name, annotations={"x": "y"}, labels={"mine": "now"})


def finish(cluster: Cluster, what: tuple[Any, ...]) -> None:
    """A training or a scoring run ends."""
    match what:
        case ("end", outcome):
            if any("status" not in job for job in cluster.jobs()):
                good = outcome is RunOutcome.SUCCEEDED
                report = TrainReport(outcome=outcome, message="m", samples=1, needed=2)
                cluster.end_training(
                    trained(cluster, 1 + len(cluster.jobs()) % 9) if good else report,
                    succeeded=outcome in (RunOutcome.SUCCEEDED, RunOutcome.LEARNING),
                )
        case ("detect", outcome, number):
            end = cluster.now - cluster.now % 120
            verdicts = ("Anomalous", "Inconclusive", "Anomalous", "Anomalous")
            windows = [
                {"end": to_text(end - 120 * i), "verdict": verdicts[i], "severity": "High"}
                for i in range(number)
            ]
            cluster.detect(
                run={"outcome": outcome.value, "message": "m"},
                scoredFrom=to_text(end - 600),
                scoredThrough=to_text(end),
                windows=windows,
            )


def children(cluster: Cluster) -> list[dict[str, Any]]:
    kinds = (*SHARED, "ConfigMap", "Job", "CronJob")
    return sorted(
        (raw for raw in cluster.objects.values() if raw["kind"] in kinds),
        key=lambda raw: (raw["kind"], raw["metadata"]["name"]),
    )


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
