"""`kubectl anomaly explain` for a training run: its window has triggers in place of a score."""

from __future__ import annotations

from collections.abc import Iterator

from anomaly_cli.verbs.wording import count, ended
from detector_runtime.contract.detection import WindowReport
from detector_runtime.contract.vocabulary import Verdict

TO_ALERT = "One row with a trigger of tier Warning or Critical; it opens an incident at once."
MAX_TRIGGERS = 4


def run_why(report: WindowReport) -> Iterator[str]:
    """Why the newest window has its verdict."""
    run = report.training_run
    if report.verdict is not Verdict.ANOMALOUS or run is None:
        yield "No row of the window has a trigger of tier Warning or Critical."
        return
    rows = f"steps {run.first_step} to {run.last_step}"
    yield f"{count(len(run.triggers), 'trigger')} in the rows of the window, {rows}."
    for one in run.triggers[:MAX_TRIGGERS]:
        said = f": {one.message}" if one.message else ""
        yield ended(f"{one.name} at step {one.step} ({one.tier}, {one.action}){said}")
    if run.advice:
        yield ended(run.advice)
