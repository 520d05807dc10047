"""What differs between a snapshot and a checkpoint, and what that means in a sentence. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from math import isfinite, isinf, isnan

from anomaly_cli.run.compare_side import Answers, Side
from detector_runtime.following.figures import figure

LOSS_PERCENT = 30.0
"""As a spike of the loss has it."""
RATE_FACTOR = 2.0
POINTS = 5.0
"""Of accuracy, as a drop has it."""
Row = tuple[str, str, str, str]
UNKNOWN = "-"


def rows(snapshot: Side, checkpoint: Side) -> Iterator[Row]:
    """Name, both values and their difference of everything that one of the two knows."""
    yield "step", str(snapshot.step), str(checkpoint.step), f"{snapshot.step - checkpoint.step:+}"
    yield from _row("loss", snapshot.loss, checkpoint.loss, relative=True)
    yield from _row("learning rate", snapshot.rate, checkpoint.rate, relative=True)
    yield from _row("accuracy in percent", snapshot.accuracy, checkpoint.accuracy)
    yield from _answers("mean loss when correct", snapshot.correct, checkpoint.correct)
    yield from _answers("mean loss when wrong", snapshot.wrong, checkpoint.wrong)
    yield from _row("wrong minus correct", snapshot.margin, checkpoint.margin)
    nothing = float("nan")
    for name in sorted({*snapshot.z_scores, *checkpoint.z_scores}):
        both = (one.z_scores.get(name, nothing) for one in (snapshot, checkpoint))
        yield from _row(f"z-score of {name}", *both)
    yield "triggers", _named(snapshot), _named(checkpoint), ""


def changed_config(snapshot: Side, checkpoint: Side) -> list[str]:
    """Settings that judged the two differently, where both are known."""
    if not snapshot.config or not checkpoint.config:
        return []
    names = sorted({*snapshot.config, *checkpoint.config})
    both = ((one, checkpoint.config.get(one), snapshot.config.get(one)) for one in names)
    return [f"{name}: {before} -> {after}" for name, before, after in both if before != after]


def sentence(snapshot: Side, checkpoint: Side) -> str:
    """What changed, and the next step."""
    found = list(_changes(snapshot, checkpoint))
    at = f"Compared with step {checkpoint.step}"
    if not found:
        known = isfinite(snapshot.loss) and isfinite(checkpoint.loss)
        return (
            f"{at}, nothing has changed much; going back would win little."
            if known
            else f"{at}, nothing can be said: one side has no loss. Give a log with --step."
        )
    told = " and ".join([", ".join(found[:-1]), found[-1]] if len(found) > 1 else found)
    return f"{at}, {told}. {_next(snapshot, checkpoint)}"


def _changes(snapshot: Side, checkpoint: Side) -> Iterator[str]:
    loss = snapshot.loss
    if (isnan(loss) and snapshot.triggers and "loss_nan" in snapshot.triggers) or isinf(loss):
        yield "the loss is no number any more"
    percent = _percent(loss, checkpoint.loss)
    if abs(percent) >= LOSS_PERCENT:
        yield f"the loss is {abs(percent):.1f} % {'higher' if percent > 0 else 'lower'}"
    factor = _factor(snapshot.rate, checkpoint.rate)
    if factor >= RATE_FACTOR:
        yield f"the learning rate is {factor:.3g} times as high"
    elif 0 < factor <= 1 / RATE_FACTOR:
        yield f"the learning rate is {1 / factor:.3g} times as low"
    points = snapshot.accuracy - checkpoint.accuracy
    if abs(points) >= POINTS:
        yield f"the accuracy is {abs(points):.1f} points {'higher' if points > 0 else 'lower'}"
    if _inverted(snapshot) and not _inverted(checkpoint):
        yield "correct answers now have a higher loss than wrong ones"


def _next(snapshot: Side, checkpoint: Side) -> str:
    back = f"go back to step {checkpoint.step}"
    if _inverted(snapshot) and not _inverted(checkpoint):
        return f"Stop, {back}, and check the loss function and the labels."
    if not snapshot.step > checkpoint.step:
        return "The checkpoint is the later one of the two."
    factor = _factor(snapshot.rate, checkpoint.rate)
    if factor >= RATE_FACTOR:
        return f"Check the schedule of the learning rate, and {back} if the loss does not recover."
    worse = _percent(snapshot.loss, checkpoint.loss) >= LOSS_PERCENT or not isfinite(snapshot.loss)
    if worse or snapshot.accuracy - checkpoint.accuracy <= -POINTS:
        return f"Find out what changed since then, and {back} if it does not recover."
    return "The run has got better since; go on."


def _inverted(side: Side) -> bool:
    return side.margin < 0


def _percent(value: float, before: float) -> float:
    """NaN where it has none."""
    if not (isfinite(value) and isfinite(before) and before):
        return float("nan")
    return 100 * (value - before) / abs(before)


def _factor(value: float, before: float) -> float:
    if not (isfinite(value) and isfinite(before) and before > 0):
        return float("nan")
    return value / before


def _row(name: str, value: float, before: float, *, relative: bool = False) -> Iterator[Row]:
    if isnan(value) and isnan(before):
        return
    yield name, _shown(value), _shown(before), _difference(value, before, relative=relative)


def _answers(name: str, found: Answers, before: Answers) -> Iterator[Row]:
    if found.count or before.count:
        change = _difference(found.loss, before.loss, relative=False)
        yield name, _mean(found), _mean(before), change


def _mean(answers: Answers) -> str:
    return f"{_shown(answers.loss)} ({answers.count})" if answers.count else UNKNOWN


def _named(side: Side) -> str:
    return ", ".join(side.triggers) or "none"


def _shown(value: float) -> str:
    return UNKNOWN if isnan(value) else figure(value)


def _difference(value: float, before: float, *, relative: bool) -> str:
    if not (isfinite(value) and isfinite(before)):
        return UNKNOWN
    change = value - before
    told = f"{'+' if change > 0 else ''}{figure(change)}"
    percent = _percent(value, before)
    return f"{told} ({percent:+.1f} %)" if relative and isfinite(percent) else told
