"""What the data say against the spec: a query without values, a wrong unit, a useless threshold.

Admission cannot see any of it. The pods report each as a warning `Reason: text`; here it gets the
field to correct and the next step. A warning without a known reason is not for this page.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from anomaly_operator.api.reasons import Reason
from anomaly_operator.status.facts import Facts
from detector_runtime.contract.train_report import slo_digest
from detector_runtime.contract.vocabulary import SpecWarning

DATA_FAULTS = frozenset({Reason.NO_VALUES, Reason.UNIT_MISMATCH})
SLO_FAULTS = frozenset({Reason.SLO_UNREACHABLE, Reason.SLO_ALWAYS_BREACHED})
MAX_TOLD = 4
_METRIC_FIELD = {SpecWarning.NO_VALUES: "query", SpecWarning.UNIT_MISMATCH: "unit"}


@dataclass(frozen=True, slots=True)
class SpecFault:
    """`lasting`: seen in the whole training history, so that only an edit mends it; else in the
    newest windows, where the exporter may just be down.
    """

    reason: Reason
    message: str
    lasting: bool


def spec_faults(
    facts: Facts, among: frozenset[Reason] = DATA_FAULTS | SLO_FAULTS
) -> list[SpecFault]:
    """Those of the newest training for this spec, then those of the newest window."""
    found = {
        fault.message: fault
        for fault in (
            *_faults(facts, _trained_warnings(facts), lasting=facts.serving.model is not None),
            *_faults(facts, _window_warnings(facts), lasting=False),
        )
        if fault.reason in among
    }
    return list(found.values())


def told(faults: Iterable[SpecFault]) -> str:
    """All messages of one reason's kind in a line, at most MAX_TOLD of them."""
    texts = [fault.message for fault in faults]
    more = [f"And {len(texts) - MAX_TOLD} more."] if len(texts) > MAX_TOLD else []
    return " ".join(texts[:MAX_TOLD] + more)


def _trained_warnings(facts: Facts) -> tuple[str, ...]:
    """Of the newest training. One for another spec says nothing of this one."""
    book = facts.training.book
    if book.learning is not None:
        return _still_true(facts, book.learning.warnings, book.learning.judged_slo)
    model = book.newest or facts.serving.model
    if model is None or (book.inputs and model.inputs != book.inputs):
        return ()
    return _still_true(facts, model.warnings, model.judged_slo)


def _still_true(facts: Facts, warnings: tuple[str, ...], judged_slo: str) -> tuple[str, ...]:
    """`warnings` without those of thresholds that have been changed since, which nobody has held
    against the history yet. Empty `judged_slo`: an older pod did not say which they were."""
    if not judged_slo or judged_slo == slo_digest(facts.policy.slo):
        return warnings
    return tuple(line for line in warnings if line.partition(": ")[0] not in SLO_FAULTS)


def _window_warnings(facts: Facts) -> tuple[str, ...]:
    report = facts.scoring.report
    return report.warnings if report is not None and facts.scoring.failure is None else ()


def _faults(facts: Facts, warnings: tuple[str, ...], *, lasting: bool) -> Iterator[SpecFault]:
    for line in warnings:
        word, _, text = line.partition(": ")
        if word in set(SpecWarning):
            kind = SpecWarning(word)
            again = " The next training checks it again." if lasting else ""
            # It begins with the name of a metric, which no capital letter may change.
            message = f"{_field(facts, kind, text)}: {text.rstrip('.')}.{again}"
            yield SpecFault(Reason(kind.value), message, lasting)


def _field(facts: Facts, kind: SpecWarning, text: str) -> str:
    """Where to correct it. `text` begins with the metric's name."""
    field = _METRIC_FIELD.get(kind)
    if field is None:
        slo = facts.policy.slo
        return f"SLOPolicy {slo.policy} `spec.thresholds`" if slo else "`spec.sloPolicyRef`"
    name = text.partition(" ")[0].rstrip(":")
    own = any(metric.name == name for metric in facts.spec.metrics)
    return f"`spec.metrics[{name}].{field}`" if own else "`spec.parameters` of the preset"
