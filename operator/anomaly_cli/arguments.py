"""The command line of kubectl-anomaly."""

from __future__ import annotations

import argparse
from importlib.metadata import version
from pathlib import Path

from anomaly_cli.discovery import arguments as discover
from anomaly_cli.evaluation import arguments as evaluation
from anomaly_cli.imports import command as import_command
from anomaly_cli.incident_report import arguments as report
from anomaly_cli.mcp import arguments as mcp
from anomaly_cli.recalibration import arguments as recalibration
from anomaly_cli.run import arguments as training_run
from anomaly_cli.verbs import arguments as verbs

_EXIT_CODES = (
    "Exit codes: 0 at least one window was judged; 2 wrong arguments or a file that cannot be read "
    "or written; 3 no window was judged, because no model could be made or, with --gate, none "
    "passed its checks."
)


def parser(description: str | None) -> argparse.ArgumentParser:
    """The parser of all commands."""
    found = argparse.ArgumentParser(prog="kubectl-anomaly", description=description)
    found.add_argument(
        "--version", action="version", version=f"kubectl-anomaly {version('anomaly-operator')}"
    )
    commands = found.add_subparsers(dest="command", required=True, metavar="COMMAND")
    verbs.add(commands)
    one = commands.add_parser(
        "backtest",
        help="replay recordings in files: scores, incidents and expected false incidents",
        epilog=_EXIT_CODES,
    )
    _recording(one)
    _service(one)
    _settings(one)
    _replay(one)
    _output(one)
    _patterns(commands.add_parser("patterns", help="the named patterns, built in and of a service"))
    discover.add(commands)
    evaluation.add(commands)
    import_command.add(commands)
    mcp.add(commands)
    report.add(commands)
    recalibration.add(commands)
    training_run.add(commands)
    return found


def verbs_of(found: argparse.ArgumentParser) -> dict[str, tuple[str, ...]]:
    """The commands of a parser and the options of each, for completion."""
    return {name: _options(one) for name, one in _choices(found, "command").items()}


def actions_of(found: argparse.ArgumentParser, command: str) -> dict[str, tuple[str, ...]]:
    """The same of the actions of `command`; empty where it has none."""
    one = _choices(found, "command")[command]
    return {name: _options(action) for name, action in _choices(one, "action").items()}


def _choices(found: argparse.ArgumentParser, dest: str) -> dict[str, argparse.ArgumentParser]:
    # argparse has no public way to what was added.
    choices = next((one.choices for one in found._actions if one.dest == dest), {})  # noqa: SLF001
    assert isinstance(choices, dict)
    return choices


def _options(found: argparse.ArgumentParser) -> tuple[str, ...]:
    return tuple(option for action in found._actions for option in action.option_strings)  # noqa: SLF001


def _patterns(parser: argparse.ArgumentParser) -> None:
    commands = parser.add_subparsers(dest="action", required=True)
    listing = commands.add_parser("list", help="all patterns, the first that is tried on top")
    _service(listing)
    _settings(listing)
    show = commands.add_parser("show", help="one pattern as it is written in spec.patterns")
    show.add_argument("name", metavar="NAME")
    _service(show)
    _settings(show)
    test = commands.add_parser(
        "test",
        help="which patterns would have named the windows of a recording, and what others lack",
        epilog=_EXIT_CODES,
    )
    _recording(test)
    _service(test)
    _settings(test)
    _replay(test)
    test.add_argument("--json", action="store_true", help="print one JSON document instead of text")


def _recording(one: argparse.ArgumentParser) -> None:
    one.add_argument(
        "--data",
        type=Path,
        required=True,
        metavar="FILE|DIR",
        help="the recording: CSV with a time column (ISO 8601 or unix time), each other column is "
        "a metric; rows may be in any order. Also read: CSV from Grafana and spreadsheets, the "
        "JSON of Prometheus' query_range, the output of promtool query range and promtool tsdb "
        "dump-openmetrics. A folder has a CSV for each service, called <service>.csv",
    )
    one.add_argument(
        "--time-zone",
        metavar="ZONE",
        help="zone of times that name none, such as Europe/Berlin; default: spec.timeZone of the "
        "service, else UTC with a warning",
    )
    one.add_argument(
        "--time-column",
        metavar="COLUMN",
        help="column with the times; default: the first, or one called time, timestamp or date",
    )
    one.add_argument(
        "--no-header",
        action="store_true",
        help="the first line is data; the metrics are called value, or value_1, value_2 and so on",
    )
    one.add_argument(
        "--decimal",
        choices=("point", "comma"),
        help="what stands before the decimals; default: what the numbers of the file prove",
    )
    one.add_argument(
        "--labels",
        metavar="COLUMN",
        help="column of 0 and 1 to compare the results with; no detector reads it",
    )


def _service(one: argparse.ArgumentParser) -> None:
    one.add_argument(
        "-f",
        "--file",
        type=Path,
        action="append",
        metavar="FILE",
        help="file with AnomalyServices and SLOPolicies (YAML or JSON, several documents or a "
        "List), whose metrics, settings and thresholds are used; may be given several times; "
        "default: every column is a metric, with default settings",
    )
    one.add_argument(
        "--service",
        metavar="NAME",
        help="name of the AnomalyService, or NAMESPACE/NAME, if the files have several and none is "
        "called as the recording",
    )


def _settings(one: argparse.ArgumentParser) -> None:
    one.add_argument(
        "--settings",
        type=Path,
        metavar="FILE",
        help="the operator's settings file, whose patterns and detector.falseIncidentsPerWeek "
        "apply as in the cluster; the rest of it is checked and not used",
    )


def _replay(one: argparse.ArgumentParser) -> None:
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


def _output(one: argparse.ArgumentParser) -> None:
    one.add_argument(
        "--output",
        type=Path,
        metavar="scores.csv|DIR",
        help="file to write: one line for each row after the warm-up, in the order of time; with a "
        "folder as --data a folder, in which each service has a file",
    )
    one.add_argument(
        "--incidents",
        type=Path,
        metavar="FILE.json",
        help="file to write: the Anomaly objects that the cluster would hold at the end, as "
        "kubectl get anomalies -o json prints them",
    )
    one.add_argument(
        "--report",
        type=Path,
        metavar="FILE.html",
        help="file to write: a page with each metric, its usual range, the SLO's thresholds and "
        "the incidents; it needs no network",
    )
    one.add_argument(
        "--json", action="store_true", help="print the report as one JSON document instead of text"
    )
