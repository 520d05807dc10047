"""The application: every page under the same gate and the same headers.

It starts nothing; `process` watches, listens and ends.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.staticfiles import StaticFiles

from anomaly_cli.connection import explained
from anomaly_dashboard.explore.desk import Desk
from anomaly_dashboard.identity.caller import Entrance, NotSignedInError
from anomaly_dashboard.identity.gate import Gate, Rules
from anomaly_dashboard.identity.lines import Lines
from anomaly_dashboard.identity.refused import RefusedError
from anomaly_dashboard.identity.sign_in import SignIn
from anomaly_dashboard.live.live import Live
from anomaly_dashboard.pages import ROUTERS, health
from anomaly_dashboard.pages.errors import PageError
from anomaly_dashboard.pages.sign_in import own_path
from anomaly_dashboard.web.headers import Headers, strict
from anomaly_dashboard.web.site import STATIC, Site
from anomaly_operator.api.errors import ApiError, OperatorError, UnreachableError
from anomaly_operator.telemetry import logs

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Parts:
    """What the pages work with. Each capability adds its own. `ready`: whether there is something
    to show; `lines`: to the API server, None where nobody may write; `sign_in`: None where
    everybody is known by other means."""

    site: Site
    entrance: Entrance
    rules: Rules = field(default_factory=Rules)
    ready: Callable[[], bool] = lambda: True
    lines: Lines | None = None
    sign_in: SignIn | None = None
    desk: Desk | None = None
    live: Live = field(default_factory=Live)


def build_app(parts: Parts) -> FastAPI:
    """The dashboard as an ASGI application."""
    app = FastAPI(title="anomaly-operator", docs_url=None, redoc_url=None, openapi_url=None)
    app.state.parts = parts
    app.add_exception_handler(NotSignedInError, _to_sign_in)
    app.add_exception_handler(PageError, _problem)
    app.add_exception_handler(RefusedError, _refused)
    app.add_exception_handler(OperatorError, _no_answer)
    app.add_exception_handler(HTTPException, _no_page)
    app.add_exception_handler(RequestValidationError, _not_understood)
    app.add_exception_handler(Exception, _defect)
    prefix = parts.site.prefix
    if prefix:
        app.include_router(health.router)
    for router in ROUTERS:
        app.include_router(router, prefix=prefix)
    app.mount(f"{prefix}/static", _Assets(directory=STATIC), name="static")
    app.add_middleware(Gate, rules=parts.rules)
    app.add_middleware(GZipMiddleware, minimum_size=1024, compresslevel=5)
    app.add_middleware(Headers)
    return app


class _Assets(StaticFiles):
    """Their addresses change with their content, so a browser may keep them for good."""

    def file_response(self, *args: object, **kwargs: object) -> Response:
        response: Response = super().file_response(*args, **kwargs)  # type: ignore[arg-type]
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        return response


async def _to_sign_in(request: Request, _: Exception) -> Response:
    site: Site = request.app.state.parts.site
    whole = "text/html" in request.headers.get("accept", "") and "hx-request" not in request.headers
    if request.method != "GET" or not whole:
        # A part of a page that is open still: htmx loads the whole page again, which leads here.
        headers = {"WWW-Authenticate": "Bearer", "HX-Refresh": "true"}
        return Response("sign in first", 401, headers=headers)
    back = request.url.path.removeprefix(site.prefix)
    query = f"?{request.url.query}" if request.url.query else ""
    if request.headers.get("sec-fetch-site") == "cross-site":
        # From a link on another site a browser sends no strict cookie, so ask again from here.
        target = f"{site.prefix}{own_path(back + query)}"
        return site.render(request, "again.html", {"target": target})
    return RedirectResponse(site.url("/sign-in", next=back + query), 303)


async def _problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, PageError)
    return _page(request, error.status, error.heading, error.message)


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, RefusedError)
    page = _page(request, error.status, error.heading, error.message)
    if error.wait:
        page.headers["Retry-After"] = str(error.wait)
    return page


async def _no_answer(request: Request, error: Exception) -> Response:
    """The API server does not say what the caller may see, so nothing is shown."""
    assert isinstance(error, OperatorError)
    logs.event(logger, logging.WARNING, "the API server gave no answer", reason=str(error))
    heading = "The API server refuses"
    if isinstance(error, UnreachableError) or not isinstance(error, ApiError):
        heading = "The API server cannot be reached"
    return _page(request, 503, heading, f"{explained(error)}. Nothing is shown without its answer.")


async def _no_page(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    said = {404: ("Not found", "There is no such page."), 405: ("Not allowed", "Not allowed here.")}
    heading, message = said.get(error.status_code, ("Not understood", str(error.detail)))
    page = _page(request, error.status_code, heading, message)
    page.headers.update(error.headers or {})
    return page


async def _not_understood(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    fields = sorted({str(one["loc"][-1]) for one in error.errors()})
    message = f"These values are missing or not understood: {', '.join(fields)[:200]}."
    return _page(request, 422, "Not understood", message)


async def _defect(request: Request, _: Exception) -> Response:
    """Stands outside of the middleware, so it sets the headers itself."""
    page = _page(request, 500, "An error", "The dashboard failed; its log has the details.")
    strict(page.headers)
    return page


def _page(request: Request, status: int, heading: str, message: str) -> Response:
    site: Site = request.app.state.parts.site
    return site.render(request, "problem.html", {"heading": heading, "message": message}, status)
