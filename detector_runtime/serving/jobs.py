"""Asynchronous batches: a bounded number, each kept for a while after it is done.

They live in this process alone. A client that asks another replica, or after a restart, gets 404
and sends the batch again: nothing is stored for it.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

KEEP_SECONDS = 300.0


class JobsFullError(Exception):
    """As many jobs are kept as may be; `retry_after` seconds until the oldest goes."""

    def __init__(self, retry_after: float) -> None:
        super().__init__("too many jobs")
        self.retry_after = retry_after


class JobState(StrEnum):
    PENDING = "Pending"
    DONE = "Done"
    FAILED = "Failed"


@dataclass(slots=True)
class Job:
    """`ended`: in the caller's clock, None while it runs; `result`: the answer of a batch."""

    identifier: str
    state: JobState = JobState.PENDING
    ended: float | None = None
    result: dict[str, Any] | None = None
    error: str = ""


class Jobs:
    """`limit` jobs; `now` is any clock in seconds that never goes back."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._jobs: dict[str, Job] = {}

    def add(self, now: float) -> Job:
        """A new pending job; JobsFullError where there is no room."""
        self._forget(now)
        if len(self._jobs) >= self._limit:
            ends = [job.ended + KEEP_SECONDS - now for job in self._jobs.values() if job.ended]
            raise JobsFullError(min(ends, default=1.0))
        job = Job(secrets.token_hex(16))
        self._jobs[job.identifier] = job
        return job

    def get(self, identifier: str, now: float) -> Job | None:
        """The job; None where it is unknown or its time is over."""
        self._forget(now)
        return self._jobs.get(identifier)

    @staticmethod
    def done(job: Job, result: dict[str, Any], now: float) -> None:
        job.state, job.result, job.ended = JobState.DONE, result, now

    @staticmethod
    def failed(job: Job, error: str, now: float) -> None:
        job.state, job.error, job.ended = JobState.FAILED, error, now

    @property
    def pending(self) -> int:
        return sum(job.state is JobState.PENDING for job in self._jobs.values())

    def _forget(self, now: float) -> None:
        over = [
            name
            for name, job in self._jobs.items()
            if job.ended is not None and now - job.ended >= KEEP_SECONDS
        ]
        for name in over:
            del self._jobs[name]
