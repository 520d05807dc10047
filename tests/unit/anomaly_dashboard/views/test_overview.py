"""Heat map, recent changes, coverage and table of the first page."""

from __future__ import annotations

from typing import Any

import pytest

from anomaly_dashboard.views.coverage import coverage
from anomaly_dashboard.views.filters import Filter
from anomaly_dashboard.views.heat_map import HOURS, ROWS, heat_map
from anomaly_dashboard.views.overview import Overview, overview
from anomaly_dashboard.views.recent import recent
from anomaly_dashboard.views.service_table import PAGE, service_table
from anomaly_dashboard.watched.rows import Edge, IncidentRow, ServiceRow
from anomaly_dashboard.watched.sight import Scope
from detector_runtime.contract.vocabulary import Severity
from unit.anomaly_dashboard.views.rows import HOUR, NOW, a_service, an_incident

BEGUN = NOW - NOW % HOUR
"""Of the hour that runs."""


def view(
    services: list[ServiceRow], incidents: list[IncidentRow], chosen: Filter | None = None
) -> Overview:
    return overview(services, incidents, Scope(everywhere=True), chosen or Filter(), NOW)


def test_a_cell_has_the_worst_severity_of_its_hour() -> None:
    rows = [
        an_incident("a", since=BEGUN - 2 * HOUR + 60, state="Closed", closed_at=BEGUN - HOUR + 60),
        an_incident("a", since=BEGUN - HOUR, severity=Severity.LOW),
    ]
    found = heat_map(rows, {}, NOW)
    assert len(found.hours) == HOURS
    assert found.rows[0].cells[-4:] == (
        Severity.NONE, Severity.HIGH, Severity.HIGH, Severity.LOW,
    )  # fmt: skip


def test_an_incident_that_began_long_ago_fills_the_whole_day() -> None:
    found = heat_map([an_incident("a", since=NOW - 90 * HOUR)], {}, NOW)
    assert set(found.rows[0].cells) == {Severity.HIGH}


def test_hours_in_which_nobody_looked_are_not_known() -> None:
    service = a_service("a", created=BEGUN - 5 * HOUR + 1, scored=BEGUN - 2 * HOUR - 1)
    rows = [an_incident("a", since=BEGUN - 4 * HOUR, state="Closed", closed_at=BEGUN - 4 * HOUR)]
    cells = heat_map(rows, {service.place: service}, NOW).rows[0].cells
    assert cells[:-6] == (None,) * (HOURS - 6)
    assert cells[-6:] == (Severity.NONE, Severity.HIGH, Severity.NONE, None, None, None)


def test_the_worst_rows_come_first_and_all_on_demand() -> None:
    rows = [an_incident(f"s{number:03}", severity=Severity.LOW) for number in range(60)]
    rows.append(an_incident("worst", severity=Severity.CRITICAL))
    found = heat_map(rows, {}, NOW)
    assert found.rows[0].place == ("shop", "worst")
    assert (len(found.rows), found.total) == (ROWS, 61)
    assert len(heat_map(rows, {}, NOW, whole=True).rows) == 61


def test_recent_tells_edges_and_changes_newest_first() -> None:
    edges = (Edge(NOW - 7 * HOUR, "Opened"), Edge(NOW - 300, "Acknowledged", "ann"))
    withdrawn = (Edge(NOW - 600, "3 earlier events"), Edge(NOW - 60, "FeedbackWithdrawn"))
    change = Edge(NOW - 900, "payments 1.8 -> 1.9")
    closed: dict[str, Any] = {"state": "Closed"}
    rows = [
        an_incident("a", edges=edges, change=change),
        an_incident("b", edges=withdrawn),
        an_incident("old", **closed, since=NOW - 9 * HOUR, closed_at=NOW - 8 * HOUR, last_seen=0),
        an_incident("plain", **closed, since=NOW - 1200, closed_at=NOW - 30),
    ]
    said = [(one.incident.service, one.what, one.who) for one in recent(rows, NOW)]
    assert said == [
        ("plain", "closed", ""),
        ("b", "feedback withdrawn", ""),
        ("a", "acknowledged", "ann"),
        ("a", "payments 1.8 -> 1.9", ""),
        ("plain", "opened", ""),
    ]


