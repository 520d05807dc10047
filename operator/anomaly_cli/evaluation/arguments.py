"""The arguments of `kubectl-anomaly evaluate`."""

from __future__ import annotations

import argparse
from pathlib import Path

SEED = 42


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The sub-command's arguments."""
    one = commands.add_parser(
        "evaluate",
        help="measure detectors and vote rules on labelled rows, and say which choice is best",
        description="Learns from the first 60 % of the rows, chooses on the next 20 % and reports "
        "on the last 20 %, with intervals from 1,000 resamples. Without --data it generates "
        "10,000 rows with three kinds of anomalies.",
        epilog="Exit codes: 0 evaluated, whichever choice is best; 2 wrong arguments, or a file "
        "that cannot be read or written.",
    )
    one.add_argument(
        "--data",
        type=Path,
        metavar="FILE.csv",
        help="labelled rows: a header, numbers, and a column with the labels; the order of the "
        "rows is kept, so they must be in the order of time",
    )
    one.add_argument(
        "--labels",
        metavar="COLUMN",
        help="column with the label of each row: 0, false, no or normal; every other value is an "
        "anomaly, and a name is its kind",
    )
    one.add_argument("--normal", metavar="LABEL", help="the label of normal rows, if it is another")
    one.add_argument(
        "--ignore",
        action="append",
        default=[],
        metavar="COLUMN",
        help="column that is no feature, such as a row number; may be given several times",
    )
    one.add_argument(
        "--members",
        nargs="+",
        metavar="NAME[:PARAMETER=VALUE,...]",
        help="members of the vote, at least 2, such as ZScore:threshold=3.5; default: "
        "IsolationForest LocalOutlierFactor ZScore with the defaults of spec.detector.members",
    )
    one.add_argument(
        "--seed",
        type=int,
        default=SEED,
        metavar="NUMBER",
        help=f"seed of the generator, the members and the resamples; default: {SEED}",
    )
    one.add_argument(
        "--json", type=Path, metavar="FILE", help="file to write: every figure as one JSON document"
    )
    one.add_argument(
        "--report",
        type=Path,
        metavar="FILE.html",
        help="file to write: a page with tables and plots; it needs no network",
    )
