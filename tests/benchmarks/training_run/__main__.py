"""`python -m tests.benchmarks.training_run [--seeds 3] [--rows 1000000] [--write FILE]`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

from tests.benchmarks.training_run.cost import measured
from tests.benchmarks.training_run.faults import FAULTS, faulty
from tests.benchmarks.training_run.methods import judged, rows_of
from tests.benchmarks.training_run.recorded import recorded
from tests.benchmarks.training_run.stable import STABLE
from tests.benchmarks.training_run.table import Found, found_in, render_faults, render_quiet

REPLAYED = 143_000


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.training_run")
    parser.add_argument("--seeds", type=int, default=3, help="runs of each kind")
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows for the memory")
    parser.add_argument("--write", type=Path, help="write the tables there")
    given = parser.parse_args()
    parts = [_stable(given.seeds), _faults(given.seeds), _recorded(), _cost(given.rows)]
    text = "\n".join(parts)
    print(text)
    if given.write:
        given.write.write_text(text)
    return 0


def _stable(seeds: int) -> str:
    found = {
        name: [
            {method: len(alerts) for method, alerts in judged(list(rows_of(run))).items()}
            for run in (make(np.random.default_rng([at, seed])) for seed in range(seeds))
        ]
        for at, (name, make) in enumerate(STABLE.items())
    }
    return render_quiet(found)


def _faults(seeds: int) -> str:
    found: dict[str, list[dict[str, Found]]] = {}
    for at, (name, fault) in enumerate(FAULTS.items()):
        found[name] = []
        for seed in range(seeds):
            random = np.random.default_rng([100 + at, seed])
            rows = list(rows_of(faulty(fault, random), random if fault.answers else None))
            found[name].append(
                {method: found_in(alerts, fault) for method, alerts in judged(rows).items()}
            )
    return render_faults(found)


def _recorded() -> str:
    runs = recorded()
    if not runs:
        return "Recorded runs: SKIPPED, no recordings (set ANOMALY_DATA).\n"
    lines = ["| recorded run | what it is | method | alerts | first at step |", "|" + " --- |" * 5]
    for run in runs:
        kind = run.kind if run.event_step is None else f"{run.kind} at {run.event_step}"
        rows = list(run.rows())
        for method, alerts in judged(rows).items():
            first = str(rows[alerts[0].row].step) if alerts else "-"
            lines.append(f"| {run.name} | {kind} | {method} | {len(alerts)} | {first} |")
    return "\n".join(lines) + "\n"


def _cost(rows: int) -> str:
    replayed, long = measured(REPLAYED), measured(rows)
    return (
        f"Rules for {replayed.rows:,} rows: {replayed.seconds:.1f} s of CPU.\n"
        f"Rules for {long.rows:,} rows: {long.seconds:.1f} s of CPU; the process grew by "
        f"{long.growth} KiB after the first tenth; memory between runs {long.document:,} bytes.\n"
    )


if __name__ == "__main__":
    sys.exit(main())
