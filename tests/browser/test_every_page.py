"""What holds for each page: no violation of accessibility in either theme, no error, no way
sideways on a phone, no harm by hostile texts."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from anomaly_dashboard.web.words import segment
from browser.in_process import Dashboard
from browser.looking import WIDTHS, violations
from pretend.fleet import HOSTILE_NAMESPACE, LONG, Fleet, Json
from pretend.fleet_runs import NAMESPACE, RUNS
from pretend.hostile import HARM, OBJECT_NAMES


def _path(raw: Json) -> str:
    metadata = raw["metadata"]
    page = "services" if raw["kind"] == "AnomalyService" else "incidents"
    return f"/{page}/{segment(metadata['namespace'])}/{segment(metadata['name'])}"


def _service(state: str) -> Callable[[Fleet], str]:
    def find(made: Fleet) -> str:
        return next(
            _path(one)
            for one in made.services
            if one["status"].get("state", "Pending") == state
            and one["metadata"]["namespace"] != HOSTILE_NAMESPACE
        )

    return find


def _incident(wanted: Callable[[Json], bool]) -> Callable[[Fleet], str]:
    return lambda made: next(_path(one) for one in made.incidents if wanted(one["status"]))


PAGES: dict[str, Callable[[Fleet], str]] = {
    "overview": lambda made: "/",
    "graph": lambda made: "/graph",
    "review": lambda made: "/review",
    "runs": lambda made: "/runs",
    "run": lambda made: f"/runs/{NAMESPACE}/{next(iter(RUNS))}",
    "policy": lambda made: "/policies/shop/web",
    **{f"service-{one.lower()}": _service(one) for one in ("Anomalous", "Degraded", "Pending")},
    "service-long": lambda made: _path(made.service(LONG)),
    "service-hostile": lambda made: _path(made.service(OBJECT_NAMES[0])),
    "incident-root": _incident(lambda status: "symptoms" in status),
    "incident-symptom": _incident(lambda status: "symptomOf" in status),
    "incident-closed": _incident(lambda status: status["state"] == "Closed"),
    "incident-hostile": lambda made: _path(
        next(one for one in made.incidents if one["metadata"]["namespace"] == HOSTILE_NAMESPACE)
    ),
}


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_accessible_and_fits_a_phone(
    name: str,
    many: Fleet,
    busy: Dashboard,
    open_page: Callable[..., Page],
    axe: Callable[[Page], None],
    shot: Callable[[Page, str], None],
) -> None:
    page = open_page(busy.url + PAGES[name](many))
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    assert HARM not in page.title()
    axe(page)
    shot(page, name)
    page.set_viewport_size({"width": WIDTHS["phone"], "height": 800})
    assert violations(page, colours=False) == []
