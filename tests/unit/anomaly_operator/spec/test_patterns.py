"""`spec.patterns`: what is taken, and what is refused because it could never name a window."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from anomaly_operator.api.fields import SettingsError, SpecError
from anomaly_operator.manifests.run_config import resolve, scoring_config, training_config
from anomaly_operator.settings.file import parse_settings
from anomaly_operator.settings.values import MetricsSource, Settings
from anomaly_operator.spec import patterns
from anomaly_operator.spec.pattern_fit import unknown_quiet
from anomaly_operator.spec.service import ServiceSpec
from anomaly_operator.spec.service_parse import parse_service
from anomaly_operator.training.inputs import training_inputs
from anomaly_operator.world.objects import Meta
from detector_runtime.contract.codec import dumps, encode, loads
from detector_runtime.contract.pattern_names import BUILT_IN, reserved
from detector_runtime.contract.patterns import (
    Circumstance,
    Level,
    LevelCondition,
    PatternSpec,
    RatioCondition,
)
from detector_runtime.contract.run_config import ModelRef, RunConfig
from detector_runtime.contract.vocabulary import Role, Severity, SourceType
from detector_runtime.patterns.catalogue import CATALOGUE
from detector_runtime.patterns.standing import LOWER_IS_BETTER

META = Meta("anomaly-operator.dev/v1alpha1", "AnomalyService", "shop", "checkout", "uid-1", "1")
MODEL = ModelRef("r", "sha256:0")
METRICS = [
    {"name": "rate", "role": "Traffic", "query": "rate"},
    {"name": "latency", "role": "Latency", "query": "latency", "unit": "Seconds"},
    {"name": "errors", "role": "Errors", "query": "errors", "unit": "Ratio"},
    {"name": "queue", "query": "queue", "direction": "Up"},
    {"name": "workers", "query": "workers"},
]
BACKLOG = {
    "name": "queue_backlog",
    "severity": "High",
    "when": [
        {"metric": "queue", "level": ["High", "VeryHigh"]},
        {"role": "Traffic", "level": ["Normal", "Moderate"]},
    ],
    "ratios": [{"metric": "queue", "of": {"metric": "workers"}, "above": "2.5"}],
    "circumstances": ["DependenciesHealthy"],
    "message": "The queue holds {queue}, usually {queue.usual} {when}; requests take {latency}",
    "impact": "{who} wait",
    "actions": ["Add workers", "Look for a job that hangs"],
    "alerting": False,
}
SETTINGS = Settings(
    sources={"default": MetricsSource("default", SourceType.PROMETHEUS, url="http://p")}
)


def parsed(*entries: dict[str, Any], **spec: Any) -> ServiceSpec:
    found, problems = parse_service({"metrics": METRICS, "patterns": list(entries), **spec})
    assert found is not None, problems
    return found


def refusal(entry: dict[str, Any]) -> str:
    found, problems = parse_service({"metrics": METRICS, "patterns": [entry]})
    if found is None:
        return str(problems[0])
    with pytest.raises(SpecError) as caught:
        resolve(META, found, SETTINGS, 0)
    return str(caught.value)


def test_a_pattern_is_read_whole() -> None:
    assert parsed(BACKLOG).patterns == (
        PatternSpec(
            name="queue_backlog",
            severity=Severity.HIGH,
            when=(
                LevelCondition((Level.HIGH, Level.VERY_HIGH), metric="queue"),
                LevelCondition((Level.NORMAL, Level.MODERATE), Role.TRAFFIC),
            ),
            ratios=(RatioCondition(2.5, metric="queue", of_metric="workers"),),
            circumstances=(Circumstance.DEPENDENCIES_HEALTHY,),
            message=BACKLOG["message"],
            impact="{who} wait",
            actions=("Add workers", "Look for a job that hangs"),
            alerting=False,
        ),
    )


def test_what_is_not_written_lowers_no_severity_and_alerts() -> None:
    (spec,) = parsed({"name": "x", "when": [{"role": "Latency", "level": ["High"]}]}).patterns
    assert spec == PatternSpec(
        "x", Severity.CRITICAL, (LevelCondition((Level.HIGH,), Role.LATENCY),)
    )


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"name": "metric_latency"}, "'metric_latency' cannot name a pattern"),
        ({"name": "slo_breach"}, "'slo_breach' cannot name a pattern"),
        ({"name": "Queue"}, "'Queue' cannot name a pattern"),
        ({"severity": "None"}, "write Informational"),
        ({"severity": "Grave"}, "'Grave' is none of"),
        ({"when": [], "ratios": [], "circumstances": []}, "queue_backlog has no condition"),
        ({"when": [{"role": "Speed", "level": ["High"]}]}, "'Speed' is none of Traffic"),
        ({"when": [{"level": ["High"]}]}, "when[0]: name exactly one of role and metric"),
        (
            {"when": [{"role": "Latency", "metric": "latency", "level": ["High"]}]},
            "name exactly one of role and metric",
        ),
        ({"when": [{"role": "Latency", "level": []}]}, "names no level"),
        ({"when": [{"role": "Latency", "level": ["Unknown"]}]}, "names no level"),
        ({"when": [{"role": "Latency", "level": ["Huge"]}]}, "'Huge' is none of VeryLow"),
        (
            {"when": [{"role": "Errors", "level": ["VeryLow"]}]},
            "Errors is never VeryLow, as low values of it are good news",
        ),
        ({"when": [{"role": "Latency", "level": ["Normal"]}]}, "met by normal values alone"),
        (
            {
                "when": [
                    {"role": "Latency", "level": ["High"]},
                    {"role": "Latency", "level": ["Normal", "Moderate"]},
                ]
            },
            "wants Latency to be High and also Normal or Moderate",
        ),
        (
            {"ratios": [{"role": "Latency", "of": {"role": "Latency"}, "above": "0.5"}]},
            "Latency is compared with itself",
        ),
        ({"ratios": [{"role": "Latency", "of": {"metric": "queue"}}]}, "needs a decimal"),
        ({"actions": ["x"] * 6}, "actions: has 6 entries, at most 5"),
        ({"actions": ["x" * 193]}, "has a text of 193 characters, at most 192"),
        ({"when": [{"role": "Traffic", "level": ["High"]}] * 9}, "has 9 entries, at most 8"),
        (
            {"when": [{"metric": "quue", "level": ["High"]}]},
            "names the metric quue; the service has rate",
        ),
        (
            {"when": [{"role": "DatabaseLatency", "level": ["High"]}]},
            "names the role DatabaseLatency, and no metric of the service has it",
        ),
        (
            {"when": [{"metric": "queue", "level": ["Low"]}]},
            "wants queue to be Low, which it never is",
        ),
        (
            {"when": [{"metric": "errors", "level": ["Low"]}]},
            "wants errors to be Low, which it never",
        ),
        ({"message": "It takes {latncy}"}, "uses the placeholder {latncy}; known are database"),
        ({"actions": ["Ask {owner}"]}, "uses the placeholder {owner}"),
    ],
)
def test_a_pattern_that_can_name_nothing_is_refused_with_the_reason(
    change: dict[str, Any], words: str
) -> None:
    assert words in refusal({**BACKLOG, **change})


def test_metrics_of_one_role_that_several_may_have_can_stand_apart() -> None:
    apart = [{"role": "Custom", "level": ["High"]}, {"role": "Custom", "level": ["Low"]}]
    assert len(parsed({"name": "x", "when": apart}).patterns[0].when) == 2


def test_a_name_stands_once_and_a_list_has_an_end() -> None:
    twice = {"metrics": METRICS, "patterns": [BACKLOG, BACKLOG]}
    assert "queue_backlog is defined twice" in str(parse_service(twice)[1][0])
    many = [{**BACKLOG, "name": f"p{number}"} for number in range(17)]
    assert "17 entries, at most 16" in str(
        parse_service({"metrics": METRICS, "patterns": many})[1][0]
    )


def test_quiet_patterns_are_built_in_the_services_own_or_the_administrators() -> None:
    shared = replace(SETTINGS, patterns=(PatternSpec("cache_cold", Severity.LOW),))
    names = ["queue_backlog", "request_rate_cliff", "cache_cold"]
    spec = parsed(BACKLOG, nonAlertingPatterns=names)
    found = resolve(META, spec, shared, 0)
    assert found.spec.non_alerting_patterns == tuple(names)
    assert not unknown_quiet(names, found.patterns)
    said = unknown_quiet(names, resolve(META, spec, SETTINGS, 0).patterns)
    assert "has a name that no pattern has: cache_cold. It silences nothing" in said


def test_an_unknown_quiet_name_is_told_with_the_known_ones_that_are_closest() -> None:
    said = unknown_quiet(["request_rate_clif", "zzz", "queue_backlg"], parsed(BACKLOG).patterns)
    assert "names that no pattern has: request_rate_clif (closest: request_rate_cliff" in said
    assert ", zzz, queue_backlg (closest: queue_backlog). They silence nothing" in said
    many = unknown_quiet([f"q{number}" for number in range(32)], ())
    assert "q7 and 24 more. They" in many


def test_scoring_is_told_of_patterns_and_training_is_not() -> None:
    shared = replace(SETTINGS, patterns=(PatternSpec("queue_backlog", Severity.LOW),))
    plain = resolve(META, parsed(), SETTINGS, 0)
    named = resolve(META, parsed(BACKLOG, nonAlertingPatterns=["queue_backlog"]), shared, 0)
    config = scoring_config(named, None, MODEL)
    assert [one.severity for one in config.patterns] == [Severity.LOW, Severity.HIGH]
    assert config.non_alerting_patterns == ("queue_backlog",)
    assert loads(RunConfig, dumps(config)) == config
    assert training_inputs(named) == training_inputs(plain)
    train = training_config(named, (), (), None, 3)
    assert dumps(train) == dumps(training_config(plain, (), (), None, 3))
    assert not {"patterns", "nonAlertingPatterns"} & set(encode(scoring_config(plain, None, MODEL)))


SHARED = """
patterns:
- name: queue_backlog
  severity: High
  when:
  - {metric: queue, level: [High, VeryHigh]}
  message: "The queue holds {queue}; requests take {latency}"
"""


def test_the_administrator_writes_patterns_for_all_services() -> None:
    (spec,) = parse_settings(SHARED).patterns
    assert spec.when == (LevelCondition((Level.HIGH, Level.VERY_HIGH), metric="queue"),)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("severity: High", "severty: High", "unknown setting patterns[0].severty"),
        ("{metric: queue,", "{metrik: queue,", "name exactly one of role and metric"),
        (
            "level: [High, VeryHigh]",
            "level: [High], levels: [Low]",
            "unknown setting patterns[0].when[0]",
        ),
        ("{latency}", "{workers}", "uses the placeholder {workers}"),
    ],
)
def test_a_mistake_of_the_administrator_is_told_with_its_path(
    old: str, new: str, words: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        parse_settings(SHARED.replace(old, new))
    assert words in str(caught.value)


def test_the_names_and_rules_that_the_operator_knows_are_those_of_the_runtime() -> None:
    assert {one.name for one in CATALOGUE} == BUILT_IN
    assert not any(reserved(name) for name in BUILT_IN)
    assert patterns.LOWER_IS_BETTER == LOWER_IS_BETTER
