"""From an AnomalyService's `spec` to a `ServiceSpec`, or to the problems that forbid it.

Each section is read by itself, so that a user sees all problems of a spec at once. What needs
the operator's settings (sources, the preset's queries) is resolved in `metric_queries`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from anomaly_operator.api.durations import format_seconds
from anomaly_operator.api.fields import Fields, SpecError
from anomaly_operator.api.problem import Problem
from anomaly_operator.api.reasons import Reason
from anomaly_operator.spec.alert_labels import read_alert_labels
from anomaly_operator.spec.calendars import parse_calendars
from anomaly_operator.spec.context import parse_context
from anomaly_operator.spec.expected import read_expected
from anomaly_operator.spec.members import parse_members, parse_vote, too_few_metrics
from anomaly_operator.spec.patterns import read_non_alerting, read_patterns
from anomaly_operator.spec.periods import parse_periods
from anomaly_operator.spec.pod_template import PodTemplate, parse_pod_template
from anomaly_operator.spec.profile import DEFAULTS, Defaults, Profile, misfits, read_profile
from anomaly_operator.spec.schedule import valid_schedule
from anomaly_operator.spec.service import (
    Dependency,
    IncidentPlan,
    MetricPreset,
    ServiceSpec,
    TrainingPlan,
)
from anomaly_operator.spec.serving import ServingPlan, parse_serving
from anomaly_operator.spec.training_run import parse_training_run
from anomaly_operator.spec.workload import parse_workload_ref
from detector_runtime.contract.exclusions import MAX_EXCLUDED_SHARE, covered, exceeds_cap
from detector_runtime.contract.run_config import DetectorSpec, Interval, MetricSpec
from detector_runtime.contract.vocabulary import Category, Direction, MetricType, Role, Unit

T = TypeVar("T")

MIN_INTERVAL_SECONDS = 60

# Share of the history that may be taken as not normal, by what a service is used for.
EXPECTED_ANOMALY_RATE = {
    Category.BUSINESS_CRITICAL: 0.03,
    Category.CORE: 0.04,
    Category.STANDARD: 0.05,
    Category.ADMIN: 0.06,
    Category.MICRO: 0.08,
    Category.BACKGROUND: 0.08,
}
FALSE_INCIDENTS_PER_WEEK = 1.0
"""Where neither the spec nor the operator's settings say more."""

ROLE_DIRECTION = {
    Role.TRAFFIC: Direction.BOTH,
    Role.LATENCY: Direction.UP,
    Role.ERRORS: Direction.UP,
    Role.DEPENDENCY_LATENCY: Direction.UP,
    Role.DATABASE_LATENCY: Direction.UP,
    Role.SATURATION: Direction.UP,
}
"""Both where a role is not here."""


def parse_service(document: Any) -> tuple[ServiceSpec | None, tuple[Problem, ...]]:
    """`document` is the object's `spec`. A spec comes without problems, or problems without one."""
    problems: list[Problem] = []

    def section(read: Callable[[], T], fallback: T) -> T:
        try:
            return read()
        except SpecError as error:
            problems.append(error.problem)
            return fallback

    try:
        fields = Fields(document, "spec")
    except SpecError as error:
        return None, (error.problem,)
    category = section(lambda: fields.choice("category", Category.STANDARD), Category.STANDARD)
    profile = section(lambda: read_profile(fields), None)
    defaults = DEFAULTS[profile or Profile.MICROSERVICE]
    run = profile is Profile.TRAINING_RUN
    timing = section(lambda: _timing(fields, defaults), (120, 300, 120))
    incidents = section(lambda: _incidents(fields.child("incidents"), defaults), IncidentPlan())
    incidents = replace(incidents, expected=section(lambda: read_expected(fields), ()))
    spec = ServiceSpec(
        category=category,
        suspend=section(lambda: fields.flag("suspend", default=False), fallback=False),
        source=section(lambda: fields.child("source").text("name", "default"), "default"),
        parameters=section(lambda: fields.text_map("parameters"), {}),
        step_seconds=timing[0],
        rate_interval_seconds=timing[1],
        preset=section(lambda: fields.optional_choice("preset", MetricPreset), None),
        metrics=section(lambda: tuple(_metric(item) for item in fields.items("metrics")), ()),
        time_zone=section(lambda: _time_zone(fields), "Etc/UTC"),
        periods=section(lambda: parse_periods(fields), ()),
        detector=section(
            lambda: _detector(fields.child("detector"), category), DetectorSpec(1.0, 0.05, 42)
        ),
        training=section(lambda: _training(fields.child("training")), TrainingPlan()),
        interval_seconds=timing[2],
        incidents=incidents,
        depends_on=section(lambda: tuple(map(_dependency, fields.items("dependsOn"))), ()),
        slo_policy=section(lambda: fields.child("sloPolicyRef").text("name"), ""),
        calendars=section(lambda: parse_calendars(fields), ()),
        model_revision=section(lambda: fields.text("modelRevision"), ""),
        training_resources=section(lambda: _resources(fields, "training"), {}),
        inference_resources=section(lambda: _resources(fields, "inference"), {}),
        pod_template=section(
            lambda: parse_pod_template(fields.child("podTemplate")), PodTemplate()
        ),
        patterns=section(lambda: read_patterns(fields), ()),
        non_alerting_patterns=section(lambda: read_non_alerting(fields), ()),
        workload=section(lambda: parse_workload_ref(fields), None),
        context=section(lambda: parse_context(fields), ()),
        serving=section(lambda: parse_serving(fields), ServingPlan()),
        alert_labels=section(lambda: read_alert_labels(fields), {}),
        training_run=section(lambda: parse_training_run(fields), None) if run else None,
    )
    detector = section(lambda: fields.child("detector"), None)
    stated = detector is not None and detector.has("falseIncidentsPerWeek")
    spec = replace(spec, tolerance_stated=stated)
    if not problems:
        problems.extend(misfits(spec.profile, fields, spec.metrics))
        problems.extend(_contradictions(spec))
    return (None, tuple(problems)) if problems else (spec, ())


