"""Exported and imported objectives, as a real promtool reads and evaluates them."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from anomaly_cli.imports import document, formats
from anomaly_operator.manifests.prometheus_rule import prometheus_rule
from anomaly_operator.settings.yaml_text import load_all
from anomaly_operator.spec.policy_parse import parse_policy
from anomaly_operator.world.objects import Meta
from anomaly_sandbox.resolve import Resolver
from detector_runtime.contract.objectives import DAY, ObjectiveSpec

Json = dict[str, Any]
FIXTURES = Path(__file__).parents[1] / "unit" / "anomaly_cli" / "imports" / "fixtures"
POLICY = Meta("anomaly-operator.dev/v1alpha1", "SLOPolicy", "shop", "web", "uid-1", "1")
SERIES = 'http_requests_total{service="checkout"'
TOTAL = f"sum(increase({SERIES}}}[$(window)]))"
LABELS = {
    "namespace": "shop",
    "objective": "availability",
    "service": "checkout",
    "slo_policy": "web",
}


@pytest.fixture(scope="module")
def promtool() -> Path:
    return Resolver().resolve(["promtool"])["promtool"]


def objective(**fields: Any) -> ObjectiveSpec:
    """As the operator reads it; `fields` in the terms of the custom resource."""
    indicator = {"ratio": {"errors": TOTAL.replace('"}', '",code="500"}'), "total": TOTAL}}
    one = {"name": "availability", "target": "99.9%", "indicator": indicator, **fields}
    spec, problems = parse_policy({"objectives": [one]})
    assert spec is not None, problems
    return as_resolved(spec.objectives)[0]


def as_resolved(objectives: Any) -> list[ObjectiveSpec]:
    """Without the placeholders of a service, which these queries do not use."""
    names = ObjectiveSpec.__slots__
    return [ObjectiveSpec(**{key: getattr(one, key) for key in names}) for one in objectives]


def ran(promtool: Path, *arguments: str | Path) -> None:
    done = subprocess.run(
        [str(promtool), *map(str, arguments)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def rule_file(folder: Path, *objectives: ObjectiveSpec) -> Path:
    """The spec of the PrometheusRule, which is what Prometheus gets to read."""
    path = folder / "rules.yaml"
    path.write_text(yaml.safe_dump(prometheus_rule(POLICY, "checkout", objectives, {})["spec"]))
    return path


def evaluated(
    promtool: Path,
    folder: Path,
    one: ObjectiveSpec,
    series: Mapping[str, str],
    *,
    at: str,
    tiers: Mapping[str, str],
    values: Mapping[str, float | None] = {},
) -> None:
    """`series`: values each minute by series; `tiers`: severities of the alerts that fire at `at`;
    `values`: what was recorded by then, by the record's name, None for nothing.
    """
    alerts = [
        {"exp_labels": {**LABELS, "severity": severity, "tier": tier, "anomaly_severity": own}}
        for tier, both in tiers.items()
        for severity, own in [both.split("/")]
    ]
    expressions = [
        {
            "expr": f"round({name}, 0.001)",
            "eval_time": at,
            "exp_samples": [] if value is None else [{"labels": yaml_labels(), "value": value}],
        }
        for name, value in values.items()
    ]
    test = {
        "interval": "1m",
        "input_series": [{"series": key, "values": text} for key, text in series.items()],
        "alert_rule_test": [
            {"eval_time": at, "alertname": "SLOErrorBudgetBurn", "exp_alerts": alerts}
        ],
        "promql_expr_test": expressions,
    }
    path = folder / "test.yaml"
    rules = rule_file(folder, one)
    without_texts = yaml.safe_load(rules.read_text())
    for group in without_texts["groups"]:
        for rule in group["rules"]:
            rule.pop("annotations", None)  # the figure in them is another test's
    rules.write_text(yaml.safe_dump(without_texts))
    content = {
        "rule_files": ["rules.yaml"],
        "evaluation_interval": "1m",
        "fuzzy_compare": True,
        "tests": [test],
    }
    path.write_text(yaml.safe_dump(content))
    ran(promtool, "test", "rules", path)


def yaml_labels() -> str:
    return "{" + ",".join(f'{key}="{value}"' for key, value in LABELS.items()) + "}"


def requests(good: str, bad: str) -> dict[str, str]:
    return {f'{SERIES},code="200"}}': good, f'{SERIES},code="500"}}': bad}


STEADY = requests("0+990x500", "0+10x500")
"""One request in a hundred fails: ten times what 99.9 % allows."""


@pytest.mark.parametrize("fixture", sorted(FIXTURES.glob("*.yaml")), ids=lambda path: path.stem)
def test_promtool_takes_the_rules_of_every_imported_objective(
    promtool: Path, tmp_path: Path, fixture: Path
) -> None:
    reading = formats.read(load_all(fixture.read_text()))
    for policy in document.merged(reading.policies, "web"):
        found = document.manifest(policy, reading)
        assert found is not None
        spec, problems = parse_policy(found["spec"])
        assert spec is not None, problems
        ran(promtool, "check", "rules", rule_file(tmp_path, *as_resolved(spec.objectives)))


@pytest.mark.parametrize("window", ["7d", "30d", "90d"])
def test_promtool_takes_the_rules_of_every_kind_of_indicator(
    promtool: Path, tmp_path: Path, window: str
) -> None:
    good = {"ratio": {"good": TOTAL, "total": f"{TOTAL} # all of them"}}
    ratio = {"errorRatio": "1 - avg(avg_over_time(up_ratio[$(window)]))"}
    objectives = (
        objective(window=window),
        objective(window=window, name="good", indicator=good),
        objective(window=window, name="ratio", indicator=ratio, minBadEvents="0"),
        objective(window=window, name="quiet", tiers={"pageFast": {"enabled": False}}),
    )
    ran(promtool, "check", "rules", rule_file(tmp_path, *objectives))


def test_a_fast_burn_pages_and_its_end_ends_the_page(promtool: Path, tmp_path: Path) -> None:
    # Two in a hundred fail for an hour: 20x. Then all is well.
    series = requests("0+980x60 58860+1000x30", "0+20x60 1200+0x30")
    both = {"PageFast": "critical/Critical", "PageSlow": "critical/High"}
    slow = {"TicketFast": "warning/Medium", "TicketSlow": "warning/Low"}
    one = objective()
    name = "anomaly_slo:bad_events:count_1h"
    evaluated(
        promtool, tmp_path, one, series, at="60m", tiers={**both, **slow}, values={name: 1200}
    )
    evaluated(
        promtool, tmp_path, one, series, at="75m", tiers={"PageSlow": both["PageSlow"], **slow}
    )


def test_a_slow_burn_opens_tickets_and_pages_nobody_at_once(promtool: Path, tmp_path: Path) -> None:
    series = requests("0+996x500", "0+4x500")  # 4x
    tiers = {"TicketFast": "warning/Medium", "TicketSlow": "warning/Low"}
    evaluated(promtool, tmp_path, objective(), series, at="8h", tiers=tiers)


def test_a_tier_that_is_off_does_not_alert_and_one_has_its_own_severity(
    promtool: Path, tmp_path: Path
) -> None:
    chosen = {
        "pageFast": {"enabled": False},
        "pageSlow": {"severity": "Medium"},
        "ticketFast": {"enabled": False},
        "ticketSlow": {"enabled": False},
    }
    tiers = {"PageSlow": "warning/Medium"}
    evaluated(promtool, tmp_path, objective(tiers=chosen), STEADY, at="8h", tiers=tiers)


def test_the_budget_left_is_that_of_the_window(promtool: Path, tmp_path: Path) -> None:
    # A tenth of a percent allowed, a twentieth failed.
    series = requests("0+9995x500", "0+5x500")
    left = {"anomaly_slo:error_budget_left:ratio": 0.5}
    evaluated(promtool, tmp_path, objective(), series, at="8h", tiers={}, values=left)


def test_few_failures_are_too_few_for_an_alert(promtool: Path, tmp_path: Path) -> None:
    series = requests("0+1x120", "0 1 2 3 4 5 6 7 8 9 9x110")
    evaluated(promtool, tmp_path, objective(), series, at="9m", tiers={})
    tiers = {
        "PageFast": "critical/Critical",
        "PageSlow": "critical/High",
        "TicketFast": "warning/Medium",
        "TicketSlow": "warning/Low",
    }
    evaluated(promtool, tmp_path, objective(minBadEvents="3"), series, at="9m", tiers=tiers)


def test_missing_series_record_nothing_and_alert_nobody(promtool: Path, tmp_path: Path) -> None:
    nothing = {
        "anomaly_slo:bad_events:count_5m": None,
        "anomaly_slo:error_budget_left:ratio": None,
    }
    evaluated(promtool, tmp_path, objective(), {"up": "1x100"}, at="90m", tiers={}, values=nothing)


def test_no_traffic_alerts_nobody(promtool: Path, tmp_path: Path) -> None:
    series = requests("5x100", "5x100")
    evaluated(promtool, tmp_path, objective(), series, at="90m", tiers={})


def test_a_ratio_burns_without_counts(promtool: Path, tmp_path: Path) -> None:
    query = 'max(avg_over_time(failed_ratio{service="checkout"}[$(window)]))'
    one = objective(indicator={"errorRatio": query}, window="7d")
    assert one.window_seconds == 7 * DAY
    series = {'failed_ratio{service="checkout"}': "0.02x600"}
    tiers = {
        "PageFast": "critical/Critical",
        "PageSlow": "critical/High",
        "TicketFast": "warning/Medium",
        "TicketSlow": "warning/Low",
    }
    left = {"anomaly_slo:error_budget_left:ratio": -19.0}
    evaluated(promtool, tmp_path, one, series, at="8h", tiers=tiers, values=left)


def test_the_texts_of_an_alert_name_service_objective_and_rate(
    promtool: Path, tmp_path: Path
) -> None:
    one = objective(tiers={key: {"enabled": False} for key in ("pageFast", "ticketFast")})
    found = rule_file(tmp_path, one)
    alerts = [
        rule for rule in yaml.safe_load(found.read_text())["groups"][0]["rules"] if "alert" in rule
    ]
    assert [rule["labels"]["tier"] for rule in alerts] == ["PageSlow", "TicketSlow"]
    assert alerts[0]["annotations"] == {
        "summary": (
            "checkout uses up the error budget of availability {{ $value | humanize }} times too "
            "fast"
        ),
        "description": (
            "Over 6h and 30m the error budget burns at least 6 times as fast as 99.9% over 30d "
            "allows. anomaly_slo:error_budget_left:ratio has what is left of it."
        ),
    }
