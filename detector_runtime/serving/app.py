"""The routes: a body in, checked field by field, and an answer out.

One observation is judged where the request arrives, because a thread costs more than the model; a
batch, and an observation with its history, go to a thread, so that they hold up nobody else.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from fastapi import FastAPI, Request
from starlette.responses import Response

from detector_runtime.errors import one_line
from detector_runtime.log import log
from detector_runtime.serving.admission import Admission
from detector_runtime.serving.answers import (
    Document,
    answer,
    field_refusal,
    refusal,
    results,
)
from detector_runtime.serving.authentication import Authenticator
from detector_runtime.serving.current import CurrentModel, Model
from detector_runtime.serving.document import openapi
from detector_runtime.serving.guard import Guard
from detector_runtime.serving.jobs import Job, Jobs, JobsFullError, JobState
from detector_runtime.serving.judgement import Judgement
from detector_runtime.serving.measures import Measures
from detector_runtime.serving.observation import (
    Batch,
    FieldError,
    Observation,
    read_batch,
    read_json,
    read_observation,
)
from detector_runtime.serving.options import Auth, Bounds

RETRY_SECONDS = 1


class BodyTooLargeError(Exception):
    """The body is larger than the server takes."""


class NoModelError(Exception):
    """No model has been loaded yet; the message says why."""


@dataclass(slots=True)
class Service:
    """What the routes share. `draining`: the process is about to end."""

    current: CurrentModel
    bounds: Bounds
    measures: Measures
    jobs: Jobs
    draining: bool = False
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def model(self) -> Model:
        """What answers now; a request keeps to it until its end."""
        if self.current.model is None:
            raise NoModelError(self.current.error)
        return self.current.model

    def predict(self, model: Model, one: Observation) -> Document:
        begun = time.perf_counter()
        scorer = model.scorer
        if one.history is None:
            judgement = scorer.judge(one.values[None], np.array([one.time], dtype=np.int64))
        else:
            judgement = scorer.judge_after(one.history, one.values, one.time)
        seconds = self._count(judgement, begun)
        (found,) = results(judgement, (one.identifier,))
        return {**found, **_by(model, seconds)}

    def predict_batch(self, model: Model, batch: Batch) -> Document:
        begun = time.perf_counter()
        judgement = model.scorer.judge(batch.values, batch.times)
        seconds = self._count(judgement, begun)
        return {"results": results(judgement, batch.identifiers), **_by(model, seconds)}

    def _count(self, judgement: Judgement, begun: float) -> float:
        if not judgement.present.any(axis=0).all():
            raise FieldError(("body", "features"), "no member of the model judges any of these")
        seconds = time.perf_counter() - begun
        self.measures.inference.observe(seconds)
        self.measures.observations.inc(len(judgement.anomalous))
        self.measures.anomalies.inc(int(judgement.anomalous.sum()))
        return seconds

    async def run(self, job: Job, model: Model, batch: Batch) -> None:
        try:
            found = await asyncio.to_thread(self.predict_batch, model, batch)
        except Exception as error:  # noqa: BLE001 - the job's client must learn that it failed
            reason = one_line(f"{type(error).__name__}: {error}")
            log("error", "job failed", reason=reason)
            self.jobs.failed(job, reason, time.monotonic())
        else:
            self.jobs.done(job, found, time.monotonic())


def build_app(
    current: CurrentModel,
    bounds: Bounds,
    version: str,
    *,
    auth: Auth = Auth.NONE,
    authenticator: Authenticator | None = None,
) -> FastAPI:
    """The application; its `state.service` is the Service. It follows the file of `current` for as
    long as it runs."""
    measures = Measures(current)
    service = Service(current, bounds, measures, Jobs(bounds.jobs))

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        following = asyncio.create_task(current.follow())
        yield
        following.cancel()
        with suppress(asyncio.CancelledError):
            await following
        await asyncio.gather(*service.tasks)

    app = FastAPI(
        title="detector-runtime", version=version, lifespan=lifespan, docs_url=None, redoc_url=None
    )
    app.state.service = service

    def described() -> dict[str, Any]:
        model = current.model
        return openapi(version, model.scorer if model else None, auth)

    app.openapi = described  # type: ignore[method-assign]
    admission = Admission(bounds.rate, bounds.concurrency, time.monotonic())
    app.add_middleware(
        Guard,
        admission=admission,
        measures=measures,
        authenticator=authenticator,
    )
    _add_state_routes(app, service)
    _add_predictions(app, service)
    _add_refusals(app, service)
    return app


def _add_state_routes(app: FastAPI, service: Service) -> None:
    @app.get("/health")
    async def health() -> Response:
        return answer(200, {"status": "ok"})

    @app.get("/ready")
    async def ready() -> Response:
        return _ready(service)

    @app.get("/metrics")
    async def metrics() -> Response:
        return Response(service.measures.text(), media_type="text/plain; version=0.0.4")

    @app.get("/model/info")
    async def info() -> Response:
        model = service.model()
        served = {"digest": model.served.digest, "since": model.served.since}
        return answer(200, {"model_version": model.scorer.version, **served, **model.scorer.info()})


def _add_predictions(app: FastAPI, service: Service) -> None:
    bounds = service.bounds

    @app.post("/predict")
    async def predict(request: Request) -> Response:
        model = service.model()
        document = read_json(await _body(request, bounds.body_bytes))
        one = read_observation(
            document, model.scorer.features, secrets.token_hex(8), int(time.time())
        )
        if one.history is not None:
            return answer(200, await asyncio.to_thread(service.predict, model, one))
        _check_history(model)
        return answer(200, service.predict(model, one))

    @app.post("/predict/batch")
    async def predict_batch(request: Request) -> Response:
        model = service.model()
        batch = await _batch(request, model, bounds)
        return answer(200, await asyncio.to_thread(service.predict_batch, model, batch))

    @app.post("/predict/async")
    async def predict_async(request: Request) -> Response:
        model = service.model()
        batch = await _batch(request, model, bounds)
        job = service.jobs.add(time.monotonic())
        task = asyncio.create_task(service.run(job, model, batch))
        service.tasks.add(task)
        task.add_done_callback(service.tasks.discard)
        return answer(202, _told(job), {"Location": f"/jobs/{job.identifier}"})

    @app.get("/jobs/{job_id}")
    async def found_job(job_id: str) -> Response:
        job = service.jobs.get(job_id, time.monotonic())
        if job is None:
            return refusal(404, "no such job here; results are kept for 300 s by one replica")
        return answer(200, _told(job))


def _add_refusals(app: FastAPI, service: Service) -> None:
    """What each error of a route is to a client."""
    bounds = service.bounds

    @app.exception_handler(NoModelError)
    async def no_model(_request: Request, error: NoModelError) -> Response:
        return refusal(503, str(error), RETRY_SECONDS)

    @app.exception_handler(FieldError)
    async def bad_field(_request: Request, error: FieldError) -> Response:
        return field_refusal(error)

    @app.exception_handler(BodyTooLargeError)
    async def too_large(_request: Request, _error: BodyTooLargeError) -> Response:
        return refusal(
            413, f"the body is larger than {bounds.body_bytes} bytes; send a smaller batch"
        )

    @app.exception_handler(JobsFullError)
    async def jobs_full(_request: Request, error: JobsFullError) -> Response:
        reason = f"{bounds.jobs} jobs are kept; send the batch to /predict/batch"
        return refusal(503, reason, max(int(error.retry_after), 1))


def _ready(service: Service) -> Response:
    model = service.current.model
    if model is None:
        return answer(503, {"ready": False, "reason": service.current.error})
    version = {"model_version": model.scorer.version}
    if service.draining:
        return answer(503, {"ready": False, "reason": "the server is about to end", **version})
    # An older model that answers is better than none.
    reason = {"reason": service.current.error} if service.current.error else {}
    return answer(200, {"ready": True, **version, **reason})


async def _batch(request: Request, model: Model, bounds: Bounds) -> Batch:
    document = read_json(await _body(request, bounds.body_bytes))
    batch = read_batch(document, model.scorer.features, secrets.token_hex(8), int(time.time()))
    _check_history(model)
    return batch


async def _body(request: Request, limit: int) -> bytes:
    said = request.headers.get("content-length", "")
    if said.isdecimal() and int(said) > limit:
        raise BodyTooLargeError
    pieces, size = [], 0
    async for piece in request.stream():
        size += len(piece)
        if size > limit:
            raise BodyTooLargeError
        pieces.append(piece)
    return b"".join(pieces)


def _check_history(model: Model) -> None:
    if model.scorer.needs_history:
        raise FieldError(
            ("body", "history"),
            "missing; every member of this model reads the windows before: send time and history "
            "to /predict",
        )


def _by(model: Model, seconds: float) -> Document:
    return {"model_version": model.scorer.version, "inference_ms": round(1000 * seconds, 3)}


def _told(job: Job) -> Document:
    found: Document = {"job_id": job.identifier, "state": job.state.value}
    if job.state is JobState.DONE:
        found["result"] = job.result
    if job.state is JobState.FAILED:
        found["error"] = job.error
    return found
