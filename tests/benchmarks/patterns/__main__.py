"""Prints the table of `RESULTS.md`: for each fault how often it got its name, and how steadily."""

from __future__ import annotations

import sys
from collections import Counter, defaultdict
from dataclasses import dataclass

from detector_runtime.contract.run_config import DetectorSpec, IncidentSpec
from detector_runtime.contract.vocabulary import Category
from detector_runtime.fitting.fit import fit_model
from detector_runtime.model.fitted import EngineSettings, FittedModel
from detector_runtime.model.scoring import score_rows
from detector_runtime.series.reading import read_history
from detector_runtime.verdict.judge import judge
from detector_runtime.verdict.periods import period_lookup
from detector_runtime.verdict.window import JudgeContext
from tests.benchmarks.detection.generated import ALWAYS, METRICS
from tests.benchmarks.patterns.scenarios import Scenario, scenarios


@dataclass(frozen=True, slots=True)
class Named:
    """`names`: of the first finding in each window of the fault; empty without one."""

    fault: str
    wanted: str
    names: tuple[str, ...]

    @property
    def found(self) -> list[str]:
        return [name for name in self.names if name]

    @property
    def leading(self) -> str:
        """The name of most windows."""
        return Counter(self.found).most_common(1)[0][0] if self.found else ""

    @property
    def confirmed(self) -> str:
        """The name of the second window, which confirms an incident."""
        return self.found[1] if len(self.found) > 1 else ""

    @property
    def changes(self) -> int:
        pairs = zip(self.found, self.found[1:], strict=False)
        return sum(before != after for before, after in pairs)


def named(model: FittedModel, scenario: Scenario) -> Named:
    """The scenario as a scoring run would judge it."""
    rows = read_history(scenario.frame.rows(0, scenario.last), METRICS)
    scores = score_rows(model, rows, int(scenario.frame.times[scenario.first - 1]))
    lookup = period_lookup((ALWAYS,), "Etc/UTC")
    reports = judge(JudgeContext(METRICS, None, lookup, model), scores)
    names = tuple(one.findings[0].pattern if one.findings else "" for one in reports)
    return Named(scenario.fault.name, scenario.fault.wanted, names)


def main() -> int:
    table: dict[str, list[Named]] = defaultdict(list)
    for frame, trained, faults in scenarios():
        settings = EngineSettings(
            METRICS,
            frame.step,
            "Etc/UTC",
            (ALWAYS,),
            Category.STANDARD,
            DetectorSpec(1.0, 0.05, 42),
            100,
            200,
            IncidentSpec(),
        )
        model = fit_model(read_history(frame.rows(0, trained), METRICS), settings)
        for scenario in faults:
            table[scenario.fault.name].append(named(model, scenario))
        print(f"{faults[0].character.value}: done", file=sys.stderr, flush=True)
    print("| fault | name | right in most windows | right when confirmed | changes of name |")
    print("| --- | --- | --- | --- | --- |")
    right = confirmed = total = 0
    for fault, found in table.items():
        if not found[0].wanted:
            silent = sum(len(one.found) < 2 for one in found)
            print(f"| {fault} | none | {silent} of {len(found)} silent | | |")
            continue
        leading = sum(one.leading == one.wanted for one in found)
        first = sum(one.confirmed == one.wanted for one in found)
        changes = sum(one.changes for one in found) / len(found)
        name = f"`{found[0].wanted}`"
        print(f"| {fault} | {name} | {leading} of {len(found)} | {first} | {changes:.1f} |")
        right, confirmed, total = right + leading, confirmed + first, total + len(found)
    print(f"\nRight in most windows: {right} of {total}; when confirmed: {confirmed}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
