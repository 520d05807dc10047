"""What people say of an incident: acknowledge, feedback, note. Each is written by their own token.

A form without JavaScript gets the incident's page again, one of htmx a sentence in its place.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Form
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from anomaly_cli import statements
from anomaly_cli.cluster_objects import Incident
from anomaly_cli.connection import explained
from anomaly_cli.statements import SaidAlreadyError, Saying, Speaker, UnknownWordError
from anomaly_dashboard.identity.caller import Caller
from anomaly_dashboard.pages.entry import CallerIn, Line, LineIn, SightIn, SiteIn
from anomaly_dashboard.pages.errors import PageError, missing
from anomaly_dashboard.web.site import Site
from anomaly_dashboard.web.words import segment
from anomaly_dashboard.writes.answers import say
from anomaly_operator.api.errors import ApiError

router = APIRouter()
TOLD = {
    "acknowledge": "Acknowledged.",
    "feedback": "Your feedback is saved.",
    "note": "Your note is saved.",
}
"""By the value of `said` in the address of the page that follows."""
_PAGE = "/incidents/{namespace}/{name}"
_LOCAL_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?")
"""As browsers send a field of the type datetime-local."""
Comment = Annotated[str, Form(max_length=1024)]
Overwrite = Annotated[bool, Form()]


@dataclass(frozen=True, slots=True)
class _Act:
    """Who says something of which incident."""

    request: Request
    site: Site
    caller: Caller
    line: Line | None
    namespace: str
    name: str

    async def say(self, act: str, saying: Callable[[Incident], Saying]) -> Response:
        """Write it and answer."""
        if self.line is None:
            raise PageError(
                403, "Not allowed", "You are signed in read-only. Sign in by a token to write."
            )
        try:
            async with self.line as transport:
                told = await say(transport, self.namespace, self.name, saying)
        except SaidAlreadyError as error:
            return self._again(act, f"{error}.")
        except ApiError as error:
            raise PageError(error.status or 503, "Not saved", f"{explained(error)}.") from error
        if self.request.headers.get("hx-request") == "true":
            response = self.site.render(self.request, "told.html", {"told": f"{told}."})
            response.headers["HX-Trigger"] = "changed"
            return response
        return RedirectResponse(self.site.url(self._path, said=act), 303)

    def _again(self, act: str, message: str) -> Response:
        """Ask whether to replace what somebody else has said."""
        values = {
            "message": message,
            "target": f"{self._path}/{act}",
            "back": self._path,
            "fields": self.request.state.fields,
        }
        return self.site.render(self.request, "replace.html", values, 409)

    @property
    def _path(self) -> str:
        return f"/incidents/{segment(self.namespace)}/{segment(self.name)}"


async def _act(
    request: Request,
    *,
    site: SiteIn,
    caller: CallerIn,
    line: LineIn,
    sight: SightIn,
    namespace: str,
    name: str,
) -> _Act:
    if sight.incident_row((namespace, name)) is None:
        raise missing("incident", namespace, name)
    form = await request.form()
    request.state.fields = [
        (key, value)
        for key, value in form.multi_items()
        if isinstance(value, str) and key not in {"csrf", "overwrite"}
    ]
    return _Act(request, site, caller, line, namespace, name)


ActIn = Annotated[_Act, Depends(_act)]


@router.post(f"{_PAGE}/acknowledge")
async def acknowledge(act: ActIn, comment: Comment = "", overwrite: Overwrite = False) -> Response:
    """Say that one handles it."""
    who, now = Speaker(act.caller.name, overwrite), act.site.clock()
    return await act.say(
        "acknowledge", lambda one: statements.acknowledged(one, who, comment.strip(), now)
    )


@router.post(f"{_PAGE}/feedback")
async def feedback(
    act: ActIn,
    verdict: Annotated[str, Form(max_length=40)],
    until: Annotated[str, Form(max_length=40)] = "",
    comment: Comment = "",
    overwrite: Overwrite = False,
) -> Response:
    """Say whether the detector was right."""
    who, now = Speaker(act.caller.name, overwrite), int(act.site.clock())
    until = f"{until}Z" if _LOCAL_TIME.fullmatch(until) else until
    try:
        said = statements.judgement(verdict, until, comment.strip(), now, "The field Until")
    except UnknownWordError as error:
        raise PageError(422, "Not saved", f"{error}.") from error
    return await act.say("feedback", lambda one: statements.marked(one, who, said))


@router.post(f"{_PAGE}/note")
async def note(
    act: ActIn,
    note: Annotated[str, Form(min_length=1, max_length=4096)],
    overwrite: Overwrite = False,
) -> Response:
    """Say what the cause was and what ended it."""
    who, now = Speaker(act.caller.name, overwrite), act.site.clock()
    return await act.say("note", lambda one: statements.noted(one, who, note.strip(), now))


def told(request: Request) -> str:
    """What the page of the incident says above all else, after a form was sent."""
    return TOLD.get(request.query_params.get("said", ""), "")
