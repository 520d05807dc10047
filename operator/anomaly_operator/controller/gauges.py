"""The gauges of the process, read when they are scraped: what is queued, held and counted."""

from __future__ import annotations

from anomaly_operator.controller.counts import Counts
from anomaly_operator.controller.evaluation_counts import EvaluationCounts
from anomaly_operator.controller.training_queue import TrainingQueue
from anomaly_operator.controller.workqueue import WorkQueue
from anomaly_operator.observe.cache import Cache, Key
from anomaly_operator.telemetry.metrics import Metrics


def add_gauges(
    metrics: Metrics,
    cache: Cache,
    queue: WorkQueue[Key],
    *,
    trainings: TrainingQueue,
    counts: Counts,
    evaluations: EvaluationCounts,
) -> None:
    add = metrics.add_gauge
    add("workqueue_depth", "Keys that could be worked on now", queue.depth)
    add("services", "Services by state", counts.services, "state")
    add(
        "services_without_room",
        "Services with an incident that has no Anomaly object, as the cluster is full",
        counts.without_room,
    )
    add("incidents", "Running incidents by severity", counts.incidents, "severity")
    add(
        "incidents_past_deadline",
        "Running incidents without an answer whose deadline passed, by tier",
        counts.past_deadline,
        "tier",
    )
    add("trainings_waiting", "Services that wait to train", lambda: float(len(trainings)))
    add(
        "trainings_running",
        "Training Jobs that hold a place under the cap",
        lambda: float(trainings.running(cache)),
    )
    evaluations.add_gauges(add)
    add("cache_objects", "Objects in the cache", lambda: float(len(cache)))
