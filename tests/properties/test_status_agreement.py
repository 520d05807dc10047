"""ModelReady, Detecting and Ready agree, whatever the model, the pin and the runs are like."""

from __future__ import annotations

from itertools import product

import pytest

from anomaly_operator.api.conditions import Truth
from anomaly_operator.api.reasons import Reason
from anomaly_operator.incidents.state import IncidentState
from anomaly_operator.slo.choice import PolicyChoice
from anomaly_operator.spec.service_parse import parse_service
from anomaly_operator.status.conditions import data_available, detecting
from anomaly_operator.status.facts import Facts
from anomaly_operator.status.model_condition import model_ready
from anomaly_operator.status.readiness import State, readiness, state_of
from anomaly_operator.status.scoring import Scoring
from anomaly_operator.status.staleness import Freshness
from anomaly_operator.training.book import Failure, Model, TrainingBook
from anomaly_operator.training.promotion import Serving
from anomaly_operator.training.step import Phase, TrainingStep
from anomaly_operator.world.diagnosis import Diagnosis
from detector_runtime.contract.detection import Detection, RunStatus
from detector_runtime.contract.vocabulary import RunOutcome

OF_THE_MODEL = {Reason.NO_MODEL, Reason.MODEL_MISSING, Reason.MODEL_REFUSED}
FITS, OTHER = Model("20261118-100100-000001", "sha256:1"), Model("20261118-100000-000000", "")
MISSING = Model(FITS.revision, FITS.digest, warnings=("NoValues: rate: no value; check",))
SERVINGS = (
    Serving(None),
    Serving(FITS),
    Serving(MISSING),
    Serving(FITS, pinned=True),
    Serving(FITS, unknown_pin=True),
    Serving(FITS, unfit_pin=True),
)
FRESHNESS = (
    Freshness(fresh=True),
    Freshness(fresh=False),
    Freshness(fresh=False, stale=Diagnosis(Reason.STALE, "No window.")),
)
FAILURES = (None, Failure(1, "ModelRefused", "refused"), Failure(1, "NoData", "nothing"))
RUNS = (None, *product(RunOutcome, (FITS.revision, OTHER.revision)))
STATES = tuple(product(SERVINGS, RUNS, FRESHNESS, FAILURES, (False, True), (False, True)))


def facts(state: tuple[object, ...]) -> Facts:
    serving, run, freshness, failure, suspend, failing_long = state
    spec, _ = parse_service(
        {"metrics": [{"name": "rate", "query": "rate"}], "suspend": suspend, "modelRevision": "x"}
    )
    assert spec is not None
    assert isinstance(serving, Serving)
    detection = None
    if isinstance(run, tuple):
        detection = Detection(run[1], RunStatus(run[0], "words of the pod"), scored_through="now")
    assert isinstance(freshness, Freshness)
    assert failure is None or isinstance(failure, Failure)
    revisions = (serving.model,) if serving.model else ()
    return Facts(
        spec=spec,
        training=TrainingStep(TrainingBook(last_failure=failure, revisions=revisions), Phase.IDLE),
        serving=serving,
        policy=PolicyChoice(),
        incidents=IncidentState(),
        scoring=Scoring(detection, freshness=freshness),
        failing_long=bool(failing_long),
    )


@pytest.mark.parametrize("serving", SERVINGS)
def test_model_and_detection_agree(serving: Serving) -> None:
    for state in (one for one in STATES if one[0] is serving):
        about = facts(state)
        model, scoring = model_ready(about), detecting(about)
        if scoring.status is Truth.TRUE:
            assert model.status is Truth.TRUE, state
        if about.spec.suspend:
            assert scoring.reason == Reason.SUSPENDED
        elif model.status is Truth.FALSE:
            assert scoring.status is Truth.FALSE, state
            assert scoring.reason in OF_THE_MODEL, state
        else:
            assert scoring.reason not in OF_THE_MODEL, state


@pytest.mark.parametrize("serving", SERVINGS)
def test_ready_never_says_that_all_is_well_when_it_is_not(serving: Serving) -> None:
    for state in (one for one in STATES if one[0] is serving):
        about = facts(state)
        ready, _, stalled = readiness(about)
        assert (ready.status is Truth.FALSE) == (stalled.status is Truth.TRUE), state
        if ready.reason == Reason.READY:
            assert detecting(about).status is not Truth.FALSE, state
            assert data_available(about).reason != Reason.NO_VALUES, state
            assert not serving.unknown_pin, state
            assert not serving.unfit_pin, state
        if ready.reason != Reason.READY and not about.spec.suspend and serving.model:
            assert state_of(about, ready) is State.DEGRADED, state
