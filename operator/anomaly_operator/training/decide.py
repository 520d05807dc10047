"""When a service trains: pure, from the book, with no Job under way.

A decision is carried out once: it names its Job, and the Job stays under way in the book until
its result is in it. Failures back off and keep their cause; too little history is no failure but
a state with one well-timed next try. What people ask for, by a request, a changed spec or a verdict
on an incident, is tried at once, but no sooner than the least pause after the last such training.
"""

from __future__ import annotations

from dataclasses import replace

from anomaly_operator.api import names
from anomaly_operator.api.text import to_text
from anomaly_operator.spec.schedule import next_training
from anomaly_operator.training.book import ASKED, TrainingBook, Trigger
from anomaly_operator.training.step import Circumstances, Phase, TrainingStep

LOST_AGAIN_SECONDS = 6 * 3600


def decide(book: TrainingBook, about: Circumstances, now: int) -> TrainingStep:
    """With no Job under way: start one, wait in the queue, or wait for the time."""
    trigger, due, deferred = _trigger(book, about, now)
    if trigger is None:
        phase = Phase.IDLE if about.serving else Phase.WAITING
        return TrainingStep(book, phase, deferred=deferred, due=due)
    if no_place(about):
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
        asked_at=now if trigger in ASKED else book.asked_at,
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


def no_place(about: Circumstances) -> bool:
    """Whether the service has to wait for its turn."""
    return about.queue.running + about.queue.ahead >= about.max_concurrent


def not_started(found: TrainingStep, before: TrainingBook) -> TrainingStep:
    """`found` where its Job cannot be created: the decision is not in the book, so it is taken
    anew and names the same Job. `before` is the book before it.
    """
    if found.phase is not Phase.STARTING:
        return found
    book = found.result.book if found.result else before
    return replace(found, book=book, phase=Phase.WAITING)
