"""A metric that the model knows and the source no longer has: a renamed series, a changed label.

Its absence alone makes no window Inconclusive where enough others are left, so without a word of
its own the service would look watched in full. It judges nothing; a metric that was often absent in
training is not missed.
"""

from __future__ import annotations

from detector_runtime.contract.vocabulary import SpecWarning
from detector_runtime.model.fitted import FittedModel
from detector_runtime.series.reading import Cell, CleanRows

USUALLY_THERE = 0.9
"""Share of the training windows in which a metric had a value, from which on it is missed."""
MIN_SECONDS = 3600
"""A shorter absence is a restart or a late scrape."""


def lost_metrics(model: FittedModel, clean: CleanRows) -> tuple[str, ...]:
    """A line for each metric without any sample in `clean`: the windows of a run with their
    history. Empty where the source has nothing at all, as then the run itself says so.
    """
    absent = (clean.cells == Cell.ABSENT).all(axis=0)
    seconds = len(clean) * model.step
    if absent.all() or seconds < MIN_SECONDS:
        return ()
    usual = model.ensemble.scaling.known & (
        model.statistics.samples >= USUALLY_THERE * model.samples
    )
    names = [name for name, gone in zip(model.names, absent & usual, strict=True) if gone]
    return tuple(
        f"{SpecWarning.NO_VALUES}: {name} has had no value for {seconds // MIN_SECONDS} h, though "
        "training had one nearly always; check its query and the exporter"
        for name in names
    )
