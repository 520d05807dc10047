"""The chart's alerts, as a real promtool reads and evaluates them: each fires on what it is for,
and is silent beside it."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from anomaly_sandbox.resolve import Resolver
from pretend import exported_series

Json = dict[str, Any]
Series = dict[str, str]
ENABLED: Json = {
    "metrics": {"prometheusRule": {"enabled": True}},
    "dashboard": {"enabled": True},
}
SCRAPED = 'namespace="anomaly-system",pod="anomaly-operator-7c9"'
OBJECTIVE = {
    "namespace": "shop",
    "service": "checkout",
    "slo_policy": "web",
    "objective": "availability",
}


def own(name: str, labels: str = "", pod: str = SCRAPED) -> str:
    """A series of the operator as Prometheus has it after a scrape."""
    parts = ",".join(part for part in (labels, pod) if part)
    return f"anomaly_operator_{name}{{{parts}}}"


def paging(*services: str, tier: str = "PageFast", state: str = "firing") -> Series:
    labels = f'alertname="SLOErrorBudgetBurn",namespace="shop",tier="{tier}",alertstate="{state}"'
    return {f'ALERTS{{{labels},service="{one}"}}': "1x90" for one in services}


def left(values: str) -> Series:
    labels = ",".join(f'{name}="{value}"' for name, value in OBJECTIVE.items())
    return {f"anomaly_slo:error_budget_left:ratio{{{labels}}}": values}


def judged(confirmed: int, false: int, precision: float) -> Series:
    of = 'exported_namespace="shop"'
    return {
        own("evaluation_precision_ratio", of): f"{precision}x120",
        own("evaluation_incidents", f'{of},judgement="Confirmed"'): f"{confirmed}x120",
        own("evaluation_incidents", f'{of},judgement="FalsePositive"'): f"{false}x120",
        own("evaluation_incidents", f'{of},judgement="Pending"'): "99x120",
    }


def slow(name: str, bucket: str) -> Series:
    """A hundred values a minute, all of them below `bucket` seconds and above the one before."""
    ends = ["5", "10", "30", "+Inf"]
    return {
        own(f"{name}_bucket", f'le="{end}"'): (
            "0+100x60" if ends.index(end) >= ends.index(bucket) else "0x60"
        )
        for end in ends
    }


@dataclass(frozen=True)
class Case:
    alert: str
    fires: Series
    silent: Series
    at: str
    labels: Json


SERVICES = own("services", 'state="Healthy"')
CASES = [
    Case(
        "AnomalyOperatorWithoutLeader",
        {own("leader"): "0x60"},
        {own("leader"): "1x60"},
        "20m",
        {"severity": "critical"},
    ),
    Case(
        "AnomalyOperatorReconcileFailures",
        {own("reconciles_total", 'kind="AnomalyService",result="Forbidden"'): "0+6x60"},
        {own("reconciles_total", 'kind="AnomalyService",result="Conflict"'): "0+6x60"},
        "50m",
        {"severity": "warning", "kind": "AnomalyService"},
    ),
    Case(
        "AnomalyOperatorQueueSlow",
        slow("workqueue_queue_duration_seconds", "30"),
        slow("workqueue_queue_duration_seconds", "5"),
        "40m",
        {"severity": "warning"},
    ),
    Case(
        "AnomalyOperatorTrainingsFail",
        {own("trainings_total", 'outcome="Failed"'): "0+1x60"},
        {own("trainings_total", 'outcome="Succeeded"'): "0+1x60"},
        "40m",
        {"severity": "warning"},
    ),
    Case(
        "AnomalyOperatorNotificationsFail",
        {own("notifications_total", 'receiver="chat",result="failed"'): "0+1x60"},
        {
            own("notifications_total", 'receiver="chat",result="failed"'): "0+1x60",
            own("notifications_total", 'receiver="chat",result="delivered"'): "0+1x60",
        },
        "40m",
        {"severity": "warning", "receiver": "chat"},
    ),
    Case(
        "AnomalyOperatorAPIErrors",
        {
            own("api_requests_total", 'verb="PATCH",code="503"'): "0+10x60",
            own("api_requests_total", 'verb="GET",code="200"'): "0+90x60",
        },
        {
            own("api_requests_total", 'verb="PATCH",code="409"'): "0+50x60",
            own("api_requests_total", 'verb="GET",code="200"'): "0+90x60",
        },
        "40m",
        {"severity": "warning"},
    ),
    Case(
        "AnomalyOperatorDetectionsSlow",
        slow("detection_fold_duration_seconds", "30"),
        slow("detection_fold_duration_seconds", "5"),
        "40m",
        {"severity": "warning"},
    ),
    Case(
        "AnomalyOperatorTrainingsWait",
        {own("trainings_waiting"): "4x60", own("trainings_running"): "0x60"},
        {own("trainings_waiting"): "4x60", own("trainings_running"): "10x60"},
        "50m",
        {"severity": "warning"},
    ),
    Case(
        "AnomalyDashboardOutOfTouch",
        {f"anomaly_dashboard_out_of_touch_seconds{{{SCRAPED}}}": "0+60x60"},
        {f"anomaly_dashboard_out_of_touch_seconds{{{SCRAPED}}}": "0+60x4 0x60"},
        "30m",
        {"severity": "warning"},
    ),
    Case(
        "AnomalyServicesDegraded",
        {SERVICES: "20x60", own("services", 'state="Degraded"'): "5x60"},
        {SERVICES: "200x60", own("services", 'state="Degraded"'): "5x60"},
        "50m",
        {"severity": "warning"},
    ),
    Case(
        "AnomalyIncidentCritical",
        {own("incidents", 'severity="Critical"'): "1x60"},
        {own("incidents", 'severity="High"'): "9x60"},
        "5m",
        {"severity": "critical"},
    ),
    Case(
        "AnomalyIncidentPastDeadline",
        {own("incidents_past_deadline", 'tier="P1"'): "2x60"},
        {own("incidents_past_deadline", 'tier="P1"'): "2x3 0x60"},
        "20m",
        {"severity": "warning", "tier": "P1"},
    ),
    Case(
        "AnomalyIncidentsInManyServices",
        {own("incidents_opened_total", 'severity="High"'): "0x10 0+4x20", SERVICES: "100x60"},
        {own("incidents_opened_total", 'severity="High"'): "0x10 0+4x20", SERVICES: "900x60"},
        "30m",
        {"severity": "warning"},
    ),
    Case(
        "AnomalyIncidentsMostlyFalse",
        judged(4, 8, 0.333),
        judged(1, 2, 0.333),
        "90m",
        {"severity": "info", "exported_namespace": "shop"}
        | {"namespace": "anomaly-system", "pod": "anomaly-operator-7c9"},
    ),
    Case(
        "SLOErrorBudgetSpent",
        left("-0.2x60"),
        left("0.05x60"),
        "20m",
        {"severity": "warning", **OBJECTIVE},
    ),
    Case(
        "SLOErrorBudgetLow",
        left("0.05x90"),
        left("0.5x90"),
        "80m",
        {"severity": "info", **OBJECTIVE},
    ),
    Case(
        "SLOErrorBudgetsBurnTogether",
        paging("cart", "checkout", "search"),
        paging("cart", "checkout") | paging("search", tier="TicketSlow"),
        "10m",
        {"severity": "critical", "namespace": "shop"},
    ),
]


@pytest.fixture(scope="module")
def promtool() -> Path:
    return Resolver().resolve(["promtool"])["promtool"]


@pytest.fixture
def groups(render: Callable[..., list[Json]], only: Callable[..., Json]) -> list[Json]:
    return list(only(render(ENABLED), "PrometheusRule")["spec"]["groups"])


def ran(promtool: Path, *arguments: str | Path) -> None:
    done = subprocess.run(
        [str(promtool), *map(str, arguments)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_promtool_finds_nothing_to_say(promtool: Path, groups: list[Json], tmp_path: Path) -> None:
    path = tmp_path / "rules.yaml"
    path.write_text(yaml.safe_dump({"groups": groups}))
    ran(promtool, "check", "rules", "--lint=all", "--lint-fatal", path)


def test_each_alert_has_a_case_a_severity_and_words(groups: list[Json]) -> None:
    rules = [rule for group in groups for rule in group["rules"]]
    assert sorted(rule["alert"] for rule in rules) == sorted(case.alert for case in CASES)
    for rule in rules:
        assert rule["labels"].keys() == {"severity"}
        assert rule["labels"]["severity"] in {"critical", "warning", "info"}
        assert rule["annotations"].keys() == {"summary", "description"}


def test_the_series_of_the_cases_are_exported() -> None:
    def read(series: str) -> tuple[str, frozenset[str]]:
        return series.partition("{")[0], frozenset(re.findall(r'(\w+)="', series))

    exported: dict[str, set[str]] = {}
    for name, labels in map(read, exported_series.samples()):
        exported.setdefault(name, set()).update(labels)
    for name, labels in (read(one) for case in CASES for one in (*case.fires, *case.silent)):
        assert labels <= exported[name], name


def test_groups_can_be_left_out(render: Callable[..., list[Json]], only: Any) -> None:
    def names(**chosen: bool) -> list[str]:
        values = {"metrics": {"prometheusRule": {"enabled": True, **chosen}}}
        return [one["name"] for one in only(render(values), "PrometheusRule")["spec"]["groups"]]

    assert names(incidents=False, budgets=False) == ["anomaly-operator"]
    assert names(incidents=False) == ["anomaly-operator", "anomaly-operator-budgets"]
    assert names(budgets=False) == ["anomaly-operator", "anomaly-operator-incidents"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.alert)
def test_an_alert_fires_on_what_it_is_for_and_is_silent_beside_it(
    case: Case, promtool: Path, groups: list[Json], tmp_path: Path
) -> None:
    (rule,) = (r for group in groups for r in group["rules"] if r["alert"] == case.alert)
    bare = {key: value for key, value in rule.items() if key != "annotations"}
    (tmp_path / "rules.yaml").write_text(
        yaml.safe_dump({"groups": [{"name": "one", "rules": [bare]}]})
    )

    def tested(series: Series, alerts: list[Json]) -> Json:
        expected = {"eval_time": case.at, "alertname": case.alert, "exp_alerts": alerts}
        given = [{"series": name, "values": values} for name, values in series.items()]
        return {"interval": "1m", "input_series": given, "alert_rule_test": [expected]}

    fires, other = tested(case.fires, [{"exp_labels": case.labels}]), tested(case.silent, [])
    elsewhere = {name.replace("anomaly-system", "other"): v for name, v in case.fires.items()}
    tests = [fires, other]
    if "leader" not in case.alert.lower() and elsewhere.keys() != case.fires.keys():
        tests.append(tested(elsewhere, []))  # another release's operator is not ours
    content = {"rule_files": ["rules.yaml"], "evaluation_interval": "1m", "tests": tests}
    path = tmp_path / "test.yaml"
    path.write_text(yaml.safe_dump(content))
    ran(promtool, "test", "rules", path)


def test_without_any_series_nothing_fires_but_the_missing_leader(
    promtool: Path, groups: list[Json], tmp_path: Path
) -> None:
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump({"groups": groups}))
    alerts = [
        {"eval_time": "2h", "alertname": case.alert, "exp_alerts": []}
        for case in CASES
        if case.alert != "AnomalyOperatorWithoutLeader"
    ]
    test = {"interval": "1m", "input_series": [], "alert_rule_test": alerts}
    path = tmp_path / "test.yaml"
    path.write_text(yaml.safe_dump({"rule_files": ["rules.yaml"], "tests": [test]}))
    ran(promtool, "test", "rules", path)
