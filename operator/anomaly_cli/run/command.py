"""`kubectl-anomaly run`: which of its actions is asked for."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import cast

ACTIONS: Mapping[str, str] = {
    "compare": "anomaly_cli.run.compare_command",
    "replay": "anomaly_cli.run.replay_command",
    "show": "anomaly_cli.run.show",
    "stats": "anomaly_cli.run.stats",
    "timeline": "anomaly_cli.run.timeline",
}
"""Only the module of the given one is imported."""


def run(given: argparse.Namespace) -> int:
    """The exit code. Raises InputError, ClusterError, OSError."""
    action = cast(
        "Callable[[argparse.Namespace], int]",
        import_module(ACTIONS[given.action]).run,
    )
    return action(given)
