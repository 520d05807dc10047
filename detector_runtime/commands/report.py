"""The training pod's report as a termination message: at most 4,096 bytes, whatever happened.

The kubelet cuts longer messages, which would leave the operator with broken JSON. Here the least
important parts are cut first: warnings, then detectors, then the end of the message.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from detector_runtime.contract.codec import dumps
from detector_runtime.contract.train_report import TrainReport
from detector_runtime.contract.vocabulary import (
    MAX_DETECTORS,
    MAX_LEVEL_SHIFT,
    TERMINATION_MESSAGE_BYTES,
)
from detector_runtime.errors import one_line
from detector_runtime.log import log

MAX_WARNINGS = 8
MAX_WARNING = 160
MAX_DETECTOR = 80


def bounded(report: TrainReport) -> TrainReport:
    """`report` as it fits into a termination message."""
    report = replace(
        report,
        message=one_line(report.message),
        warnings=tuple(one_line(text, MAX_WARNING) for text in report.warnings[:MAX_WARNINGS]),
        detectors=tuple(one_line(text, MAX_DETECTOR) for text in report.detectors[:MAX_DETECTORS]),
        level_shift=one_line(report.level_shift, MAX_LEVEL_SHIFT),
    )
    while _size(report) > TERMINATION_MESSAGE_BYTES:
        if report.warnings:
            report = replace(report, warnings=report.warnings[:-1])
        elif report.detectors:
            report = replace(report, detectors=report.detectors[:-1])
        else:
            report = replace(report, message=one_line(report.message, len(report.message) // 2))
    return report


def write_report(path: Path, text: str) -> None:
    """Write the termination message; where that fails, the log has it."""
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        log("warning", "termination message not written", path=str(path), error=error.strerror)


def _size(report: TrainReport) -> int:
    return len(dumps(report).encode())
