"""When a service trains: pure, from the book and the Jobs.

A decision is carried out once: it names its Job, and the Job stays under way in the book until
its result is in it. Failures back off and keep their cause; too little history is no failure but
a state with one well-timed next try. What people ask for, by a request, a changed spec or a verdict
on an incident, is tried at once, but no sooner than the least pause after the last such training.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from anomaly_operator.api import names
from anomaly_operator.api.text import sentence, to_text
from anomaly_operator.spec.schedule import next_training
from anomaly_operator.spec.service import TrainingPlan
from anomaly_operator.training.book import TrainingBook, Trigger
from anomaly_operator.training.result import Ended, Result, take
from anomaly_operator.world.diagnosis import (
    LET_GO,
    Diagnosis,
    diagnose_pods,
    held_open,
    no_pod,
    suspended_job,
)
from anomaly_operator.world.objects import Child, JobState, Meta, PodState
from anomaly_operator.world.plan import ListPods, Lookup
from anomaly_operator.world.view import Answer, QueuePlace

LABEL_JOB = "batch.kubernetes.io/job-name"
STUCK_SECONDS = 60
STUCK_AGAIN_SECONDS = 300
UNPLACED_SECONDS = 120
"""How long a pod that cannot be placed holds the place of its Job under the cap."""
KEPT_RUNNING_SECONDS = 60
"""What a container that is not ours has to end by itself after our process has."""
DEADLINE_MARGIN_SECONDS = 15
LOST_AGAIN_SECONDS = 6 * 3600
_ASKED = frozenset({Trigger.REQUESTED, Trigger.SPEC_CHANGE, Trigger.FEEDBACK})
"""Triggers that people set off, as often as they like."""


class Phase(StrEnum):
    """What the training is doing now."""

    IDLE = "Idle"
    WAITING = "Waiting"
    QUEUED = "Queued"
    STARTING = "Starting"
    RUNNING = "Running"


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What a decision depends on besides book and Jobs. `inputs` is the hash of what a model
    would be trained for now; `model_lost`: the pods do not find the model that serves; `serving`
    is its revision, empty when there is none. `paused`: nothing is started. `judged_at`: when a
    verdict on an incident last changed what may be learned, 0 = never; it is in the status already.
    """

    service: Meta
    plan: TrainingPlan
    time_zone: str
    inputs: str
    paused: bool
    serving: str
    model_lost: bool
    requested: str
    last_request: str
    queue: QueuePlace
    max_concurrent: int
    deadline_seconds: int
    keep_revisions: int
    min_pause_seconds: int = 0
    judged_at: int = 0


@dataclass(frozen=True, slots=True)
class TrainingStep:
    """The book after this reconcile. STARTING: the Job named in it is to be created.
    `stuck`: why the running Job does not get going; `unplaced`: it holds no place for that.
    `deferred`: unix seconds at which a training that people asked for starts, 0 = none waits for
    the least pause. `due`: unix seconds of the next decision, 0 = only an event brings one.
    """

    book: TrainingBook
    phase: Phase
    lookups: tuple[Lookup, ...] = ()
    result: Result | None = None
    stuck: Diagnosis | None = None
    unplaced: bool = False
    deferred: int = 0
    due: int = 0


def step(
    book: TrainingBook,
    jobs: Sequence[Child],
    lookups: Mapping[Lookup, Answer],
    about: Circumstances,
    now: int,
) -> TrainingStep:
    """Take the result of a finished Job into the book, or decide whether to start one."""
    job = _current(book, jobs)
    if job is not None:
        return _under_way(_noted(book, job, about.judged_at), job, lookups, about, now)
    if book.running and not about.paused:
        # Somebody deleted the Job: the same decision is carried out again, under the same name.
        return TrainingStep(replace(book, inputs=about.inputs), Phase.STARTING)
    return decide(replace(book, running=False), about, now)


def not_started(found: TrainingStep, before: TrainingBook) -> TrainingStep:
    """`found` where its Job cannot be created: the decision is not in the book, so it is taken
    anew and names the same Job. `before` is the book before it.
    """
    if found.phase is not Phase.STARTING:
        return found
    book = found.result.book if found.result else before
    return replace(found, book=book, phase=Phase.WAITING)


