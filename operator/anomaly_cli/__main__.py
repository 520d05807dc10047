"""kubectl-anomaly: the command line, also found by kubectl as a plug-in (`kubectl anomaly`)."""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from anomaly_cli import backtest, summary
from anomaly_cli.atomic_file import written
from anomaly_cli.progress import Progress
from anomaly_cli.recording import MAX_STEP, MIN_STEP, Recording, RecordingError, read
from anomaly_cli.service_file import ServiceFileError, plan
from anomaly_operator.api.durations import parse_seconds

DEFAULT_WARMUP_SECONDS = 30 * 86_400
USAGE_ERROR = 2


class ArgumentError(ValueError):
    """An invalid argument; the message names it and what is allowed."""


def main(arguments: Sequence[str] | None = None) -> int:
    given = _parser().parse_args(arguments)
    try:
        return _backtest(given)
    except (ArgumentError, RecordingError, ServiceFileError) as error:
        print(f"kubectl-anomaly: {error}", file=sys.stderr)
    except OSError as error:
        file = f"{error.filename}: " if error.filename else ""
        print(f"kubectl-anomaly: {file}{(error.strerror or str(error)).lower()}", file=sys.stderr)
    return USAGE_ERROR


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="kubectl-anomaly", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser(
        "backtest",
        help="replay a recording in a CSV file: scores, incidents and expected false incidents",
    )
    one.add_argument(
        "--data",
        type=Path,
        required=True,
        metavar="FILE.csv",
        help="the recording: the first column is the time (ISO 8601 or unix seconds), each other "
        "column is a metric; rows may be in any order",
    )
    one.add_argument(
        "-f",
        "--file",
        type=Path,
        metavar="anomalyservice.yaml",
        help="file with one AnomalyService, whose metrics and settings are used; default: every "
        "column is a metric, with default settings",
    )
    one.add_argument(
        "--warmup",
        metavar="ROWS|DURATION",
        help="rows or time to learn from before the first score; default: a quarter of the rows, "
        "at most 30d",
    )
    one.add_argument(
        "--refit",
        default="1d",
        metavar="DURATION|never",
        help="time between trainings, or never; default: 1d",
    )
    one.add_argument(
        "--gate",
        action="store_true",
        help="use a model only if it passed its checks, as the operator does; by default every "
        "model is used, and the report lists the failed checks",
    )
    one.add_argument(
        "--step",
        metavar="DURATION",
        help="length of a window, 15s to 1h; default: the median distance of two rows",
    )
    one.add_argument(
        "--output",
        type=Path,
        metavar="scores.csv",
        help="file to write: one line for each row after the warm-up, in the order of time",
    )
    one.add_argument(
        "--labels",
        metavar="COLUMN",
        help="column of 0 and 1 to compare the results with; no detector reads it",
    )
    return parser


def _backtest(given: argparse.Namespace) -> int:
    with contextlib.ExitStack() as stack:
        # Opened first: a run of minutes must not end at a file that cannot be written.
        output = None if given.output is None else stack.enter_context(_output(given))
        return _replayed(given, output)


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


def _replayed(given: argparse.Namespace, output: TextIO | None) -> int:
    step = None if given.step is None else _duration("--step", given.step, MIN_STEP, MAX_STEP)
    recording = read(given.data, step, given.labels)
    chosen = plan(given.file, recording.frame.names)
    warmup_row = warmup_rows(given.warmup, recording)
    refit = 0 if given.refit == "never" else _duration("--refit", given.refit, 60, 30 * 86_400)
    progress = Progress("backtest")
    warmup = int(recording.window[warmup_row])
    try:
        outcome = backtest.run(recording, chosen, warmup, refit, progress.step, gated=given.gate)
    finally:
        progress.close()
    print("\n".join(summary.lines(recording, outcome)), flush=True)
    if output is not None:
        backtest.write_scores(output, recording, outcome, warmup_row)
    return 0


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
        raise ArgumentError(f"{name} {text} is out of range; give {least} s to {most} s")
    return int(seconds)


if __name__ == "__main__":
    sys.exit(main())
