"""Each service scored by the product: trained on normal operation, then shown the rest of it and
each issue.

Kept in a file of JSON between runs, because it takes minutes and the ranking seconds. The file's
name holds a digest of the code that scores, so that a changed detector is not judged by old scores.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import detector_runtime
from anomaly_operator.incidents.settings import incident_spec
from anomaly_operator.spec.service import IncidentPlan
from detector_runtime.contract.codec import decode, encode
from detector_runtime.contract.detection import WindowReport
from detector_runtime.contract.run_config import DetectorSpec, PeriodSpec
from detector_runtime.contract.vocabulary import Category
from detector_runtime.fitting.fit import fit_model
from detector_runtime.model.fitted import EngineSettings, FittedModel, NotEnoughHistory
from detector_runtime.model.scoring import score_rows
from detector_runtime.patterns.assemble import assembled
from detector_runtime.series.frame import Floats
from detector_runtime.series.reading import read_as_trained, read_history
from detector_runtime.verdict.judge import judge
from detector_runtime.verdict.periods import period_lookup
from detector_runtime.verdict.window import JudgeContext, Naming
from tests.benchmarks.rootcause.recordings import METRICS, STEP, Application, frame, lead_in

TRAINED_SHARE = 0.75
"""Of normal operation; on the rest nothing is to be named."""
NORMAL = "normal"
_ALWAYS = PeriodSpec("always", tuple(range(7)), 0, 0, 1.0)
_SETTINGS = EngineSettings(
    METRICS,
    STEP,
    "Etc/UTC",
    (_ALWAYS,),
    Category.STANDARD,
    DetectorSpec(1.0, 0.05, 42),
    200,
    200,
    incident_spec(STEP, IncidentPlan()),
)
Reports = dict[str, list[WindowReport]]
"""By the name of the issue, or NORMAL for what is left of normal operation."""


@dataclass(frozen=True, slots=True, eq=False)
class _Job:
    service: str
    normal: Floats
    issues: dict[str, Floats]


def scored(application: Application, jobs: int, folder: Path | None = None) -> dict[str, Reports]:
    """Reports by service. A service of which too little is recorded has none."""
    file = (folder or Path(tempfile.gettempdir())) / f"anomaly-rootcause-{_digest()}.json"
    if not file.is_file():
        work = [
            _Job(name, rows, _stretches(application, name))
            for name, rows in application.normal.items()
        ]
        with ProcessPoolExecutor(jobs) as pool:
            found = dict(zip(application.normal, pool.map(_reports, work), strict=True))
        # A run that is stopped half-way leaves no half a file.
        partial = file.with_suffix(".partial")
        partial.write_text(json.dumps(found))
        partial.rename(file)
    return {
        service: {
            part: [decode(WindowReport, one) for one in reports] for part, reports in parts.items()
        }
        for service, parts in json.loads(file.read_text()).items()
    }


def _stretches(application: Application, service: str) -> dict[str, Floats]:
    return {
        one.name: np.vstack([lead_in(application, one, service), one.values[service]])
        for one in application.issues
    }


def split(rows: int) -> int:
    """The first row that no model has learned from."""
    return int(rows * TRAINED_SHARE)


def _reports(job: _Job) -> dict[str, list[Any]]:
    first = split(len(job.normal))
    try:
        model = fit_model(read_history(frame(job.normal[:first]), METRICS), _SETTINGS)
    except NotEnoughHistory:
        return {}
    before = job.normal[max(first - model.history_windows, 0) : first]
    parts = {NORMAL: job.normal[first:], **job.issues}
    return {name: encode(_judged(model, before, values)) for name, values in parts.items()}


def _judged(model: FittedModel, before: Floats, values: Floats) -> list[WindowReport]:
    rows = frame(before, values)
    clean = read_as_trained(rows, METRICS, model.counter)
    scores = score_rows(model, clean, int(rows.times[len(before) - 1]))
    context = JudgeContext(
        METRICS,
        None,
        period_lookup(_SETTINGS.periods, _SETTINGS.time_zone),
        model,
        naming=Naming(assembled((), ()), _SETTINGS.category),
    )
    return list(judge(context, scores))


def _digest() -> str:
    """Of what the scores depend on."""
    found = hashlib.sha256()
    here = Path(__file__).parent
    folder = Path(next(iter(detector_runtime.__path__)))
    for file in (*sorted(folder.rglob("*.py")), here / "recordings.py", Path(__file__)):
        found.update(file.read_bytes())
    return found.hexdigest()[:16]
