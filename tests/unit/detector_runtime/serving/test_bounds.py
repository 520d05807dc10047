"""How many are let in, how many jobs are kept, and what the command line takes."""

from __future__ import annotations

from pathlib import Path

import pytest

from detector_runtime.serving.admission import Admission, Refused
from detector_runtime.serving.jobs import KEEP_SECONDS, Jobs, JobsFullError, JobState
from detector_runtime.serving.options import (
    Auth,
    Bounds,
    ServeUsageError,
    parse_serve_options,
)

UID = "11111111-0000-4000-8000-000000000001"


def test_the_rate_is_kept_whatever_the_burst() -> None:
    admission = Admission(rate=10, concurrency=1000, now=0)
    assert sum(admission.enter(0) is None for _ in range(50)) == 10
    assert sum(admission.enter(0.5) is None for _ in range(50)) == 5
    assert sum(admission.enter(100) is None for _ in range(50)) == 10
    assert admission.enter(100) == Refused(429, 1, "more than 10 requests a second")


def test_who_leaves_makes_room() -> None:
    admission = Admission(rate=1000, concurrency=2, now=0)
    assert [admission.enter(0), admission.enter(0)] == [None, None]
    assert admission.enter(0) == Refused(503, 1, "2 requests are in progress")
    admission.leave()
    assert admission.enter(0) is None


def test_a_job_is_kept_for_its_time_after_it_is_done() -> None:
    jobs = Jobs(4)
    job = jobs.add(0)
    assert jobs.get(job.identifier, 10_000) is job
    jobs.done(job, {"results": []}, 10_000)
    assert jobs.get(job.identifier, 10_000 + KEEP_SECONDS - 1) is job
    assert jobs.get(job.identifier, 10_000 + KEEP_SECONDS) is None


def test_no_more_jobs_are_kept_than_may_be() -> None:
    jobs = Jobs(2)
    first, second = jobs.add(0), jobs.add(0)
    with pytest.raises(JobsFullError) as full:
        jobs.add(0)
    assert full.value.retry_after == 1
    jobs.failed(first, "no room", 50)
    assert (first.state, first.error) == (JobState.FAILED, "no room")
    with pytest.raises(JobsFullError) as full:
        jobs.add(60)
    assert full.value.retry_after == KEEP_SECONDS - 10
    assert jobs.add(50 + KEEP_SECONDS).identifier != second.identifier


def test_options_have_defaults_and_bounds() -> None:
    found = parse_serve_options(["--uid", UID], {})
    assert (found.uid, found.port, found.auth, found.bounds) == (UID, 8080, Auth.NONE, Bounds())
    given = ["--uid=" + UID, "--port=9000", "--rate", "5", "--concurrency=7", "--auth=Token"]
    found = parse_serve_options([*given, "--token", "/t"], {})
    assert (found.port, found.auth, found.token) == (9000, Auth.TOKEN, Path("/t"))
    assert found.bounds == Bounds(rate=5, concurrency=7)
    inside = {"KUBERNETES_SERVICE_HOST": "10.0.0.1", "KUBERNETES_SERVICE_PORT": "6443"}
    found = parse_serve_options(["--uid", UID, "--auth", "TokenReview"], inside)
    assert found.api_server == ("10.0.0.1", 6443)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "--uid is missing"),
        (["--uid", "../x"], "not an object uid"),
        (["--uid", UID, "--port", "x"], "no whole number from 0 to 65535"),
        (["--uid", UID, "--rate", "0"], "from 1 to"),
        (["--uid", UID, "--auth", "Basic"], "none of None, Token, TokenReview"),
        (["--uid", UID, "--auth", "TokenReview"], "KUBERNETES_SERVICE_HOST is not set"),
        (["--uid", UID, "--what", "x"], "unknown argument '--what'"),
        (["--uid"], "--uid needs a value"),
    ],
)
def test_a_command_line_that_cannot_be_read_says_why(arguments: list[str], said: str) -> None:
    with pytest.raises(ServeUsageError, match=said):
        parse_serve_options(arguments, {})
