"""kubectl-anomaly: the command line, also found by kubectl as a plug-in (`kubectl anomaly`)."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import cast

from anomaly_cli import console
from anomaly_cli.arguments import parser
from anomaly_cli.connection import ClusterError
from anomaly_cli.refusal import InputError
from anomaly_cli.verbs import completion
from anomaly_operator.api.fields import SettingsError

CLUSTER_REFUSED = 1
USAGE_ERROR = 2
NOTHING_JUDGED = 3
INTERRUPTED = 130
"""As a shell reports a program that Ctrl-C ended."""
COMMANDS: Mapping[str, str] = {
    "ack": "anomaly_cli.verbs.answer:acknowledge",
    "backtest": "anomaly_cli.backtest_command:run",
    "completion": "anomaly_cli.verbs.completion:run",
    "discover": "anomaly_cli.discovery.command:run",
    "evaluate": "anomaly_cli.evaluation.command:run",
    "explain": "anomaly_cli.verbs.explain:run",
    "feedback": "anomaly_cli.verbs.answer:feedback",
    "import": "anomaly_cli.imports.command:run",
    "list": "anomaly_cli.verbs.incidents:run",
    "mcp": "anomaly_cli.mcp.command:run",
    "patterns": "anomaly_cli.patterns_command:run",
    "plan": "anomaly_cli.verbs.plan:run",
    "recalibrate": "anomaly_cli.recalibration.command:run",
    "report": "anomaly_cli.incident_report.command:run",
    "retrain": "anomaly_cli.verbs.training:retrain",
    "rollback": "anomaly_cli.verbs.training:rollback",
    "run": "anomaly_cli.run.command:run",
    "show": "anomaly_cli.verbs.show:run",
    "top": "anomaly_cli.verbs.top:run",
    "watch": "anomaly_cli.verbs.watch:run",
}
"""Module and function of each command. Only the one that is given is imported: a backtest brings
scikit-learn with it, which takes longer than most verbs."""
Command = Callable[[argparse.Namespace], int]


def main(arguments: Sequence[str] | None = None) -> int:
    words = sys.argv[1:] if arguments is None else arguments
    if words[:1] == [completion.COMPLETE]:
        return completion.complete(words[1:])
    given = parser(__doc__).parse_args(words)
    try:
        return command(given.command)(given)
    except (InputError, SettingsError) as error:
        console.refuse(str(error))
    except ClusterError as error:
        console.refuse(str(error))
        return CLUSTER_REFUSED
    except OSError as error:
        file = f"{error.filename}: " if error.filename else ""
        console.refuse(f"{file}{(error.strerror or str(error)).lower()}")
    except KeyboardInterrupt:
        return INTERRUPTED
    return USAGE_ERROR


def command(name: str) -> Command:
    """The function behind a command."""
    module, _, function = COMMANDS[name].partition(":")
    return cast("Command", getattr(import_module(module), function))


if __name__ == "__main__":
    sys.exit(main())
