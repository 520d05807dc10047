"""kubectl-anomaly: the command line, also found by kubectl as a plug-in (`kubectl anomaly`)."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from anomaly_cli import backtest_command, console, patterns_command, replay_options
from anomaly_cli.arguments import parser
from anomaly_cli.connection import ClusterError
from anomaly_cli.imports import command as import_command
from anomaly_cli.imports.command import ImportFileError
from anomaly_cli.incident_report import command as report_command
from anomaly_cli.incident_report.command import ReportError
from anomaly_cli.object_files import ServiceFileError
from anomaly_cli.recording import RecordingError
from anomaly_cli.replay_options import ArgumentError
from anomaly_operator.api.fields import SettingsError

CLUSTER_REFUSED = 1
USAGE_ERROR = 2
NOTHING_JUDGED = replay_options.NOTHING_JUDGED
_COMMANDS = {
    "backtest": backtest_command.run,
    "import": import_command.run,
    "patterns": patterns_command.run,
    "report": report_command.run,
}
_REFUSALS = (
    ArgumentError,
    ImportFileError,
    RecordingError,
    ReportError,
    ServiceFileError,
    SettingsError,
)


def main(arguments: Sequence[str] | None = None) -> int:
    given = parser(__doc__).parse_args(arguments)
    try:
        return _COMMANDS[given.command](given)
    except _REFUSALS as error:
        console.refuse(str(error))
    except ClusterError as error:
        console.refuse(str(error))
        return CLUSTER_REFUSED
    except OSError as error:
        file = f"{error.filename}: " if error.filename else ""
        console.refuse(f"{file}{(error.strerror or str(error)).lower()}")
    return USAGE_ERROR


if __name__ == "__main__":
    sys.exit(main())
