"""The application: every page under the same gate and the same headers.

It starts nothing; `process` watches, listens and ends.
"""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.staticfiles import StaticFiles

from anomaly_dashboard.explore.desk import Desk
from anomaly_dashboard.identity.caller import Entrance, NotSignedInError
from anomaly_dashboard.pages import ROUTERS
from anomaly_dashboard.pages.errors import PageError
from anomaly_dashboard.web.headers import Headers
from anomaly_dashboard.web.site import STATIC, Site


@dataclass(frozen=True, slots=True)
class Parts:
    """What the pages work with. Each capability adds its own."""

    site: Site
    entrance: Entrance
    desk: Desk | None = None


def build_app(parts: Parts) -> FastAPI:
    """The dashboard as an ASGI application."""
    app = FastAPI(title="anomaly-operator", docs_url=None, redoc_url=None, openapi_url=None)
    app.state.parts = parts
    app.add_exception_handler(NotSignedInError, _to_sign_in)
    app.add_exception_handler(PageError, _problem)
    prefix = parts.site.prefix
    for router in ROUTERS:
        app.include_router(router, prefix=prefix)
    app.mount(f"{prefix}/static", _Assets(directory=STATIC), name="static")
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
    if request.method == "GET" and "text/html" in request.headers.get("accept", ""):
        back = request.url.path.removeprefix(site.prefix)
        query = f"?{request.url.query}" if request.url.query else ""
        return RedirectResponse(site.url("/sign-in", next=back + query), 303)
    return Response("sign in first", 401, headers={"WWW-Authenticate": "Bearer"})


async def _problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, PageError)
    site: Site = request.app.state.parts.site
    values = {"heading": error.heading, "message": error.message}
    return site.render(request, "problem.html", values, error.status)
