"""One setting over recorded windows: what `kubectl-anomaly backtest` does, on the same values.

Pure but for the time that it takes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterator
from dataclasses import replace
from pathlib import Path

from anomaly_cli import backtest
from anomaly_cli.backtest import Outcome
from anomaly_cli.incident_list import IncidentLine, incident_lines
from anomaly_cli.object_files import Objects, ServiceDocument, stand_in
from anomaly_cli.recording import Recording
from anomaly_cli.service_file import Plan, planned, read_service
from anomaly_cli.summary import promised
from anomaly_dashboard.explore.job import Job, Side, recording_of
from anomaly_dashboard.explore.tried import Expected, Incident, Tried
from anomaly_dashboard.series.curves import Curves, thinned
from anomaly_operator.api.resources import SERVICE
from anomaly_operator.manifests.metric_queries import resolve_metrics
from anomaly_operator.manifests.run_config import known_patterns, with_defaults
from anomaly_operator.observe.read import metadata, policy_object
from anomaly_operator.settings.values import Settings
from detector_runtime.contract.vocabulary import Verdict
from detector_runtime.fitting.candidate import Fit, candidate
from detector_runtime.fitting.shared import SharedCandidates

DAY = 86_400
_MANIFEST = Path("the manifest")
Progress = Callable[[int, int], None]


def tried(job: Job, settings: Settings, on_progress: Progress) -> tuple[Tried, ...]:
    """The sides by turns, a day at a time, so that what one learned is at hand when the other
    learns the same; `on_progress` gets windows done and windows in all. Raises InputError."""
    fit = SharedCandidates() if len(job.sides) > 1 else candidate
    total = sum(len(side.frame) - side.warmup for side in job.sides)
    waiting = deque((at, _side(one, job, settings, fit)) for at, one in enumerate(job.sides))
    done: dict[int, int] = {}
    found: dict[int, Tried] = {}
    while waiting:
        at, steps = waiting.popleft()
        try:
            done[at], _ = next(steps)
        except StopIteration as end:
            found[at] = end.value
            continue
        waiting.append((at, steps))
        on_progress(sum(done.values()), total)
    return tuple(found[at] for at in range(len(job.sides)))


def plan_of(side: Side, settings: Settings) -> Plan:
    """What the service comes to, as for a backtest with the same settings file. Raises
    ServiceFileError."""
    meta = metadata(side.service)
    # A service that is only planned has no uid, and both sides must be the same service.
    named = replace(stand_in(SERVICE.kind, meta.namespace, meta.name), labels=meta.labels)
    policies = tuple(policy_object(one) for one in side.policies)
    given = ServiceDocument(_MANIFEST, named, dict(side.service))
    service = read_service(given, Objects(policies=policies))
    spec = with_defaults(service.spec, settings)
    source = settings.sources.get(spec.source)
    if source is not None and spec.preset is not None:
        # In the units that the source has; a backtest of a file knows only the usual ones.
        metrics = resolve_metrics(spec, source, named.namespace, named.name)
        spec = replace(spec, metrics=metrics)
    service = replace(service, spec=spec)
    plan = planned(service, side.frame.names)
    notes = (*plan.notes, *((service.policy.message,) if service.policy.message else ()))
    return replace(plan, patterns=known_patterns(service.spec, settings), notes=notes)


def _side(
    side: Side, job: Job, settings: Settings, fit: Fit
) -> Generator[tuple[int, int], None, Tried]:
    plan = plan_of(side, settings)
    recording = recording_of(side.frame)
    outcome = yield from backtest.stepwise(recording, plan, side.warmup, job.refit, fit=fit)
    verdicts = [report.verdict for report in outcome.reports.values()]
    curves = _curves(side, outcome)
    return Tried(
        label=side.label,
        days=len(verdicts) * side.frame.step / DAY,
        windows=len(verdicts),
        anomalous=verdicts.count(Verdict.ANOMALOUS),
        inconclusive=verdicts.count(Verdict.INCONCLUSIVE),
        models=outcome.models,
        failed=outcome.failed,
        detectors=outcome.detectors,
        policy=plan.slo.policy if plan.slo else "",
        incidents=tuple(_incident(one) for one in incident_lines(recording, outcome)),
        expected=_expected(recording, outcome),
        curves=thinned(curves, job.points) if job.points else curves,
        units=tuple(metric.unit.value for metric in plan.metrics),
        notes=tuple(_notes(plan, outcome)),
    )


def _curves(side: Side, outcome: Outcome) -> Curves:
    """Of the judged windows."""
    rows = slice(side.warmup, None)
    course = outcome.course
    return Curves(
        side.frame.times[rows],
        tuple(metric.name for metric in outcome.plan.metrics),
        course.values[rows],
        course.low[rows],
        course.high[rows],
        course.score[rows],
        course.level[rows],
        side.frame.step,
    )


def _incident(one: IncidentLine) -> Incident:
    return Incident(
        one.name,
        one.start,
        one.end,
        one.open,
        one.severity,
        one.metric,
        one.pattern,
        one.sentence,
        one.windows,
    )


def _expected(recording: Recording, outcome: Outcome) -> tuple[Expected, ...]:
    if not outcome.reports:
        return ()
    return tuple(
        Expected(one.severity, rate, one.found)
        for one, rate in zip(promised(recording, outcome), outcome.expected.tolist(), strict=True)
    )


def _notes(plan: Plan, outcome: Outcome) -> Iterator[str]:
    yield from plan.notes
    if not outcome.models:
        yield (
            f"no model could be trained: one needs {backtest.MIN_ROWS} windows with values before "
            "the first judged one; choose fewer days, or wait for more history"
        )
    for name, count in outcome.impossible.items():
        yield f"metric {name}: {count} values outside its validRange are taken as missing"
    for check in outcome.failures:
        yield f"a model failed the check {check.name!r}, and the operator would not promote it"
