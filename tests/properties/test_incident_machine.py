"""Incidents under everything that goes wrong between a scoring pod, the API server and us.

A machine appends windows, delivers documents late, twice or out of order, kills the operator after
any of its writes, has writes refused, and lets a frozen old leader act. The end is compared with
the ideal run: every window folded once, in order, in memory.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from anomaly_operator.anomalies.feedback import judgements
from anomaly_operator.anomalies.objects import (
    AnomalyWorld,
    plan_anomalies,
    settled,
)
from anomaly_operator.api.text import to_text
from anomaly_operator.incidents.bounds import MAX_STATE_BYTES, size
from anomaly_operator.incidents.cycles import Cycle
from anomaly_operator.incidents.expected import judge
from anomaly_operator.incidents.fold import fold, fold_windows
from anomaly_operator.incidents.settings import incident_settings
from anomaly_operator.incidents.state import IncidentPhase, IncidentState, Resolution
from anomaly_operator.incidents.transitions import Transition, TransitionKind
from anomaly_operator.incidents.wire import parse, render, render_expected
from anomaly_operator.observe.read import anomaly_object, compact
from anomaly_operator.spec.service import IncidentPlan
from anomaly_operator.world.objects import AnomalyObject, Child, Meta
from anomaly_operator.world.plan import Apply, ApplyStatus, Delete, GetObject, Write
from detector_runtime.contract.detection import Detection, RunStatus, WindowVerdict
from detector_runtime.contract.vocabulary import MAX_WINDOWS, RunOutcome, Severity, Verdict

STEP = 60
START = 1_763_800_020
META = Meta("anomaly-operator.dev/v1alpha1", "AnomalyService", "shop", "checkout", "uid-1", "1")
PLAN = IncidentPlan(retention_seconds=10**9, max_kept=10**6)
SETTINGS = incident_settings(META.name, META.uid, STEP, PLAN)
PATTERNS = ("metric_latency", "metric_errors", "slo_breach")


def edge(one: Transition) -> tuple[str, TransitionKind, int]:
    """What makes it one and the same, whoever tells it."""
    return one.anomaly or one.fingerprint, one.kind, one.at


class RefusedError(Exception):
    """409: the object has changed since it was read."""


class KilledError(Exception):
    """The operator's process ended."""


@dataclass
class Server:
    """The API server as far as it matters: versions, preconditions, one service's status."""

    version: int = 1
    service_version: int = 1
    incidents: dict[str, Any] = field(default_factory=dict)
    expected: list[Any] = field(default_factory=list)
    anomalies: dict[str, dict[str, Any]] = field(default_factory=dict)
    creations: Counter[str] = field(default_factory=Counter)
    closings: Counter[str] = field(default_factory=Counter)
    parsed: IncidentState | None = None
    read: dict[str, AnomalyObject] = field(default_factory=dict)

    def state(self) -> IncidentState:
        """What the incidents say, parsed once for each write."""
        if self.parsed is None:
            self.parsed = parse(self.incidents, self.expected)
        return self.parsed

    def write_incidents(self, state: IncidentState, read_version: int) -> None:
        if read_version != self.service_version:
            raise RefusedError
        self.incidents = json.loads(json.dumps(render(state)))
        self.expected = json.loads(json.dumps(render_expected(state)))
        self.parsed = None
        self.version += 1
        self.service_version = self.version

    def carry_out(self, write: Write) -> None:
        self.version += 1
        match write:
            case Apply(manifest, ""):
                name = manifest["metadata"]["name"]
                assert name not in self.anomalies, "created over something that is there"
                self.creations[name] += 1
                made = json.loads(json.dumps(manifest))
                made["metadata"] |= {"uid": f"u-{self.version}", "generation": 1}
                made["metadata"]["resourceVersion"] = str(self.version)
                self.anomalies[name] = made
            case ApplyStatus(target, read_version, status):
                found = self.anomalies[target.name]
                if read_version and read_version != found["metadata"]["resourceVersion"]:
                    raise RefusedError
                before = found.get("status", {})
                why = status.get("resolution", {}).get("reason")
                assert why != Resolution.LOST, "the service's status has never lost an incident"
                # Reopened and closed again between two writes, it closes a second time.
                ends = [one.get("closedAt") for one in (before, status)]
                self.closings[target.name] += status["state"] == "Closed" and ends[0] != ends[1]
                found["status"] = json.loads(json.dumps(status))
                found["metadata"]["resourceVersion"] = str(self.version)
            case Apply() | Delete():
                raise AssertionError(f"nothing to repair or delete here: {write}")
            case _:
                raise AssertionError(write)

    def observed(self) -> tuple[AnomalyObject, ...]:
        """The objects, each read once for each of its versions."""
        return tuple(self._read(one) for one in self.anomalies.values())

    def _read(self, raw: dict[str, Any]) -> AnomalyObject:
        version = raw["metadata"]["resourceVersion"]
        if version not in self.read:
            self.read[version] = anomaly_object(raw)
        return self.read[version]


