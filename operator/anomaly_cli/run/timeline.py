"""`kubectl-anomaly run timeline`: the triggers of a run in the order of its steps, and what follows
from them."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence

from anomaly_cli import console
from anomaly_cli.run.course import Course, course
from anomaly_cli.run.kinds import rank_of
from anomaly_cli.verbs.output import write_document
from anomaly_cli.verbs.wording import moment
from anomaly_operator.api.text import unix_seconds
from detector_runtime.contract.training_run import RunTrigger
from detector_runtime.training_run.trigger import Tier

HEADS = ("STEP", "TIME", "TRIGGER", "TIER", "WHAT")
MAX_ROWS = 50


def run(given: argparse.Namespace) -> int:
    """The exit code. Raises InputError, ClusterError, OSError."""
    found = course(given)
    if given.output:
        write_document(given.output, document(found))
    else:
        tell(found, every=given.all)
    return 0


def tell(found: Course, *, every: bool) -> None:
    """The text. Of more than MAX_ROWS triggers the Normal ones are left out, then the oldest; with
    `every` none is."""
    shown = list(found.triggers) if every else short(found.triggers)
    console.say([found.title, ""])
    if shown:
        console.listing(HEADS, [_cells(one) for one in shown])
    else:
        console.say(["No trigger."])
    console.say(list(_end(found, len(found.triggers) - len(shown))))


def _end(found: Course, left_out: int) -> Iterator[str]:
    yield ""
    if left_out:
        yield f"{left_out} more triggers are not shown; --all shows them"
    if found.earlier:
        yield f"{found.earlier} earlier triggers are only counted"
    if found.best_loss:
        yield f"Best step: {found.best_step} (loss {found.best_loss})"
    if found.conclusion:
        yield f"Conclusion: {found.conclusion}"
    if found.advice:
        yield found.advice


def short(triggers: Sequence[RunTrigger]) -> list[RunTrigger]:
    """At most MAX_ROWS of them."""
    found = list(triggers)
    if len(found) > MAX_ROWS:
        found = [one for one in found if one.tier != Tier.NORMAL]
    if len(found) > MAX_ROWS:
        worst = sorted(range(len(found)), key=lambda at: (-rank_of(found[at].tier), -at))
        found = [found[at] for at in sorted(worst[:MAX_ROWS])]
    return found


def document(found: Course) -> dict[str, object]:
    """All of it, for programs."""
    return {
        "timeline": [
            {
                "step": one.step,
                "at": one.at or None,
                "name": one.name,
                "tier": one.tier or None,
                "action": one.action or None,
                "message": one.message or None,
            }
            for one in found.triggers
        ],
        "earlier": found.earlier,
        "bestStep": found.best_step if found.best_loss else None,
        "bestLoss": found.best_loss or None,
        "conclusion": found.conclusion,
        "advice": found.advice,
    }


def _cells(one: RunTrigger) -> tuple[str, ...]:
    at = unix_seconds(one.at)
    return (str(one.step), moment(at) if at else "-", one.name, one.tier or "-", one.message or "-")
