"""`kubectl anomaly show NAME`: the story of an incident. Reads one object, changes nothing."""

from __future__ import annotations

import argparse
import shutil
import sys
import time

from anomaly_cli import console
from anomaly_cli.cluster_reading import incident
from anomaly_cli.verbs.output import write_object
from anomaly_cli.verbs.story import story
from anomaly_cli.verbs.target import bare, cluster_of
from anomaly_operator.api.resources import ANOMALY

WIDTH = 100
"""Columns where nobody watches, and the most that reads well."""


def run(given: argparse.Namespace) -> int:
    """The exit code. Raises ClusterError."""
    with cluster_of(given) as cluster:
        raw = cluster.get(ANOMALY, bare(given.name))
    if given.output:
        write_object(given.output, ANOMALY, raw)
    else:
        console.say(story(incident(raw), int(time.time()), width()))
    return 0


def width() -> int:
    """Columns of the terminal, at most WIDTH."""
    if not sys.stdout.isatty():
        return WIDTH
    return max(min(shutil.get_terminal_size((WIDTH, 40)).columns, WIDTH), 60)
