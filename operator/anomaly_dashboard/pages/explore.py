"""`/explore`: other settings on the last days, before anybody applies them.

For people who may create AnomalyServices in the namespace: whoever may could ask the same queries
and spend the same time of the cluster's processors with a manifest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from anomaly_dashboard.explore.desk import Desk
from anomaly_dashboard.explore.draft import Draft, DraftError, query_draft, read_draft
from anomaly_dashboard.explore.form import changes, with_form
from anomaly_dashboard.explore.job import Job
from anomaly_dashboard.explore.reading import Setting, job_of
from anomaly_dashboard.explore.recording_csv import lines
from anomaly_dashboard.explore.runs import BusyError, Run, Say, State, Trial
from anomaly_dashboard.explore.standing import Raw, standing, with_policy
from anomaly_dashboard.identity.caller import Caller
from anomaly_dashboard.pages.entry import CallerIn, SightIn, SiteIn
from anomaly_dashboard.pages.errors import PageError, missing
from anomaly_dashboard.pages.series import DeskIn
from anomaly_dashboard.series.sources import SeriesRefusedError
from anomaly_dashboard.views import explore as views
from anomaly_dashboard.views.series import series_document, tried_in
from anomaly_dashboard.watched.sight import Sight
from anomaly_operator.api.resources import SERVICE
from anomaly_operator.observe.read import metadata

router = APIRouter()
MAX_BODY = 512 * 1024
MAX_FIELDS = 400
_ASKED = ("service", "namespace", "source", "query", "step")
NOW, CHANGED = "now", "changed"
_ENDED = "This trial has ended, or it was somebody else's. Try the settings again."
_NO_RUN: Mapping[str, object] = {"chosen": None, "run": None, "progress": None, "result": None}
_LISTS: Mapping[str, object] = {"days": views.DAYS, "trainings": views.TRAININGS}


@router.get("/explore")
async def explore(
    request: Request, site: SiteIn, sight: SightIn, caller: CallerIn, desk: DeskIn
) -> Response:
    """The page: what to choose from, and the settings of what was chosen."""
    asked = request.query_params
    namespace, _, service = asked.get("service", "").strip().rpartition("/")
    namespace = asked.get("namespace", "").strip() or namespace
    chosen: views.Chosen | None = None
    problems: tuple[str, ...] = ()
    if namespace:
        await _allowed(request, caller, namespace)
        desk.reads.forget(caller.key)
        try:
            draft = _begun(sight, namespace, service, asked)
            chosen = views.chosen(draft, service)
            desk.sources.queries(draft.service)
        except DraftError as error:
            problems = error.problems
        except SeriesRefusedError as error:
            problems = (str(error),)
    values = {
        "choice": views.choice(sight.services(), desk.sources.names()),
        "chosen": chosen,
        "problems": problems,
        "asked": {key: asked.get(key, "") for key in _ASKED},
        **_LISTS,
    }
    return site.render(request, "explore.html", values)


@router.post("/explore/try")
async def try_settings(
    request: Request, site: SiteIn, sight: SightIn, caller: CallerIn, desk: DeskIn
) -> Response:
    """Starts a trial in the place of the caller's last one; the answer is where it is shown."""
    form = await _form(request)
    namespace, service = form.get("namespace", ""), form.get("service", "")
    await _allowed(request, caller, namespace)
    try:
        new = with_form(read_draft(form.get("yaml", ""), namespace), changes(form))
        days = _chosen(form, "days", views.DAYS)
        refit = _chosen(form, "refit", [seconds for seconds, _ in views.TRAININGS])
        policies = _policies(sight, namespace)
        raw = sight.service(namespace, service) if service else None
        old = standing(raw, policies) if raw else None
        trial = Trial(old, new, days, refit)
        settings = _settings(trial, raw, policies, desk)
        now = site.clock()

        async def prepare(say: Say) -> Job:
            return await job_of(
                settings, days, refit, desk.proxy, desk.reads, owner=caller.key, now=now, say=say
            )

        run = desk.runs.start(caller.key, prepare, trial=trial)
    except (DraftError, SeriesRefusedError, BusyError) as error:
        problems = error.problems if isinstance(error, DraftError) else (str(error),)
        return site.render(request, "explore_run.html", {**_NO_RUN, "problems": problems})
    return _shown(request, site, desk, run, {"chosen": views.chosen(new, service, days, refit)})


@router.get("/explore/runs/{run_id}")
async def trial(
    request: Request, site: SiteIn, caller: CallerIn, desk: DeskIn, run_id: str
) -> Response:
    """How far a trial is, and at last what it found."""
    run = desk.runs.find(run_id, caller.key)
    if run is None:
        return site.render(request, "explore_run.html", {**_NO_RUN, "problems": (_ENDED,)})
    return _shown(request, site, desk, run, {"chosen": None})


