"""Probes of the kubelet; they know nothing of any object."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import PlainTextResponse

router = APIRouter()


@router.get("/healthz")
async def healthz() -> PlainTextResponse:
    """The process answers."""
    return PlainTextResponse("ok")


@router.get("/readyz")
async def readyz(request: Request) -> PlainTextResponse:
    """Everything was listed once."""
    if request.app.state.parts.ready():
        return PlainTextResponse("ok")
    return PlainTextResponse("not everything is listed yet", 503)
