"""Which revision serves: a pin, else the newest that passed, held back while an incident is open.

A model trained during an incident may have learnt some of it although the windows are left out,
so it waits until the incident closes, but at most 24 h from the opening of the incident, however
often the service trains meanwhile. One trained before the incident does not wait.
Promotion, pin and rollback are one mechanism: the revision's name in the scoring pods' RunConfig.
"""

from __future__ import annotations

from dataclasses import dataclass

from anomaly_operator.training.book import Model, TrainingBook

MAX_HOLD_SECONDS = 86_400
"""Counted from the opening of the incident, not from a training: with frequent trainings each newer
revision would otherwise begin the wait anew, and none would ever serve."""


@dataclass(frozen=True, slots=True)
class Serving:
    """`model` None: nothing serves. `unknown_pin`: the pin names no revision on the volume.
    `unfit_pin`: it names one for other metrics or another step, and `fitting` are those that fit.
    `held_until`: unix seconds at which the newest revision is promoted at the latest, 0 = none is
    held back. `needed`: the service has a model at all; without one it is judged all the same.
    """

    model: Model | None
    pinned: bool = False
    unknown_pin: bool = False
    unfit_pin: bool = False
    fitting: tuple[str, ...] = ()
    held_until: int = 0
    needed: bool = True

    @property
    def judges(self) -> bool:
        """Whether windows can be judged now."""
        return self.model is not None or not self.needed


def promote(
    book: TrainingBook,
    current: Model | None,
    *,
    pin: str,
    shape: str,
    inputs: str,
    incident_since: int,
    current_lost: bool,
    now: int,
) -> Serving:
    """The revision that is to serve, given the one that does (`current`). `incident_since`: unix
    seconds at which the running incident opened or was reopened, 0 = none is running.
    """
    if pin:
        found = current if current and current.revision == pin else book.revision(pin)
        if found is not None and not _fits(found, shape):
            return _unfit(book, current, shape)
        serving = found or current or book.newest
        return Serving(serving, pinned=found is not None, unknown_pin=found is None)
    newest = book.newest
    if newest is None or current is None or newest.revision == current.revision:
        return Serving(newest or current)
    useless = current_lost or current.inputs != newest.inputs or current.inputs != inputs
    until = incident_since + MAX_HOLD_SECONDS
    suspect = 0 < incident_since <= (newest.trained_at or 0)
    if suspect and not useless and now < until:
        return Serving(current, held_until=until)
    return Serving(newest)


def _unfit(book: TrainingBook, current: Model | None, shape: str) -> Serving:
    """The newest that fits. Without one, what serves goes on with the config that it was promoted
    with, as while any other change of the spec waits for its model."""
    fitting = tuple(model for model in book.revisions if _fits(model, shape))
    names = tuple(model.revision for model in fitting)
    serving = next(iter(fitting), current or book.newest)
    return Serving(serving, unfit_pin=True, fitting=names)


def _fits(model: Model, shape: str) -> bool:
    """An older model does not say what it is for: its run finds out."""
    return not model.shape or not shape or model.shape == shape
