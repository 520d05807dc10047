"""The promise on generated services: false incidents by severity on quiet days, and faults found.

`python -m tests.benchmarks.detection.fleet [--per-week 1] [--services 40] [--each]`. Every service
is trained once on its history and then lived through, a day at a time, as the product would.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

from anomaly_cli.figures import TOLERANCE
from anomaly_cli.incidents import IncidentRows, folded
from anomaly_cli.replay import replay
from anomaly_operator.incidents.settings import incident_settings
from anomaly_operator.spec.service import IncidentPlan
from detector_runtime.contract.detection import WindowReport
from detector_runtime.contract.run_config import DetectorSpec, IncidentSpec
from detector_runtime.contract.vocabulary import Category, Severity
from detector_runtime.model.fitted import EngineSettings
from detector_runtime.series.reading import read_history
from tests.benchmarks.detection.generated import ALWAYS, DAY, METRICS, GeneratedService, services

CLOSED_SECONDS = 30 * 60
"""After a fault's end its incident should be over by then."""


@dataclass(frozen=True, slots=True)
class Lived:
    """What was said of one service. `found`: an incident opened during the fault; `over`: and was
    not seen any more CLOSED_SECONDS after it; `severity`: its worst."""

    name: str
    kind: str
    days: float
    passed: bool
    false: tuple[str, ...]
    quiet_days: int
    found: bool
    over: bool
    severity: str


def live(service: GeneratedService, per_week: float) -> Lived:
    frame = service.frame
    settings = EngineSettings(
        METRICS,
        frame.step,
        "Etc/UTC",
        (ALWAYS,),
        Category.STANDARD,
        DetectorSpec(per_week, 0.05, 42),
        100,
        200,
        IncidentSpec(),
    )
    rules = incident_settings("s", "s", frame.step, IncidentPlan())
    clean = read_history(frame, METRICS)
    reports: dict[int, WindowReport] = {}
    passed = False
    for chunk in replay(clean, settings, rules, service.warmup, 0):
        reports.update(chunk.reports)
        passed = passed or (chunk.model is not None and chunk.model.validation.passed)
    found = folded(reports, len(frame), rules)
    worst = severities(found.running, reports)
    first, last = service.first, service.last - 1
    margin = CLOSED_SECONDS // frame.step
    true = [one for one in found.incidents if _touches(one, first, last)]
    false = [one for one in found.incidents if one not in true]
    ours = [one for one in true if first - TOLERANCE <= one.opened <= last]
    days = (len(frame) - service.warmup) * frame.step // DAY
    loud = {(one.opened - service.warmup) * frame.step // DAY for one in false}
    return Lived(
        service.name,
        service.fault.value,
        float(days),
        passed,
        tuple(worst[one.name].value for one in false),
        days - len(loud),
        bool(ours),
        bool(ours) and max(one.seen for one in ours) <= last + margin,
        max((worst[one.name] for one in ours), key=lambda x: x.rank, default=Severity.NONE).value,
    )


def severities(
    running: Mapping[int, str], reports: Mapping[int, WindowReport]
) -> dict[str, Severity]:
    """The worst severity of each incident."""
    worst: dict[str, Severity] = {}
    for row, name in running.items():
        here = reports[row].severity if row in reports else Severity.NONE
        worst[name] = max(worst.get(name, Severity.NONE), here, key=lambda one: one.rank)
    return worst


def _touches(one: IncidentRows, first: int, last: int) -> bool:
    return one.opened <= last and one.seen >= first - TOLERANCE


def _job(job: tuple[GeneratedService, float]) -> Lived:
    return live(*job)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.detection.fleet")
    parser.add_argument("--per-week", type=float, default=1.0)
    parser.add_argument("--services", type=int, default=40)
    parser.add_argument("--seed", type=int, default=20231109)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--each", action="store_true")
    given = parser.parse_args()
    jobs = [(one, given.per_week) for one in services(given.services, given.seed)]
    lived = []
    with ProcessPoolExecutor(given.jobs) as pool:
        for one in pool.map(_job, jobs):
            lived.append(one)
            if given.each:
                print(one, flush=True)
    false = Counter(severity for one in lived for severity in one.false)
    said = Counter(one.severity for one in lived)
    days = sum(one.days for one in lived)
    print(f"{len(lived)} services, {days:.0f} days, {given.per_week:g} a week tolerated")
    print(f"false incidents: {dict(false)}")
    print(f"days without one: {sum(one.quiet_days for one in lived)}")
    print(f"faults found {sum(one.found for one in lived)}, over {sum(one.over for one in lived)}")
    print(f"severity of faults: {dict(said)}")
    print(f"models that passed validation: {sum(one.passed for one in lived)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
