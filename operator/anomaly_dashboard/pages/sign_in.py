"""`/sign-in` and `/sign-out`: by a token, or on one's own machine by the printed address."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Query
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from anomaly_dashboard.identity.refused import RefusedError
from anomaly_dashboard.identity.sign_in import SignIn
from anomaly_dashboard.pages.entry import CallerIn, SiteIn
from anomaly_dashboard.pages.errors import PageError
from anomaly_dashboard.web.site import Site

router = APIRouter()


@router.get("/sign-in")
async def sign_in(
    request: Request, site: SiteIn, code: str = "", back: Annotated[str, Query(alias="next")] = "/"
) -> Response:
    """The form; with a code, a session."""
    doors = _doors(request)
    if not code:
        return _form(request, site, doors, back)
    try:
        identity = await doors.with_code(request, code)
    except RefusedError as error:
        return _form(request, site, doors, "/", error)
    # At once to an address without the code.
    return _entered(request, site, doors, identity, "/")


@router.post("/sign-in")
async def with_token(
    request: Request,
    site: SiteIn,
    token: Annotated[str, Form()] = "",
    csrf: Annotated[str, Form()] = "",
    back: Annotated[str, Form(alias="next")] = "/",
) -> Response:
    """A session, or the form again with the reason."""
    doors = _doors(request)
    try:
        identity = await doors.with_token(request, token.strip(), csrf)
    except RefusedError as error:
        return _form(request, site, doors, back, error)
    return _entered(request, site, doors, identity, back)


@router.post("/sign-out")
async def sign_out(request: Request, site: SiteIn, caller: CallerIn) -> Response:
    """Ends the session and the memory of its token."""
    doors = _doors(request)
    response = RedirectResponse(site.url("/sign-in"), 303)
    doors.leave(response, request, caller)
    return response


def _doors(request: Request) -> SignIn:
    doors: SignIn | None = request.app.state.parts.sign_in
    if doors is None:
        raise PageError(404, "Not found", "Nobody signs in here.")
    return doors


def _form(
    request: Request, site: Site, doors: SignIn, target: str, error: RefusedError | None = None
) -> Response:
    before, csrf = doors.form(request)
    values = {
        "problem": error.message if error else "",
        "local": doors.local,
        "form_token": csrf,
        "next": own_path(target),
    }
    response = site.render(request, "sign_in.html", values, error.status if error else 200)
    doors.remember(response, request, before)
    if error and error.wait:
        response.headers["Retry-After"] = str(error.wait)
    return response


def _entered(request: Request, site: Site, doors: SignIn, identity: str, target: str) -> Response:
    response = RedirectResponse(site.url(own_path(target)), 303)
    doors.enter(response, request, identity)
    doors.remember(response, request, "")
    return response


def own_path(target: str) -> str:
    """`target` where it is a path of ours, else the overview. Browsers read a backslash as a slash
    and skip control characters, so neither may stand in it."""
    own = target.startswith("/") and not target.startswith("//")
    return target if own and "\\" not in target and target.isprintable() else "/"
