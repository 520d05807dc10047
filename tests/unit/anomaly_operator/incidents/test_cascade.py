"""Cascades whose roots are known: what is named, on which path, and when nobody is."""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anomaly_operator.incidents.cascade.edges import MAX_DEPTH, weights
from anomaly_operator.incidents.cascade.find import CascadeVerdict, RootCause, root_cause
from anomaly_operator.incidents.cascade.ranking import ranked
from anomaly_operator.incidents.cascade.regroup import replaces
from anomaly_operator.incidents.cascade.suspect import Evidence, ServiceKey, Side, Suspect
from anomaly_operator.incidents.cascade.transmission import transmission
from detector_runtime.contract.vocabulary import Role, Severity

BEGAN = 1_795_000_000
STEP = 120
PRESET = frozenset(
    {Role.TRAFFIC, Role.LATENCY, Role.ERRORS, Role.DEPENDENCY_LATENCY, Role.DATABASE_LATENCY}
)
WAITS = ((Role.DEPENDENCY_LATENCY, 0.5), (Role.LATENCY, 0.4))
"""A caller that is slow because of what it calls."""
SLOW = ((Role.LATENCY, 0.9),)
DATABASE = ((Role.DATABASE_LATENCY, 0.5), (Role.LATENCY, 0.45))
FAILS = ((Role.ERRORS, 0.9),)
SURGE = ((Role.TRAFFIC, 0.8), (Role.LATENCY, 0.2))


def key(name: str) -> ServiceKey:
    return ServiceKey("shop", name)


def suspect(
    name: str,
    evidence: Sequence[tuple[Role, float]],
    window: int = 0,
    score: float = 8.0,
    measures: frozenset[Role] = PRESET,
) -> Suspect:
    return Suspect(
        key=key(name),
        anomaly=f"{name}-1",
        first_seen=BEGAN + window * STEP,
        step_seconds=STEP,
        severity=Severity.HIGH,
        score=score,
        evidence=tuple(Evidence(role, Side.UP, share) for role, share in evidence),
        measures=measures,
    )


def store(name: str, window: int = 0) -> Suspect:
    measures = frozenset({Role.LATENCY, Role.SATURATION})
    return suspect(name, ((Role.LATENCY, 0.6), (Role.SATURATION, 0.4)), window, measures=measures)


def found(
    target: str, suspects: Sequence[Suspect], calls: dict[str, Sequence[str]], judged: str = ""
) -> RootCause:
    edges = {key(name): tuple(map(key, callees)) for name, callees in calls.items()}
    return root_cause(
        key(target), {one.key: one for one in suspects}, edges, tuple(map(key, judged.split()))
    )


def names(cause: RootCause) -> str:
    return " ".join(one.name for one in cause.path)


CHAIN: dict[str, Sequence[str]] = {
    "web": ["gateway"],
    "gateway": ["checkout"],
    "checkout": ["payments"],
    "payments": [],
}


def test_a_dependency_that_is_slow_is_the_root_of_its_caller() -> None:
    services = [suspect("checkout", WAITS), suspect("payments", SLOW)]
    cause = found("checkout", services, CHAIN)
    assert cause.root == key("payments")
    assert cause.anomaly == "payments-1"
    assert names(cause) == "checkout payments"
    assert cause.verdict is CascadeVerdict.UPSTREAM_CASCADE
    assert cause.probability == pytest.approx(0.95)


def test_a_cushioned_dependency_is_the_root_of_nobody_who_is_well() -> None:
    """payments is anomalous, and checkout's cache hides it."""
    services = [suspect("payments", SLOW)]
    cause = found("checkout", services, CHAIN)
    assert (cause.root, cause.verdict) == (None, CascadeVerdict.UNKNOWN)
    assert not found("payments", services, CHAIN).elsewhere


def test_nobody_is_named_beyond_a_service_that_is_well() -> None:
    services = [suspect("gateway", SLOW), suspect("payments", SLOW)]
    cause = found("gateway", services, CHAIN, judged="checkout payments")
    assert cause.root == key("gateway")
    assert cause.verdict is CascadeVerdict.DEPENDENCIES_HEALTHY


