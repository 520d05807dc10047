"""Which edge is owed: each is told at least once, and nobody is told of what needs no message."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anomaly_operator.notify.edges import Edge, Failure, Mark, read_marks, write_marks
from anomaly_operator.notify.owed import edge_key, owed, told
from anomaly_operator.notify.routes import wanted_by
from anomaly_operator.observe.read import compact
from anomaly_operator.settings.notifications import NotificationSettings
from detector_runtime.contract.vocabulary import Severity
from pretend.told import BEGAN, CHAT, CHECKOUT, closed, notified, told_of

OPENED = Mark("chat", Edge.OPENED, "k", BEGAN, Severity.HIGH)
SETTINGS = NotificationSettings(receivers=(CHAT,))


@pytest.mark.parametrize(
    ("status", "mark", "edge"),
    [
        ({}, None, Edge.OPENED),
        ({}, Mark("chat", failure=Failure.UNREACHABLE), Edge.OPENED),
        ({}, OPENED, None),
        ({"state": "Recovering"}, OPENED, None),
        ({"severity": "Critical"}, OPENED, Edge.ESCALATED),
        ({"severity": "Medium"}, OPENED, None),
        (closed(), OPENED, Edge.CLOSED),
        (closed(severity="Critical"), OPENED, Edge.CLOSED),
        (closed(), replace(OPENED, edge=Edge.CLOSED), None),
        ({"reopened": 1}, replace(OPENED, edge=Edge.CLOSED), Edge.REOPENED),
        ({"reopened": 1}, OPENED, Edge.REOPENED),
        ({"reopened": 1}, replace(OPENED, edge=Edge.REOPENED, reopened=1), None),
        ({"priority": {"missed": True, "deadline": "t1"}}, OPENED, Edge.DEADLINE_MISSED),
        ({"priority": {"missed": True, "deadline": "t1"}}, replace(OPENED, missed="t1"), None),
        ({"priority": {"missed": False, "deadline": "t1"}}, OPENED, None),
        # Set up after it was over, or never due: nobody wants to hear of it now.
        (closed(), None, None),
        (closed(**notified("NoReceiver")), None, None),
        (closed(**notified("NotAlerting")), None, None),
        # The receiver was down all the time.
        (closed(**notified("Pending")), None, Edge.CLOSED),
        (closed(**notified("Failing")), None, Edge.CLOSED),
    ],
)
def test_what_is_owed(status: dict[str, Any], mark: Mark | None, edge: Edge | None) -> None:
    assert owed(told_of(**status), mark, wanted=True) is edge


@pytest.mark.parametrize("status", [{}, closed(), closed(**notified("Pending"))])
def test_nothing_begins_where_nobody_wants_it(status: dict[str, Any]) -> None:
    assert owed(told_of(**status), None, wanted=False) is None


def test_who_was_told_that_it_opened_is_told_that_it_closed() -> None:
    assert owed(told_of(**closed()), OPENED, wanted=False) is Edge.CLOSED
    assert owed(told_of(severity="Critical"), OPENED, wanted=False) is None


def test_the_key_is_that_of_the_edge_and_of_the_receiver() -> None:
    found = told_of()
    key = edge_key(found, Edge.OPENED, "chat")
    assert key == edge_key(told_of(lastSeen="later"), Edge.OPENED, "chat")
    assert key != edge_key(found, Edge.OPENED, "pager")
    assert key != edge_key(found, Edge.CLOSED, "chat")
    assert key != edge_key(told_of(reopened=1), Edge.OPENED, "chat")
    assert key != edge_key(told_of(name="another"), Edge.OPENED, "chat")


def test_marks_come_back_as_they_were_written() -> None:
    marks = [
        told(told_of(reopened=2), Edge.REOPENED, "chat", BEGAN),
        Mark("pager", failure=Failure.REFUSED, detail="HTTP 400: no"),
    ]
    written = write_marks(marks)
    assert list(read_marks(compact(written)).values()) == marks
    assert written[1] == {"receiver": "pager", "failure": "Refused", "detail": "HTTP 400: no"}
    assert len(write_marks([Mark(f"r{n}") for n in range(40)])) == 16


def test_a_mark_that_cannot_be_read_counts_as_not_told() -> None:
    assert read_marks(b'[{"receiver": "chat", "edge": "Sung"}, 7]') == {}
    assert read_marks(b'{"receiver": "chat"}') == {}


# An incident's life, a receiver that takes messages or does not, and an operator that dies between
# a message and its mark.

STEPS = st.sampled_from(
    ["escalate", "close", "reopen", "miss", "false positive", "silence", "look", "look and die"]
)


@dataclass
class World:
    """What happened to one incident and what its receiver got."""

    status: dict[str, Any] = field(default_factory=dict)
    feedback: str = ""
    stored: Mark | None = None
    got: list[tuple[Edge, str]] = field(default_factory=list)
    deaths: int = 0
    silenced: bool = False

    def subject(self) -> Any:
        reason = "Delivered" if self.stored else "Pending"
        status = {**self.status, **notified(reason)}
        return told_of(feedback=self.feedback, facts=self.facts(), **status)

    def facts(self) -> Any:
        silent = frozenset({"metric_latency"}) if self.silenced else frozenset()
        return replace(CHECKOUT, silent=silent)

    def owed(self) -> Edge | None:
        found = self.subject()
        return owed(found, self.stored, wanted="chat" in wanted_by(found, SETTINGS))

    def look(self, *, dies: bool = False) -> None:
        edge = self.owed()
        if edge is None:
            return
        found = self.subject()
        if edge is not Edge.CLOSED:
            assert not self.feedback
            assert not self.silenced
        self.got.append((edge, edge_key(found, edge, "chat")))
        if dies:
            self.deaths += 1
        else:
            self.stored = told(found, edge, "chat", BEGAN)

    def happens(self, step: str) -> None:
        open_now = self.status.get("state", "Open") == "Open"
        if step == "escalate" and open_now:
            self.status["severity"] = "Critical"
        elif step == "close" and open_now:
            self.status |= closed()
        elif step == "reopen" and not open_now and not self.feedback:
            again = self.status.get("reopened", 0) + 1
            self.status |= {"state": "Open", "reopened": again, "closedAt": ""}
        elif step == "miss" and open_now:
            self.status["priority"] = {"missed": True, "deadline": "2026-01-01T00:00:00Z"}
        elif step == "false positive":
            self.feedback = "FalsePositive"
            self.status |= closed()
        elif step == "silence":
            self.silenced = True
        elif step.startswith("look"):
            self.look(dies=step.endswith("die"))


@given(st.lists(STEPS, max_size=30))
def test_every_edge_is_told_once_and_again_only_after_a_crash(steps: list[str]) -> None:
    world = World()
    for step in steps:
        world.happens(step)
    for _ in range(3):
        world.look()
    assert world.owed() is None
    keys = [key for _, key in world.got]
    assert len(keys) - len(set(keys)) <= world.deaths
    found = world.subject()
    heard = world.stored is not None
    if found.running and not world.silenced and not world.feedback:
        assert world.stored is not None
        assert world.stored.severity is found.severity
        assert world.stored.reopened == found.reopened
        assert world.stored.edge is not Edge.CLOSED
    elif heard and not found.running:
        assert world.stored is not None
        assert world.stored.edge is Edge.CLOSED


@given(st.lists(STEPS.filter(lambda step: step != "look"), max_size=20))
def test_of_what_was_called_normal_nobody_hears_first(steps: list[str]) -> None:
    world = World(feedback="FalsePositive", status=closed())
    for step in [*steps, "look"]:
        world.happens(step)
    assert world.got == []