def test_what_is_not_known_is_said_with_a_way_to_it() -> None:
    services = [
        a_service("fine"),
        a_service("late", scored=NOW - HOUR),
        a_service("slow", step=HOUR, scored=NOW - 2 * HOUR),
        a_service("new", scored=0, state="Learning"),
        a_service("broken", state="Degraded", scored=0),
        a_service("off", state="Suspended", scored=NOW - 90 * HOUR),
        a_service("untaken", generation=4, observed=3),
        a_service("just made", generation=1, observed=0, created=NOW - 10, scored=0),
    ]
    found = coverage(services, NOW)
    assert (found.total, found.scored, found.oldest) == (8, 3, NOW - 2 * HOUR)
    said = {note.text: (note.query, note.grave) for note in found.notes}
    assert said["No recent result for 1 service."] == ({"sort": "scored"}, True)
    assert said["Detection does not work for 1 service."] == ({"state": "Degraded"}, True)
    assert said["Still learning: 1 service."] == ({"state": "Learning"}, False)
    assert said["Suspended: 1 service."] == ({"state": "Suspended"}, False)
    newest = "The operator has not taken up the newest spec of 1 service. Check that it runs."
    assert newest in said


def test_a_silent_fleet_is_not_taken_for_a_quiet_one() -> None:
    found = coverage([a_service("a", scored=NOW - HOUR), a_service("b", scored=NOW - HOUR)], NOW)
    assert found.scored == 0
    assert [note.text for note in found.notes] == [
        "No service has a recent result. Check the operator and the scoring pods."
    ]


def test_the_table_is_paged_and_stays_within_its_pages() -> None:
    rows = [a_service(f"s{number:03}") for number in range(120)]
    found = service_table(rows, Filter(page=99))
    assert (len(found.rows), found.first, found.total) == (20, 2 * PAGE + 1, 120)
    assert found.before == {"page": "2"}
    assert found.after is None
    empty = service_table([], Filter())
    assert (empty.first, empty.before, empty.after) == (0, None, None)


@pytest.mark.parametrize(
    ("sort", "down", "first"),
    [
        ("severity", False, "b"),
        ("severity", True, "a"),
        ("name", False, "a"),
        ("budget", False, "c"),
        ("scored", False, "c"),
        ("state", False, "b"),
    ],
)
def test_the_table_sorts(sort: str, down: bool, first: str) -> None:
    rows = [
        a_service("a", budget="80%"),
        a_service("b", severity=Severity.HIGH, state="Anomalous", scored=NOW),
        a_service("c", severity=Severity.LOW, budget="-12%", scored=NOW - HOUR),
    ]
    found = service_table(rows, Filter(sort=sort, down=down))
    assert found.rows[0].name == first
    marked = [head.sorted for head in found.heads if head.sorted]
    assert marked == ["descending" if (sort == "severity") != down else "ascending"]


def test_counts_lead_to_what_they_count_and_back() -> None:
    services = [a_service("a", severity=Severity.HIGH), a_service("b")]
    found = view(services, [])
    assert [(one.label, one.number, one.query) for one in found.severities] == [
        ("High", 1, {"severity": "High"}), ("None", 1, {"severity": "None"}),
    ]  # fmt: skip
    chosen = view(services, [], Filter(severity="High"))
    assert [(one.chosen, one.query) for one in chosen.severities] == [(True, {})]


def test_a_filter_narrows_the_heat_map_and_what_happened() -> None:
    rows = [an_incident("a"), an_incident("b", "bank")]
    found = view([a_service("a"), a_service("b", "bank")], rows, Filter(namespace="bank"))
    assert [row.place for row in found.heat.rows] == [("bank", "b")]
    assert {one.incident.service for one in found.recent} == {"b"}
    assert found.running == 2
    assert found.roots.total == 1