@router.post("/explore/runs/{run_id}/cancel")
async def cancel(
    request: Request, site: SiteIn, caller: CallerIn, desk: DeskIn, run_id: str
) -> Response:
    """Ends a trial; a page that is left says so too."""
    run = desk.runs.find(run_id, caller.key)
    if run is not None:
        desk.runs.cancel(run)
    values = {**_NO_RUN, "problems": ("The trial was cancelled.",)}
    return site.render(request, "explore_run.html", values)


@router.get("/explore/runs/{run_id}/series")
async def trial_series(caller: CallerIn, desk: DeskIn, run_id: str, side: int = 0) -> Response:
    """One setting's curves, as `/api/series` has them."""
    run = _found(desk, caller, run_id)
    if not 0 <= side < len(run.result):
        raise PageError(404, "Not found", "The trial has no such result.")
    found = run.result[side]
    return JSONResponse(
        series_document(found.curves, found.units, tried_in(found.incidents), found.notes)
    )


@router.get("/explore/runs/{run_id}/recording.csv")
async def recording(caller: CallerIn, desk: DeskIn, run_id: str) -> Response:
    """The windows of the changed settings, for `kubectl-anomaly backtest --data`."""
    run = _found(desk, caller, run_id)
    if run.job is None:
        raise PageError(404, "Not found", "The trial has read nothing yet.")
    headers = {"Content-Disposition": 'attachment; filename="recording.csv"'}
    return StreamingResponse(lines(run.job.sides[-1].frame), media_type="text/csv", headers=headers)


def _begun(sight: Sight, namespace: str, service: str, asked: Mapping[str, str]) -> Draft:
    """The first draft. Raises DraftError, PageError."""
    if not service:
        source, query, step = (asked.get(key, "").strip() for key in ("source", "query", "step"))
        return query_draft(namespace, source, query, step)
    raw = sight.service(namespace, service)
    if raw is None:
        raise missing("service", namespace, service)
    return standing(raw, _policies(sight, namespace))


def _settings(
    trial: Trial, raw: Raw | None, policies: tuple[Raw, ...], desk: Desk
) -> tuple[Setting, ...]:
    """What the trial compares. Raises SeriesRefusedError."""
    new = trial.new.service
    wanted = Setting(CHANGED, new, with_policy(policies, trial.new), desk.sources.queries(new))
    if raw is None:
        return (wanted,)
    return (Setting(NOW, raw, policies, desk.sources.queries(raw)), wanted)


def _policies(sight: Sight, namespace: str) -> tuple[Raw, ...]:
    names = [row.name for row in sight.policies() if row.namespace == namespace]
    found = (sight.policy(namespace, name) for name in names)
    return tuple(one for one in found if one is not None and metadata(one).name)


def _shown(
    request: Request, site: SiteIn, desk: Desk, run: Run, values: Mapping[str, object]
) -> Response:
    told: dict[str, object] = {**_NO_RUN, "run": run.id, "problems": ()}
    if run.state is State.DONE and run.trial is not None and run.job is not None:
        told["result"] = views.result(run.trial, run.job, run.result)
    elif run.state.over:
        told["run"], told["problems"] = None, (run.said,)
    else:
        told["progress"] = views.progress(run, desk.runs.place(run))
    return site.render(request, "explore_run.html", {**_LISTS, **told, **values})


def _found(desk: Desk, caller: Caller, run_id: str) -> Run:
    run = desk.runs.find(run_id, caller.key)
    if run is None:
        raise PageError(404, "Not found", _ENDED)
    return run


async def _allowed(request: Request, caller: Caller, namespace: str) -> None:
    """Raises PageError unless the caller may create AnomalyServices there."""
    entrance = request.app.state.parts.entrance
    if not namespace or not await entrance.may(caller, "create", SERVICE, namespace):
        text = (
            f"Explore is for people who may create AnomalyServices, and you may not in namespace "
            f"{namespace or '(none)'}. Ask for the right to create anomalyservices there."
        )
        raise PageError(403, "Not allowed", text)


async def _form(request: Request) -> dict[str, str]:
    """The fields of a form. Raises PageError."""
    if int(request.headers.get("content-length") or 0) > MAX_BODY:
        raise PageError(413, "Too large", f"The form has more than {MAX_BODY} bytes.")
    form = await request.form(max_files=0, max_fields=MAX_FIELDS)
    return {name: value for name, value in form.items() if isinstance(value, str)}


def _chosen(form: Mapping[str, str], name: str, allowed: Sequence[int]) -> int:
    """One of `allowed`. Raises DraftError."""
    found = [one for one in allowed if str(one) == form.get(name, "")]
    if not found:
        known = ", ".join(str(one) for one in allowed)
        raise DraftError([f"{name}: is {form.get(name, '')[:20]!r}; choose one of {known}"])
    return found[0]
