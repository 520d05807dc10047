"""The pages of training runs: which need somebody, and what was found in their rows."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from anomaly_dashboard.views.run import run_view
from anomaly_dashboard.views.run_curve import run_curve
from anomaly_dashboard.views.runs import runs_view
from anomaly_dashboard.watched.sight import EVERYTHING, Sight
from anomaly_dashboard.watched.store import Store
from anomaly_operator.api.resources import ANOMALY, SERVICE
from anomaly_operator.api.text import unix_seconds
from pretend.followed_service import OPEN, REPORT, service
from unit.anomaly_dashboard.signed_in import OpenDoor, browser

NOW = unix_seconds("2026-11-22T11:40:00Z")
Json = dict[str, Any]


def named(name: str, report: Json | None = REPORT, profile: str = "TrainingRun") -> Json:
    raw = service(report, profile)
    raw["metadata"] = {**raw["metadata"], "name": name, "uid": name}
    return raw


def stored(*services: Json, incidents: tuple[Json, ...] = ()) -> Store:
    store = Store()
    for one in services:
        store.put(SERVICE, one)
    for one in incidents:
        store.put(ANOMALY, one)
    return store


def evidence() -> Json:
    raw = deepcopy(OPEN)
    raw["status"]["trainingRun"] = {
        "lossHistory": ["0.56", "NaN", "0.57", "1.15"],
        "learningRateHistory": ["0.0005", "0.0005"],
        "examples": [{"prompt": "2+2", "goldenAnswer": "4", "modelAnswer": "5", "matches": False}],
    }
    return raw


def test_a_run_that_needs_somebody_stands_before_one_that_goes_on() -> None:
    calm = {**REPORT, "conclusion": "Go on: no trigger stands.", "advice": ""}
    store = stored(named("calm", calm), named("llama"), named("new", None), named("web", None, ""))
    found = runs_view(Sight(store, EVERYTHING), NOW).runs
    assert [(one.row.name, one.bad) for one in found] == [
        ("llama", True), ("calm", False), ("new", False),
    ]  # fmt: skip
    assert (found[0].filled, found[0].worst, found[0].total) == (11, "Critical", 143_000)
    assert found[2].filled == -1


def test_the_line_of_a_run_has_triggers_by_tier_best_step_and_checkpoint() -> None:
    raw = named("llama")
    line = run_view(raw, Sight(stored(raw), EVERYTHING), NOW).line
    assert line is not None
    assert [(lane.name, [mark.step for mark in lane.marks]) for lane in line.lanes] == [
        ("Critical", [15_000]), ("Warning", []), ("Other", [12_000]),
    ]  # fmt: skip
    assert line.best is not None
    assert line.checkpoint is not None
    assert (line.best.step, line.checkpoint.step, line.last) == (12_000, 14_000, 143_000)
    assert line.falling == ""


def test_best_losses_fall_in_steps_along_the_line() -> None:
    best = {"tier": "Informational", "action": "None"}
    told = [
        {**best, "step": 100, "name": "best_model_loss_2"},
        {**best, "step": 200, "name": "best_model_loss_1.5"},
        {**best, "step": 400, "name": "best_model_loss_nan"},
        {**best, "step": 400, "name": "best_model_loss_1"},
    ]
    raw = named("llama", {**REPORT, "step": 1000, "totalSteps": 1000, "timeline": told})
    line = run_view(raw, Sight(stored(raw), EVERYTHING), NOW).line
    assert line is not None
    assert (line.highest, line.lowest) == ("2", "1")
    assert line.falling == "M100 5.0H200V50.0H400V95.0"


def test_a_value_that_is_no_number_leaves_a_gap() -> None:
    curve = run_curve("Loss", ("1", "NaN", "2", "x", "3", "inf"), "oldest", "newest")
    assert curve is not None
    assert (curve.low, curve.high, curve.gaps) == ("1", "3", 3)
    assert curve.path.count("M") == 3
    assert run_curve("Loss", ("1", "nan"), "oldest", "newest") is None


def test_what_led_up_to_a_trigger_comes_from_the_incident() -> None:
    raw = named("llama")
    view = run_view(raw, Sight(stored(raw, incidents=(evidence(),)), EVERYTHING), NOW)
    (found,) = view.evidence
    assert [curve.name for curve in found.curves] == ["Loss", "Learning rate"]
    assert found.examples == (("2+2", "expected 4, answered 5, wrong"),)


async def test_the_page_says_first_what_to_do() -> None:
    store = stored(named("llama"), named("web", None, "Microservice"), incidents=(evidence(),))
    async with browser(OpenDoor(store)) as client:
        page = (await client.get("/runs/shop/llama")).text
        every = (await client.get("/runs")).text
        other = await client.get("/runs/shop/web")
        incident = (await client.get("/incidents/shop/llama-1")).text
    assert "GO BACK to step 14000" in page.partition("<h2")[0]
    assert 'href="/runs/shop/llama"' in every
    assert other.status_code == 404
    assert 'href="/runs/shop/llama"' in incident


async def test_who_sees_no_run_is_told_how_one_is_followed() -> None:
    async with browser(OpenDoor(Store())) as client:
        page = await client.get("/runs")
    assert "spec.profile: TrainingRun" in page.text