def test_a_database_that_two_services_share_is_the_root_of_both() -> None:
    calls = {"orders": ["orders-db"], "stock": ["orders-db"], "gateway": ["orders", "stock"]}
    services = [
        suspect("orders", DATABASE),
        suspect("stock", DATABASE),
        store("orders-db"),
        suspect("gateway", WAITS),
    ]
    for name in ("orders", "stock", "gateway"):
        assert found(name, services, calls).root == key("orders-db")
    assert found("gateway", services, calls).verdict is CascadeVerdict.CHAIN_DEGRADED


def test_the_end_of_a_chain_of_four_is_the_root_of_all_others() -> None:
    services = [
        suspect("web", WAITS, 1),
        suspect("gateway", WAITS, 1),
        suspect("checkout", WAITS),
        suspect("payments", SLOW),
    ]
    causes = {name: found(name, services, CHAIN) for name in CHAIN}
    assert {cause.root for cause in causes.values()} == {key("payments")}
    assert names(causes["web"]) == "web gateway checkout payments"
    assert causes["web"].verdict is CascadeVerdict.CHAIN_DEGRADED
    assert not causes["payments"].elsewhere
    assert causes["web"].probability < causes["checkout"].probability


def test_two_faults_at_once_stay_two() -> None:
    """checkout's own database and payments' code fail in the same minute."""
    services = [suspect("checkout", DATABASE), suspect("payments", SLOW)]
    assert found("checkout", services, CHAIN).root == key("checkout")
    assert found("payments", services, CHAIN).root == key("payments")


def test_two_faults_without_an_edge_stay_two() -> None:
    services = [suspect("checkout", SLOW), suspect("payments", SLOW)]
    assert found("checkout", services, {}).root == key("checkout")
    assert found("checkout", services, {}).verdict is CascadeVerdict.UNKNOWN


def test_a_fault_that_began_later_is_no_cause() -> None:
    late = suspect("payments", SLOW, window=3)
    assert not found("checkout", [suspect("checkout", WAITS), late], CHAIN).elsewhere
    in_time = suspect("payments", SLOW, window=2)
    assert found("checkout", [suspect("checkout", WAITS), in_time], CHAIN).elsewhere


def test_a_service_without_data_is_not_named_and_names_nobody() -> None:
    """payments has no data, so it is no suspect, though checkout waits for its calls."""
    services = [suspect("gateway", WAITS), suspect("checkout", WAITS)]
    assert found("gateway", services, CHAIN).root == key("checkout")
    assert found("payments", services, CHAIN).root is None


def test_a_circle_ends_at_the_service_that_began_first() -> None:
    calls = {"a": ["b"], "b": ["c"], "c": ["a"]}
    services = [suspect("a", WAITS, 1), suspect("b", WAITS), suspect("c", WAITS, 1)]
    assert {found(name, services, calls).root for name in "abc"} == {key("b")}
    assert names(found("c", services, calls)) == "c a b"


def test_a_service_that_names_itself_among_its_dependencies_is_harmless() -> None:
    assert not found("a", [suspect("a", SLOW)], {"a": ["a"]}).elsewhere


def test_a_surge_of_requests_is_not_blamed_on_the_service_that_receives_it() -> None:
    services = [suspect("checkout", SURGE), suspect("payments", SURGE)]
    assert found("checkout", services, CHAIN).root == key("checkout")


def test_calls_that_are_measured_and_normal_clear_the_dependency() -> None:
    services = [suspect("checkout", SLOW), suspect("payments", SLOW)]
    assert not found("checkout", services, CHAIN).elsewhere
    unmeasured = replace(services[0], measures=frozenset({Role.LATENCY}))
    assert found("checkout", [unmeasured, services[1]], CHAIN).elsewhere


def test_errors_come_from_errors_and_from_timeouts() -> None:
    failing, slow = suspect("payments", FAILS), suspect("payments", SLOW)
    caller = suspect("checkout", FAILS)
    assert transmission(failing, caller) > transmission(slow, caller) > 0.5


def test_a_small_change_does_not_explain_a_large_one() -> None:
    services = [suspect("checkout", WAITS, score=9.0), suspect("payments", SLOW, score=2.0)]
    assert not found("checkout", services, CHAIN).elsewhere


