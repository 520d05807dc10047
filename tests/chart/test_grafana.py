"""The Grafana dashboards: their structure, and their queries held against the series that exist.

promtool parses each query and evaluates it over a sample of every series that the project exports.
A query that names a series, a label or a value that does not exist finds nothing.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable, Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import yaml

from anomaly_sandbox.resolve import Resolver
from pretend import exported_series

Json = dict[str, Any]
FOLDER = Path(__file__).parents[2] / "helm" / "anomaly-operator" / "dashboards"
NAMES = ["fleet", "service"]
WIDTH = 24
"""Columns of Grafana's grid."""
FILLED_IN = {
    "$__rate_interval": "5m",
    "$operator": "anomaly-system",
    "$namespace": "shop",
    "$service": "checkout",
    "$objective": ".*",
    "$window": "5m",
    "$pod": ".*",
}


def _object(required: str, **properties: Any) -> Json:
    return {"type": "object", "required": required.split(), "properties": properties}


TEXT: Json = {"type": "string", "minLength": 1}
WHOLE: Json = {"type": "integer", "minimum": 0}
SOURCE = _object("type uid", type={"const": "prometheus"}, uid={"const": "${datasource}"})
TARGET = _object(
    "refId datasource expr legendFormat",
    refId={"type": "string", "pattern": "^[A-Z]$"},
    datasource=SOURCE,
    expr=TEXT,
    legendFormat={"type": "string"},
    instant={"type": "boolean"},
    range={"type": "boolean"},
)
PLACE = _object("h w x y", h={"type": "integer", "minimum": 1}, w=WHOLE, x=WHOLE, y=WHOLE)
FIELDS = _object(
    "defaults overrides",
    defaults=_object("unit", unit=TEXT),
    overrides={"type": "array", "items": _object("matcher properties")},
)
QUERYING = {
    **_object(
        "id type title description gridPos datasource fieldConfig options targets",
        description=TEXT,
        datasource=SOURCE,
        fieldConfig=FIELDS,
        targets={"type": "array", "minItems": 1, "items": TARGET},
    )
}
PANEL: Json = {
    **_object(
        "id type title gridPos",
        id={"type": "integer", "minimum": 1},
        type={"enum": ["row", "stat", "timeseries", "table", "state-timeline", "text"]},
        title=TEXT,
        gridPos=PLACE,
    ),
    "if": {"properties": {"type": {"enum": ["row", "text"]}}},
    "else": QUERYING,
}
VARIABLE: Json = {
    **_object("type name label query", name={"type": "string", "pattern": "^[a-z]+$"}, label=TEXT),
    "if": {"properties": {"type": {"const": "query"}}},
    "then": _object("datasource definition refresh", datasource=SOURCE, definition=TEXT),
    "else": {"properties": {"type": {"const": "datasource"}, "query": {"const": "prometheus"}}},
}
SCHEMA: Json = {
    **_object(
        "uid title description tags schemaVersion panels templating time links",
        uid={"type": "string", "pattern": "^[a-z-]{1,40}$"},
        title=TEXT,
        schemaVersion={"type": "integer", "minimum": 36},
        panels={"type": "array", "minItems": 1, "items": PANEL},
        templating=_object("list", list={"type": "array", "items": VARIABLE}),
        time=_object("from to"),
    ),
    # Grafana assigns it; a number from elsewhere names another dashboard.
    "not": {"required": ["id"]},
}


@pytest.fixture(params=NAMES)
def dashboard(request: pytest.FixtureRequest) -> Json:
    return dict(json.loads((FOLDER / f"{request.param}.json").read_text()))


@pytest.fixture(scope="module")
def promtool() -> Path:
    return Resolver().resolve(["promtool"])["promtool"]


def targets(dashboard: Json) -> Iterator[tuple[str, Json]]:
    for panel in dashboard["panels"]:
        for target in panel.get("targets", ()):
            yield panel["title"], target


def filled_in(query: str) -> str:
    for name, value in FILLED_IN.items():
        query = query.replace(name, value)
    assert "$" not in query
    return query


def test_it_is_a_dashboard(dashboard: Json) -> None:
    errors = jsonschema_rs.validator_for(SCHEMA).iter_errors(dashboard)
    assert [f"{list(one.instance_path)}: {one.message}" for one in errors] == []


def test_their_addresses_are_fixed_and_their_own() -> None:
    found = {json.loads((FOLDER / f"{name}.json").read_text())["uid"] for name in NAMES}
    assert found == {"anomaly-operator-fleet", "anomaly-operator-service"}
    assert {path.stem for path in FOLDER.iterdir()} == set(NAMES)


def test_panels_fit_and_none_lies_on_another(dashboard: Json) -> None:
    places = [panel["gridPos"] for panel in dashboard["panels"]]
    assert all(place["x"] + place["w"] <= WIDTH for place in places)
    for one, other in combinations(places, 2):
        apart = (
            one["x"] + one["w"] <= other["x"]
            or other["x"] + other["w"] <= one["x"]
            or one["y"] + one["h"] <= other["y"]
            or other["y"] + other["h"] <= one["y"]
        )
        assert apart, (one, other)
    numbers = [panel["id"] for panel in dashboard["panels"]]
    assert len(set(numbers)) == len(numbers)


