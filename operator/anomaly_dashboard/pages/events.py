"""`/events`: tells a browser that something it may see has changed.

An event carries the names of what changed and nothing else; who wants to know more asks for the
page, under the rights of that moment.
"""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from anomaly_dashboard.identity.caller import Caller, Entrance
from anomaly_dashboard.live.event_stream import EventStream, Telling
from anomaly_dashboard.live.fan_out import EVERYTHING, TooManyStreamsError
from anomaly_dashboard.pages.entry import CallerIn, LiveIn, SightIn
from anomaly_dashboard.watched.sight import Sight

router = APIRouter()


@router.get("/events")
async def events(
    request: Request, caller: CallerIn, sight: SightIn, live: LiveIn, since: str = ""
) -> Response:
    """The stream; `since`: the id of the last event that the browser saw, or of its page."""
    try:
        stream = live.fan_out.open(caller.key, sight)
    except TooManyStreamsError as error:
        status = 503 if error.whole else 429
        return PlainTextResponse(str(error), status, headers={"Retry-After": "10"})
    seen = request.headers.get("last-event-id") or since
    if seen and seen != live.mark():
        stream.tell([EVERYTHING])
    entrance: Entrance = request.app.state.parts.entrance

    async def allowed() -> bool:
        return await _same(request, entrance, caller, sight)

    return EventStream(Telling(stream, live.mark, allowed, live.pace), live.fan_out)


async def _same(request: Request, entrance: Entrance, caller: Caller, sight: Sight) -> bool:
    """Whether the caller is still signed in and sees the same; not, where that cannot be told."""
    try:
        now = await entrance.caller(request)
        return now.key == caller.key and (await entrance.sight(now)).scopes == sight.scopes
    except Exception:  # noqa: BLE001 - whatever keeps it from being looked at, the stream ends
        return False
