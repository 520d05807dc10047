"""What a training Job under way is up to: it runs, it does not get going, or it has ended.

Only Jobs that ended or are not ready for a while are looked into; the others say all by themselves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from anomaly_operator.api.text import sentence
from anomaly_operator.training.book import TrainingBook
from anomaly_operator.training.decide import decide, no_place
from anomaly_operator.training.jobs import newest, noted
from anomaly_operator.training.result import Ended, take
from anomaly_operator.training.step import Circumstances, Phase, TrainingStep
from anomaly_operator.world.diagnosis import (
    LET_GO,
    Diagnosis,
    diagnose_pods,
    held_open,
    no_pod,
    pending_pod,
    suspended_job,
)
from anomaly_operator.world.objects import Child, JobState, PodState
from anomaly_operator.world.plan import ListPods, Lookup
from anomaly_operator.world.view import Answer

LABEL_JOB = "batch.kubernetes.io/job-name"
STUCK_SECONDS = 60
STUCK_AGAIN_SECONDS = 300
KEPT_RUNNING_SECONDS = 60
"""What a container that is not ours has to end by itself after our process has."""
DEADLINE_MARGIN_SECONDS = 15
OVERDUE_SECONDS = 60
"""What the Job controller has to end a Job at its deadline."""


def step(
    book: TrainingBook,
    jobs: Sequence[Child],
    lookups: Mapping[Lookup, Answer],
    about: Circumstances,
    now: int,
) -> TrainingStep:
    """Take the result of a finished Job into the book, or decide whether to start one."""
    job = newest(book, jobs)
    if job is not None:
        return _under_way(noted(book, job, about.judged_at), job, lookups, about, now)
    if book.running and not about.paused:
        # Somebody deleted the Job: the same decision is carried out again, under the same name,
        # but not past others that wait.
        if no_place(about):
            return TrainingStep(book, Phase.QUEUED)
        return TrainingStep(replace(book, inputs=about.inputs), Phase.STARTING)
    return decide(replace(book, running=False), about, now)


def _under_way(
    book: TrainingBook,
    job: Child,
    lookups: Mapping[Lookup, Answer],
    about: Circumstances,
    now: int,
) -> TrainingStep:
    """A Job that ended is asked for its report; one that is not ready after a minute, or after the
    time that its pod has to start, is looked into, because nobody tells us otherwise that its image
    cannot be pulled. Where our process has ended and another container keeps the pod running, the
    training is over all the same.
    """
    state = job.state
    assert isinstance(state, JobState)
    if not state.done and state.ready:
        return _running(book, job, about, now)
    first_look = job.meta.created + _patience(about)
    if not state.done and now < first_look:
        return TrainingStep(book, Phase.RUNNING, due=first_look)
    question = ListPods(job.meta.namespace, ((LABEL_JOB, job.meta.name),))
    if question not in lookups:
        return TrainingStep(book, Phase.RUNNING, lookups=(question,))
    answer = lookups[question]
    pods = answer if isinstance(answer, tuple) else ()
    held = None if state.done else held_open(pods)
    if held and now < (due := _may_linger(held, _begun(job) + about.deadline_seconds)):
        return TrainingStep(book, Phase.RUNNING, due=due)
    if not state.done and held is None:
        return _not_going(book, job, pods, about, now)
    ended = Ended(
        job=state,
        pods=pods,
        uid=about.service.uid,
        deadline_seconds=about.deadline_seconds,
        keep_revisions=about.keep_revisions,
        serving=about.serving,
        now=now,
    )
    result = take(replace(book, running=False, handled_through=job.meta.created), ended)
    result = replace(result, kept_running=held.others if held else ())
    serving = result.trained.revision if result.trained else about.serving
    handled = replace(about, serving=serving, last_request=book.request or about.last_request)
    if result.trained:
        handled = replace(handled, model_lost=False)
    return replace(decide(result.book, handled, now), result=result)


def _running(book: TrainingBook, job: Child, about: Circumstances, now: int) -> TrainingStep:
    overdue = _overdue(job, about)
    if now < overdue:
        return TrainingStep(book, Phase.RUNNING, due=overdue)
    return TrainingStep(book, Phase.RUNNING, unplaced=True)


def _not_going(
    book: TrainingBook, job: Child, pods: Sequence[PodState], about: Circumstances, now: int
) -> TrainingStep:
    """A Job without a ready pod. One whose pod has not started for long enough holds no place, as
    it loads no metrics source; once the pod runs, it holds one again.
    """
    state = job.state
    again = now + STUCK_AGAIN_SECONDS
    if isinstance(state, JobState) and state.suspended:
        stuck: Diagnosis | None = suspended_job(job.meta.name)
        return TrainingStep(book, Phase.RUNNING, stuck=stuck, unplaced=True, due=again)
    lets_go = _lets_go(job, pods, about)
    told = _begun(job) + _patience(about)
    if now < told:
        # Somebody resumed it just now: its pod may still come.
        unplaced = lets_go <= now
        due = told if unplaced else min(told, lets_go)
        return TrainingStep(book, Phase.RUNNING, unplaced=unplaced, due=due)
    pending = [pod for pod in pods if pod.phase == "Pending"]
    stuck = diagnose_pods(pending, "training") if pods else no_pod(job.meta.name)
    if now < lets_go:
        return TrainingStep(book, Phase.RUNNING, stuck=stuck, due=min(again, lets_go))
    if pending and stuck is None:
        stuck = pending_pod(pending[-1].name)
    if stuck is not None:
        stuck = replace(stuck, message=f"{sentence(stuck.message)} {LET_GO}")
    return TrainingStep(book, Phase.RUNNING, stuck=stuck, unplaced=True, due=again)


def _lets_go(job: Child, pods: Sequence[PodState], about: Circumstances) -> int:
    """When a Job without a ready pod holds no place any more. Between two pods it keeps it. Only a
    pod after one that failed has the time anew: others may be evicted, or their Job suspended and
    resumed, as often as somebody likes.
    """
    overdue = _overdue(job, about)
    phases = {pod.phase for pod in pods}
    if pods and ("Pending" not in phases or "Running" in phases):
        return overdue
    tried = [pod.created for pod in pods] if "Failed" in phases else []
    return min(max([job.meta.created, *tried]) + about.placement_seconds, overdue)


def _overdue(job: Child, about: Circumstances) -> int:
    """When a Job must have ended. Whoever may edit Jobs may lengthen the deadline in it, but not
    change when it was created.
    """
    return job.meta.created + about.deadline_seconds + OVERDUE_SECONDS


def _patience(about: Circumstances) -> int:
    """Seconds after which a Job without a ready pod is looked into."""
    return min(STUCK_SECONDS, about.placement_seconds)


def _begun(job: Child) -> int:
    """Anew with each time that it is resumed."""
    state = job.state
    return (state.started if isinstance(state, JobState) else 0) or job.meta.created


def _may_linger(held: PodState, deadline: int) -> int:
    """Until when a pod whose process has ended may end by itself. The deadline of its Job deletes
    it, and the report with it.
    """
    return min(held.ended + KEPT_RUNNING_SECONDS, deadline - DEADLINE_MARGIN_SECONDS)
