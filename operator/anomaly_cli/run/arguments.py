"""The arguments of `kubectl-anomaly run`."""

from __future__ import annotations

import argparse
from pathlib import Path

from anomaly_cli.verbs.target import add_target

_EXIT_CODES = (
    "Exit codes: 0 done; 1 the cluster has no such object, refuses, or cannot be reached; 2 wrong "
    "arguments or a file that cannot be read."
)
_REPLAY_CODES = (
    "Exit codes: 0 no trigger above Normal; 1 at least one Warning or Critical trigger; 2 wrong "
    "arguments, or a log that cannot be read or holds no row."
)
STANDARD, SHORT = "standard", "short-windows"
_LOG = (
    "JSON lines, or CSV with a header: step, and any of loss, learning_rate, accuracy (a part of 1 "
    "or percent), accuracy_percent, prompt, golden_answer, model_answer, matches, resume; each "
    "other number is a metric. Also TensorBoard event files or their folder, and trainer_state.json"
)
Actions = argparse._SubParsersAction  # noqa: SLF001 - argparse has no other name for it


def add(commands: Actions[argparse.ArgumentParser]) -> None:
    """The sub-command's arguments."""
    group = commands.add_parser(
        "run",
        help="training runs: whether to stop, go back or go on; their triggers and snapshots",
        epilog=f"{_EXIT_CODES} replay ends with 1 for a Warning or Critical trigger.",
    )
    actions = group.add_subparsers(dest="action", required=True, metavar="ACTION")
    _show(actions)
    _told(
        actions,
        "timeline",
        "list the triggers of a run in the order of its steps, with a conclusion",
    ).add_argument("--all", action="store_true", help="list every trigger, however many there are")
    _told(actions, "stats", "count the triggers of a run by kind, with those that never came")
    _compare(actions)
    _replay(actions)


def _action(
    actions: Actions[argparse.ArgumentParser], name: str, text: str, epilog: str = _EXIT_CODES
) -> argparse.ArgumentParser:
    found: argparse.ArgumentParser = actions.add_parser(
        name, help=text, description=f"{text[0].upper()}{text[1:]}.", epilog=epilog
    )
    return found


def _show(actions: Actions[argparse.ArgumentParser]) -> None:
    one = _action(
        actions, "show", "say whether to stop, to go back to a step, or to go on, and why"
    )
    one.add_argument("name", metavar="NAME", help="name of the AnomalyService")
    add_target(one)
    _documents(one)


def _told(
    actions: Actions[argparse.ArgumentParser], name: str, text: str
) -> argparse.ArgumentParser:
    one = _action(actions, name, text)
    one.add_argument(
        "run",
        metavar="NAME|LOG|SNAPSHOTS",
        help="log of a run, a snapshot or a folder of snapshots; where there is no file or folder "
        "of that name, the AnomalyService",
    )
    add_target(one)
    _documents(one)
    _judging(one)
    return one


def _compare(actions: Actions[argparse.ArgumentParser]) -> None:
    one = _action(actions, "compare", "say what has changed between a checkpoint and a snapshot")
    one.add_argument(
        "snapshot", type=Path, metavar="SNAPSHOT", help="folder of a snapshot, or its metadata.json"
    )
    one.add_argument(
        "checkpoint",
        type=Path,
        metavar="CHECKPOINT",
        help="another snapshot, a checkpoint with a trainer_state.json, or the log of the run with "
        "--step",
    )
    one.add_argument(
        "--step", type=int, metavar="N", help="step of the log to compare with; needed with a log"
    )
    _documents(one)
    _judging(one)


def _replay(actions: Actions[argparse.ArgumentParser]) -> None:
    one = actions.add_parser(
        "replay",
        help="which triggers the log of a training run would have raised",
        description="Reads the log of a training run row by row and lists its triggers: loss, "
        "learning rate, accuracy and answers that tell of a fault. Needs no cluster.",
        epilog=_REPLAY_CODES,
    )
    one.add_argument("log", type=Path, metavar="LOG", help=_LOG)
    one.add_argument("-o", "--output", choices=("json",), help="print one JSON document")
    one.add_argument(
        "--timeline",
        action="store_true",
        help="list the triggers in the order of the steps, with a conclusion, as run timeline does",
    )
    one.add_argument("--plot", action="store_true", help="draw the loss in the terminal")
    one.add_argument(
        "--report",
        type=Path,
        metavar="FILE.html",
        help="file to write: a page with loss, learning rate and accuracy, the triggers and the "
        "best step; it needs no network",
    )
    _judging(one)


def _documents(one: argparse.ArgumentParser) -> None:
    one.add_argument(
        "-o", "--output", choices=("json", "yaml"), default="", help="output format; default: text"
    )


def _judging(one: argparse.ArgumentParser) -> None:
    """How a log is read and judged."""
    group = one.add_argument_group("options for a log")
    group.add_argument(
        "--mode",
        choices=(STANDARD, SHORT),
        default=STANDARD,
        help="short-windows: mean and deviation of the last 10 rows instead of the quartiles of "
        "the last 1,000; default: standard",
    )
    group.add_argument(
        "--column",
        action="append",
        default=[],
        metavar="FIELD=COLUMN",
        help="name of a field in this log, such as loss=train_loss; may be given several times",
    )
    group.add_argument(
        "--ignore",
        action="append",
        default=[],
        metavar="METRIC",
        help="metric that is not judged; may be given several times",
    )
    group.add_argument(
        "--threshold",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="another threshold, named as in spec.trainingRun.thresholds, such as zScore=4 or "
        "cooldownSteps=100; may be given several times",
    )
    group.add_argument(
        "--schedule",
        default="",
        metavar="SCHEDULE",
        help="what the learning rate is to do, as spec.trainingRun.schedule in JSON, or as "
        "kind=Cosine,peak=0.0003,warmupSteps=2000,totalSteps=143000",
    )
