"""`kubectl-anomaly report NAME`: the record of one incident as Markdown or HTML."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from anomaly_cli.atomic_file import written
from anomaly_cli.connection import connect
from anomaly_cli.incident_report import html, markdown, series
from anomaly_cli.incident_report.reading import IncidentReport, read
from anomaly_cli.incident_report.series import MetricSeries
from anomaly_cli.incident_report.timeline import Fields
from anomaly_cli.refusal import InputError
from anomaly_operator.api.durations import parse_seconds
from anomaly_operator.api.resources import ANOMALY, SERVICE

STANDARD_OUTPUT = "-"
MAX_AROUND = 7 * 86_400


class ReportError(InputError):
    """Arguments that cannot be used together; the message says what to write."""


def run(given: argparse.Namespace) -> int:
    """The exit code. Raises ReportError, ClusterError, RecordingError, OSError."""
    around = _around(given.around)
    if given.data and given.source_url:
        raise ReportError("--data and --source-url both name the metrics; give one of them")
    with connect(given.context, given.namespace, given.kubeconfig) as cluster:
        anomaly = cluster.get(ANOMALY, given.name.rpartition("/")[2])
        name = str(anomaly["spec"]["serviceRef"]["name"])
        service = cluster.find(SERVICE, name)
    report = read(anomaly, service)
    plotted = _series(given, service, report, around)
    if given.html:
        with written(given.html) as file:
            file.write(html.page(report, plotted))
    if given.markdown and given.markdown != STANDARD_OUTPUT:
        with written(Path(given.markdown)) as file:
            file.write(markdown.page(report, plotted))
    elif given.markdown or not given.html:
        sys.stdout.write(markdown.page(report, plotted))
    return 0


def _series(
    given: argparse.Namespace, service: Fields | None, report: IncidentReport, around: int
) -> list[MetricSeries]:
    if given.data:
        return series.recorded(given.data, service, report, around)
    if given.source_url:
        return series.queried(given.source_url, service, report, around)
    return []


def _around(text: str) -> int:
    try:
        seconds = int(parse_seconds(text))
    except ValueError as error:
        raise ReportError(f"--around {text!r}: {error}") from error
    if not 0 <= seconds <= MAX_AROUND:
        raise ReportError(f"--around {text} is out of range; give 0s to 7d")
    return seconds
