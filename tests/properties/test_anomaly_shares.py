"""Room for Anomaly objects, shared by namespaces: what holds after any sequence of incidents."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from anomaly_operator.world.crowd import ClosedObject, Crowd
from anomaly_operator.world.plan import ObjectRef
from detector_runtime.contract.vocabulary import Severity

SPACES = ("shop", "bank", "game", "blog")
SEVERITIES = (Severity.LOW, Severity.MEDIUM, Severity.HIGH, Severity.CRITICAL)


@dataclass(frozen=True)
class Step:
    """An incident opens in a namespace; before that, some of the oldest open ones close."""

    space: str
    severity: Severity
    closes: int


STEPS = st.lists(
    st.builds(Step, st.sampled_from(SPACES), st.sampled_from(SEVERITIES), st.integers(0, 2)),
    max_size=60,
)


def kept(space: str, number: int) -> ObjectRef:
    return ObjectRef("v1", "Anomaly", space, f"{space}-{number}", f"uid-{number}")


def crowd_of(
    limit: int,
    opened: dict[ObjectRef, Severity],
    closed: dict[ObjectRef, ClosedObject],
) -> Crowd:
    held: defaultdict[str, int] = defaultdict(int)
    waiting: defaultdict[str, list[ClosedObject]] = defaultdict(list)
    for target in (*opened, *closed):
        held[target.namespace] += 1
    for target, one in closed.items():
        waiting[target.namespace].append(one)
    rows = {space: tuple(sorted(found)[:4]) for space, found in waiting.items()}
    return Crowd(limit, len(SPACES), dict(held), rows)


@given(STEPS, st.integers(4, 30))
def test_no_namespace_is_refused_within_its_share_whatever_the_others_do(
    steps: list[Step], limit: int
) -> None:
    opened: dict[ObjectRef, Severity] = {}
    closed: dict[ObjectRef, ClosedObject] = {}
    for number, step in enumerate(steps):
        for target in list(opened)[: step.closes]:
            severity = opened.pop(target)
            closed[target] = ClosedObject(severity.rank, number, target, "1", target.name)
        crowd = crowd_of(limit, opened, closed)
        found = crowd.admit(step.space, step.severity)
        if found is None:
            assert crowd.held.get(step.space, 0) >= crowd.share
            continue
        after, gone = found
        for one in gone:
            space = one.target.namespace
            assert one.target in closed, "an open one was removed"
            assert one.rank <= step.severity.rank, "a worse one was removed for a milder one"
            above = space == step.space or crowd.held[space] > crowd.share
            assert above, "a neighbour within its share lost one"
            least = min(
                (other.rank, other.closed)
                for other in closed.values()
                if other.target.namespace == space
            )
            assert (one.rank, one.closed) == least, "not the mildest and oldest went first"
            del closed[one.target]
        opened[kept(step.space, number)] = step.severity
        total = len(opened) + len(closed)
        assert total == sum(after.held.values()) <= limit
        assert len(gone) <= 1


def full(limit: int = 100, **held: int) -> Crowd:
    rows = {
        space: tuple(
            ClosedObject(Severity.LOW.rank, at, kept(space, at), "1", str(at)) for at in range(4)
        )
        for space in held
    }
    return Crowd(limit, len(held), held, rows)


def test_the_namespace_furthest_above_its_share_gives_way_first() -> None:
    crowd = full(bank=40, game=60, shop=0)
    found = crowd.admit("shop", Severity.CRITICAL)
    assert found is not None
    assert [one.target.namespace for one in found[1]][:1] == ["game"]


def test_a_flood_takes_nothing_from_a_neighbour_that_holds_less() -> None:
    crowd = full(bank=30, game=70)
    found = crowd.admit("game", Severity.CRITICAL)
    assert found is not None
    assert [one.target.namespace for one in found[1]] == ["game"]


def test_worse_ones_stay_and_the_milder_incident_goes_without() -> None:
    assert full(bank=30, game=70).admit("bank", Severity.INFORMATIONAL) is None


def test_a_closed_incident_displaces_nothing() -> None:
    assert full(bank=30, game=70).admit("bank", Severity.HIGH, may_displace=False) is None


def test_a_new_namespace_gets_its_share_even_where_nothing_can_give_way() -> None:
    crowd = Crowd(100, 2, {"bank": 100})
    found = crowd.admit("shop", Severity.LOW)
    assert found is not None
    assert found[0].held == {"bank": 100, "shop": 1}
