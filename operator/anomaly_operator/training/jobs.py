"""Which training Job the book is about, and which ones it has done with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from anomaly_operator.training.book import ASKED, TrainingBook, Trigger
from anomaly_operator.world.objects import Child, JobState


def newest(book: TrainingBook, jobs: Sequence[Child]) -> Child | None:
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


def noted(book: TrainingBook, job: Child, judged_at: int) -> TrainingBook:
    """The book knows the Job, also when the operator ended between making it and noting it."""
    state = job.state
    assert isinstance(state, JobState)
    known = book.running and book.job == job.meta.name
    triggers = {trigger.value: trigger for trigger in Trigger}
    trigger = triggers.get(state.reason, book.trigger)
    answers = not known and trigger is Trigger.FEEDBACK
    asked = not known and trigger in ASKED
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
