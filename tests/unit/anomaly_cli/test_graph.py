"""The order in which the services of a folder are judged, and what each knows of those below."""

from __future__ import annotations

from anomaly_cli.graph import Health, circles, dependencies_of, health, judging_order
from detector_runtime.contract.dependencies import MAX_UNHEALTHY
from detector_runtime.contract.vocabulary import Severity

HIGH, MEDIUM, NONE = Severity.HIGH, Severity.MEDIUM, Severity.NONE
GRAPH = {"a": ["b", "x"], "b": ["c"], "c": [], "x": []}
ILL, WELL = Health((60,), (HIGH,)), Health((60,), (NONE,))


def test_what_others_depend_on_is_judged_first() -> None:
    order = judging_order({"a": ["b", "gone"], "b": ["c"], "c": [], "d": ["c"]})
    assert order == ("c", "b", "a", "d")


def test_a_circle_has_an_order_too_and_is_told() -> None:
    graph = {"a": ["b"], "b": ["a"], "c": ["a"]}
    assert sorted(judging_order(graph)) == ["a", "b", "c"]
    told = circles(graph)
    assert [line.split(";")[0] for line in told] == [
        "spec.dependsOn of a leads back to it (a -> b -> a)",
        "spec.dependsOn of b leads back to it (b -> a -> b)",
    ]
    assert dependencies_of("a", graph, {"b": ILL}) is not None


def test_health_changes_with_the_window_that_opens_and_closes_an_incident() -> None:
    found = health([60, 120, 180, 240], {1: MEDIUM, 2: HIGH})
    assert [found.at(end) for end in (30, 60, 120, 179, 180, 240, 900)] == [
        *(NONE, NONE, MEDIUM, MEDIUM, HIGH, NONE, NONE),
    ]


def test_a_dependency_is_unhealthy_from_the_window_on_in_which_its_incident_opens() -> None:
    at = dependencies_of("a", {"a": ["b"], "b": []}, {"b": health([60, 120, 180], {1: HIGH})})
    assert at is not None
    assert [[one.name for one in at(end).unhealthy] for end in (60, 120, 180)] == [[], ["b"], []]
    assert {at(end).known for end in (60, 120)} == {1}


def test_dependencies_are_found_through_services_without_data() -> None:
    at = dependencies_of("a", GRAPH, {"c": ILL, "x": WELL})
    assert at is not None
    assert at(60).known == 2
    assert [(one.name, one.depth, one.severity) for one in at(60).unhealthy] == [("c", 2, HIGH)]


def test_an_incident_that_notifies_nobody_makes_no_dependency_unhealthy() -> None:
    at = dependencies_of("a", {"a": ["b"], "b": []}, {"b": Health((60,), (Severity.LOW,))})
    assert at is not None
    assert (at(60).known, at(60).unhealthy) == (1, ())


def test_where_nothing_below_was_judged_nothing_is_said_of_it() -> None:
    assert dependencies_of("a", {"a": ["b"]}, {}) is None


def test_the_nearest_and_worst_are_listed_and_no_more_than_a_status_holds() -> None:
    names = [f"s{number:02}" for number in range(MAX_UNHEALTHY + 2)]
    graph = {**dict.fromkeys(names, ()), "a": names, names[0]: ["deep"], "deep": ()}
    known = {name: Health((60,), (MEDIUM,)) for name in names} | {names[-1]: ILL, "deep": ILL}
    at = dependencies_of("a", graph, known)
    assert at is not None
    found = at(60).unhealthy
    assert len(found) == MAX_UNHEALTHY
    assert found[0].name == names[-1]
    assert at(60).known == len(names) + 1


def test_a_dependency_further_away_than_five_calls_is_not_looked_for() -> None:
    graph = {f"s{number}": [f"s{number + 1}"] for number in range(7)} | {"s7": []}
    at = dependencies_of("s0", graph, {"s5": ILL, "s6": ILL})
    assert at is not None
    assert [one.name for one in at(60).unhealthy] == ["s5"]