def incident_plan(document: Any) -> IncidentPlan:
    """`incidents` and `expected` of a spec that cannot be used as a whole; the defaults for what
    not even that can be read of.
    """
    plan = IncidentPlan()
    try:
        fields = Fields(document, "spec")
        plan = replace(plan, expected=read_expected(fields))
        defaults = DEFAULTS[fields.choice("profile", Profile.MICROSERVICE)]
        return replace(_incidents(fields.child("incidents"), defaults), expected=plan.expected)
    except SpecError:
        return plan


def _timing(fields: Fields, defaults: Defaults) -> tuple[int, int, int]:
    step = fields.whole_seconds("step", defaults.step_seconds, minimum=15)
    rate_interval = fields.whole_seconds("rateInterval", max(300, step), minimum=step)
    default = max(step, MIN_INTERVAL_SECONDS)
    interval = fields.child("inference").whole_seconds("interval", _divisor(default), minimum=60)
    if interval % 60 or (3600 % interval and (interval % 3600 or 86400 % interval)):
        text = f"{format_seconds(interval)} divides neither an hour nor a day; write 1m, 5m or 2h"
        raise fields.child("inference").refuse("interval", text)
    return step, rate_interval, interval


def _divisor(seconds: int) -> int:
    """The shortest interval of whole minutes that divides an hour and is at least `seconds`."""
    return next(
        m
        for m in (60, 120, 180, 240, 300, 360, 600, 720, 900, 1200, 1800, 3600)
        if m >= min(seconds, 3600)
    )


def _metric(item: Fields) -> MetricSpec:
    role = item.choice("role", Role.CUSTOM)
    deviation, valid = item.child("minDeviation"), item.child("validRange")
    query = item.text("query")
    if not query.strip():
        raise item.refuse("query", "is empty; write a query that yields one series")
    return MetricSpec(
        name=item.text("name"),
        role=role,
        query=query,
        unit=item.choice("unit", Unit.NONE),
        direction=item.choice("direction", ROLE_DIRECTION.get(role, Direction.BOTH)),
        min_deviation_absolute=deviation.decimal("absolute"),
        min_deviation_relative=deviation.share("relative"),
        valid_min=valid.decimal("min"),
        valid_max=valid.decimal("max"),
        type=item.choice("type", MetricType.AUTO),
    )


def _time_zone(fields: Fields) -> str:
    name = fields.text("timeZone", "Etc/UTC")
    try:
        ZoneInfo(name)
    except (OSError, ValueError) as error:  # ZoneInfoNotFoundError is a KeyError, see below
        raise _unknown_zone(fields, name) from error
    except KeyError as error:
        raise _unknown_zone(fields, name) from error
    return name


def _unknown_zone(fields: Fields, name: str) -> ValueError:
    text = f"{name!r} is not a known time zone; write one such as Europe/Zagreb"
    return fields.refuse("timeZone", text, Reason.INVALID_TIME_ZONE)


def _detector(fields: Fields, category: Category) -> DetectorSpec:
    incidents = fields.decimal("falseIncidentsPerWeek")
    rate = fields.share("expectedAnomalyRate")
    members = parse_members(fields)
    return DetectorSpec(
        false_incidents_per_week=(FALSE_INCIDENTS_PER_WEEK if incidents is None else incidents),
        expected_anomaly_rate=EXPECTED_ANOMALY_RATE[category] if rate is None else rate,
        seed=fields.integer("seed", 42),
        members=members,
        vote=parse_vote(fields, members),
    )


