"""The hash of what a model depends on: when it moves, every service trains anew."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest

from anomaly_operator.api import names
from anomaly_operator.api.resources import SERVICE
from anomaly_operator.incidents.settings import incident_settings
from anomaly_operator.manifests.run_config import Resolved, resolve, scoring_config, training_config
from anomaly_operator.settings.values import MetricsSource, Settings
from anomaly_operator.spec.service_parse import parse_service
from anomaly_operator.training.inputs import training_inputs, wider_inputs
from anomaly_operator.world.objects import Meta
from detector_runtime.contract.codec import decode, dumps, encode, loads
from detector_runtime.contract.run_config import (
    DetectorSpec,
    IncidentSpec,
    Interval,
    MetricSpec,
    ModelRef,
    RunConfig,
    SourceSpec,
)
from detector_runtime.contract.source_request import SourceLimits, SourceRequest
from detector_runtime.contract.vocabulary import Category, Direction, SourceType

META = Meta(names.API_VERSION, SERVICE.kind, "shop", "checkout", "uid-1", "1", generation=3)
SETTINGS = Settings(
    sources={"default": MetricsSource("default", SourceType.PROMETHEUS, url="http://p:9090")}
)
SPEC = {
    "category": "BusinessCritical",
    "timeZone": "Europe/Vienna",
    "metrics": [
        {
            "name": "latency",
            "role": "Latency",
            "query": "avg(latency)",
            "unit": "Seconds",
            "direction": "Up",
            "minDeviation": {"absolute": "0.02"},
        }
    ],
    "training": {
        "exclude": [
            {"start": "2026-11-02T00:00:00Z", "end": "2026-11-02T06:00:00Z", "reason": "a move"}
        ]
    },
}


def resolved() -> Resolved:
    spec, problems = parse_service(SPEC)
    assert spec is not None, problems
    return resolve(META, spec, SETTINGS, 0)


def test_the_hash_of_a_spec_stays_from_release_to_release() -> None:
    """A change of this literal trains every service of every cluster anew on its upgrade."""
    assert training_inputs(resolved()) == "a9bd2077bf7c5c2b"
    assert wider_inputs(resolved()) == "9a317280adbdf9cf"


@dataclass(frozen=True, slots=True)
class LaterDetector(DetectorSpec):
    """As a later release may have it."""

    members: str = "Auto"


@dataclass(frozen=True, slots=True)
class LaterMetric(MetricSpec):
    smoothing: tuple[str, ...] = ()


def test_a_new_field_that_nobody_set_trains_nothing_anew() -> None:
    now = resolved()
    detector = now.spec.detector
    rates = (detector.false_incidents_per_week, detector.expected_anomaly_rate, detector.seed)
    metrics = tuple(
        LaterMetric(one.name, one.role, one.query, one.unit, one.direction,
                    one.min_deviation_absolute)
        for one in now.metrics
    )  # fmt: skip
    later = replace(now, metrics=metrics, spec=replace(now.spec, detector=LaterDetector(*rates)))
    assert training_inputs(later) == training_inputs(now)
    used = replace(now.spec, detector=LaterDetector(*rates, members="Forest"))
    assert training_inputs(replace(later, spec=used)) != training_inputs(now)


def _other_metric(now: Resolved) -> Resolved:
    return replace(now, metrics=(replace(now.metrics[0], direction=Direction.BOTH),))


def _other_span(now: Resolved) -> Resolved:
    training = replace(now.spec.training, exclude=(Interval(0, 60),))
    return replace(now, spec=replace(now.spec, training=training))


def _other_seed(now: Resolved) -> Resolved:
    detector = replace(now.spec.detector, seed=7)
    return replace(now, spec=replace(now.spec, detector=detector))


def _other_confirmation(now: Resolved) -> Resolved:
    incidents = replace(now.spec.incidents, confirmation_cycles=1)
    return replace(now, spec=replace(now.spec, incidents=incidents))


@pytest.mark.parametrize("change", [_other_metric, _other_span, _other_seed, _other_confirmation])
def test_what_a_model_depends_on_changes_the_hash(
    change: Callable[[Resolved], Resolved],
) -> None:
    assert training_inputs(change(resolved())) != training_inputs(resolved())


def test_a_training_carries_the_life_cycle_as_the_operator_folds_it() -> None:
    now = _other_confirmation(resolved())
    config = training_config(now, (), (), None, 3)
    folded = incident_settings(META.name, META.uid, now.spec.step_seconds, now.spec.incidents)
    carried = config.incidents
    assert carried.confirmation_cycles == folded.confirmation_cycles == 1
    assert carried.grace_cycles == folded.grace_cycles
    assert carried.separation_seconds == folded.separation_seconds
    assert carried.reopen_seconds == folded.reopen_seconds


def test_how_long_an_incident_is_kept_trains_nothing_anew() -> None:
    now = resolved()
    incidents = replace(now.spec.incidents, retention_seconds=86_400, max_kept=5)
    assert training_inputs(replace(now, spec=replace(now.spec, incidents=incidents))) == (
        training_inputs(now)
    )


def test_a_run_config_of_an_older_release_has_the_default_life_cycle() -> None:
    document = encode(training_config(_other_confirmation(resolved()), (), (), None, 3))
    del document["incidents"]
    assert decode(RunConfig, document).incidents == IncidentSpec()


def _other_category(now: Resolved) -> Resolved:
    return replace(now, spec=replace(now.spec, category=Category.MICRO))


def _other_periods(now: Resolved) -> Resolved:
    return replace(now, spec=replace(now.spec, periods=()))


@pytest.mark.parametrize("change", [_other_category, _other_periods])
def test_what_no_fit_reads_changes_no_hash(change: Callable[[Resolved], Resolved]) -> None:
    assert training_inputs(change(resolved())) == training_inputs(resolved())


def test_tenants_follow_the_namespace_of_the_service() -> None:
    source = replace(
        SETTINGS.sources["default"],
        headers=(("X-Scope-OrgID", "org-$(namespace)"),),
        query_parameters=(("namespace", "$(namespace)"), ("dedup", "true")),
        limits=SourceLimits(max_range_seconds=86_400),
    )
    now = replace(resolved(), source=source)
    spec = scoring_config(now, None, ModelRef("r", "sha256:0")).source
    assert spec.request == SourceRequest(
        headers=(("X-Scope-OrgID", "org-shop"),),
        parameters=(("namespace", "shop"), ("dedup", "true")),
    )
    assert spec.limits == SourceLimits(max_range_seconds=86_400)
    assert loads(SourceSpec, dumps(spec)) == spec


def test_what_nobody_set_changes_no_config_of_a_running_fleet() -> None:
    spec = scoring_config(resolved(), None, ModelRef("r", "sha256:0")).source
    assert spec.request is spec.limits is None
    assert not {"request", "limits"} & set(encode(spec))


def with_members(*members: dict[str, str]) -> Resolved:
    spec, problems = parse_service({**SPEC, "detector": {"members": list(members)}})
    assert spec is not None, problems
    return resolve(META, spec, SETTINGS, 0)


def test_auto_members_train_nothing_anew_and_named_ones_do() -> None:
    auto, named = with_members({"name": "Auto"}), with_members({"name": "ZScore"})
    assert training_inputs(auto) == training_inputs(resolved())
    assert training_inputs(named) != training_inputs(resolved())
    trained = dumps(training_config(auto, (), (), None, 3))
    assert trained == dumps(training_config(resolved(), (), (), None, 3))
    assert "members" not in trained
    assert '"members":[{"name":"ZScore"}]' in dumps(training_config(named, (), (), None, 3))


def test_scoring_is_not_told_of_members_which_are_part_of_the_model() -> None:
    model = ModelRef("20261101t000000z-abcdef12", "sha256:" + "0" * 64)
    named = scoring_config(with_members({"name": "ZScore"}), None, model)
    assert dumps(named) == dumps(scoring_config(resolved(), None, model))