def test_of_two_equal_dependencies_neither_is_named() -> None:
    calls = {"gateway": ["a", "b", "c"]}
    services = [suspect("gateway", WAITS), *(suspect(name, SLOW) for name in "abc")]
    cause = found("gateway", services, calls)
    assert (cause.root, cause.verdict) == (None, CascadeVerdict.UNKNOWN)
    assert [one.key.name for one in cause.candidates] == ["a", "b", "c", "gateway"]


def test_what_is_farther_than_the_depth_is_not_looked_at() -> None:
    chain = [f"s{number}" for number in range(8)]
    calls = {name: [callee] for name, callee in itertools.pairwise(chain)}
    cause = found("s0", [suspect(name, WAITS) for name in chain], calls)
    assert cause.root is not None
    assert cause.root.name == f"s{MAX_DEPTH}"


def test_a_named_root_stays_until_another_is_clearly_better() -> None:
    services = [suspect("checkout", WAITS), suspect("payments", SLOW)]
    cause = found("checkout", services, CHAIN)
    assert replaces(cause, None, still_running=False)
    assert not replaces(cause, key("payments"), still_running=True)
    assert replaces(cause, key("stock"), still_running=True)
    assert not replaces(cause, key("stock"), still_running=False)
    assert not replaces(found("payments", services, CHAIN), key("stock"), still_running=True)
    close = replace(
        cause,
        candidates=tuple(
            replace(one, probability=one.probability - 0.1, key=key("stock"))
            if one == cause.candidates[0]
            else one
            for one in cause.candidates
        ),
    )
    assert not replaces(close, key("stock"), still_running=True)


NAMES = tuple("abcdefgh")
GRAPHS = st.dictionaries(
    st.sampled_from(NAMES), st.lists(st.sampled_from(NAMES), max_size=4), max_size=len(NAMES)
)
KINDS = st.sampled_from([WAITS, SLOW, DATABASE, FAILS, SURGE, ()])
SUSPECTS = st.lists(
    st.builds(
        suspect,
        st.sampled_from(NAMES),
        KINDS,
        st.integers(-40, 5),
        st.floats(0, 10),
    ),
    unique_by=lambda one: one.key,
    min_size=1,
)


@given(SUSPECTS, GRAPHS, st.integers(0, 1000))
def test_the_order_of_services_and_edges_changes_nothing(
    services: list[Suspect], calls: dict[str, list[str]], seed: int
) -> None:
    chance = random.Random(seed)
    shuffled = chance.sample(services, len(services))
    turned = {name: chance.sample(calls[name], len(calls[name])) for name in reversed(list(calls))}
    for one in services:
        first, second = found(one.key.name, services, calls), found(one.key.name, shuffled, turned)
        assert first == second


@given(SUSPECTS, GRAPHS)
def test_a_root_is_a_suspect_at_the_end_of_a_path_of_suspects(
    services: list[Suspect], calls: dict[str, list[str]]
) -> None:
    known = {one.key.name for one in services}
    for target in NAMES:
        cause = found(target, services, calls)
        if target not in known:
            assert cause.root is None
            continue
        assert sum(one.probability for one in cause.candidates) == pytest.approx(1.0)
        for one in cause.candidates:
            path = [step.name for step in one.path]
            assert path[0] == target
            assert set(path) <= known
            assert len(path) <= MAX_DEPTH + 1
            assert all(callee in calls[caller] for caller, callee in itertools.pairwise(path))
        if cause.root is not None:
            assert cause.path[-1] == cause.root
            assert cause.anomaly == f"{cause.root.name}-1"


@given(SUSPECTS, GRAPHS)
def test_what_is_left_of_the_graph_has_no_circle(
    services: list[Suspect], calls: dict[str, list[str]]
) -> None:
    edges = {key(name): tuple(map(key, callees)) for name, callees in calls.items()}
    known = {one.key: one for one in services}
    for one in services:
        left = {name: set(found) for name, found in weights(one.key, known, edges).items()}
        while left:
            ends = {name for name, callees in left.items() if not callees & left.keys()}
            assert ends
            left = {name: callees for name, callees in left.items() if name not in ends}
        assert ranked(one.key, weights(one.key, known, edges))[0].probability > 0