@dataclass(frozen=True)
class View:
    """What an operator has read, perhaps a while ago."""

    version: int
    state: IncidentState
    observed: tuple[AnomalyObject, ...]
    document: Detection | None


WINDOW = st.tuples(
    st.sampled_from([Verdict.ANOMALOUS] * 3 + [Verdict.NORMAL] * 4 + [Verdict.INCONCLUSIVE] * 2),
    st.sampled_from([Severity.INFORMATIONAL, Severity.MEDIUM, Severity.CRITICAL]),
    st.lists(st.sampled_from(PATTERNS), min_size=1, max_size=2, unique=True),
)


MODELS = (Severity.MEDIUM, Severity.CRITICAL, Severity.NONE)
"""What the model says of one window after another."""


class IncidentMachine(RuleBasedStateMachine):
    """Rules are what the world does; invariants must hold after every one of them."""

    @initialize()
    def begin(self) -> None:
        self.server = Server()
        self.windows: list[Cycle] = []
        self.span: list[Cycle] = []
        self.span_start = START
        self.documents: list[Detection] = []
        self.views: list[View] = []
        self.end = START
        self.unfolded = 0
        self.troubles = 0
        self.done: list[Transition] = []
        self.held: IncidentState | None = None

    @rule(scored=st.lists(WINDOW, min_size=1, max_size=12))
    def a_run_scores_windows(self, scored: list[tuple[Verdict, Severity, list[str]]]) -> None:
        """The runtime never lets a window fall out of the span that was not folded, if it can."""
        if self.unfolded + len(scored) > MAX_WINDOWS:
            self.settle()
        for verdict, severity, patterns in scored:
            self.end += STEP
            hit = verdict is Verdict.ANOMALOUS
            cycle = Cycle(
                self.end,
                verdict,
                severity if hit else Severity.NONE,
                score="5" if hit else "",
                patterns=tuple(patterns) if hit else (),
                model_severity=MODELS[self.end // STEP % 3] if hit else Severity.NONE,
            )
            self.windows.append(cycle)
            self.span.append(cycle)
        self.span = self.span[-MAX_WINDOWS:]
        self.unfolded += len(scored)
        self.documents.append(self.document())

    @rule(verdict=st.sampled_from(list(Verdict)), count=st.integers(5, 40))
    def the_same_goes_on(self, verdict: Verdict, count: int) -> None:
        self.a_run_scores_windows([(verdict, Severity.HIGH, ["metric_latency"])] * count)

    @rule(count=st.integers(2, 12))
    def troubles_come_one_after_the_other(self, count: int) -> None:
        """More incidents within one span than are tracked at once, each of another pattern."""
        story: list[tuple[Verdict, Severity, list[str]]] = []
        for _ in range(count):
            self.troubles += 1
            hit = (Verdict.ANOMALOUS, Severity.HIGH, [f"metric_{self.troubles}"])
            story += [hit, hit, *[(Verdict.NORMAL, Severity.NONE, [])] * 3]
        self.a_run_scores_windows(story)

    @rule(minutes=st.integers(1, 400))
    def nothing_is_scored_for_a_while(self, minutes: int) -> None:
        """A gap in the scoring: the runtime starts a new span after it."""
        self.settle()
        self.end += minutes * STEP
        self.span, self.documents, self.views = [], [], []
        self.span_start = self.end

    @rule(back=st.integers(0, 5), killed_after=st.one_of(st.none(), st.integers(0, 6)))
    def the_operator_reconciles(self, back: int, killed_after: int | None) -> None:
        """With the newest document, or with one that came late or twice; killed after any write."""
        document = (
            self.documents[-1 - min(back, len(self.documents) - 1)] if self.documents else None
        )
        self.reconcile(self.read(document), killed_after)

    @precondition(lambda self: self.documents)
    @rule()
    def a_leader_freezes(self) -> None:
        self.views.append(self.read(self.documents[-1]))

    @precondition(lambda self: self.views)
    @rule(which=st.integers(0, 10), killed_after=st.one_of(st.none(), st.integers(0, 6)))
    def a_frozen_leader_acts_on_what_it_knew(self, which: int, killed_after: int | None) -> None:
        self.reconcile(self.views[which % len(self.views)], killed_after)

    @precondition(lambda self: self.views)
    @rule(which=st.integers(0, 10))
    def one_watch_lags_behind_the_other(self, which: int) -> None:
        """The service as it was, its objects as they are."""
        old = self.views[which % len(self.views)]
        self.reconcile(replace(old, observed=self.server.observed()))

    @rule()
    def somebody_else_changes_the_service(self) -> None:
        """Every write computed before this one is refused."""
        self.server.version += 1
        self.server.service_version = self.server.version

    @precondition(lambda self: self.server.anomalies)
    @rule(which=st.integers(0, 20), verdict=st.just("TruePositive"))
    def a_person_judges(self, which: int, verdict: str) -> None:
        """Verdicts that end an incident are the part of `JudgedIncidents`."""
        chosen = sorted(self.server.anomalies)[which % len(self.server.anomalies)]
        found = self.server.anomalies[chosen]
        self.server.version += 1
        found["spec"]["feedback"] = {"verdict": verdict, "by": "maria"}
        found["metadata"]["generation"] += 1
        found["metadata"]["resourceVersion"] = str(self.server.version)

    @invariant()
    def no_object_is_an_orphan(self) -> None:
        tracked = {one.anomaly for one in self.state().tracked}
        for name, found in self.server.anomalies.items():
            assert found.get("status", {}).get("state") == "Closed" or name in tracked

    @invariant()
    def the_bounds_hold(self) -> None:
        state = self.state()
        if state is self.held:
            return
        self.held = state
        assert parse(render(state), render_expected(state)) == state
        assert len(state.expected) <= 32
        assert size(state) <= MAX_STATE_BYTES
        assert len(state.tracked) <= 8
        assert sum(one.running for one in state.tracked) <= 1
        assert all(len(one.patterns) <= 8 for one in state.tracked)
        assert all(not one.anomaly for one in state.tracked if one.phase == "Suspected")

    def teardown(self) -> None:
        if not hasattr(self, "server"):
            return
        self.settle()
        ideal, transitions = fold_windows(IncidentState(), self.windows, SETTINGS)
        assert [edge(one) for one in self.done] == [edge(one) for one in transitions]
        assert self.state().running == ideal.running
        opened = Counter(one.anomaly for one in transitions if one.kind is TransitionKind.OPENED)
        assert self.server.creations == opened, "exactly one object for each incident"
        closed = Counter(one.anomaly for one in transitions if one.kind is TransitionKind.CLOSED)
        assert self.server.closings <= closed, "an object closes no oftener than its incident"
        for name, phase in final_phases(transitions).items():
            assert self.server.anomalies[name]["status"]["state"] == phase
        for found in self.server.anomalies.values():
            acknowledged = condition(found, "Acknowledged")
            feedback = found["spec"].get("feedback")
            assert acknowledged["status"] == ("True" if feedback else "False")
            assert acknowledged["observedGeneration"] == found["metadata"]["generation"]
        for name, found in self.server.anomalies.items():
            self.the_history_is_whole(name, found)

    def the_history_is_whole(self, name: str, found: dict[str, Any]) -> None:
        """Opened once, closed as often as the object was, each statement of a person once."""
        counted = Counter(entry["what"] for entry in found["status"]["history"])
        if "Earlier" in counted:
            return
        assert counted["Opened"] == 1
        assert counted["Closed"] == self.server.closings[name]
        assert counted["Feedback"] <= found["metadata"]["generation"] - 1
        assert bool(counted["Feedback"]) == ("feedback" in found["spec"])

    def document(self) -> Detection:
        listed = [one for one in self.span if one.verdict is not Verdict.NORMAL]
        start = self.span[0].end - STEP if self.span else self.span_start
        return Detection(
            model_revision="r",
            run=RunStatus(RunOutcome.SUCCEEDED),
            scored_from=to_text(start),
            scored_through=to_text(self.end),
            windows=tuple(
                WindowVerdict(
                    end=to_text(one.end),
                    verdict=one.verdict,
                    score=one.score,
                    severity=one.severity,
                    patterns=one.patterns,
                    model_severity=one.model_severity,
                )
                for one in listed
            ),
        )

    def state(self) -> IncidentState:
        return self.server.state()

    def read(self, document: Detection | None) -> View:
        return View(self.server.service_version, self.state(), self.server.observed(), document)

    def reconcile(self, view: View, killed_after: int | None = None) -> int:
        """One pass of the operator: fold, status, objects, in the order of the plan."""
        written = 0
        service = replace(META, resource_version=str(view.version))
        world = AnomalyWorld(service, SETTINGS, PLAN, view.observed)
        said = judgements(view.observed, META.uid)
        state, edges = judge(view.state, said, SETTINGS, self.end)
        if view.document is not None:
            done = settled(state, world, self.end)
            state, more = fold(state, view.document, SETTINGS, self.end, done)
            edges += more
        writes = self.objects(state, world)
        try:
            if state != view.state:
                self.spend(written, killed_after)
                self.server.write_incidents(state, view.version)
                self.done.extend(edges)
                written += 1
            for write in writes:
                self.spend(written, killed_after)
                self.server.carry_out(write)
                written += 1
        except (RefusedError, KilledError):
            return -1
        if view.document is not None and view.document is self.documents[-1]:
            self.unfolded = self.unfolded if written else 0
        return written

    def objects(self, state: IncidentState, world: AnomalyWorld) -> tuple[Write, ...]:
        """Lookups are answered by the server as it is before anything is written, like a GET."""
        asked = plan_anomalies(state, world, self.end)
        answers = {question: self.answer(question) for question in asked.lookups}
        return plan_anomalies(state, replace(world, lookups=answers), self.end).actions

    def answer(self, question: GetObject) -> Child | None:
        if question.kind == META.kind:
            return Child(replace(META, resource_version=str(self.server.service_version)), b"")
        found = self.server.anomalies.get(question.name)
        if found is None:
            return None
        return Child(anomaly_object(found).meta, compact(found["spec"]))

    def spend(self, written: int, killed_after: int | None) -> None:
        if killed_after is not None and written >= killed_after:
            raise KilledError

    def settle(self) -> None:
        """Reconcile until nothing is left to write; that must come soon."""
        for _ in range(40):
            if self.reconcile(self.read(self.documents[-1] if self.documents else None)) == 0:
                self.unfolded = 0
                return
        raise AssertionError("the operator still writes after 40 passes with nothing new")


def final_phases(transitions: tuple[Transition, ...]) -> dict[str, str]:
    phases = {
        TransitionKind.OPENED: IncidentPhase.OPEN,
        TransitionKind.RECOVERING: IncidentPhase.RECOVERING,
        TransitionKind.RELAPSED: IncidentPhase.OPEN,
        TransitionKind.REOPENED: IncidentPhase.OPEN,
        TransitionKind.CLOSED: IncidentPhase.CLOSED,
    }
    return {one.anomaly: phases[one.kind].value for one in transitions if one.kind in phases}


def condition(found: dict[str, Any], kind: str) -> dict[str, Any]:
    return next(one for one in found["status"]["conditions"] if one["type"] == kind)


def test_an_incident_that_one_watch_does_not_show_yet_is_not_lost() -> None:
    """The watch of the services is behind that of the incidents, by more than `separation`."""
    machine = IncidentMachine()
    machine.begin()
    machine.the_same_goes_on(Verdict.NORMAL, 5)
    machine.a_leader_freezes()
    machine.the_same_goes_on(Verdict.ANOMALOUS, 5)
    machine.the_operator_reconciles(0, None)
    machine.the_same_goes_on(Verdict.INCONCLUSIVE, 40)
    machine.one_watch_lags_behind_the_other(0)
    (found,) = machine.server.anomalies.values()
    assert found["status"]["state"] == "Open"
    machine.teardown()


class JudgedIncidents(IncidentMachine):
    """People say at any time that an incident was expected, or take it back.

    What is folded then depends on when a verdict is read, so the end is not held against an ideal
    run but against what must hold of every one.
    """

    @precondition(lambda self: self.server.anomalies)
    @rule(which=st.integers(0, 20), verdict=st.sampled_from(["Expected", "FalsePositive", None]))
    def a_person_calls_it_normal(self, which: int, verdict: str | None) -> None:
        chosen = sorted(self.server.anomalies)[which % len(self.server.anomalies)]
        found = self.server.anomalies[chosen]
        self.server.version += 1
        if verdict is None:
            found["spec"].pop("feedback", None)
        else:
            found["spec"]["feedback"] = {"verdict": verdict, "by": "maria"}
        found["metadata"]["generation"] += 1
        found["metadata"]["resourceVersion"] = str(self.server.version)

    def teardown(self) -> None:
        if not hasattr(self, "server"):
            return
        self.settle()
        told = [edge(one) for one in self.done]
        assert len(set(told)) == len(told), "each transition once"
        opened = Counter(one.anomaly for one in self.done if one.kind is TransitionKind.OPENED)
        assert self.server.creations == opened, "exactly one object for each incident"
        for name, phase in final_phases(tuple(self.done)).items():
            assert self.server.anomalies[name]["status"]["state"] == phase
        running = self.state().running
        judged = {rule.anomaly for rule in self.state().expected}
        assert running is None or running.anomaly not in judged
        for name, found in self.server.anomalies.items():
            verdict = (found["spec"].get("feedback") or {}).get("verdict")
            noted = found["status"].get("feedback", {}).get("verdict")
            assert noted == verdict
            if verdict in ("Expected", "FalsePositive"):
                assert found["status"]["state"] == "Closed"
            else:
                assert name not in judged


IncidentMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=40)
TestIncidentMachine = IncidentMachine.TestCase
JudgedIncidents.TestCase.settings = settings(max_examples=40, stateful_step_count=30)
TestJudgedIncidents = JudgedIncidents.TestCase
