"""A recording that has been read, and the plan to judge it by; what is doubtful is told at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from anomaly_cli import console
from anomaly_cli.assignment import Assigned
from anomaly_cli.recording import Recording, read
from anomaly_cli.replay_options import ReplayOptions, warmup_rows
from anomaly_cli.service_file import Plan, ServiceFile, planned
from anomaly_operator.api.durations import format_seconds
from anomaly_operator.manifests.run_config import known_patterns, with_defaults
from anomaly_operator.slo.choice import PolicyChoice
from anomaly_operator.spec.pattern_fit import unknown_quiet


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """`warmup_row`: input rows before the first scored one."""

    recording: Recording
    plan: Plan
    warmup_row: int

    @property
    def warmup(self) -> int:
        """The first scored row of the frame."""
        return int(self.recording.window[self.warmup_row])


def prepare(one: Assigned, options: ReplayOptions, *, several: bool = False) -> Prepared:
    """Read a recording and print its warnings, of `several` with the service's name. Raises
    ArgumentError, RecordingError, ServiceFileError, OSError."""
    reading = options.reading_of(one.service.time_zone)
    found = prepared(one.service, read(one.path, options.step, options.labels, reading), options)
    for warning in found.recording.warnings:
        console.warn(f"{one.name}: {warning}" if several else warning)
    return found


def prepared(service: ServiceFile, recording: Recording, options: ReplayOptions) -> Prepared:
    """`recording` as one of `service`, with what is doubtful in its warnings. Raises ArgumentError,
    ServiceFileError."""
    if options.zone is not None and not service.time_zone:
        service = replace(service, spec=replace(service.spec, time_zone=options.zone.key))
    service = replace(service, spec=with_defaults(service.spec, options.settings))
    plan = planned(service, recording.frame.names)
    plan = replace(plan, patterns=known_patterns(service.spec, options.settings))
    unknown = unknown_quiet(service.spec.non_alerting_patterns, plan.patterns)
    policy = service.policy
    recording = replace(
        recording,
        notes=(*recording.notes, *plan.notes, *_policy_notes(policy)),
        warnings=(
            *recording.warnings,
            *_step_warning(service, recording),
            *((policy.message,) if policy.message else ()),
            *((unknown,) if unknown else ()),
        ),
    )
    return Prepared(recording, plan, warmup_rows(options.warmup, recording))


def _policy_notes(choice: PolicyChoice) -> Iterator[str]:
    if choice.slo is not None:
        yield f"SLOPolicy {choice.slo.policy} applies"


def _step_warning(service: ServiceFile, recording: Recording) -> tuple[str, ...]:
    declared, step = service.step_seconds, recording.frame.step
    if declared is None or declared == step or not recording.inferred:
        return ()
    return (
        (
            f"spec.step is {format_seconds(declared)} and the recording's {format_seconds(step)}, "
            f"which is judged; in a cluster windows have {format_seconds(declared)}, so record at "
            "that step to see the same"
        ),
    )
