"""kubectl-anomaly: the command line, also found by kubectl as a plug-in (`kubectl anomaly`)."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from anomaly_cli import backtest_command, console
from anomaly_cli.arguments import parser
from anomaly_cli.object_files import ServiceFileError
from anomaly_cli.recording import RecordingError
from anomaly_cli.replay_options import ArgumentError

USAGE_ERROR = 2
NOTHING_JUDGED = backtest_command.NOTHING_JUDGED


def main(arguments: Sequence[str] | None = None) -> int:
    given = parser(__doc__).parse_args(arguments)
    try:
        return backtest_command.run(given)
    except (ArgumentError, RecordingError, ServiceFileError) as error:
        console.refuse(str(error))
    except OSError as error:
        file = f"{error.filename}: " if error.filename else ""
        console.refuse(f"{file}{(error.strerror or str(error)).lower()}")
    return USAGE_ERROR


if __name__ == "__main__":
    sys.exit(main())
