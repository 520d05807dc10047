"""`/audit`: who said or changed what, when."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from anomaly_dashboard.pages.entry import LineIn, SightIn, SiteIn
from anomaly_dashboard.pages.errors import missing
from anomaly_dashboard.views.audit import (
    DAY,
    KINDS,
    MAX_DAYS,
    AuditFilter,
    Entry,
    audit,
    newest,
    of_incident,
    of_managers,
    of_service,
    table,
)
from anomaly_dashboard.watched.sight import Raw, Sight
from anomaly_dashboard.writes.manifest import Manifests, refusal
from anomaly_operator.api.errors import OperatorError
from anomaly_operator.api.resources import ANOMALY, SERVICE, Resource

router = APIRouter()
_MAX_TEXT = 253
_INCIDENTS, _SERVICES = 2000, 5000
"""Objects that one page looks through, the newest incidents first."""
_AT_ONCE = 50
"""Objects that are unpacked before others get their turn."""


@router.get("/audit")
async def page(request: Request, site: SiteIn, sight: SightIn) -> Response:
    """The trail, filtered by the address."""
    asked, now = _asked(request.query_params), int(site.clock())
    entries, unread = await _entries(sight, asked, now)
    namespaces = {row.namespace for row in sight.services()}
    namespaces |= {row.namespace for row in sight.incidents()}
    view = audit(entries, namespaces, asked, now, unread)
    return site.render(request, "audit.html", {"view": view})


@router.get("/audit.csv")
async def csv(request: Request, site: SiteIn, sight: SightIn) -> Response:
    """All that matches, as a table for a spreadsheet."""
    asked, now = _asked(request.query_params), int(site.clock())
    entries, _ = await _entries(sight, asked, now)
    return StreamingResponse(
        table(newest(entries, asked, now)),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": 'attachment; filename="audit.csv"'},
    )


@router.get("/audit/{plural}/{namespace}/{name}")
async def of_one(request: Request, site: SiteIn, sight: SightIn, line: LineIn) -> Response:
    """One object, with the writes that the API server recorded in it."""
    plural, namespace, name = (request.path_params[key] for key in ("plural", "namespace", "name"))
    resource = KINDS.get(plural)
    raw = None if resource is None else _object(sight, resource, namespace, name)
    if resource is None or raw is None:
        raise missing(plural, namespace, name)
    recorded = list(
        of_incident(raw) if resource == ANOMALY else of_service(raw) if resource == SERVICE else ()
    )
    problem = "Sign in with a token to see which programs wrote what."
    if line is not None:
        try:
            async with line as transport:
                managed = await Manifests(transport).managed(resource, namespace, name)
            recorded += of_managers(managed, resource, (namespace, name))
            problem = ""
        except OperatorError as error:
            problem = f"The writes cannot be read: {refusal(error)}."
    recorded.sort(key=lambda one: -one.at)
    values = {"kind": resource.kind, "place": (namespace, name), "entries_of": recorded}
    return site.render(request, "audit_object.html", {**values, "problem": problem})


def _object(sight: Sight, resource: Resource, namespace: str, name: str) -> Raw | None:
    if resource == ANOMALY:
        return sight.incident(namespace, name)
    if resource == SERVICE:
        return sight.service(namespace, name)
    return sight.policy(namespace, name)


async def _entries(sight: Sight, asked: AuditFilter, now: int) -> tuple[list[Entry], int]:
    """All entries that may match, and how many incidents were not looked through."""
    since = now - asked.days * DAY
    rows = [
        row
        for row in sight.incidents()
        if asked.namespace in {"", row.namespace}
        and (row.running or max(row.last_seen, row.closed_at) >= since - DAY * MAX_DAYS)
    ]
    rows.sort(key=lambda row: (not row.running, -max(row.last_seen, row.closed_at)))
    found: list[Entry] = []
    for at, row in enumerate(rows[:_INCIDENTS]):
        if (raw := sight.incident(*row.place)) is not None:
            found += of_incident(raw)
        if at % _AT_ONCE == 0:
            await asyncio.sleep(0)
    services = [row for row in sight.services() if asked.namespace in {"", row.namespace}]
    for at, service in enumerate(services[:_SERVICES]):
        if (raw := sight.service(*service.place)) is not None:
            found += of_service(raw)
        if at % _AT_ONCE == 0:
            await asyncio.sleep(0)
    return found, max(len(rows) - _INCIDENTS, 0)


def _asked(query: Mapping[str, str]) -> AuditFilter:
    return AuditFilter(
        who=query.get("who", "").strip()[:_MAX_TEXT],
        namespace=query.get("namespace", ""),
        days=min(max(_number(query.get("days", ""), 7), 1), MAX_DAYS),
        people=query.get("all", "") != "1",
        page=_number(query.get("page", ""), 1),
    )


def _number(said: str, default: int) -> int:
    return int(said) if said.isascii() and said.isdecimal() and len(said) < 9 else default
