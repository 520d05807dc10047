"""kubectl-anomaly: the command line, also found by kubectl as a plug-in (`kubectl anomaly`)."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from anomaly_cli import backtest_command, console, patterns_command, replay_options
from anomaly_cli.arguments import parser
from anomaly_cli.object_files import ServiceFileError
from anomaly_cli.recording import RecordingError

USAGE_ERROR = 2
NOTHING_JUDGED = replay_options.NOTHING_JUDGED
_COMMANDS = {"backtest": backtest_command.run, "patterns": patterns_command.run}


def main(arguments: Sequence[str] | None = None) -> int:
    given = parser(__doc__).parse_args(arguments)
    try:
        return _COMMANDS[given.command](given)
    except (replay_options.ArgumentError, RecordingError, ServiceFileError) as error:
        console.refuse(str(error))
    except OSError as error:
        file = f"{error.filename}: " if error.filename else ""
        console.refuse(f"{file}{(error.strerror or str(error)).lower()}")
    return USAGE_ERROR


if __name__ == "__main__":
    sys.exit(main())
