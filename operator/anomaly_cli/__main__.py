"""kubectl-anomaly: the command line, also found by kubectl as a plug-in (`kubectl anomaly`)."""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TextIO
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from anomaly_cli import backtest, patterns, patterns_trial, service_file, summary
from anomaly_cli.arguments import parser
from anomaly_cli.atomic_file import written
from anomaly_cli.imports import command as import_command
from anomaly_cli.imports.command import ImportFileError
from anomaly_cli.json_report import json_report
from anomaly_cli.progress import Progress
from anomaly_cli.recording import ReadOptions, Recording, RecordingError, read
from anomaly_cli.sampling import MAX_STEP, MIN_STEP
from anomaly_cli.service_file import Plan, ServiceFileError
from anomaly_operator.api.durations import format_seconds, parse_seconds

DEFAULT_WARMUP_SECONDS = 30 * 86_400
USAGE_ERROR = 2
NOTHING_JUDGED = 3
"""No model could be made, or none passed its checks with --gate."""


class ArgumentError(ValueError):
    """An invalid argument; the message names it and what is allowed."""


def main(arguments: Sequence[str] | None = None) -> int:
    given = parser(__doc__).parse_args(arguments)
    try:
        return _COMMANDS[given.command](given)
    except (ArgumentError, ImportFileError, RecordingError, ServiceFileError) as error:
        print(f"kubectl-anomaly: {error}", file=sys.stderr)
    except OSError as error:
        file = f"{error.filename}: " if error.filename else ""
        print(f"kubectl-anomaly: {file}{(error.strerror or str(error)).lower()}", file=sys.stderr)
    return USAGE_ERROR


def _backtest(given: argparse.Namespace) -> int:
    with contextlib.ExitStack() as stack:
        # Opened first: a run of minutes must not end at a file that cannot be written.
        output = None if given.output is None else stack.enter_context(_output(given))
        return _replayed(given, output)


def _patterns(given: argparse.Namespace) -> int:
    if given.action == "test":
        return _tested(given)
    own = service_file.service(given.file, given.service).spec.patterns
    if given.action == "list":
        print("\n".join(patterns.listed(own)))
        return 0
    found = {spec.name: spec for spec, _ in patterns.known(own)}
    if given.name not in found:
        raise ArgumentError(
            f"{given.name!r} is no pattern; kubectl-anomaly patterns list shows all of them"
        )
    print(patterns.shown(found[given.name]), end="")
    return 0


def _tested(given: argparse.Namespace) -> int:
    if given.file is None:
        raise ArgumentError("patterns test needs -f: patterns speak of the roles of its metrics")
    chosen = _chosen(given)
    progress = Progress("patterns test")
    try:
        trial = patterns_trial.run(
            chosen.recording,
            chosen.plan,
            int(chosen.recording.window[chosen.warmup_row]),
            chosen.refit,
            progress.step,
            gated=given.gate,
        )
    finally:
        progress.close()
    zone = chosen.recording.zone
    if given.json:
        print(json.dumps(patterns_trial.document(trial, zone), indent=2))
    else:
        print("\n".join([*chosen.recording.notes, *patterns_trial.lines(trial, zone)]))
    return 0 if trial.judged else NOTHING_JUDGED


def _output(given: argparse.Namespace) -> contextlib.AbstractContextManager[TextIO]:
    if given.data.exists() and given.output.exists() and given.data.samefile(given.output):
        raise ArgumentError(f"--output {given.output} is the recording itself; name another file")
    try:
        return written(given.output)
    except OSError as error:
        raise ArgumentError(
            f"--output {given.output}: {(error.strerror or str(error)).lower()}; name a file in a "
            "folder that you may write to"
        ) from error


@dataclass(frozen=True, slots=True, eq=False)
class Chosen:
    """What is replayed. `warmup_row`: input rows before the first scored; `refit` in seconds."""

    recording: Recording
    plan: Plan
    warmup_row: int
    refit: int


