"""The page of a service: its state, its metrics beside their usual, its model, its neighbours."""

from __future__ import annotations

import runpy
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from anomaly_dashboard.views.service import service_view
from anomaly_dashboard.views.service_conditions import condition_views
from anomaly_dashboard.watched.sight import EVERYTHING, Scope, Scopes, Sight
from anomaly_dashboard.watched.store import Store
from anomaly_operator.api.resources import ANOMALY, POLICY, SERVICE
from anomaly_operator.api.text import to_text
from detector_runtime.contract.detection import MetricComparison
from detector_runtime.contract.vocabulary import Verdict
from pretend.fleet import fleet
from pretend.hostile import HARM
from pretend.stored_service import CALM, MODEL, NOW, OLDER, OLDEST, service
from pretend.told import anomaly
from unit.anomaly_dashboard import signed_in
from unit.anomaly_dashboard.signed_in import OpenDoor, browser

ROOT = Path(__file__).parents[3]
Json = dict[str, Any]


def stored(*services: Json, incidents: tuple[Json, ...] = ()) -> Store:
    store = Store()
    for one in services:
        store.put(SERVICE, one)
    for one in incidents:
        store.put(ANOMALY, one)
    return store


def neighbour(name: str, severity: str = "None", namespace: str = "shop", **spec: Any) -> Json:
    metadata = {"name": name, "namespace": namespace, "uid": name, "resourceVersion": "1"}
    return {"metadata": metadata, "spec": spec, "status": {"severity": severity}}


def test_a_metric_outside_its_usual_range_comes_first_and_is_said_in_a_word() -> None:
    report = replace(
        CALM,
        comparison=(MetricComparison("latency", "0.31", "0.2", "1", "0.3"),
                    MetricComparison("rate", "12", "50", "0", "60")),
    )  # fmt: skip
    raw = service(report)
    found = service_view(raw, Sight(stored(raw), EVERYTHING), NOW).reading.metrics
    assert [(one.name, one.standing) for one in found[:2]] == [
        ("rate", "below"), ("latency", "within"),
    ]  # fmt: skip
    assert (found[1].value, found[1].usual) == ("310 ms", "120 to 320 ms")
    gauge = found[0].gauge
    assert gauge is not None
    assert gauge.value < gauge.low < gauge.high


def test_a_metric_without_a_value_is_said_to_have_none() -> None:
    raw = service(replace(CALM, comparison=()))
    found = service_view(raw, Sight(stored(raw), EVERYTHING), NOW).reading.metrics
    assert {(one.value, one.standing, one.gauge) for one in found} == {("no value", "", None)}


def test_windows_that_are_not_listed_were_normal() -> None:
    raw = service(CALM, Verdict.ANOMALOUS, Verdict.INCONCLUSIVE)
    strip = service_view(raw, Sight(stored(raw), EVERYTHING), NOW).reading.strip
    assert strip is not None
    verdicts = [cell.verdict for cell in strip.cells]
    assert verdicts.count("Normal") == len(verdicts) - len(strip.told)
    assert strip.cells[-1].score == "0.31"
    assert strip.level_text == "2.87"


def test_the_model_card_tells_which_revisions_can_be_pinned_and_how() -> None:
    raw = service()
    card = service_view(raw, Sight(stored(raw), EVERYTHING), NOW).reading.card
    assert card is not None
    assert [(one.model.revision, one.serves, one.fits) for one in card.revisions] == [
        (MODEL["revision"], True, True),
        (OLDER["revision"], False, True),
        (OLDEST["revision"], False, False),
    ]
    older = card.revisions[1]
    assert yaml.safe_load(older.manifest)["spec"] == {"modelRevision": OLDER["revision"]}
    assert older.command == f"kubectl anomaly rollback checkout {OLDER['revision']} -n shop"
    assert (card.expected, card.tolerated, card.observed, card.offset) == ("0.84", "1", "0.2", "")


def test_a_pinned_model_is_said_to_be_pinned() -> None:
    raw = service(spec={"modelRevision": MODEL["revision"]})
    card = service_view(raw, Sight(stored(raw), EVERYTHING), NOW).reading.card
    assert card is not None
    assert card.pinned


