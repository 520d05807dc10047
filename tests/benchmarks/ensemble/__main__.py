"""`python -m tests.benchmarks.ensemble [--seeds 10] [--write FILE]`.

Exit code 1 where the published table is not reproduced.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from anomaly_cli.evaluation.candidates import scored, thresholds_of
from anomaly_cli.evaluation.conclusion import conclusion
from anomaly_cli.evaluation.evaluate import Evaluation, evaluated
from anomaly_cli.evaluation.generator import generated
from anomaly_cli.evaluation.labelled import split
from anomaly_cli.evaluation.members import DEFAULT, Member, members
from anomaly_cli.evaluation.sweep import swept
from tests.benchmarks.ensemble.recorded import recorded
from tests.benchmarks.ensemble.table import (
    render_choices,
    render_published,
    render_recorded,
    render_seeds,
)

SEED = 42
ALL_ROWS = members(["IsolationForest", "LocalOutlierFactor:references=10000", "ZScore"])
"""As scikit-learn does it: LocalOutlierFactor keeps every training row."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.ensemble")
    parser.add_argument("--seeds", type=int, default=10, help="generated sets of rows")
    parser.add_argument("--write", type=Path, help="write the tables there")
    given = parser.parse_args()
    published, same = render_published(_generated(SEED, ALL_ROWS))
    started = time.process_time()
    found = _generated(SEED, DEFAULT)
    seconds = time.process_time() - started
    parts = [
        published,
        _leaked(),
        render_choices(found),
        "\n".join(conclusion(found)) + "\n",
        render_seeds([_generated(SEED + at, DEFAULT) for at in range(given.seeds)]),
        _recorded(),
        f"One evaluation of the generator: {seconds:.1f} s of CPU.\n",
    ]
    text = "\n".join(parts)
    print(text)
    if given.write:
        given.write.write_text(text)
    return 0 if same else 1


def _generated(seed: int, chosen: tuple[Member, ...]) -> Evaluation:
    return evaluated(split(generated(seed)), chosen, seed)


def _leaked() -> str:
    """The sweep on the rows that are reported, as the notebook does it."""
    parts = split(generated(SEED))
    trained = [member.learn(parts.fixed.values, SEED) for member in ALL_ROWS]
    scores = scored(trained, parts.report.values)
    found = swept(scores, thresholds_of(trained), 2, parts.report.anomalous)
    return (
        f"Sweep on the report part itself: best majority at {found.best_vote:g}, "
        f"F1 {found.vote.max():.3f}.\n"
    )


def _recorded() -> str:
    found = {name: evaluated(parts, DEFAULT, SEED) for name, parts in recorded()}
    return render_recorded(found) if found else "SKIPPED: no recordings (set ANOMALY_DATA)\n"


if __name__ == "__main__":
    sys.exit(main())
