"""What an answer, or none, means for the message and for the next attempt."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from anomaly_operator.api.text import cut
from anomaly_operator.notify.edges import Failure

FIRST_DELAY = 2.0
MAX_DELAY = 300.0
REFUSED_DELAY = 3600.0
"""A refused message is tried again after that: a token may have been renewed by then."""
_MAX_DETAIL = 200


@dataclass(frozen=True, slots=True)
class Outcome:
    """`failure` None: the receiver has taken it. `ambiguous`: it may have, so that the next attempt
    may be a repeat. `retry_after` in seconds, where the receiver says so.
    """

    failure: Failure | None = None
    detail: str = ""
    ambiguous: bool = False
    retry_after: float = 0.0


def of_answer(status: int, body: str, retry_after: str, now: float) -> Outcome:
    """`body` is the beginning of the answer; `now` in unix seconds."""
    if 200 <= status < 300:
        return Outcome()
    wait = _seconds(retry_after, now)
    if status == 429:
        return Outcome(Failure.THROTTLED, retry_after=wait)
    if status == 408 or status >= 500:
        # A gateway that gave up waiting does not know what became of the request.
        ambiguous = status in {408, 502, 504}
        return Outcome(Failure.SERVER_ERROR, ambiguous=ambiguous, retry_after=wait)
    if 300 <= status < 400:
        text = f"HTTP {status}: redirects are not followed; set the final address"
        return Outcome(Failure.REFUSED, text)
    said = " ".join(body.split())
    return Outcome(Failure.REFUSED, cut(f"HTTP {status}{f': {said}' if said else ''}", _MAX_DETAIL))


def backoff(failures: int, chance: float) -> float:
    """Seconds before the next attempt after `failures` in a row: doubling from 2 s to 5 min, by
    `chance` (0 to 1) half of it to all, so that replicas of a receiver are not hit in step.
    """
    whole = min(FIRST_DELAY * 2.0 ** min(failures - 1, 10), MAX_DELAY)
    return whole * (0.5 + 0.5 * chance)


def _seconds(text: str, now: float) -> float:
    """Retry-After: seconds or an HTTP date; at most an hour, 0 for anything else."""
    if text.isdigit():
        return min(float(text), REFUSED_DELAY)
    try:
        moment = parsedate_to_datetime(text)
    except (TypeError, ValueError):
        return 0.0
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    wait = moment - datetime.fromtimestamp(now, UTC)
    return min(max(wait.total_seconds(), 0.0), REFUSED_DELAY)
