"""`/policies`: SLO policies, and an editor for one.

The editor writes nothing before it is told to apply, and then with the caller's own token.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from anomaly_dashboard.identity.caller import Caller, Entrance
from anomaly_dashboard.pages.entry import CallerIn, EntranceIn, Line, LineIn, SightIn, SiteIn
from anomaly_dashboard.pages.errors import PageError, missing
from anomaly_dashboard.views.policies import (
    NEW_SPEC,
    as_policy,
    complaints,
    policies,
    preview,
    standings,
)
from anomaly_dashboard.views.policy_editor import (
    Access,
    EditorView,
    checked,
    read_policy,
    spec_problems,
    unchecked,
    with_spec,
)
from anomaly_dashboard.views.policy_form import form_of, overlaid
from anomaly_dashboard.watched.sight import Raw, Sight
from anomaly_dashboard.web.site import Site
from anomaly_dashboard.writes.manifest import Manifests
from anomaly_dashboard.writes.manifest_text import ManifestTextError, Named, essence, written
from anomaly_operator.api.resources import POLICY

router = APIRouter()
_MAX_TEXT = 253
_MOST_SERVICES = 2000


@router.get("/policies")
async def listed(request: Request, site: SiteIn, sight: SightIn) -> Response:
    """All policies, the worst first."""
    query = request.query_params
    page = query.get("page", "")
    view = policies(
        sight.policies(),
        {row.namespace for row in sight.services()},
        namespace=query.get("namespace", ""),
        search=query.get("q", "").strip()[:_MAX_TEXT],
        page=int(page) if page.isascii() and page.isdecimal() and len(page) < 9 else 1,
    )
    return site.render(request, "policies.html", {"view": view, "query": request.url.query})


@router.get("/policies/new")
async def new(request: Request, site: SiteIn, caller: CallerIn, entrance: EntranceIn) -> Response:
    """The editor with a policy to begin with."""
    namespace = request.query_params.get("namespace", "").strip()[:_MAX_TEXT]
    if not namespace:
        raise PageError(400, "No namespace", "Choose a namespace on the page of SLO policies.")
    start = essence(
        POLICY, {"metadata": {"name": "new-policy", "namespace": namespace}, "spec": NEW_SPEC}
    )
    assert start is not None
    access = await _access(entrance, caller, namespace, "")
    view = EditorView(namespace, "", written(start), form_of(NEW_SPEC), access)
    return _page(request, site, view, None)


@router.get("/policies/{namespace}/{name}")
async def one(
    request: Request, site: SiteIn, sight: SightIn, caller: CallerIn, entrance: EntranceIn
) -> Response:
    """One policy: how it stands, and the editor."""
    namespace, name = request.path_params["namespace"], request.path_params["name"]
    raw = sight.policy(namespace, name)
    manifest = None if raw is None else essence(POLICY, raw)
    if raw is None or manifest is None:
        raise missing(POLICY.kind, namespace, name)
    access = await _access(entrance, caller, namespace, name)
    view = EditorView(namespace, name, written(manifest), form_of(manifest["spec"]), access)
    named = Named(POLICY, (namespace, name), manifest)
    return _page(request, site, _previewed(view, named, sight, int(site.clock())), raw)


@router.post("/policies/new")
@router.post("/policies/{namespace}/{name}")
async def edited(  # noqa: PLR0917 - each is given by the framework
    request: Request,
    site: SiteIn,
    sight: SightIn,
    caller: CallerIn,
    line: LineIn,
    entrance: EntranceIn,
) -> Response:
    """The text of the form, checked; applied where the person asked for it and may."""
    async with request.form() as sent:
        form = {key: value for key, value in sent.items() if isinstance(value, str)}
    namespace = request.path_params.get("namespace", form.get("namespace", ""))
    name = request.path_params.get("name", "")
    raw = sight.policy(namespace, name) if name else None
    if name and raw is None:
        raise missing(POLICY.kind, namespace, name)
    access = await _access(entrance, caller, namespace, name)
    text = form.get("manifest", "").replace("\r\n", "\n")
    view = EditorView(namespace, name, text, form_of({}), access)
    try:
        named = await asyncio.to_thread(read_policy, text, namespace, name)
    except ManifestTextError as error:
        return _page(request, site, replace(view, problems=(str(error),)), raw)
    return _page(request, site, await _tried(view, named, raw, form, line, sight, site), raw)


async def _tried(  # noqa: PLR0917 - one step of `edited`
    view: EditorView,
    named: Named,
    raw: Raw | None,
    form: Mapping[str, str],
    line: Line | None,
    sight: Sight,
    site: Site,
) -> EditorView:
    if form.get("action") == "form":
        spec = overlaid(named.manifest["spec"], form)
        named = replace(named, manifest={**named.manifest, "spec": spec})
        view = replace(view, manifest=written(named.manifest))
    view = with_spec(view, named.manifest)
    if problems := spec_problems(named.manifest):
        return replace(view, problems=problems)
    view = _previewed(view, named, sight, int(site.clock()))
    if line is None:
        before = None if raw is None else essence(POLICY, raw)
        return unchecked(view, before, named.manifest)
    apply = form.get("action") == "apply" and view.access.apply
    async with line as transport:
        server = Manifests(transport)
        tried = await (server.apply(named) if apply else server.dry_run(named))
    if tried.problem or not apply or tried.after is None:
        return checked(view, tried, applied=False)
    return replace(checked(view, tried, applied=True), manifest=written(tried.after))


def _previewed(view: EditorView, named: Named, sight: Sight, now: int) -> EditorView:
    namespace, name = named.place
    raw = sight.policy(namespace, name)
    live = (raw or {}).get("metadata")
    metadata = {**live, **named.manifest["metadata"]} if isinstance(live, Mapping) else None
    candidate = as_policy(
        {**named.manifest, "metadata": metadata or named.manifest["metadata"]}, now
    )
    services = [row for row in sight.services() if row.namespace == namespace][:_MOST_SERVICES]
    known = (sight.policy(*row.place) for row in sight.policies() if row.namespace == namespace)
    found = preview(
        candidate,
        (raw for row in services if (raw := sight.service(*row.place)) is not None),
        [as_policy(one, now) for one in known if one is not None],
    )
    return replace(view, preview=found)


async def _access(entrance: Entrance, caller: Caller, namespace: str, name: str) -> Access:
    if caller.read_only:
        return Access(False, "You are signed in without a token of your own, so you can only read.")
    allowed = await entrance.may(caller, "patch", POLICY, namespace, name)
    if allowed and not name:
        allowed = await entrance.may(caller, "create", POLICY, namespace)
    if allowed:
        return Access(True)
    verb = "patch" if name else "create"
    return Access(
        False,
        f"You may not {verb} slopolicies in namespace {namespace}. Copy the YAML and give it to "
        "somebody who may, or put it into Git.",
    )


def _page(request: Request, site: Site, view: EditorView, raw: Raw | None) -> Response:
    values = {
        "view": view,
        "standings": standings(raw or {}),
        "complaints": complaints(raw or {}),
    }
    return site.render(request, "policy.html", values)