def test_budgets_stand_beside_their_objectives_for_who_may_read_the_policy() -> None:
    objective = {
        "name": "availability",
        "state": "Burning",
        "tier": "PageFast",
        "budgetLeft": "12%",
        "since": to_text(NOW - 60),
    }
    raw = service(
        status={"objectives": [objective], "slo": {"status": "Breached", "policy": "web"}}
    )
    store = stored(raw)
    ratio = {"errors": "errors[$(window)]", "total": "all[$(window)]"}
    policy = {
        "metadata": {"name": "web", "namespace": "shop", "resourceVersion": "1"},
        "spec": {
            "objectives": [
                {"name": "availability", "target": "99.9%", "indicator": {"ratio": ratio}}
            ]
        },
    }
    store.put(POLICY, policy)
    (seen,) = service_view(raw, Sight(store, EVERYTHING), NOW).budgets
    assert (seen.goal, seen.filled, seen.bad, seen.tier) == (
        "99.9% over 30d", 12, True, "page, fast burn",
    )  # fmt: skip
    blind = Scopes(Scope(everywhere=True), Scope(everywhere=True), Scope())
    (unseen,) = service_view(raw, Sight(store, blind), NOW).budgets
    assert (unseen.goal, unseen.left) == ("", "12%")


def test_neighbours_are_those_that_the_caller_may_read() -> None:
    raw = service(
        spec={"dependsOn": [{"name": "cart"}, {"name": "ledger", "namespace": "billing"}]}
    )
    above = neighbour("gateway", "Low", dependsOn=[{"name": "checkout"}])
    hidden = neighbour(
        "secret", "High", "billing", dependsOn=[{"name": "checkout", "namespace": "shop"}]
    )
    store = stored(
        raw, above, hidden, neighbour("cart", "Medium"), neighbour("ledger", "High", "billing")
    )
    own = Scope(namespaces=frozenset({"shop"}))
    view = service_view(raw, Sight(store, Scopes(own, own, own)), NOW)
    assert [(one.service, one.row is not None, one.severity.value) for one in view.below] == [
        ("cart", True, "Medium"), ("ledger", False, "None"),
    ]  # fmt: skip
    assert [one.service for one in view.above] == ["gateway"]


def test_what_is_expected_comes_from_feedback_and_from_the_spec() -> None:
    rule = {"pattern": "latency_spike_recent", "severity": "High", "until": to_text(NOW + 60),
            "at": to_text(NOW - 60), "anomaly": "checkout-1", "verdict": "Expected"}  # fmt: skip
    wanted = {"pattern": "traffic_cliff", "until": to_text(NOW + 120), "reason": "load test"}
    raw = service(spec={"incidents": {}, "expected": [wanted]}, status={"expected": [rule]})
    found = service_view(raw, Sight(stored(raw), EVERYTHING), NOW).reading.expected
    assert [(one.pattern, one.told_by, one.reason) for one in found] == [
        ("latency_spike_recent", "Expected", ""), ("traffic_cliff", "spec.expected", "load test"),
    ]  # fmt: skip
    assert service_view(raw, Sight(stored(raw), EVERYTHING), NOW + 300).reading.expected == ()


def test_a_condition_that_warns_comes_first_with_what_to_do() -> None:
    status = {
        "conditions": [
            {"type": "Ready", "status": "True", "reason": "Ready", "message": "It works."},
            {
                "type": "Drifted",
                "status": "True",
                "reason": "DriftDetected",
                "message": "It drifts.",
            },
            {"type": "Detecting", "status": "False", "reason": "Made", "message": "Up."},
        ]
    }
    found = condition_views(status)
    assert [(one.kind, one.bad, bool(one.action)) for one in found] == [
        ("Drifted", True, True), ("Detecting", True, False), ("Ready", False, False),
    ]  # fmt: skip


def test_the_words_for_reasons_are_those_of_the_documentation() -> None:
    generator = runpy.run_path(str(ROOT / "operator" / "docs" / "generate_reasons.py"))
    told = "run python operator/docs/generate_reasons.py"
    assert generator["WORDS"].read_text() == generator["words"](), told


async def test_a_status_of_a_newer_release_is_said_to_be_unreadable() -> None:
    raw = service(status={"formatVersion": 99})
    async with browser(OpenDoor(stored(raw))) as client:
        page = await client.get("/services/shop/checkout")
    assert page.status_code == 200
    assert "newer release" in page.text


async def test_every_service_of_a_fleet_has_a_page_in_which_texts_stay_texts() -> None:
    many = fleet(20, roots=2, now=signed_in.NOW)
    store = stored(*many.services, incidents=many.incidents)
    async with browser(OpenDoor(store)) as client:
        for raw in many.services:
            meta = raw["metadata"]
            found = await client.get(f"/services/{meta['namespace']}/{meta['name']}")
            assert found.status_code == 200
            assert f"<script>document.title='{HARM}'" not in found.text
            assert "\u202e" not in found.text


async def test_a_service_that_nothing_is_known_of_has_a_page() -> None:
    raw = {"metadata": {"name": "new", "namespace": "shop"}, "spec": {}}
    async with browser(OpenDoor(stored(raw, incidents=(anomaly(service="new"),)))) as client:
        page = await client.get("/services/shop/new")
        missing = await client.get("/services/shop/other")
    assert page.status_code == 200
    assert "The operator has not said anything of it yet." in page.text
    assert missing.status_code == 404
