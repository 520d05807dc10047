"""What can happen to a service and its children, for tests that try it in any order."""

from __future__ import annotations

import contextlib
from typing import Any

from hypothesis import strategies as st

from anomaly_operator.api.text import to_text
from detector_runtime.contract.train_report import TrainReport
from detector_runtime.contract.training_run import RunState
from detector_runtime.contract.vocabulary import RunOutcome
from pretend.cluster import Cluster, Killed, trained

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
            "serving": st.sampled_from([{"enabled": True}, {"enabled": False}]),
        },
    ).map(lambda found: {"incidents": {"separation": "6h"}, **found})
    return st.one_of(
        st.tuples(st.just("spec"), spec),
        st.tuples(st.just("request"), st.text("ab", min_size=1, max_size=2)),
        st.tuples(st.just("delete"), st.integers(0, 9)),
        st.tuples(st.just("edit"), st.integers(0, 9)),
        st.tuples(st.just("end"), st.sampled_from(list(RunOutcome))),
        st.tuples(st.just("detect"), st.sampled_from(list(RunOutcome)), st.integers(0, 3)),
        st.tuples(st.just("run"), st.booleans()),
        st.tuples(st.just("follow"), st.sampled_from([one.value for one in RunState])),
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
        case ("run", suspend):
            run = {"log": {"claim": "llama-run", "path": "train.jsonl"}}
            cluster.service(profile="TrainingRun", trainingRun=run, suspend=suspend)
        case ("follow", state):
            cluster.follow(state, *(("loss_spike",) if cluster.now % 3 == 0 else ()))
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
    kinds = (*SHARED, "ConfigMap", "Job", "CronJob", "Deployment", "Service")
    return sorted(
        (raw for raw in cluster.objects.values() if raw["kind"] in kinds),
        key=lambda raw: (raw["kind"], raw["metadata"]["name"]),
    )
