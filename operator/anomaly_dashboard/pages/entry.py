"""Who asks and what they see: the arguments that every page takes.

A post that does not bring back the token of its session goes no further than this.
"""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import Annotated

from fastapi import Depends
from starlette.requests import Request

from anomaly_dashboard.identity.caller import Caller, Entrance
from anomaly_dashboard.identity.lines import Lines
from anomaly_dashboard.live.live import Live
from anomaly_dashboard.pages.errors import PageError
from anomaly_dashboard.watched.sight import Sight
from anomaly_dashboard.web.site import Site
from anomaly_operator.client.transport import Transport

CSRF_HEADER = "X-CSRF-Token"
CSRF_FIELD = "csrf"
Line = AbstractAsyncContextManager[Transport]
"""Speaks to the API server as the caller."""


def _entrance(request: Request) -> Entrance:
    entrance: Entrance = request.app.state.parts.entrance
    return entrance


async def _caller(request: Request, entrance: Annotated[Entrance, Depends(_entrance)]) -> Caller:
    caller = await entrance.caller(request)
    request.state.caller = caller
    if request.method == "POST" and not entrance.trusts(caller, await _token(request)):
        raise PageError(
            403, "Not allowed", "The form is of another session. Load the page again and retry."
        )
    return caller


async def _token(request: Request) -> str:
    said = request.headers.get(CSRF_HEADER, "")
    if said:
        return said
    form = await request.form()
    value = form.get(CSRF_FIELD, "")
    return value if isinstance(value, str) else ""


async def _sight(
    request: Request,
    caller: Annotated[Caller, Depends(_caller)],
    entrance: Annotated[Entrance, Depends(_entrance)],
) -> Sight:
    sight = await entrance.sight(caller)
    # From before anything is read: what changes from now on is news to the page.
    request.state.mark = request.app.state.parts.live.mark()
    if sight.out_of_touch:
        request.state.old_since = sight.out_of_touch.since
    return sight


def _site(request: Request) -> Site:
    site: Site = request.app.state.parts.site
    return site


def _live(request: Request) -> Live:
    live: Live = request.app.state.parts.live
    return live


def _line(request: Request, caller: Annotated[Caller, Depends(_caller)]) -> Line | None:
    """None for somebody who can only read."""
    lines: Lines | None = request.app.state.parts.lines
    return None if lines is None or caller.login is None else lines.of(caller)


CallerIn = Annotated[Caller, Depends(_caller)]
LineIn = Annotated[Line | None, Depends(_line)]
SightIn = Annotated[Sight, Depends(_sight)]
SiteIn = Annotated[Site, Depends(_site)]
EntranceIn = Annotated[Entrance, Depends(_entrance)]
LiveIn = Annotated[Live, Depends(_live)]
