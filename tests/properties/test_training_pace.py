"""However often people ask, a service trains for them no more often than the pause allows."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from anomaly_operator.api.names import ANNOTATION_TRAIN_REASON
from anomaly_operator.api.text import unix_seconds
from anomaly_operator.training.book import Trigger
from detector_runtime.contract.train_report import TrainReport
from detector_runtime.contract.vocabulary import RunOutcome
from pretend.cluster import Cluster, trained

PAUSE = 600
ASKED = {Trigger.REQUESTED.value, Trigger.SPEC_CHANGE.value}
DEEDS = st.tuples(
    st.sampled_from(["ask", "edit", "end", "fail", "restart"]),
    st.integers(0, 9),
    st.integers(1, 400),
)


@settings(max_examples=60, deadline=None)
@given(deeds=st.lists(DEEDS, max_size=40))
def test_in_any_time_there_is_at_most_one_training_a_pause_and_one_more(
    deeds: list[tuple[str, int, int]],
) -> None:
    cluster = Cluster()
    cluster.service()
    cluster.settle()
    for deed, number, wait in deeds:
        cluster.now += wait
        running = any("status" not in job for job in cluster.jobs())
        match deed:
            case "ask":
                annotations = {"anomaly-operator.dev/train-requested-at": str(number)}
                cluster.put("AnomalyService", "checkout", annotations=annotations)
            case "edit":
                cluster.service(step=["1m", "2m", "5m"][number % 3])
            case "restart":
                cluster.restart()
            case "end" if running:
                cluster.end_training(trained(cluster, 1 + len(cluster.jobs()) % 9))
            case "fail" if running:
                report = TrainReport(RunOutcome.NO_DATA, "no data")
                cluster.end_training(report, succeeded=False)
        cluster.settle()
    starts = sorted(
        unix_seconds(job["metadata"]["creationTimestamp"])
        for job in cluster.jobs()
        if job["metadata"]["annotations"][ANNOTATION_TRAIN_REASON] in ASKED
    )
    for first, begin in enumerate(starts):
        for last in range(first, len(starts)):
            window = starts[last] - begin
            assert last - first + 1 <= window // PAUSE + 1
