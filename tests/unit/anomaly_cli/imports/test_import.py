"""Manifests of other SLO tools as SLOPolicies; fixtures are rebuilt after the tools' examples."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from anomaly_cli.__main__ import main
from anomaly_operator.spec.policy_parse import parse_policy

FIXTURES = Path(__file__).parent / "fixtures"
Json = dict[str, Any]


def imported(
    capsys: pytest.CaptureFixture[str], *arguments: str | Path, code: int = 0
) -> tuple[list[Json], list[str]]:
    """The policies, and the lines on standard error."""
    assert main(["import", *map(str, arguments)]) == code
    out, err = capsys.readouterr()
    lines = [line.removeprefix("kubectl-anomaly: ") for line in err.splitlines()]
    return [document for document in yaml.safe_load_all(out) if document], lines


def written(tmp_path: Path, document: object) -> Path:
    path = tmp_path / "slo.yaml"
    path.write_text(yaml.safe_dump(document))
    return path


def openslo(sli: Json, **spec: Any) -> Json:
    return {
        "apiVersion": "openslo/v1",
        "kind": "SLO",
        "metadata": {"name": "one"},
        "spec": {
            "service": "web",
            "indicator": {"spec": sli},
            "budgetingMethod": "Occurrences",
            "objectives": [{"target": 0.99}],
            **spec,
        },
    }


def source(query: str, kind: str = "Prometheus") -> Json:
    return {"metricSource": {"type": kind, "spec": {"query": query}}}


def ratio_of(policies: list[Json], number: int = 0) -> Json:
    found: Json = policies[0]["spec"]["objectives"][number]["indicator"]["ratio"]
    return found


@pytest.mark.parametrize("fixture", sorted(FIXTURES.glob("*.yaml")), ids=lambda path: path.stem)
def test_the_operator_takes_every_imported_policy(
    capsys: pytest.CaptureFixture[str], fixture: Path
) -> None:
    policies, _ = imported(capsys, fixture)
    assert policies
    for policy in policies:
        spec, problems = parse_policy(policy["spec"])
        assert not problems
        assert spec is not None
        assert len(spec.objectives) == len(policy["spec"]["objectives"])


def test_sloth_counts_events_and_keeps_what_alerts(capsys: pytest.CaptureFixture[str]) -> None:
    policies, lines = imported(capsys, FIXTURES / "sloth-native.yaml")
    (policy,) = policies
    assert policy["metadata"] == {"name": "storefront"}
    availability, latency = policy["spec"]["objectives"]
    series = 'http_request_duration_seconds_count{job="storefront"'
    assert availability == {
        "name": "requests-availability",
        "type": "Availability",
        "target": "99.9%",
        "window": "30d",
        "indicator": {
            "ratio": {
                "errors": f'sum(increase({series},code=~"(5..|429)"}}[$(window)])) or vector(0)',
                "total": f"sum(increase({series}}}[$(window)]))",
            }
        },
    }
    assert latency["type"] == "Latency"
    assert latency["tiers"] == {
        tier: {"enabled": False} for tier in ("pageFast", "pageSlow", "ticketFast", "ticketSlow")
    }
    lost = {line.split(": ")[1] for line in lines[:-1]}
    assert lost == {
        "labels",
        "slo_plugins",
        "slos[0].description",
        "slos[0].alerting.name",
        "slos[0].alerting.labels",
        "slos[0].alerting.page_alert.for",
        "slos[0].alerting.page_alert.labels",
        "slos[0].alerting.ticket_alert.labels",
    }
    assert lines[-1] == "imported 2 objectives"


def test_a_sloth_plugin_is_not_imported_and_its_neighbours_are(
    capsys: pytest.CaptureFixture[str],
) -> None:
    policies, lines = imported(capsys, FIXTURES / "sloth-resource.yaml")
    (policy,) = policies
    assert policy["metadata"] == {"name": "house-network", "namespace": "monitoring"}
    signal, mean = policy["spec"]["objectives"]
    assert signal["tiers"] == {"pageFast": {"enabled": False}, "pageSlow": {"enabled": False}}
    assert mean["indicator"]["errorRatio"].count("[$(window)]") == 2
    (plugin,) = [line for line in lines if "by-plugin" in line]
    assert "spec.slos[2].sli.plugin" in plugin
    assert "not imported" in plugin


def test_a_rate_that_is_not_over_the_window_stays_and_is_named(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    query = "sum_over_time(sum(rate(a_total[5m]))[{{.window}}:])"
    slo = {
        "name": "one",
        "objective": 99,
        "sli": {"events": {"error_query": query, "total_query": "sum(rate(b[{{.window}}]))"}},
    }
    document = {"version": "prometheus/v1", "service": "web", "slos": [slo]}
    policies, lines = imported(capsys, written(tmp_path, document))
    assert ratio_of(policies) == {
        "errors": "sum_over_time(sum(rate(a_total[5m]))[$(window):])",
        "total": "sum(increase(b[$(window)]))",
    }
    assert lines[0].startswith("Sloth web: slos[0].sli.events.error_query: kept as a rate")


def test_strings_in_a_query_stay_as_they_are(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    query = 'sum(rate(a_total{path=~"/rate(s)?/[0-9]+\\"[x]"}[{{.window}}]))'
    slo = {
        "name": "one",
        "objective": 99,
        "sli": {"events": {"error_query": query, "total_query": query}},
    }
    document = {"version": "prometheus/v1", "service": "web", "slos": [slo]}
    policies, _ = imported(capsys, written(tmp_path, document))
    assert ratio_of(policies)["errors"] == (
        'sum(increase(a_total{path=~"/rate(s)?/[0-9]+\\"[x]"}[$(window)])) or vector(0)'
    )


def test_pyrra_becomes_a_policy_each(capsys: pytest.CaptureFixture[str]) -> None:
    policies, lines = imported(capsys, FIXTURES / "pyrra.yaml")
    by_name = {one["metadata"]["name"]: one["spec"]["objectives"][0] for one in policies}
    assert list(by_name) == [
        "ingress-errors",
        "ingress-latency",
        "query-errors",
        "prometheus-up",
        "native-latency",
    ]
    assert by_name["ingress-errors"]["window"] == "28d"
    assert by_name["query-errors"]["indicator"]["ratio"]["total"] == (
        'sum(increase(prometheus_http_requests_total{handler=~"/api/v1/query.*"}'
        "[$(window)] offset 1m))"
    )
    assert by_name["prometheus-up"]["indicator"]["ratio"] == {
        "good": 'sum(sum_over_time(up{job="prometheus-k8s"}[$(window)]))',
        "total": 'sum(count_over_time(up{job="prometheus-k8s"}[$(window)]))',
    }
    assert len(by_name["prometheus-up"]["tiers"]) == 4
    native = by_name["native-latency"]
    assert native["indicator"]["ratio"]["good"].startswith("histogram_fraction(0, 0.2, sum(")
    assert native["window"] == "7d"
    named = [line.split(": ")[1] for line in lines[:-1]]
    assert named == [
        "metadata.labels",
        "spec.latency",
        "spec.indicator.ratio.grouping",
        "spec.alerting.name",
        "spec.alerting.burnRateType",
        "spec.alerting.absent",
        "spec.window",
    ]


@pytest.mark.parametrize(
    ("query", "ending"),
    [
        ("sum(increase(a[{{.window}}]))", " or vector(0)"),
        ('sum (increase(a{b=")"}[{{.window}}])) ', " or vector(0)"),
        ("sum(increase(a[{{.window}}])) / sum(c)", ""),
        ("sum by (d) (increase(a[{{.window}}]))", ""),
        ("increase(a[{{.window}}])", ""),
    ],
)
def test_one_sum_of_errors_is_zero_where_nothing_ever_failed(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, query: str, ending: str
) -> None:
    events = {"error_query": query, "total_query": "sum(increase(b[{{.window}}]))"}
    slo = {"name": "one", "objective": 99, "sli": {"events": events}}
    document = {"version": "prometheus/v1", "service": "web", "slos": [slo]}
    policies, _ = imported(capsys, written(tmp_path, document))
    wanted = query.strip().replace("{{.window}}", "$(window)") + ending
    assert ratio_of(policies)["errors"] == wanted
    assert "vector" not in ratio_of(policies)["total"]


def test_policy_gathers_the_objectives_of_a_namespace(capsys: pytest.CaptureFixture[str]) -> None:
    policies, _ = imported(capsys, FIXTURES / "pyrra.yaml", "--policy", "web")
    (policy,) = policies
    assert policy["metadata"] == {"name": "web", "namespace": "monitoring"}
    assert len(policy["spec"]["objectives"]) == 5


def test_openslo_gathers_the_slos_of_a_service(capsys: pytest.CaptureFixture[str]) -> None:
    policies, lines = imported(capsys, FIXTURES / "openslo.yaml")
    shop, payments = policies
    assert [one["target"] for one in shop["spec"]["objectives"]] == ["99%", "99.95%", "99.5%"]
    counter, _, threshold = (one["indicator"]["ratio"] for one in shop["spec"]["objectives"])
    assert counter == {
        "good": 'sum(increase(http_requests_total{page="main",code=~"2..|3.."}[$(window)]))',
        "total": 'sum(increase(http_requests_total{page="main"}[$(window)]))',
    }
    series = 'search_duration_seconds_mean{job="search"}'
    assert threshold == {
        "errors": f"sum(sum_over_time((({series}) >= bool 0.5)[$(window):1m])) or vector(0)",
        "total": f"sum(count_over_time(({series})[$(window):1m]))",
    }
    errors, uptime = payments["spec"]["objectives"]
    assert errors["indicator"]["ratio"]["errors"] == (
        'sum(increase(payments_total{ok="no"}[$(window)])) or vector(0)'
    )
    assert uptime["indicator"]["errorRatio"] == (
        "1 - (avg(avg_over_time((payments_up_ratio)[$(window):1m])))"
    )
    assert uptime["window"] == "90d"
    said = "\n".join(lines)
    assert "SLO main-page: spec.budgetingMethod: RatioTimeslices becomes Occurrences" in said
    assert "SLO search: spec.timeWindow[0].calendar: the window rolls" in said
    assert "SLO orders-in-warehouse, objective 1: not imported" in said
    assert "AlertPolicy fast-burn: spec: not carried over" in said
    assert "DataSource metrics: spec: not carried over" in said


@pytest.mark.parametrize(
    ("operator", "missed"), [("lt", ">="), ("lte", ">"), ("gt", "<="), ("gte", "<")]
)
def test_a_threshold_is_missed_where_it_does_not_hold(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, operator: str, missed: str
) -> None:
    objectives = [{"target": 0.99, "op": operator, "value": 3}]
    document = openslo({"thresholdMetric": source("depth")}, objectives=objectives)
    policies, _ = imported(capsys, written(tmp_path, document))
    assert f"(depth) {missed} bool 3)" in ratio_of(policies)["errors"]


def test_values_that_are_no_counter_are_added_up(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    sli = {
        "ratioMetric": {"counter": False, "good": source("good_now"), "total": source("all_now")}
    }
    policies, lines = imported(capsys, written(tmp_path, openslo(sli)))
    assert ratio_of(policies)["good"] == "sum(sum_over_time(good_now[$(window)]))"
    assert "no counter" in lines[0]


@pytest.mark.parametrize(
    ("document", "said"),
    [
        (openslo({"ratioMetric": {"counter": True, "good": source("a / b"), "total": source("c")}}),
         "spec.indicator.spec.ratioMetric.good: cannot tell where in the query its range belongs"),
        (openslo({"ratioMetric": {"raw": source("a"), "rawType": "both"}}),
         "rawType both is neither success nor failure"),
        (openslo({"thresholdMetric": source("a")}), "spec.objectives[0].op is missing"),
        (openslo({}), "has neither ratioMetric nor thresholdMetric"),
        (openslo({"ratioMetric": {}}, objectives=[]), "spec.objectives is missing"),
        (openslo({"ratioMetric": {"good": source("a[{{.w}}]"), "total": source("c")}}),
         "the query has a template other than the window's"),
        (openslo({"ratioMetric": {"raw": source("a"), "rawType": "failure"}},
                 objectives=[{"target": 0.2}]), "write a percentage from 50% to below 100%"),
        (openslo({"ratioMetric": {"raw": source("a"), "rawType": "failure"}},
                 objectives=[{"target": 1}]), "spec.objectives[0].target 100"),
        (openslo({"ratioMetric": {"raw": source("a"), "rawType": "failure"}},
                 objectives=[{"targetPercent": 99.99999}]), "has at most four decimals"),
        (openslo({"ratioMetric": {}}, indicatorRef="gone", indicator=None),
         "spec.indicatorRef gone: the file has no such SLI"),
        ({"apiVersion": "openslo/v1alpha", "kind": "SLO"}, "v1alpha SLO is none of"),
        ({"apiVersion": "v1", "kind": "Pod"}, "v1 Pod is none of OpenSLO"),
        (openslo({}, service="_"), "the name '_' has no letter and no digit"),
        ("text", "the document is not a mapping"),
        ({"version": "prometheus/v1", "slos": []}, "service is missing"),
    ],
)  # fmt: skip
def test_what_gives_no_objective_says_why(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, document: object, said: str
) -> None:
    policies, lines = imported(capsys, written(tmp_path, document), code=3)
    assert policies == []
    assert said in "\n".join(lines)
    assert lines[-1] == "imported 0 objectives"


def test_objectives_past_the_limit_are_named(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    sli = {"ratioMetric": {"raw": source("a"), "rawType": "failure"}}
    document = openslo(sli, objectives=[{"target": 0.9}] * 9)
    policies, lines = imported(capsys, written(tmp_path, document))
    assert len(policies[0]["spec"]["objectives"]) == 8
    assert "objective one-9 of SLOPolicy web: not imported" in "\n".join(lines)


def test_a_file_that_cannot_be_read_is_a_usage_error(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    broken = tmp_path / "broken.yaml"
    broken.write_text("a: [")
    _, lines = imported(capsys, broken, code=2)
    assert "broken.yaml" in lines[0]
    _, lines = imported(capsys, tmp_path / "gone.yaml", code=2)
    assert "no such file" in lines[0]
    _, lines = imported(capsys, broken, "--policy", "No Name", code=2)
    assert "--policy 'No Name' is no name of an object" in lines[0]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def on_a_terminal(monkeypatch: pytest.MonkeyPatch, path: Path, code: int = 0, **env: str) -> str:
    """What standard error shows there."""
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"TERM": "xterm", "COLUMNS": "100", **env}.items():
        monkeypatch.setenv(name, value)
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    assert main(["import", str(path)]) == code
    return terminal.getvalue()


def test_a_terminal_gets_tables_of_what_was_lost_and_what_was_not(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = on_a_terminal(monkeypatch, FIXTURES / "openslo.yaml")
    assert "\x1b[31mnot imported:" in shown
    plain = on_a_terminal(monkeypatch, FIXTURES / "openslo.yaml", NO_COLOR="1")
    assert "\x1b[3" not in plain
    text = re.sub(r"\x1b\[[0-9;]*m", "", plain)
    assert re.search(r"MANIFEST +FIELD +WHAT", text)
    assert re.search(r"POLICY +OBJECTIVE +TARGET +WINDOW", text)
    assert "imported 5 objectives:" in text
    assert max(map(len, text.splitlines())) <= 100
    assert len([one for one in yaml.safe_load_all(capsys.readouterr().out) if one]) > 1


def test_a_terminal_is_told_that_nothing_was_imported(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    lost = written(tmp_path, openslo({"thresholdMetric": source("select 1", "Redshift")}))
    assert "imported 0 objectives" in on_a_terminal(monkeypatch, lost, 3)
