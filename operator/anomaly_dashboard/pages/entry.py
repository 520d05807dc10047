"""Who asks and what they see: the two arguments that every page takes."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends
from starlette.requests import Request

from anomaly_dashboard.identity.caller import Caller, Entrance
from anomaly_dashboard.watched.sight import Sight
from anomaly_dashboard.web.site import Site


def _entrance(request: Request) -> Entrance:
    entrance: Entrance = request.app.state.parts.entrance
    return entrance


async def _caller(request: Request, entrance: Annotated[Entrance, Depends(_entrance)]) -> Caller:
    caller = await entrance.caller(request)
    request.state.caller = caller
    return caller


async def _sight(
    caller: Annotated[Caller, Depends(_caller)], entrance: Annotated[Entrance, Depends(_entrance)]
) -> Sight:
    return await entrance.sight(caller)


def _site(request: Request) -> Site:
    site: Site = request.app.state.parts.site
    return site


CallerIn = Annotated[Caller, Depends(_caller)]
SightIn = Annotated[Sight, Depends(_sight)]
SiteIn = Annotated[Site, Depends(_site)]
EntranceIn = Annotated[Entrance, Depends(_entrance)]
