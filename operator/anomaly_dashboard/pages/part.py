"""The part of a page that changes with the fleet, as htmx asks for it by the page's address."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from anomaly_dashboard.live.fragments import Fragment

VARY = "HX-Request, Cookie, Authorization, Accept-Encoding"
"""Of a page too, as its address is that of its part."""


def wants_fragment(request: Request) -> bool:
    """Whether htmx asks for the part that changes, and not a browser for the whole page."""
    headers = request.headers
    return headers.get("hx-request") == "true" and not (
        headers.get("hx-boosted") or headers.get("hx-history-restore-request")
    )


def conditional(request: Request, fragment: Fragment) -> Response:
    """The fragment, or that it is the one which the browser has."""
    headers = {"ETag": fragment.etag, "Cache-Control": "private, no-cache", "Vary": VARY}
    if fragment.etag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    packs = "gzip" in request.headers.get("accept-encoding", "")
    if packs:
        headers["Content-Encoding"] = "gzip"
    body = fragment.packed if packs else fragment.plain
    return Response(body, media_type="text/html", headers=headers)
