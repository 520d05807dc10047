"""Who asks and what they see: the two arguments that every page takes."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends
from starlette.requests import Request

from anomaly_dashboard.identity.caller import Caller, Entrance
from anomaly_dashboard.watched.sight import Sight
from anomaly_dashboard.web.site import Site


async def _caller(request: Request) -> Caller:
    entrance: Entrance = request.app.state.parts.entrance
    caller = await entrance.caller(request)
    request.state.caller = caller
    return caller


async def _sight(request: Request, caller: Annotated[Caller, Depends(_caller)]) -> Sight:
    entrance: Entrance = request.app.state.parts.entrance
    return await entrance.sight(caller)


def _site(request: Request) -> Site:
    site: Site = request.app.state.parts.site
    return site


CallerIn = Annotated[Caller, Depends(_caller)]
SightIn = Annotated[Sight, Depends(_sight)]
SiteIn = Annotated[Site, Depends(_site)]