def _current(book: TrainingBook, jobs: Sequence[Child]) -> Child | None:
    """The newest Job whose result is not in the book. The one that the book names counts even if
    it was made in the same second as the one before.
    """
    handled = book.handled_through or 0
    found = [
        job
        for job in jobs
        if isinstance(job.state, JobState)
        and not job.meta.deleting
        and (job.meta.created > handled or (book.running and job.meta.name == book.job))
    ]
    return max(found, key=lambda job: (job.meta.created, job.meta.name), default=None)


def _noted(book: TrainingBook, job: Child, judged_at: int) -> TrainingBook:
    """The book knows the Job, also when the operator ended between making it and noting it."""
    state = job.state
    assert isinstance(state, JobState)
    known = book.running and book.job == job.meta.name
    triggers = {trigger.value: trigger for trigger in Trigger}
    trigger = triggers.get(state.reason, book.trigger)
    answers = not known and trigger is Trigger.FEEDBACK
    asked = not known and trigger in _ASKED
    return replace(
        book,
        running=True,
        job=job.meta.name,
        trigger=trigger,
        judged_through=judged_at if answers else book.judged_through,
        request=state.request,
        inputs=state.inputs or book.inputs,
        started_at=book.started_at if known else job.meta.created,
        asked_at=job.meta.created if asked else book.asked_at,
        next_attempt=None,
    )


def _under_way(
    book: TrainingBook,
    job: Child,
    lookups: Mapping[Lookup, Answer],
    about: Circumstances,
    now: int,
) -> TrainingStep:
    """A Job that ended is asked for its report; one that is not ready after a minute is looked
    into, because nobody tells us otherwise that its image cannot be pulled. Where our process has
    ended and another container keeps the pod running, the training is over all the same.
    """
    state = job.state
    assert isinstance(state, JobState)
    begun = state.started or job.meta.created
    if not state.done and (state.ready or now - begun < STUCK_SECONDS):
        return TrainingStep(book, Phase.RUNNING, due=0 if state.ready else begun + STUCK_SECONDS)
    question = ListPods(job.meta.namespace, ((LABEL_JOB, job.meta.name),))
    if question not in lookups:
        return TrainingStep(book, Phase.RUNNING, lookups=(question,))
    answer = lookups[question]
    pods = answer if isinstance(answer, tuple) else ()
    held = None if state.done else held_open(pods)
    if held and now < (due := _patience(held, begun + about.deadline_seconds)):
        return TrainingStep(book, Phase.RUNNING, due=due)
    if not state.done and held is None:
        return _not_going(book, job, pods, begun, now)
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


def _not_going(
    book: TrainingBook, job: Child, pods: Sequence[PodState], begun: int, now: int
) -> TrainingStep:
    """A Job without a ready pod. One whose pod is stuck for long enough holds no place, as it loads
    no metrics source; once the pod runs, it holds one again.
    """
    state = job.state
    if isinstance(state, JobState) and state.suspended:
        held_back = suspended_job(job.meta.name)
        return TrainingStep(book, Phase.RUNNING, stuck=held_back, due=now + STUCK_AGAIN_SECONDS)
    pending = [pod for pod in pods if pod.phase == "Pending"]
    stuck = diagnose_pods(pending, "training") if pods else no_pod(job.meta.name)
    lets_go = max([begun, *(pod.created for pod in pending)]) + UNPLACED_SECONDS
    runs = any(pod.phase == "Running" for pod in pods)
    unplaced = stuck is not None and not runs and lets_go <= now
    if unplaced and stuck is not None:
        stuck = replace(stuck, message=f"{sentence(stuck.message)} {LET_GO}")
    again = now + STUCK_AGAIN_SECONDS
    due = min(again, lets_go) if now < lets_go else again
    return TrainingStep(book, Phase.RUNNING, stuck=stuck, unplaced=unplaced, due=due)


def _patience(held: PodState, deadline: int) -> int:
    """Until when a pod whose process has ended may end by itself. The deadline of its Job deletes
    it, and the report with it.
    """
    return min(held.ended + KEPT_RUNNING_SECONDS, deadline - DEADLINE_MARGIN_SECONDS)


