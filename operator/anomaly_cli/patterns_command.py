"""`kubectl-anomaly patterns`: from the arguments to what is printed."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator

from anomaly_cli import console, patterns, patterns_trial
from anomaly_cli.assignment import assigned
from anomaly_cli.object_files import read_objects
from anomaly_cli.prepared import prepare
from anomaly_cli.progress import Progress
from anomaly_cli.refusal import ArgumentError
from anomaly_cli.replay_options import NOTHING_JUDGED, read_settings, replay_options
from anomaly_cli.service_file import Plan, chosen, without_file
from anomaly_operator.spec.pattern_fit import unknown_quiet, with_closest

MAX_LISTED = 1000
"""Nobody looks for a pattern that is not in the list of all."""


def run(given: argparse.Namespace) -> int:
    """The exit code. Raises ArgumentError, RecordingError, ServiceFileError, OSError."""
    if given.action == "test":
        return _tested(given)
    settings = read_settings(given.settings)
    files = given.file or ()
    spec = (chosen(read_objects(files), given.service) if files else without_file()).spec
    known = patterns.Known(spec.patterns, settings.patterns, spec.non_alerting_patterns)
    if unknown := unknown_quiet(known.quiet, known.all):
        console.warn(unknown)
    if given.action == "list":
        console.table(patterns.HEADS, patterns.listed(known), most=MAX_LISTED)
        return 0
    found = {spec.name: spec for spec in known.all}
    if given.name not in found:
        closest = with_closest(given.name, sorted(found))
        raise ArgumentError(
            f"no pattern is called {closest}; kubectl-anomaly patterns list shows all of them"
        )
    print(patterns.shown(found[given.name]), end="")
    return 0


def _tested(given: argparse.Namespace) -> int:
    if not given.file:
        raise ArgumentError("patterns test needs -f: patterns speak of the roles of its metrics")
    if given.data.is_dir():
        raise ArgumentError(f"--data {given.data} is a folder; patterns are tested on one file")
    options = replay_options(given)
    (one,) = assigned(given.data, read_objects(given.file), given.service).found
    prepared = prepare(one, options)
    progress = Progress("patterns test")
    try:
        trial = patterns_trial.run(
            prepared.recording,
            prepared.plan,
            prepared.warmup,
            options.refit,
            progress.step,
            gated=options.gated,
        )
    finally:
        progress.close()
    zone = prepared.recording.zone
    if given.json:
        print(json.dumps(patterns_trial.document(trial, zone), indent=2))
        return 0 if trial.judged else NOTHING_JUDGED
    notes = [*prepared.recording.notes, *_objectives(prepared.plan)]
    console.say([*notes, *patterns_trial.head(trial)])
    for title, heads, rows in patterns_trial.tables(trial, zone):
        console.say([title])
        console.table(heads, rows)
    return 0 if trial.judged else NOTHING_JUDGED


def _objectives(plan: Plan) -> Iterator[str]:
    if plan.events:
        names = ", ".join(one.objective.name for one in plan.events)
        yield (
            f"objectives are not evaluated here ({names}): no pattern names a burning budget; "
            "kubectl-anomaly backtest evaluates them"
        )
