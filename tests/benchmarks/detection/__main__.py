"""`python -m tests.benchmarks.detection [--family asd,smd,cloud,nab] [--half report] [--write]`."""

from __future__ import annotations

import argparse
import json
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from tests.benchmarks.detection.methods import FALSE_INCIDENTS_PER_WEEK, OURS, run
from tests.benchmarks.detection.peers import PEERS
from tests.benchmarks.detection.recordings import DATA, FAMILIES, Recording, recordings
from tests.benchmarks.detection.table import Row, render, summarise


def _job(job: tuple[str, Recording, float]) -> Row:
    method, recording, per_week = job
    figures, _ = run(method, recording, per_week)
    return Row(recording.family, method, recording.name, recording.half, figures)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.detection")
    parser.add_argument("--family", default=",".join(FAMILIES))
    parser.add_argument("--half", choices=("tune", "report", "all"), default="all")
    parser.add_argument("--method", default=",".join([OURS, *PEERS]))
    parser.add_argument("--per-week", type=float, default=FALSE_INCIDENTS_PER_WEEK)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--each", action="store_true", help="print each recording too")
    parser.add_argument("--json", type=Path, help="write the rows there")
    parser.add_argument("--write", type=Path, help="write the table there")
    given = parser.parse_args()
    if not DATA.is_dir():
        print(f"SKIPPED: no recordings at {DATA} (set ANOMALY_DATA)", file=sys.stderr)
        return 0
    found = [r for family in given.family.split(",") for r in recordings(family)]
    chosen = [r for r in found if given.half in ("all", r.half)]
    jobs = [(method, r, given.per_week) for method in given.method.split(",") for r in chosen]
    rows: list[Row] = []
    with ProcessPoolExecutor(given.jobs) as pool:
        for row in pool.map(_job, jobs):
            rows.append(row)
            if given.each:
                print(f"{row.method:28s} {row.half:7s} {row.name:32s} {row.figures}", flush=True)
    text = render(summarise(rows))
    print(text)
    if given.write:
        given.write.write_text(text)
    if given.json:
        given.json.write_text(json.dumps([row.plain() for row in rows], indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
