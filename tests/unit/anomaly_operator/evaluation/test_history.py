"""The history of an incident: one entry for each thing that happened, and none for a repetition."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anomaly_operator.api.text import to_text
from anomaly_operator.evaluation.edges import What
from anomaly_operator.evaluation.history import MAX_ENTRIES, MAX_WHO, MAX_WHY, grown

NOW = 1_763_800_000
Fields = dict[str, Any]


def status(state: str = "Open", **fields: Any) -> Fields:
    found = {
        "observedGeneration": 1,
        "state": state,
        "severity": "Medium",
        "pattern": "metric_latency",
        "confirmedAt": to_text(NOW - 600),
        "lastSeen": to_text(NOW - 60),
        "duration": "9m",
        "reopened": 0,
    }
    return found | fields


def what(entries: list[Fields]) -> list[str]:
    return [entry["what"] for entry in entries]


def test_a_new_object_opened_with_its_confirming_window() -> None:
    assert grown({}, status(), {}, NOW) == [
        {
            "at": to_text(NOW - 600),
            "what": "Opened",
            "who": "operator",
            "why": "Medium, metric_latency.",
        }
    ]


CLOSED = {"closedAt": to_text(NOW - 30), "resolution": {"reason": "Resolved"}}
WINDOWS: list[tuple[str, Fields, Fields, list[tuple[int, str, str]]]] = [
    (
        "worse",
        status(),
        status(severity="High", pattern="errors", worst={"at": to_text(NOW - 60)}),
        [(NOW - 60, "Escalated", "Severity rose from Medium to High, errors.")],
    ),
    ("never less severe", status(severity="High"), status(), []),
    (
        "first normal window",
        status(),
        status("Recovering", current={"at": to_text(NOW - 45)}),
        [(NOW - 45, "Recovering", "First normal window.")],
    ),
    (
        "relapse",
        status("Recovering"),
        status(),
        [(NOW - 60, "Relapsed", "Anomalous again before it closed.")],
    ),
    (
        "closed",
        status("Recovering"),
        status("Closed", **CLOSED),
        [(NOW - 30, "Closed", "Resolved; it lasted 9m.")],
    ),
    (
        "closed by a person: when it was said",
        status(),
        status("Closed", **CLOSED | {"resolution": {"reason": "Expected"}}),
        [(NOW, "Closed", "Expected; it lasted 9m.")],
    ),
    (
        "reopened",
        status("Closed", **CLOSED),
        status(reopened=1, reopenedAt=to_text(NOW - 50)),
        [(NOW - 50, "Reopened", "Anomalous again after closing: Medium, metric_latency.")],
    ),
    (
        "closed and reopened between two looks",
        status("Recovering"),
        status(reopened=1, reopenedAt=to_text(NOW - 50)),
        [(NOW - 50, "Reopened", "Anomalous again after closing: Medium, metric_latency.")],
    ),
    (
        "a later closing",
        status("Closed", **CLOSED),
        status("Closed", **CLOSED | {"closedAt": to_text(NOW - 10)}),
        [(NOW - 10, "Closed", "Resolved; it lasted 9m.")],
    ),
    ("one more window", status(occurrences=3), status(occurrences=4), []),
]


@pytest.mark.parametrize(
    ("before", "after", "expected"), [row[1:] for row in WINDOWS], ids=[row[0] for row in WINDOWS]
)
def test_the_edges_of_windows(
    before: Fields, after: Fields, expected: list[tuple[int, str, str]]
) -> None:
    found = grown(before, after, {}, NOW)
    assert [(e["at"], e["what"], e["why"], e["who"]) for e in found] == [
        (to_text(at), kind, why, "operator") for at, kind, why in expected
    ]


ROOT = {"namespace": "shop", "service": "db"}
DECISIONS: list[tuple[str, Fields, Fields, list[tuple[str, str]]]] = [
    (
        "suppressed",
        status(),
        status(feedback={"verdict": "Expected", "until": "2026-01-01T00:00:00Z"}),
        [
            (
                "Suppressed",
                ("Windows like these, and not worse, open no incident until 2026-01-01T00:00:00Z."),
            )
        ],
    ),
    ("first root", status(), status(rootCause=ROOT), [("Regrouped", "Root cause: shop/db.")]),
    (
        "better root",
        status(rootCause=ROOT),
        status(rootCause=ROOT | {"service": "cache"}),
        [("Regrouped", "Root cause: shop/cache; before: shop/db.")],
    ),
    ("none but itself", status(), status(rootCause={"verdict": "DependenciesHealthy"}), []),
    ("same root, other words", status(rootCause=ROOT), status(rootCause=ROOT | {"path": []}), []),
    (
        "root withdrawn",
        status(rootCause=ROOT),
        status(),
        [("Regrouped", "Root cause: none; before: shop/db.")],
    ),
    (
        "contained",
        status(),
        status(containment={"job": "a-contain", "at": to_text(NOW - 5), "outcome": "Started"}),
        [("Contained", "a-contain: Started.")],
    ),
    (
        "its outcome",
        status(containment={"job": "a-contain", "outcome": "Started"}),
        status(containment={"job": "a-contain", "outcome": "Succeeded"}),
        [("Contained", "a-contain: Succeeded.")],
    ),
    (
        "too late",
        status(priority={"tier": "P1", "missed": False}),
        status(priority={"tier": "P1", "missed": True, "deadline": "2026-01-01T00:00:00Z"}),
        [("DeadlineMissed", "P1, due 2026-01-01T00:00:00Z.")],
    ),
    (
        "still too late",
        status(priority={"tier": "P1", "missed": True}),
        status(priority={"tier": "P2", "missed": True}),
        [],
    ),
]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [row[1:] for row in DECISIONS],
    ids=[row[0] for row in DECISIONS],
)
def test_the_decisions_of_the_operator(
    before: Fields, after: Fields, expected: list[tuple[str, str]]
) -> None:
    assert [(e["what"], e["why"]) for e in grown(before, after, {}, NOW)] == expected


def said(before: Fields, spec: Fields, now: int = NOW, **fields: Any) -> Fields:
    """The status after the operator has seen `spec`, a generation later."""
    generation = before["observedGeneration"] + 1
    kept = {key: value for key, value in before.items() if key != "history"}
    after = kept | {"observedGeneration": generation} | fields
    return after | {"history": grown(before, after, spec, now)}


def test_each_statement_of_a_person_is_recorded_once_and_again_when_it_changes() -> None:
    spec: Fields = {"acknowledgement": {"by": "alice", "comment": "on it"}}
    one = said(status(), spec)
    assert one["history"] == [
        {"at": to_text(NOW), "what": "Acknowledged", "who": "alice", "why": "on it"}
    ]
    two = said(one, spec | {"resolution": {"note": "restarted", "by": "bob"}}, NOW + 60)
    assert what(two["history"]) == ["Acknowledged", "ResolutionNoted"]
    assert two["history"][1]["who"] == "bob"
    three = said(two, {"acknowledgement": {"by": "carol"}}, NOW + 120)
    assert what(three["history"]) == ["Acknowledged", "ResolutionNoted", "Acknowledged"]


def test_feedback_is_recorded_when_given_changed_withdrawn_and_given_again() -> None:
    expected: Fields = {"feedback": {"verdict": "Expected", "by": "alice", "comment": "a sale"}}
    one = said(status(), expected, feedback={"verdict": "Expected"})
    two = said(one, {}, NOW + 60, feedback=None)
    three = said(two, expected, NOW + 120, feedback={"verdict": "Expected"})
    kinds = [What.FEEDBACK, What.FEEDBACK_WITHDRAWN, What.FEEDBACK]
    assert what(three["history"]) == kinds
    assert [entry.get("who") for entry in three["history"]] == ["alice", None, "alice"]
    assert three["history"][0]["why"] == "Expected, a sale"
    assert three["history"][1]["why"] == "Before: Expected."


def test_a_statement_is_not_recorded_before_the_operator_has_taken_it_up() -> None:
    spec = {"acknowledgement": {"by": "alice"}}
    assert grown(status(), status(occurrences=9), spec, NOW) == []


def test_deliveries_are_recorded_with_the_next_write_and_cause_none() -> None:
    marks = [
        {"receiver": "pager", "edge": "Opened", "key": "k1", "at": to_text(NOW - 500)},
        {"receiver": "chat", "edge": "Opened", "key": "k2", "at": to_text(NOW - 490)},
    ]
    waiting = {"receiver": "mail", "failure": "Unreachable"}
    before = status(notifications=[*marks, waiting])
    assert grown(before, status(), {}, NOW) == []
    first = grown(before, status(occurrences=5), {}, NOW)
    assert [(e["what"], e["why"], e["at"]) for e in first] == [
        ("Notified", "Opened: chat, pager", to_text(NOW - 490))
    ]
    marks[0] |= {"edge": "Closed", "at": to_text(NOW)}
    again = grown(before | {"history": first}, status(occurrences=6), {}, NOW)
    assert [(e["what"], e["why"]) for e in again] == [
        ("Notified", "Opened: chat, pager"),
        ("Notified", "Closed: pager"),
    ]


def test_the_oldest_entries_are_folded_into_one_that_counts_them() -> None:
    now, found = NOW, status()
    for _ in range(40):
        now += 60
        recovering = status("Recovering", current={"at": to_text(now)})
        found = recovering | {"history": grown(found, recovering, {}, now)}
        now += 60
        anomalous = status(lastSeen=to_text(now))
        found = anomalous | {"history": grown(found, anomalous, {}, now)}
    first, *rest = found["history"]
    assert len(rest) == MAX_ENTRIES - 1
    assert first == {
        "at": to_text(NOW + 60 * 61),
        "what": "Earlier",
        "count": 80 - (MAX_ENTRIES - 1),
        "why": "61 earlier entries.",
    }


def test_a_history_that_is_none_is_begun_anew() -> None:
    broken = status(history=["text", {"what": "Opened"}])
    assert what(grown(broken, status("Closed", **CLOSED), {}, NOW)) == ["Opened", "Closed"]


TEXT = st.text(max_size=400)
STATES = st.sampled_from(["Open", "Recovering", "Closed"])
TIME = st.integers(NOW - 5000, NOW + 5000).map(to_text)
STATUSES = st.fixed_dictionaries(
    {"state": STATES, "severity": st.sampled_from(["Low", "Medium", "High", "Critical"])},
    optional={
        "pattern": TEXT,
        "observedGeneration": st.integers(1, 3),
        "reopened": st.integers(0, 3),
        "confirmedAt": TIME,
        "closedAt": TIME,
        "lastSeen": TIME,
        "duration": st.just("9m"),
        "resolution": st.fixed_dictionaries({"reason": st.sampled_from(["Resolved", "Expected"])}),
        "rootCause": st.fixed_dictionaries({"service": TEXT, "namespace": TEXT}),
        "containment": st.fixed_dictionaries({"job": TEXT, "outcome": TEXT}),
        "priority": st.fixed_dictionaries({"tier": TEXT, "missed": st.booleans()}),
        "feedback": st.fixed_dictionaries({"verdict": TEXT, "until": TIME}),
        "current": st.fixed_dictionaries({"at": TIME}),
    },
)
SPECS = st.fixed_dictionaries(
    {},
    optional={
        "acknowledgement": st.fixed_dictionaries({"by": TEXT, "comment": TEXT}),
        "feedback": st.fixed_dictionaries({"verdict": TEXT, "by": TEXT}),
        "resolution": st.fixed_dictionaries({"note": TEXT}),
    },
)


@given(steps=st.lists(st.tuples(STATUSES, SPECS, st.integers(0, 600)), max_size=30))
def test_a_history_is_bounded_ordered_and_grows_by_no_repetition(
    steps: list[tuple[Fields, Fields, int]],
) -> None:
    before: Fields = {}
    now, seen = NOW, 0
    for after, spec, later in steps:
        now += later
        history = grown(before, after, spec, now)
        written = json.loads(json.dumps(after | {"history": history}))
        assert grown(written, after, spec, now + 1) == history
        assert grown(before, after, spec, now) == history
        assert len(history) <= MAX_ENTRIES
        assert [one["at"] for one in history] == sorted(one["at"] for one in history)
        for entry in history:
            assert len(entry.get("why", "").encode()) <= MAX_WHY
            assert len(entry.get("who", "").encode()) <= MAX_WHO
        total = sum(int(entry.get("count", 1)) for entry in history)
        assert total >= seen
        before, seen = written, total
