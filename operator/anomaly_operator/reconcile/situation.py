"""What one reconcile of a usable spec starts from: everything that is read, before any decision."""

from __future__ import annotations

from dataclasses import dataclass, replace

from anomaly_operator.manifests.run_config import Resolved
from anomaly_operator.settings.values import Settings
from anomaly_operator.spec.service import ServiceSpec
from anomaly_operator.status.run_report import read_run
from anomaly_operator.status.scoring import Scoring, read_scoring
from anomaly_operator.status.stored import Status
from anomaly_operator.training.inputs import (
    inputs_with_wider,
    model_renamed,
    renamed,
)
from anomaly_operator.world.objects import Meta
from anomaly_operator.world.view import ServiceView
from detector_runtime.contract.train_report import model_shape
from detector_runtime.contract.training_run import RunState, TrainingRunReport


@dataclass(frozen=True, slots=True)
class Situation:
    """`stored`: the status that the last reconcile left. `inputs`: the hash of what a model would
    be trained for now. `scoring` has not been judged for freshness yet. `run`: what the pods of a
    training run say of it. `now` in unix seconds.
    """

    world: ServiceView
    stored: Status
    resolved: Resolved
    scoring: Scoring
    inputs: str
    settings: Settings
    now: int
    run: TrainingRunReport | None = None

    @property
    def service(self) -> Meta:
        return self.resolved.meta

    @property
    def spec(self) -> ServiceSpec:
        return self.resolved.spec

    @property
    def shape(self) -> str:
        """What a model must have been trained for to score under this spec."""
        names = [metric.name for metric in self.resolved.metrics]
        return model_shape(names, self.spec.step_seconds)

    @property
    def step_seconds(self) -> int:
        """While a changed step waits for its model, windows of the old one are scored."""
        return max(self.scoring.step_seconds, self.spec.step_seconds)

    @property
    def revision(self) -> str:
        """The revision that has served so far, empty where none has."""
        return self.stored.model.revision if self.stored.model else ""

    @property
    def model_lost(self) -> bool:
        """Whether the pods do not find that revision."""
        return self.scoring.misses(self.revision)


def load(
    world: ServiceView, stored: Status, resolved: Resolved, settings: Settings, now: int
) -> Situation:
    inputs, wider = inputs_with_wider(resolved)
    model = stored.model and model_renamed(stored.model, wider, inputs)
    scoring = read_scoring(world.service.detection)
    follows = resolved.spec.training_run is not None
    run, unread = read_run(world.service.training_run) if follows else (None, "")
    return Situation(
        world=world,
        stored=replace(stored, model=model, training=renamed(stored.training, wider, inputs)),
        resolved=resolved,
        scoring=replace(
            scoring,
            error=scoring.error or unread,
            waits=run is not None and run.state is RunState.WAITING,
        ),
        inputs=inputs,
        settings=settings,
        now=now,
        run=run,
    )