def leftover(book: TrainingBook, jobs: Sequence[Child]) -> tuple[Child, ...]:
    """Jobs that run on although their result is in the book: another container keeps their pod
    running. They are to be deleted.
    """
    return tuple(
        job
        for job in jobs
        if isinstance(job.state, JobState)
        and not (job.state.done or job.meta.deleting)
        and job.meta.created <= (book.handled_through or 0)
        and not (book.running and job.meta.name == book.job)
    )


def decide(book: TrainingBook, about: Circumstances, now: int) -> TrainingStep:
    """With no Job under way: start one, wait in the queue, or wait for the time."""
    trigger, due, deferred = _trigger(book, about, now)
    if trigger is None:
        phase = Phase.IDLE if about.serving else Phase.WAITING
        return TrainingStep(book, phase, deferred=deferred, due=due)
    if about.queue.running + about.queue.ahead >= about.max_concurrent:
        return TrainingStep(book, Phase.QUEUED)
    # Whatever sets a training off, it answers the request that waits.
    request = about.requested if _is_requested(about) else ""
    at_once = trigger in (Trigger.REQUESTED, Trigger.SPEC_CHANGE)
    handled = "" if book.handled_through is None else to_text(book.handled_through)
    parts = (trigger.value, about.inputs, handled, str(book.attempts), request)
    attempt = names.short_hash(*parts, length=16)
    started = replace(
        book,
        attempts=0 if at_once else book.attempts,
        next_attempt=None,
        running=True,
        job=names.training_job_name(about.service.name, about.service.uid, attempt),
        trigger=trigger,
        request=request,
        started_at=now,
        asked_at=now if trigger in _ASKED else book.asked_at,
        inputs=about.inputs,
        judged_through=about.judged_at or None,
    )
    return TrainingStep(started, Phase.STARTING)


def _trigger(book: TrainingBook, about: Circumstances, now: int) -> tuple[Trigger | None, int, int]:
    """Why to train now, or None; when to ask again (0: only an event can change that); and until
    when what people asked for is deferred, 0 = it is not.
    """
    if about.paused:
        return None, 0, 0
    asked = _asked(book, about)
    free_at = _pause_ends(book, about, now)
    if asked is not None and not free_at:
        return asked, 0, 0
    trigger, due = _by_itself(book, about, now)
    if asked is None or trigger is not None:
        return trigger, due, 0
    return None, min(due or free_at, free_at), free_at


def _is_requested(about: Circumstances) -> bool:
    return bool(about.requested) and about.requested != about.last_request


def _asked(book: TrainingBook, about: Circumstances) -> Trigger | None:
    """What people want a training for."""
    if _is_requested(about):
        return Trigger.REQUESTED
    if book.inputs and book.inputs != about.inputs:
        return Trigger.SPEC_CHANGE
    if about.serving and about.judged_at > (book.judged_through or 0):
        return Trigger.FEEDBACK
    return None


def _pause_ends(book: TrainingBook, about: Circumstances, now: int) -> int:
    """When the least pause ends, 0 = it is over. A clock that went back begins none anew."""
    if book.asked_at is None or not 0 <= now - book.asked_at < about.min_pause_seconds:
        return 0
    return book.asked_at + about.min_pause_seconds


def _by_itself(book: TrainingBook, about: Circumstances, now: int) -> tuple[Trigger | None, int]:
    """Why to train although nobody asks, or None and when to look again."""
    if book.next_attempt is not None:
        due = book.next_attempt
        return (Trigger.RETRY, 0) if due <= now else (None, due)
    if not about.serving:
        return Trigger.FIRST_MODEL, 0
    due = scheduled(book, about)
    if about.model_lost:
        # Where even the model trained for a lost one is lost, another will not help soon.
        again = book.trigger is Trigger.MODEL_LOST
        due = min(due, (book.started_at or 0) + LOST_AGAIN_SECONDS if again else now)
        return (Trigger.MODEL_LOST, 0) if due <= now else (None, due)
    return (Trigger.SCHEDULE, 0) if due <= now else (None, due)


def scheduled(book: TrainingBook, about: Circumstances) -> int:
    """When the schedule trains next, counted from the newest attempt: moves only with it."""
    after = book.started_at or about.service.created
    plan = about.plan
    return next_training(
        plan.schedule, about.time_zone, plan.spread_seconds, about.service.uid, after
    )
