"""The fleet that page tests and benchmarks look at is one that the API server would admit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from anomaly_cli.cluster_reading import incident, service_line
from anomaly_operator.status.packing import whole_form
from detector_runtime.contract.record import whole_detection
from pretend import hostile
from pretend.fleet import LONG, fleet

CRDS = Path(__file__).parents[3] / "crds"


@pytest.fixture(scope="module")
def schemas() -> dict[str, Any]:
    found = {}
    for path in CRDS.glob("*.yaml"):
        crd = yaml.safe_load(path.read_text())
        schema = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
        found[crd["spec"]["names"]["kind"]] = schema
    return found


@pytest.mark.parametrize(("count", "roots"), [(1, None), (12, 0), (100, None), (400, 200)])
def test_each_object_is_one_that_the_api_server_admits(
    schemas: dict[str, Any], count: int, roots: int | None
) -> None:
    made = fleet(count, roots=roots, runs=True)
    checks = {kind: jsonschema.Draft7Validator(schema) for kind, schema in schemas.items()}
    for raw in made:
        errors = [error.message for error in checks[raw["kind"]].iter_errors(raw)]
        assert errors == [], raw["metadata"]["name"]
    names = [(raw["kind"], raw["metadata"]["namespace"], raw["metadata"]["name"]) for raw in made]
    assert len(set(names)) == len(names)


def test_the_same_seed_gives_the_same_fleet() -> None:
    assert fleet(50) == fleet(50)
    assert fleet(50) != fleet(50, seed=8)


def test_it_has_roots_with_symptoms_what_fails_and_what_is_over() -> None:
    made = fleet(100)
    states = {raw["status"].get("state", "Pending") for raw in made.services}
    assert states == {"Pending", "Learning", "Healthy", "Anomalous", "Degraded", "Suspended"}
    assert any("symptoms" in one["status"] for one in made.roots())
    closed = [one for one in made.incidents if one["status"]["state"] == "Closed"]
    assert len(closed) > 10
    assert made.service(LONG)["metadata"]["name"] == LONG
    typed = [service_line(raw) for raw in made.services]
    opened = [incident(raw) for raw in made.incidents if raw["status"]["state"] != "Closed"]
    assert sum(one.open for one in typed) == len(opened)
    assert {one.root.service for one in opened if one.root} <= {one.service for one in opened}


def test_a_quiet_fleet_has_nothing_open() -> None:
    made = fleet(30, roots=0, malice=False)
    assert made.roots() == []
    assert {raw["status"]["state"] for raw in made.services} == {"Healthy"}


def test_two_hundred_open_roots_are_to_be_had() -> None:
    assert len(fleet(400, roots=200, malice=False).roots()) == 200


def test_every_hostile_text_stands_in_some_field() -> None:
    made = fleet(1)
    whole = [
        *made.incidents,
        *(whole_form(raw["status"]) for raw in made.services),
        *(whole_detection(raw["status"].get("detection", {})) for raw in made.services),
    ]
    said = json.dumps(whole, ensure_ascii=False)
    for text in hostile.TEXTS:
        assert json.dumps(text[:64], ensure_ascii=False).strip('"') in said
