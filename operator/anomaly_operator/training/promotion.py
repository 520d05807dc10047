"""Which revision serves: a pin, else the newest that passed, held back while an incident is open.

A model trained during an incident may have learnt some of it although the windows are left out,
so it waits until the incident closes, at most 24 h. One trained before it began does not wait.
Promotion, pin and rollback are one mechanism: the revision's name in the scoring pods' RunConfig.
"""

from __future__ import annotations

from dataclasses import dataclass

from anomaly_operator.training.book import Model, TrainingBook

MAX_HOLD_SECONDS = 86_400


@dataclass(frozen=True, slots=True)
class Serving:
    """`model` None: nothing serves. `unknown_pin`: the pin names no revision on the volume.
    `held_until`: unix seconds at which the newest revision is promoted at the latest, 0 = none is
    held back.
    """

    model: Model | None
    pinned: bool = False
    unknown_pin: bool = False
    held_until: int = 0


def promote(
    book: TrainingBook,
    current: Model | None,
    *,
    pin: str,
    inputs: str,
    incident_since: int,
    current_lost: bool,
    now: int,
) -> Serving:
    """The revision that is to serve, given the one that does (`current`). `incident_since`: unix
    seconds of the open incident's firstSeen, 0 = none is open.
    """
    if pin:
        found = current if current and current.revision == pin else book.revision(pin)
        serving = found or current or book.newest
        return Serving(serving, pinned=found is not None, unknown_pin=found is None)
    newest = book.newest
    if newest is None or current is None or newest.revision == current.revision:
        return Serving(newest or current)
    useless = current_lost or current.inputs != newest.inputs or current.inputs != inputs
    trained = newest.trained_at or 0
    until = trained + MAX_HOLD_SECONDS
    suspect = 0 < incident_since <= trained
    if suspect and not useless and now < until:
        return Serving(current, held_until=until)
    return Serving(newest)
