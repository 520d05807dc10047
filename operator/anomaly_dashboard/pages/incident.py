"""`/incidents/{namespace}/{name}`: one incident, and its report to take away."""

from __future__ import annotations

import shlex
from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from anomaly_cli.cluster_objects import Raw
from anomaly_cli.cluster_reading import part, text
from anomaly_cli.incident_report import html, markdown
from anomaly_cli.incident_report.reading import IncidentReport, read
from anomaly_cli.incident_report.series import MetricSeries
from anomaly_dashboard.identity.caller import Entrance
from anomaly_dashboard.pages.acts import told
from anomaly_dashboard.pages.charts import ChartsIn
from anomaly_dashboard.pages.entry import CallerIn, SightIn, SiteIn
from anomaly_dashboard.pages.errors import missing
from anomaly_dashboard.pages.report_lines import DeskOrNone, report_lines
from anomaly_dashboard.views.incident import incident_view
from anomaly_dashboard.watched.sight import Sight
from anomaly_operator.api.resources import ANOMALY
from anomaly_operator.incidents.state import Verdict

router = APIRouter()
Made = tuple[IncidentReport, list[MetricSeries]]
_PAGE = "/incidents/{namespace}/{name}"
VERDICTS = (
    (Verdict.TRUE_POSITIVE.value, "Yes, a real problem.", "Training leaves it out."),
    (
        Verdict.FALSE_POSITIVE.value,
        "No, nothing was wrong.",
        "It closes, and windows like it open none for a while.",
    ),
    (
        Verdict.EXPECTED.value,
        "It was expected, such as a load test.",
        "Windows like it open none until the time below.",
    ),
)
"""What may be said of an incident, what that means, and what it does."""


async def _made(site: SiteIn, sight: SightIn, desk: DeskOrNone, namespace: str, name: str) -> Made:
    """The report and its metrics."""
    report = _report(_found(sight, namespace, name), sight)
    service = sight.service(namespace, report.service)
    return report, await report_lines(desk, service, report, site.clock())


MadeIn = Annotated[Made, Depends(_made)]


@router.get(_PAGE)
async def incident(
    request: Request,
    *,
    site: SiteIn,
    caller: CallerIn,
    sight: SightIn,
    charts: ChartsIn,
    namespace: str,
    name: str,
) -> Response:
    """The page."""
    raw = _found(sight, namespace, name)
    entrance: Entrance = request.app.state.parts.entrance
    may_answer = await entrance.may(caller, "patch", ANOMALY, namespace, name)
    values = {
        "view": incident_view(raw, sight, int(site.clock())),
        "may_answer": may_answer,
        "told": told(request),
        "charts": charts,
        "markdown": markdown.page(_report(raw, sight), ()),
        "verdicts": VERDICTS,
        "command": shlex.join(["kubectl", "anomaly", "ack", name, "-n", namespace]),
    }
    return site.render(request, "incident.html", values)


@router.get(f"{_PAGE}/report.md")
async def report_markdown(made: MadeIn, name: str) -> Response:
    """The report for a ticket or a wiki."""
    return PlainTextResponse(
        markdown.page(*made), media_type="text/markdown", headers=_kept(name, "md")
    )


@router.get(f"{_PAGE}/report.html")
async def report_html(made: MadeIn, name: str) -> Response:
    """The report as one file. It has its style in it, which a page of the dashboard may not have,
    so it is saved and not shown."""
    return Response(html.page(*made), media_type="text/html", headers=_kept(name, "html"))


def _found(sight: Sight, namespace: str, name: str) -> Raw:
    raw = sight.incident(namespace, name)
    if raw is None:
        raise missing("incident", namespace, name)
    return raw


def _report(raw: Raw, sight: Sight) -> IncidentReport:
    namespace = text(part(raw, "metadata"), "namespace")
    service = text(part(part(raw, "spec"), "serviceRef"), "name")
    return read(raw, sight.service(namespace, service))


def _kept(name: str, kind: str) -> dict[str, str]:
    """Names of objects are host names, so they need no quoting; anything else is left out."""
    safe = "".join(
        letter for letter in name if letter.isascii() and (letter.isalnum() or letter in "-.")
    )
    return {"Content-Disposition": f'attachment; filename="{safe or "incident"}.{kind}"'}
