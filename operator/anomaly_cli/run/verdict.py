"""The first line of `run show`: whether to stop, go back to a step, or go on.

What follows from the triggers has been concluded where the rows were read. Here it meets the state
of the run: a run that stalls or has failed cannot go on, and one that is complete need not.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from anomaly_cli.verbs.wording import ahead, ended, moment
from anomaly_operator.api.text import unix_seconds
from detector_runtime.contract.training_run import RunState, TrainingRunReport


class Do(StrEnum):
    """What to do now."""

    STOP = "Stop"
    GO_BACK = "GoBack"
    GO_ON = "GoOn"
    WAIT = "Wait"
    CHECK_TRAINER = "CheckTrainer"
    DONE = "Done"


@dataclass(frozen=True, slots=True)
class Verdict:
    """`line` begins with what to do, in capitals; `step` is where to go back to, or the best one of
    a run that is over; 0 = not known."""

    do: Do
    line: str
    step: int = 0


_LEADS = {"Stop": Do.STOP, "Go back": Do.GO_BACK, "Go on": Do.GO_ON}


def verdict(report: TrainingRunReport | None, now: int) -> Verdict:
    """`now` in unix seconds."""
    if report is None or report.state is RunState.WAITING:
        return Verdict(Do.WAIT, "WAIT: the log has no row yet.")
    told = report.conclusion
    lead = next((one for one in _LEADS if told.startswith(one)), "")
    do = _LEADS.get(lead, Do.GO_ON)
    if do is Do.GO_ON and report.state is not RunState.RUNNING:
        return _over(report, now)
    line = f"{lead.upper()}{told.removeprefix(lead)}" if lead else "GO ON: no trigger stands."
    step = report.checkpoint.step if do is not Do.GO_ON and report.checkpoint else 0
    return Verdict(do, ended(line), step)


def _over(report: TrainingRunReport, now: int) -> Verdict:
    """A run without a trigger that stands, which does not go on by itself."""
    best = f"; the best loss is {report.best_loss} at step {report.best_step}"
    best = best if report.best_loss else ""
    match report.state:
        case RunState.STALLED:
            last = unix_seconds(report.last_row_at)
            when = f" since {moment(last)} ({ahead(last, now)})" if last else ""
            return Verdict(Do.CHECK_TRAINER, f"CHECK THE TRAINER: no row has come{when}.")
        case RunState.FAILED:
            from_ = report.checkpoint
            where = f" from step {from_.step} ({from_.path})" if from_ else ""
            line = f"CHECK THE TRAINER: it has failed. Find out why, then resume{where}."
            return Verdict(Do.CHECK_TRAINER, line, from_.step if from_ else 0)
        case RunState.COMPLETED:
            return Verdict(Do.DONE, f"DONE: the run is complete{best}.", report.best_step)
        case _:
            return Verdict(Do.DONE, f"DONE: no row comes any more{best}.", report.best_step)
