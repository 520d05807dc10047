"""The control of the alert level, lived through day by day as the operator would have."""

from __future__ import annotations

from collections.abc import Mapping

from anomaly_cli.incidents import documents
from anomaly_operator.incidents.fold import fold
from anomaly_operator.incidents.level_control import Opened, control
from anomaly_operator.incidents.state import IncidentSettings, IncidentState
from detector_runtime.contract.detection import WindowReport
from detector_runtime.contract.text import unix


class LivedControl:
    """Folds windows as they come and says by how much the next day's level is raised."""

    def __init__(self, settings: IncidentSettings, per_week: float, began: int) -> None:
        """`began`: unix seconds of the first scored window."""
        self._settings = settings
        self._per_week = per_week
        self._began = began
        self._state = IncidentState()
        self._opened: dict[str, Opened] = {}

    def take(self, reports: Mapping[int, WindowReport]) -> None:
        """Windows by row that follow those taken before."""
        for document in documents(reports, self._settings.step_seconds):
            through = unix(document.scored_through)
            self._state, _ = fold(self._state, document, self._settings, through)
            for one in self._state.tracked:
                if one.confirmed and one.confirmed_at is not None:
                    self._opened[one.anomaly] = Opened(one.confirmed_at, one.severity)

    def offset(self, now: int) -> float:
        """What is added to the level on the day of `now` (unix seconds)."""
        return control(self._opened.values(), self._per_week, self._began, now).offset
