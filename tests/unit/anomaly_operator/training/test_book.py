"""`status.training` as the first release wrote it, and the names that follow from it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from anomaly_operator.training.book import Model, TrainingBook, read, write

MODEL = {
    "revision": "20261122-021500-3f2a9c",
    "digest": "sha256:00",
    "trainedAt": "2026-11-22T02:15:00Z",
    "grade": "A",
    "samples": 5040,
    "detectors": ["seasonal: serves"],
    "multivariate": True,
    "provisional": False,
    "validation": "Passed",
    "warnings": ["one"],
    "levelShift": "",
    "inputs": "abc",
}
del MODEL["levelShift"]
BOOK = {
    "attempts": 1,
    "nextAttempt": "2026-11-22T12:00:00Z",
    "lastFailure": {"time": "2026-11-22T11:00:00Z", "reason": "NoData", "message": "no value"},
    "learning": {
        "samples": 412,
        "needed": 500,
        "enoughAt": "2026-11-23T02:00:00Z",
        "message": "412 of 500 samples",
    },
    "running": True,
    "job": "checkout-train-1",
    "trigger": "Retry",
    "startedAt": "2026-11-22T11:30:00Z",
    "inputs": "abc",
    "handledThrough": "2026-11-22T02:10:00Z",
    "revisions": [MODEL],
}


def canonical(document: Any) -> str:
    return json.dumps(document, sort_keys=True)


@pytest.mark.parametrize(
    ("kind", "document"),
    [
        (TrainingBook, BOOK),
        (TrainingBook, {"attempts": 0, "running": False}),
        (Model, MODEL),
    ],
)
def test_what_the_first_release_wrote_is_written_back_byte_for_byte(
    kind: type[Any], document: dict[str, Any]
) -> None:
    found = read(kind, document)
    assert found is not None
    assert canonical(write(found)) == canonical(document)


def test_times_are_numbers() -> None:
    book = read(TrainingBook, BOOK)
    assert book is not None
    assert book.last_failure is not None
    assert book.learning is not None
    assert (book.next_attempt, book.started_at, book.handled_through) == (
        1_795_348_800,
        1_795_347_000,
        1_795_313_400,
    )
    assert (book.last_failure.time, book.learning.enough_at) == (1_795_345_200, 1_795_399_200)
    assert book.revisions[0].trained_at == 1_795_313_700


def test_an_absent_time_is_none() -> None:
    book = read(TrainingBook, {"attempts": 0, "running": False, "nextAttempt": ""})
    assert book is not None
    assert (book.next_attempt, book.started_at) == (None, None)


def test_a_book_that_cannot_be_read_counts_as_not_written() -> None:
    assert read(TrainingBook, {**BOOK, "startedAt": "soon"}) is None
