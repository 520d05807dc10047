"""What became of a row of the table, and where that differs from what the row expects."""

from __future__ import annotations

from dataclasses import dataclass

from anomaly_operator.incidents.transitions import TransitionKind
from benchmarks.patterns.shop_row import Row
from detector_runtime.contract.vocabulary import Severity


@dataclass(frozen=True, slots=True)
class Found:
    """What the API server says of a row. `first`: the window in which the incident began, 0
    without one; `suspicions`: anomalous windows where the row has no incident."""

    watch: str
    row: Row
    anomaly: str = ""
    first: int = 0
    pattern: str = ""
    patterns: tuple[str, ...] = ()
    slo: str = ""
    severity: str = ""
    model: str = ""
    actions: frozenset[str] = frozenset()
    resolution: str = ""
    suspicions: int = 0

    @property
    def ordered_actions(self) -> tuple[str, ...]:
        return tuple(kind.value for kind in TransitionKind if kind in self.actions)

    @property
    def problems(self) -> tuple[str, ...]:
        """Where it differs from what the row expects, in words."""
        row = self.row
        if not row.pattern:
            kept = (f"an incident: {self.pattern}",) if self.anomaly else ()
            return kept if self.suspicions else (*kept, "no window was anomalous")
        if not self.anomaly:
            return ("no incident",)
        wanted: list[tuple[str, object, object]] = [
            ("status.pattern", self.pattern, row.pattern if row.leads else self.pattern),
            ("slo", self.slo, row.slo.value),
            ("severity", self.severity, row.severity.value),
            ("resolution", self.resolution, row.resolution.value if row.resolution else ""),
        ]
        found = [f"{what} {is_}, wanted {want}" for what, is_, want in wanted if is_ != want]
        model = Severity(self.model or Severity.NONE)
        usual = row.model is Severity.NONE
        if model.rank < row.model.rank or (usual and model is not Severity.NONE):
            found.append(f"model {model}, wanted {'None' if usual else f'{row.model} at least'}")
        named = (row.pattern, *row.also)
        found += [f"no pattern {name}" for name in named if name not in self.patterns]
        found += [f"no action {kind}" for kind in row.actions if kind not in self.actions]
        return tuple(found)
