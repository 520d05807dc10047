"""An API server that refuses this and that for a while: nothing is lost, and it ends as ever."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from anomaly_operator.world.plan import Plan, Write, object_of
from anomaly_operator.world.refusal import Withheld, refusal
from detector_runtime.contract.vocabulary import RunOutcome
from pretend.cluster import Cluster
from pretend.histories import happen, happenings

KINDS = ("ServiceAccount", "PersistentVolumeClaim", "ConfigMap", "Job", "CronJob", "Anomaly")
REASONS = {"QuotaExceeded", "Forbidden", "Rejected"}


class Refused(Exception):  # noqa: N818 - it is no error of the code under test
    """403."""


@dataclass
class Refusing(Cluster):
    """Refuses to make or change objects of some kinds; reconciles as the controller does."""

    refusing: set[str] = field(default_factory=set)

    def reconcile(self, name: str = "checkout") -> Plan:
        self.withheld = Withheld(self.withheld.refused, retrying=bool(self.withheld.refused))
        for _ in range(20):
            plan = self.plan(name)
            try:
                self.carry_out(plan)
            except Refused as error:
                kind, refused = error.args
                assert not self.withheld.holds(kind, refused), "left out, and tried all the same"
                known = () if self.withheld.retrying else self.withheld.refused
                found = refusal(kind, refused, 403, "exceeded quota: q")
                self.withheld = Withheld((*known, found))
                continue
            if not self.withheld.retrying:
                return plan
            self.withheld = Withheld()
        raise AssertionError("there is no end of refusals")

    def restart(self) -> None:
        super().restart()
        self.withheld = Withheld()

    def _act(self, action: Write) -> None:
        if object_of(action)[0] in self.refusing:
            raise Refused(*object_of(action))
        super()._act(action)


refusals = st.tuples(st.just("refuse"), st.sets(st.sampled_from(KINDS), max_size=3))


def told(cluster: Cluster) -> str:
    """The reason of Ready."""
    return str(cluster.condition("Ready")["reason"])


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(history=st.lists(st.one_of(happenings(), refusals, refusals), max_size=14))
def test_after_any_refusals_it_settles_tells_them_and_then_goes_on(
    history: list[tuple[Any, ...]],
) -> None:
    cluster = Refusing()
    cluster.service(incidents={"separation": "6h"})
    for what in history:
        if what[0] == "refuse":
            cluster.refusing = what[1]
            cluster.reconcile()
        else:
            happen(cluster, what)
        assert len([job for job in cluster.jobs() if "status" not in job]) <= 1
    cluster.settle()
    if cluster.withheld.refused:
        told_of = ("SourceUnknown", "NameConflict", *REASONS)
        assert told(cluster) in told_of
    writes = cluster.writes
    attempts = len(cluster.withheld.refused)
    cluster.reconcile()
    assert cluster.writes - writes <= attempts, "only what is refused is tried again"
    cluster.refusing = set()
    cluster.settle()
    assert cluster.plan().actions == ()
    assert told(cluster) not in REASONS


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(kinds=st.sets(st.sampled_from(KINDS), min_size=1, max_size=3), ends=st.integers(1, 3))
def test_a_service_whose_first_tries_were_refused_gets_its_model(
    kinds: set[str], ends: int
) -> None:
    cluster = Refusing(refusing=kinds)
    cluster.service(incidents={"separation": "6h"})
    for _ in range(ends):
        cluster.settle()
        cluster.now += 300
    cluster.refusing = set()
    cluster.settle()
    happen(cluster, ("end", RunOutcome.SUCCEEDED))
    cluster.settle()
    assert cluster.status()["model"]["revision"]
    assert len(cluster.jobs()) == len(cluster.of_kind("CronJob")) == 1
