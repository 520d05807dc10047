"""Why a pod did not do its work: from pod JSON to one reason code and a sentence.

Only pods of training Jobs that ended, or that are not ready after a minute, are looked at. The
report of our own process says most, then the kubelet's word on the container, then the scheduler.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from anomaly_operator.api.reasons import Reason
from anomaly_operator.api.text import sentence
from anomaly_operator.world.objects import JobState, PodState
from detector_runtime.contract.codec import loads
from detector_runtime.contract.train_report import TrainReport
from detector_runtime.contract.vocabulary import (
    ContractError,
    ExitCode,
    RunOutcome,
    require_version,
)

_IMAGE_REASONS = frozenset(
    {
        "ErrImagePull",
        "ImagePullBackOff",
        "InvalidImageName",
        "ErrImageNeverPull",
        "ImageInspectError",
        "RegistryUnavailable",
    }
)
_CONFIG_REASONS = frozenset(
    {"CreateContainerConfigError", "CreateContainerError", "RunContainerError"}
)
_EXIT_REASONS: dict[int, Reason] = {
    ExitCode.SOURCE_UNAVAILABLE: Reason.SOURCE_UNAVAILABLE,
    ExitCode.STORAGE_FULL: Reason.STORAGE_FULL,
    ExitCode.MODEL_REFUSED: Reason.MODEL_REFUSED,
    ExitCode.INVALID: Reason.INVALID_CONFIG,
}
OPT_OUT = "opt the pods out of the injection with `settings.pods.annotations`"
_OUT_OF_MEMORY_EXIT = 137
_ENDED_BY_SIGNAL = frozenset({_OUT_OF_MEMORY_EXIT, 143})
_MESSAGE_LENGTH = 900


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """`reason` is one code of `Reason`; `message` says what to do."""

    reason: Reason
    message: str


def training_report(pods: Sequence[PodState]) -> TrainReport | None:
    """The report that counts: of the newest pod whose process ended well with a model, else of the
    newest that left one of a format that we read. What became of a pod's other containers, or of a
    later try, takes no model away.
    """
    left = (report for pod in _newest_first(pods) if (report := _report(pod)) is not None)
    return model_report(pods) or next(left, None)


def model_report(pods: Sequence[PodState]) -> TrainReport | None:
    """The newest report of a model from a process that ended well."""
    for pod in _newest_first(pods):
        report = _report(pod) if pod.exit_code == 0 else None
        if report and report.outcome is RunOutcome.SUCCEEDED and report.revision:
            return report
    return None


def held_open(pods: Sequence[PodState]) -> PodState | None:
    """The newest pod, where our process has ended in it and another container runs on."""
    newest = next(iter(_newest_first(pods)), None)
    if newest is None or not newest.others or newest.exit_code is None or not newest.ended:
        return None
    return newest


def _newest_first(pods: Sequence[PodState]) -> list[PodState]:
    return sorted(pods, key=lambda pod: (pod.created, pod.name), reverse=True)


def diagnose(job: JobState, pods: Sequence[PodState], deadline: str) -> Diagnosis:
    """Why the training Job failed. `deadline` is its time limit as text."""
    overdue = job.failure_reason == "DeadlineExceeded"
    # A pod that the deadline ended may still be listed; how it ended says nothing of the cause.
    heard = [pod for pod in pods if not (overdue and _silenced(pod))]
    found = diagnose_pods(heard, "training")
    if found is not None:
        return found
    if overdue:
        text = (
            f"Training did not end within {deadline}; shorten `spec.training.lookback`, lengthen "
            "`spec.step`, or have the administrator raise `training.deadline`."
        )
        return Diagnosis(Reason.DEADLINE_EXCEEDED, text)
    detail = f" ({job.failure_message})" if job.failure_message else ""
    text = f"The training Job ended without a report{detail}; see the logs of its pods."
    return Diagnosis(Reason.REPORT_MISSING, text[:_MESSAGE_LENGTH])


def diagnose_pods(pods: Sequence[PodState], run: str) -> Diagnosis | None:
    """What the newest pod that tells anything tells; `run` is `training`, `scoring` or
    `serving`."""
    for pod in _newest_first(pods):
        found = _of_report(pod) or _of_container(pod, run) or _of_exit_code(pod, run)
        found = found or _of_others(pod, run)
        if found is not None:
            return Diagnosis(found.reason, found.message[:_MESSAGE_LENGTH])
    return None


def no_pod(job: str) -> Diagnosis:
    """A Job without any pod: only the Job controller's Events have the server's words."""
    text = (
        f"Job {job} has no pod: a quota, a limit range or an admission policy refuses it. "
        f"`kubectl describe job {job}` shows which; the Job controller tries again by itself."
    )
    return Diagnosis(Reason.POD_REFUSED, text)


def pending_pod(pod: str) -> Diagnosis:
    """A pod that does not start, without a word of scheduler or kubelet in its status."""
    text = (
        f"Pod {pod} does not start; `kubectl describe pod {pod}` shows why: a volume that cannot "
        "be mounted, or an image that is still being pulled."
    )
    return Diagnosis(Reason.CONFIG_MISSING, text)


LET_GO = (
    "Until its pod runs, the Job holds no training slot: other namespaces use it; this namespace "
    "does not."
)


def suspended_job(job: str) -> Diagnosis:
    """A Job of ours that somebody suspended."""
    text = (
        f"Job {job} is suspended by `spec.suspend`; set it to false, or delete the Job and the "
        "operator creates it again."
    )
    return Diagnosis(Reason.SUSPENDED, text)


def _report(pod: PodState) -> TrainReport | None:
    if not pod.termination_message:
        return None
    try:
        report = loads(TrainReport, pod.termination_message)
        require_version({"formatVersion": report.format_version}, "TrainReport")
    except ContractError:
        return None
    return report


def _silenced(pod: PodState) -> bool:
    """Ended from outside before it could report, and not for its memory."""
    by_signal = pod.exit_code in _ENDED_BY_SIGNAL and pod.reason != "OOMKilled"
    return by_signal and _report(pod) is None


def _of_report(pod: PodState) -> Diagnosis | None:
    report = _report(pod)
    if report is None or report.outcome in (RunOutcome.SUCCEEDED, RunOutcome.LEARNING):
        return None
    return Diagnosis(Reason(report.outcome.value), report.message)


def _of_container(pod: PodState, run: str) -> Diagnosis | None:
    if pod.reason == "OOMKilled" or pod.exit_code == _OUT_OF_MEMORY_EXIT:
        return Diagnosis(Reason.OUT_OF_MEMORY, _out_of_memory(run))
    if pod.reason == "Evicted" or pod.disrupted:
        text = sentence(
            f"The {run} pod was evicted: {pod.message or pod.disrupted or 'no cause given'}"
        )
        return Diagnosis(Reason.EVICTED, text)
    if pod.reason in _IMAGE_REASONS:
        text = _with_words(
            f"The runtime image cannot be pulled ({pod.reason}); check `images` and `pullSecrets` "
            "in the operator's settings.",
            pod.message,
        )
        return Diagnosis(Reason.IMAGE_UNAVAILABLE, text)
    if pod.reason in ("Unschedulable", "SchedulingGated"):
        text = _with_words(
            f"No node takes the {run} pod; check its resources, node selector and volume.",
            pod.message,
        )
        return Diagnosis(Reason.UNSCHEDULABLE, text)
    if pod.reason in _CONFIG_REASONS:
        text = _with_words(
            f"The {run} pod cannot start ({pod.reason}); create what it mounts.", pod.message
        )
        return Diagnosis(Reason.CONFIG_MISSING, text)
    return None


def _of_others(pod: PodState, run: str) -> Diagnosis | None:
    """Containers that somebody else put into the pod: an injector, an admission webhook."""
    if pod.blocked and pod.exit_code is None:
        text = (
            f"The {run} pod does not start because its init container {pod.blocked}. The operator "
            f"did not put it there; mend it, or {OPT_OUT}."
        )
        return Diagnosis(Reason.FOREIGN_CONTAINER, text)
    if pod.others and pod.exit_code == 0:
        text = (
            f"{named(pod.others)} the {run} pod running after its run has ended, and the next run "
            f"waits until the deadline ends it; {OPT_OUT}."
        )
        return Diagnosis(Reason.FOREIGN_CONTAINER, text)
    return None


def named(containers: Sequence[str]) -> str:
    """The beginning of a sentence on containers that are not ours."""
    one = len(containers) == 1
    return f"The container{'' if one else 's'} {', '.join(containers)} keep{'s' * one}"


_RESOURCES = {"training": "resources.training", "serving": "serving.resources"}
"""Where a service sets the resources of a run."""


def _out_of_memory(run: str) -> str:
    field = _RESOURCES.get(run, "resources.inference")
    shorter = "shorten `spec.training.lookback`, " if run == "training" else ""
    return (
        f"The {run} pod ran out of memory; raise `spec.{field}.limits.memory`, "
        f"{shorter}or lengthen `spec.step`."
    )


def _with_words(text: str, words: str) -> str:
    """The server's own words come last: they may be long, and the next step must not be cut."""
    return f"{text} Kubernetes says: {words.rstrip('.')}." if words else text


def _of_exit_code(pod: PodState, run: str) -> Diagnosis | None:
    if not pod.exit_code:
        return None
    reason = _EXIT_REASONS.get(pod.exit_code, Reason.INTERNAL_ERROR)
    text = f"The {run} pod ended with exit code {pod.exit_code} and no report; see its log."
    return Diagnosis(reason, text)
