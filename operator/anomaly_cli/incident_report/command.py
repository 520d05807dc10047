"""`kubectl-anomaly report NAME`: the record of one incident as Markdown or HTML."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from anomaly_cli.atomic_file import written
from anomaly_cli.connection import add_options, connect
from anomaly_cli.incident_report import html, markdown, series
from anomaly_cli.incident_report.reading import IncidentReport, read
from anomaly_cli.incident_report.series import MetricSeries
from anomaly_cli.incident_report.timeline import Fields
from anomaly_operator.api.durations import parse_seconds
from anomaly_operator.api.resources import ANOMALY, SERVICE

STANDARD_OUTPUT = "-"
MAX_AROUND = 7 * 86_400


class ReportError(ValueError):
    """Arguments that cannot be used together; the message says what to write."""


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The sub-command's arguments."""
    one = commands.add_parser(
        "report",
        help="the record of an incident: timeline, figures, cause, decisions, what was learned",
        description="Prints the record of an incident as Markdown, or writes it to files.",
        epilog="Exit codes: 0 written; 1 the cluster cannot be reached or refuses, or has no such "
        "incident; 2 wrong arguments or a file that cannot be read or written.",
    )
    one.add_argument("name", metavar="NAME", help="name of the Anomaly")
    add_options(one)
    one.add_argument(
        "--markdown", metavar="FILE|-", default="", help="Markdown file to write; - prints it"
    )
    one.add_argument(
        "--html",
        type=Path,
        metavar="FILE",
        help="HTML file to write: one page that needs no network",
    )
    one.add_argument(
        "--data",
        type=Path,
        metavar="FILE",
        help="recording of the service's metrics to plot, in any form that backtest reads",
    )
    one.add_argument(
        "--source-url",
        metavar="URL",
        default="",
        help="Prometheus from which the service's metrics are queried to plot them",
    )
    one.add_argument(
        "--around",
        metavar="DURATION",
        default="1h",
        help="time to plot before and after the incident, up to 7d; default: 1h",
    )


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