def _training(fields: Fields) -> TrainingPlan:
    base = TrainingPlan()
    schedule = fields.text("schedule", base.schedule)
    complaint = valid_schedule(schedule)
    if complaint:
        raise fields.refuse("schedule", f"{schedule!r}: {complaint}", Reason.INVALID_SCHEDULE)
    samples = fields.child("minSamples")
    plan = TrainingPlan(
        schedule=schedule,
        spread_seconds=fields.whole_seconds("spread", base.spread_seconds),
        lookback_seconds=fields.whole_seconds("lookback", base.lookback_seconds, minimum=60),
        min_univariate=samples.integer("univariate", base.min_univariate, minimum=1),
        min_multivariate=samples.integer("multivariate", base.min_multivariate, minimum=1),
        exclude=tuple(_interval(item) for item in fields.items("exclude")),
    )
    if exceeds_cap(plan.exclude, plan.lookback_seconds):
        text = (
            f"takes out {format_seconds(covered(plan.exclude))}, more than "
            f"{100 * MAX_EXCLUDED_SHARE:g} % of the lookback of "
            f"{format_seconds(plan.lookback_seconds)}; shorten it or look back further"
        )
        raise fields.refuse("exclude", text, Reason.TOO_MUCH_EXCLUDED)
    return plan


def _interval(item: Fields) -> Interval:
    start, end = item.moment("start"), item.moment("end")
    if end <= start:
        raise item.refuse("end", f"{item.text('end')} is not after start {item.text('start')}")
    return Interval(start, end, item.text("reason"))


def _incidents(fields: Fields, defaults: Defaults) -> IncidentPlan:
    base = IncidentPlan()
    return IncidentPlan(
        confirmation_cycles=fields.integer("confirmationCycles", defaults.confirmation_cycles, 1),
        resolution_grace_cycles=fields.integer(
            "resolutionGraceCycles", base.resolution_grace_cycles, 1
        ),
        separation_seconds=fields.whole_seconds("separation", base.separation_seconds),
        reopen_within_seconds=fields.whole_seconds("reopenWithin", base.reopen_within_seconds),
        retention_seconds=fields.whole_seconds("retention", base.retention_seconds),
        max_kept=fields.integer("maxKept", base.max_kept, 1),
        learn_after_seconds=fields.whole_seconds("learnAfter", base.learn_after_seconds),
    )


def _dependency(item: Fields) -> Dependency:
    name = item.text("name")
    if not name:
        raise item.refuse("name", "is empty; write the name of an AnomalyService")
    return Dependency(name, item.text("namespace"))


def _resources(fields: Fields, kind: str) -> Mapping[str, Mapping[str, str]]:
    part = fields.child("resources").child(kind)
    read = {key: part.quantities(key) for key in ("requests", "limits")}
    return {key: value for key, value in read.items() if value}


def _contradictions(spec: ServiceSpec) -> list[Problem]:
    found = []
    learns = spec.profile is Profile.MICROSERVICE
    if learns and (spec.preset is None) == (not spec.metrics):
        text = "write either spec.metrics or spec.preset, and not both"
        found.append(Problem(Reason.INVALID_SPEC, "spec.metrics", text))
    cycle = max(spec.step_seconds, spec.interval_seconds)
    least = (spec.incidents.resolution_grace_cycles + 1) * cycle
    if spec.incidents.separation_seconds <= least:
        text = (
            f"{format_seconds(spec.incidents.separation_seconds)} is too short; raise it above "
            f"(resolutionGraceCycles + 1) x max(step, interval) = {format_seconds(least)}"
        )
        problem = Problem(Reason.SEPARATION_TOO_SHORT, "spec.incidents.separation", text)
        found.append(problem)
    text = too_few_metrics(spec.detector.members, len(spec.metrics))
    if text:
        found.append(Problem(Reason.INVALID_SPEC, "spec.detector.members", text))
    rows = 0.8 * spec.training.lookback_seconds / spec.step_seconds
    if learns and rows < spec.training.min_univariate:
        text = (
            f"{format_seconds(spec.training.lookback_seconds)} at a step of "
            f"{format_seconds(spec.step_seconds)} holds {int(rows)} training samples (80 %), "
            f"minSamples.univariate asks for {spec.training.min_univariate}; look back further"
        )
        found.append(Problem(Reason.TOO_SHORT_LOOKBACK, "spec.training.lookback", text))
    return found
