"""`.status.trainingRun` as its pods left it, and the sentences that the operator says of it.

Nothing here names a step or a loss: those change with each row, and the runtime's own part of the
status has them. What the operator says changes with the state of the run alone.
"""

from __future__ import annotations

import json

from detector_runtime.contract.codec import decode
from detector_runtime.contract.training_run import RunState, TrainingRunReport
from detector_runtime.contract.vocabulary import ContractError, require_version

SAID = {
    RunState.WAITING: "No row has been logged yet.",
    RunState.RUNNING: "The run is going on.",
    RunState.STALLED: "The run has stalled: no row for far longer than usual.",
    RunState.COMPLETED: "The run has completed.",
    RunState.FAILED: "The run has failed.",
    RunState.ENDED: "The log gets no new rows, and how the run ended is not known.",
}
OVER = frozenset({RunState.COMPLETED, RunState.FAILED, RunState.ENDED})


def read_run(text: bytes) -> tuple[TrainingRunReport | None, str]:
    """The report, None where there is none, and why it cannot be read."""
    if not text:
        return None, ""
    document = json.loads(text)
    try:
        require_version(document, "status.trainingRun")
        return decode(TrainingRunReport, document), ""
    except ContractError as error:
        return None, f"The operator cannot read status.trainingRun: {error}."
