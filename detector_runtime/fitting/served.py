"""What serves and why, in lines for people."""

from __future__ import annotations

from detector_runtime.fitting.members import voting_lines
from detector_runtime.fitting.validate import Selection
from detector_runtime.model.ensemble import Ensemble
from detector_runtime.model.fitted import EngineSettings
from detector_runtime.model.special_days import MIN_DAYS


def served(ensemble: Ensemble, choice: Selection, settings: EngineSettings) -> tuple[str, ...]:
    """What serves and why, a line each, for people."""
    lines = [f"{member.name}: {member.reason}" for member in ensemble.members]
    detector = settings.detector
    if detector.members:
        lines += voting_lines(detector.members, detector.vote, ensemble)
    if choice.dropped:
        lines.append(
            f"without {', '.join(sorted(choice.dropped))}: weak faults {choice.usual:.0%} -> "
            f"{choice.recall:.0%}"
        )
    return tuple(line[:80] for line in lines)


def days_line(settings: EngineSettings, days: int) -> tuple[str, ...]:
    """What became of the days with a usual of their own, for people."""
    if not settings.special:
        return ()
    if days < MIN_DAYS:
        return (f"calendar: {days} of {MIN_DAYS} days with a usual of their own; not judged yet",)
    return (f"calendar: a usual of their own from {days} days",)
