"""The review queue: its order, its filters, its words where there is nothing to do."""

from __future__ import annotations

from typing import Any

from anomaly_dashboard.views.review import JUDGE, ReviewFilter, review
from anomaly_dashboard.watched.store import Store
from anomaly_operator.api.resources import ANOMALY
from unit.anomaly_dashboard.made_rows import incident_row
from unit.anomaly_dashboard.signed_in import NOW, OpenDoor, browser


def test_a_missed_deadline_comes_first_then_what_nobody_has_acknowledged_then_priority() -> None:
    rows = [
        incident_row("low", priority=10, deadline=NOW + 60),
        incident_row("taken", priority=99, acknowledged_by="ann"),
        incident_row("high", priority=80, deadline=NOW + 600),
        incident_row("sooner", priority=80, deadline=NOW + 60),
        incident_row("passed", priority=5, deadline=NOW - 1),
        incident_row("missed", priority=30, missed=True, acknowledged_by="ann"),
        incident_row("met", priority=70, deadline=NOW - 1, acknowledged_by="ann"),
    ]
    view = review(rows, ReviewFilter(), NOW)
    assert [one.row.service for one in view.waiting] == [
        "passed",
        "missed",
        "sooner",
        "high",
        "low",
        "taken",
        "met",
    ]
    assert view.missed == 2


def test_closed_incidents_without_a_verdict_wait_to_be_judged_newest_first() -> None:
    rows = [
        incident_row("old", state="Closed", closed_at=NOW - 900),
        incident_row("new", state="Closed", closed_at=NOW - 60),
        incident_row("said", state="Closed", closed_at=NOW - 30, verdict="Expected"),
        incident_row("runs"),
    ]
    view = review(rows, ReviewFilter(queue=JUDGE), NOW)
    assert [one.row.service for one in view.waiting] == ["new", "old"]
    assert (view.open, view.judge) == (1, 2)


def test_filters_and_pages() -> None:
    rows = [
        incident_row(f"s{number}", owner="web" if number % 2 else "db") for number in range(120)
    ]
    view = review(rows, ReviewFilter(owner="web", page=9), NOW)
    assert (view.matching, view.pages, len(view.waiting)) == (60, 2, 10)
    assert view.owners == ("db", "web")
    free = review([*rows, incident_row("x", acknowledged_by="a")],
                  ReviewFilter(unacknowledged=True, search="LATENCY"), NOW)  # fmt: skip
    assert free.matching == 120


def raw(name: str, **spec: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": name, "namespace": "shop", "resourceVersion": "1"},
        "spec": {"serviceRef": {"name": "<b>checkout"}, "openingPattern": "outage", **spec},
        "status": {
            "state": "Open",
            "severity": "Critical",
            "priority": {"value": 88, "tier": "P1", "deadline": "2026-01-01T00:00:00Z",
                         "owner": "web", "nextStep": "Roll back"},
        },
    }  # fmt: skip


async def test_the_page_says_what_is_late_and_keeps_the_filter_in_its_links() -> None:
    store = Store()
    async with browser(OpenDoor(store)) as client:
        assert "no incident is open" in (await client.get("/review")).text
        assert "has a verdict" in (await client.get("/review?queue=judge&page=-3")).text
        store.put(ANOMALY, raw("a"))
        page = (await client.get("/review?owner=web&page=0")).text
        empty = (await client.get("/review?owner=nobody")).text
    assert "1 deadline is missed." in page
    assert "<b>checkout" not in page
    assert 'href="/incidents/shop/a"' in page
    assert 'href="/review?queue=judge&amp;owner=web"' in page
    assert "No incident matches the filter" in empty
