"""The options of a backtest, read once: what is not allowed is refused before any work."""

from __future__ import annotations

import argparse
from dataclasses import dataclass, field, replace
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from anomaly_cli.recording import ReadOptions, Recording
from anomaly_cli.refusal import ArgumentError
from anomaly_cli.sampling import MAX_STEP, MIN_STEP
from anomaly_operator.api.durations import format_seconds, parse_seconds
from anomaly_operator.api.fields import SettingsError
from anomaly_operator.settings.file import parse_settings
from anomaly_operator.settings.values import Settings

DEFAULT_WARMUP_SECONDS = 30 * 86_400
NOTHING_JUDGED = 3
"""Exit code: no model could be made, or none passed its checks with --gate."""


@dataclass(frozen=True, slots=True)
class ReplayOptions:
    """`step`, `zone`: None where the recording and the service tell; `refit` in seconds, 0 = never;
    `warmup` as given, since its meaning depends on the recording; `settings`: the operator's."""

    step: int | None
    refit: int
    zone: ZoneInfo | None
    warmup: str | None
    labels: str | None
    gated: bool
    reading: ReadOptions
    settings: Settings = field(default_factory=Settings)

    def reading_of(self, time_zone: str) -> ReadOptions:
        """How to read the recording of a service whose spec names `time_zone` (empty: none)."""
        if self.zone is not None:
            return replace(self.reading, zone=self.zone, zone_from="--time-zone")
        if time_zone:
            return replace(self.reading, zone=ZoneInfo(time_zone), zone_from="spec.timeZone")
        return self.reading


def read_settings(path: Path | None) -> Settings:
    """The operator's settings in a file, the defaults without one. Raises SettingsError,
    OSError."""
    if path is None:
        return Settings()
    try:
        return parse_settings(path.read_text(encoding="utf-8-sig"))
    except UnicodeDecodeError as error:
        raise SettingsError(f"--settings {path} is not UTF-8 ({error.reason})") from error
    except SettingsError as error:
        raise SettingsError(
            f"--settings {path}: {error}; give the operator's settings file, which the chart "
            "renders as settings.yaml of its ConfigMap"
        ) from error


def replay_options(given: argparse.Namespace) -> ReplayOptions:
    """Raises ArgumentError, SettingsError, OSError."""
    return ReplayOptions(
        step=None if given.step is None else _duration("--step", given.step, MIN_STEP, MAX_STEP),
        refit=0 if given.refit == "never" else _duration("--refit", given.refit, 60, 30 * 86_400),
        zone=None if given.time_zone is None else _zone(given.time_zone),
        warmup=given.warmup,
        labels=given.labels,
        gated=given.gate,
        reading=ReadOptions(
            headed=not given.no_header,
            time_column=given.time_column,
            decimal={"point": ".", "comma": ",", None: None}[given.decimal],
        ),
        settings=read_settings(given.settings),
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


def _zone(key: str) -> ZoneInfo:
    try:
        return ZoneInfo(key)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ArgumentError(
            f"--time-zone {key!r} is no time zone; give a name such as Europe/Berlin or UTC"
        ) from error


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
