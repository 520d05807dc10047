"""A flood becomes one message: how many a receiver gets of its own in a minute, and when the rest
goes out together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

WINDOW_SECONDS = 60.0
MAX_DIGEST = 1000
"""Messages in a digest; what is more goes into the next one."""


@dataclass(frozen=True, slots=True)
class Pace:
    """What to send now: the first `single` messages of the queue each by itself, or the first
    `digest` of them as one. `hold_until`: when the next digest may go out, None when nothing waits.
    """

    single: int = 0
    digest: int = 0
    hold_until: float | None = None


def pace(
    due: int, sent: Sequence[float], limit: int, now: float, held_until: float | None = None
) -> Pace:
    """`due` messages; `sent`: when those of late went out, a digest counting as `limit` of them;
    `held_until` as the call before said. All times by the same clock, in seconds.

    In any minute a receiver gets at most `limit` messages of their own and one digest.
    """
    recent = [moment for moment in sent if now - moment < WINDOW_SECONDS]
    if due <= limit - len(recent):
        return Pace(single=due)
    if held_until is None:
        held_until = min(recent) + WINDOW_SECONDS if recent else now
    if now >= held_until:
        return Pace(digest=min(due, MAX_DIGEST))
    return Pace(hold_until=held_until)