def test_every_variable_is_defined_and_used(dashboard: Json) -> None:
    text = json.dumps(dashboard["panels"]) + json.dumps(
        [one.get("definition", "") for one in dashboard["templating"]["list"]]
    )
    used = set(re.findall(r"\$\{?([a-z]+)", text)) - {"__"}
    defined = {one["name"] for one in dashboard["templating"]["list"]}
    assert used == defined


def test_links_lead_to_a_dashboard_and_set_variables_that_it_has() -> None:
    boards = [json.loads((FOLDER / f"{name}.json").read_text()) for name in NAMES]
    variables = {b["uid"]: {one["name"] for one in b["templating"]["list"]} for b in boards}
    found = re.findall(r'"url": "/d/([a-z-]+)\?([^"]+)"', json.dumps(boards))
    assert found
    for uid, query in found:
        assert set(re.findall(r"var-([a-z]+)=", query)) <= variables[uid]


def conditions(legend: str) -> list[str]:
    """A query is not empty, and neither is a series of it with each label of the legend."""
    labels = re.findall(r"{{(\w+)}}", legend)
    return ["", *(f" unless on ({label}) vector(0)" for label in labels)]


def test_promtool_evaluates_each_query_and_each_legend(
    dashboard: Json, promtool: Path, tmp_path: Path
) -> None:
    """`unless on (label) vector(0)` takes away the series without that label."""
    checks = [
        {
            "expr": f"clamp_max(count(({filled_in(target['expr'])}){condition}), 1)",
            "eval_time": "90m",
            "exp_samples": [{"labels": "{}", "value": 1}],
        }
        for _, target in targets(dashboard)
        for condition in conditions(target["legendFormat"])
    ]
    (tmp_path / "rules.yaml").write_text("groups: []\n")
    given = [{"series": name, "values": v} for name, v in exported_series.samples().items()]
    test = {"interval": "1m", "input_series": given, "promql_expr_test": checks}
    path = tmp_path / "test.yaml"
    path.write_text(yaml.safe_dump({"rule_files": ["rules.yaml"], "tests": [test]}))
    done = subprocess.run(
        [str(promtool), "test", "rules", str(path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_series_and_label_of_a_query_is_exported(dashboard: Json) -> None:
    """Also one that an `or` would hide, and labels that are only grouped by."""
    known = {name.partition("{")[0] for name in exported_series.samples()}
    labels = {key for name in exported_series.samples() for key in re.findall(r'(\w+)="', name)}
    for title, target in targets(dashboard):
        query = filled_in(target["expr"])
        plain = re.sub(r'"[^"]*"', '""', query)
        series = re.findall(r"([a-zA-Z_][\w:]*)\{", plain) + re.findall(
            r"\banomaly_slo:[\w:]+", plain
        )
        assert series, title
        assert set(series) <= known, title
        grouped = re.findall(r"(?:by|on) \(([^)]*)\)", plain)
        named = {one.strip() for part in grouped for one in part.split(",")}
        named |= set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)\s*\"", plain))
        assert named <= labels, title


def test_variables_list_labels_that_exist(dashboard: Json) -> None:
    exported = exported_series.samples()
    pattern = re.compile(r"label_values\(([\w:]+)(?:\{.*\})?, (\w+)\)")
    asked = [one.get("definition", "") for one in dashboard["templating"]["list"]]
    found = [match for match in map(pattern.fullmatch, asked) if match]
    assert found
    for match in found:
        series, label = match.groups()
        assert any(name.startswith(series + "{") and f'{label}="' in name for name in exported)


def test_the_windows_are_those_that_are_recorded() -> None:
    service = json.loads((FOLDER / "service.json").read_text())
    (variable,) = (v for v in service["templating"]["list"] if v["name"] == "window")
    captured = re.compile(variable["regex"].strip("/"))
    names = [name for name in exported_series.recorded() if "/" not in name]
    windows = {found[1] for name in names if (found := captured.search(name))}
    assert windows == {"5m", "30m", "1h", "2h", "6h", "1d", "3d", "30d"}
    wanted = re.search(r'__name__=~"([^"]+)"', variable["query"]["query"])
    assert wanted is not None
    assert any(re.fullmatch(wanted[1], name) for name in names)


def test_the_chart_ships_them_where_a_sidecar_finds_them(
    render: Callable[..., list[Json]],
) -> None:
    assert not [o for o in render() if "-grafana-" in o["metadata"]["name"]]
    chosen = {
        "enabled": True,
        "namespace": "monitoring",
        "labels": {"grafana_dashboard": "yes"},
        "annotations": {"grafana_folder": "Anomalies"},
    }
    objects = render({"grafana": {"dashboards": chosen}})
    found = [o for o in objects if "-grafana-" in o["metadata"]["name"]]
    assert len(found) == len(NAMES)
    for name, config in zip(NAMES, found, strict=True):
        meta = config["metadata"]
        assert (config["kind"], meta["namespace"]) == ("ConfigMap", "monitoring")
        assert meta["labels"]["grafana_dashboard"] == "yes"
        assert meta["annotations"] == {"grafana_folder": "Anomalies"}
        ((file, text),) = config["data"].items()
        assert file == f"anomaly-operator-{name}.json"
        assert json.loads(text) == json.loads((FOLDER / f"{name}.json").read_text())
