"""The services of a backtest in one table, a line each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from anomaly_cli.backtest import Outcome
from anomaly_operator.incidents.transitions import notifies
from detector_runtime.contract.vocabulary import Severity, Verdict


@dataclass(frozen=True, slots=True)
class ServiceLine:
    """`anomalous` and `inconclusive` of the `windows` that were judged; `notifying`: those of the
    `incidents` that are told to anybody; `worst`: their highest severity; `failed`: models that
    failed their checks, of all `models`."""

    HEADS: ClassVar[tuple[str, ...]] = (
        "SERVICE", "WINDOWS", "ANOMALOUS", "INCONCLUSIVE", "INCIDENTS", "NOTIFYING", "WORST",
        "MODELS FAILED", "SLOPOLICY",
    )  # fmt: skip

    service: str
    windows: int
    anomalous: int
    inconclusive: int
    incidents: int
    notifying: int
    worst: Severity
    models: int
    failed: int
    policy: str

    def cells(self) -> tuple[str, ...]:
        counts = (self.windows, self.anomalous, self.inconclusive, self.incidents, self.notifying)
        return (
            self.service,
            *(str(one) for one in counts),
            self.worst.value if self.incidents else "-",
            f"{self.failed} of {self.models}" if self.models else "no model",
            self.policy or "-",
        )


def service_line(outcome: Outcome) -> ServiceLine:
    incidents = outcome.folded.incidents
    verdicts = [report.verdict for report in outcome.reports.values()]
    return ServiceLine(
        outcome.plan.meta.name,
        len(verdicts),
        verdicts.count(Verdict.ANOMALOUS),
        verdicts.count(Verdict.INCONCLUSIVE),
        len(incidents),
        sum(notifies(one.severity) for one in incidents),
        max((one.severity for one in incidents), key=lambda one: one.rank, default=Severity.NONE),
        outcome.models,
        outcome.failed,
        outcome.plan.slo.policy if outcome.plan.slo else "",
    )