def _chosen(given: argparse.Namespace) -> Chosen:
    """The recording and the service of the arguments, with their warnings told."""
    step = None if given.step is None else _duration("--step", given.step, MIN_STEP, MAX_STEP)
    refit = 0 if given.refit == "never" else _duration("--refit", given.refit, 60, 30 * 86_400)
    zone = None if given.time_zone is None else _zone(given.time_zone)
    service = service_file.service(given.file, given.service)
    recording = read(given.data, step, given.labels, _options(given, zone, service))
    if zone is not None and not service.time_zone:
        service = replace(service, spec=replace(service.spec, time_zone=zone.key))
    chosen = service_file.planned(service, recording.frame.names)
    recording = replace(
        recording,
        notes=(*recording.notes, *chosen.notes),
        warnings=(*recording.warnings, *_step_warning(service, recording)),
    )
    for warning in recording.warnings:
        print(f"kubectl-anomaly: warning: {warning}", file=sys.stderr, flush=True)
    return Chosen(recording, chosen, warmup_rows(given.warmup, recording), refit)


def _replayed(given: argparse.Namespace, output: TextIO | None) -> int:
    chosen = _chosen(given)
    recording, warmup_row = chosen.recording, chosen.warmup_row
    progress = Progress("backtest")
    warmup = int(recording.window[warmup_row])
    try:
        outcome = backtest.run(
            recording, chosen.plan, warmup, chosen.refit, progress.step, gated=given.gate
        )
    finally:
        progress.close()
    text = summary.lines(recording, outcome)
    print(json_report(recording, outcome) if given.json else "\n".join(text), flush=True)
    if output is not None:
        backtest.write_scores(output, recording, outcome, warmup_row)
    return 0 if outcome.reports else NOTHING_JUDGED


def _options(
    given: argparse.Namespace, zone: ZoneInfo | None, service: service_file.ServiceFile
) -> ReadOptions:
    found = ReadOptions(
        headed=not given.no_header,
        time_column=given.time_column,
        decimal={"point": ".", "comma": ",", None: None}[given.decimal],
    )
    if zone is not None:
        return replace(found, zone=zone, zone_from="--time-zone")
    if service.time_zone:
        return replace(found, zone=ZoneInfo(service.time_zone), zone_from="spec.timeZone")
    return found


def _zone(key: str) -> ZoneInfo:
    try:
        return ZoneInfo(key)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ArgumentError(
            f"--time-zone {key!r} is no time zone; give a name such as Europe/Berlin or UTC"
        ) from error


def _step_warning(service: service_file.ServiceFile, recording: Recording) -> tuple[str, ...]:
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


def warmup_rows(text: str | None, recording: Recording) -> int:
    """Input rows, in the order of time, before the first scored one."""
    total, window = len(recording.stamps), recording.window
    if text is None:
        longest = DEFAULT_WARMUP_SECONDS // recording.frame.step
        within = int((window < longest).sum())
        return max(min(total // 4, within), 1)
    if text.isdecimal():
        count = int(text)
    else:
        windows = _duration("--warmup", text, 1, 10 * 365 * 86_400) // recording.frame.step
        count = int((window < windows).sum())
    if not 0 < count < total:
        raise ArgumentError(
            f"--warmup {text} is {count} of {total} rows; give at least 1 and leave 1 to score"
        )
    return count


def _duration(name: str, text: str, least: int, most: int) -> int:
    try:
        seconds = parse_seconds(text)
    except ValueError as error:
        raise ArgumentError(f"{name} {text!r}: {error}") from error
    if not least <= seconds <= most:
        allowed = f"give {format_seconds(least)} to {format_seconds(most)}"
        if name == "--step" and seconds > most:
            allowed += "; data further apart, such as daily data, cannot be judged"
        raise ArgumentError(f"{name} {text} is out of range; {allowed}")
    return int(seconds)


_COMMANDS = {"backtest": _backtest, "import": import_command.run, "patterns": _patterns}


if __name__ == "__main__":
    sys.exit(main())
