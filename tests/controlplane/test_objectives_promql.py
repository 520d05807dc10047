"""The joined expression of objectives, evaluated by Prometheus' own engine."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from anomaly_operator.settings.yaml_text import load_all
from anomaly_operator.spec.policy_parse import parse_policy
from anomaly_sandbox.resolve import Resolver
from detector_runtime.contract.objectives import ObjectiveSpec
from detector_runtime.objectives.queries import LABEL, Ask, joined
from loopback.events import objective

EXAMPLE = Path(__file__).parents[2] / "operator" / "examples" / "slo-objectives.yaml"
HOURS = 3
LABELS = 'namespace="shop",service="checkout"'


@pytest.fixture(scope="module")
def promtool() -> Path:
    return Resolver().resolve(["promtool"])["promtool"]


def growing(series: str, per_minute: float) -> dict[str, str]:
    return {"series": series, "values": f"0+{per_minute:g}x{HOURS * 60}"}


def check(
    promtool: Path, folder: Path, given: list[dict[str, str]], query: str, wanted: dict[str, float]
) -> None:
    """`wanted`: by mark."""
    samples = [
        {"labels": f'{{{LABEL}="{mark}"}}', "value": value} for mark, value in wanted.items()
    ]
    case = {"expr": f"round({query})", "eval_time": f"{HOURS}h", "exp_samples": samples}
    document: dict[str, Any] = {
        "tests": [{"interval": "1m", "input_series": given, "promql_expr_test": [case]}]
    }
    file = folder / "objectives.yaml"
    file.write_text(yaml.safe_dump(document))
    done = subprocess.run(
        [str(promtool), "test", "rules", str(file)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_each_query_and_window_gives_one_series_under_its_mark(
    promtool: Path, tmp_path: Path
) -> None:
    other = objective(
        "ratio", errors="", total="", error_ratio="sum(errors) / sum(total) # $(window)"
    )
    asks = [Ask(objective(), 300), Ask(objective(), 3600), Ask(other, 300)]
    given = [
        growing("availability_errors", 2),
        growing("availability_total", 40),
        growing("errors", 60),
        growing("total", 20),
    ]
    wanted = {
        "availability/errors/5m": 10,
        "availability/total/5m": 200,
        "availability/errors/1h": 120,
        "availability/total/1h": 2400,
        "ratio/errorRatio/5m": 3,
    }
    check(promtool, tmp_path, given, f"({joined(asks)}\n)", wanted)


def test_the_queries_of_the_example_count_and_an_absent_failure_is_zero(
    promtool: Path, tmp_path: Path
) -> None:
    (document,) = load_all(EXAMPLE.read_text())
    spec, problems = parse_policy(document["spec"])
    assert spec is not None, problems
    asks = []
    for one in spec.objectives:
        found = ObjectiveSpec(
            one.name, one.type, one.target, one.window_seconds, one.tiers,
            errors=one.errors, good=one.good, total=one.total,
        )  # fmt: skip
        asks.append(Ask(found, 300))
    query = joined(asks).replace("$(namespace)", "shop").replace("$(service)", "checkout")
    given = [
        growing(f'http_requests_total{{{LABELS},code="200"}}', 100),
        growing(f'http_request_duration_seconds_bucket{{{LABELS},le="0.3"}}', 90),
        growing(f"http_request_duration_seconds_count{{{LABELS}}}", 100),
        growing('http_requests_total{service="payments",code="500"}', 100),
    ]
    wanted = {
        "availability/errors/5m": 0,
        "availability/total/5m": 500,
        "fast/good/5m": 450,
        "fast/total/5m": 500,
    }
    check(promtool, tmp_path, given, f"({query}\n)", wanted)
