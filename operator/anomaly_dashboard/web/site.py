"""Renders the templates. Everything is escaped, nothing undefined is printed, no page decides.

A template finds `site` (prefix of paths, version), `caller`, `now`, `old_since` (since when the API
server is out of reach, 0 = it is not), `mark` (what browsers were told before it) and its own
values.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from anomaly_dashboard.web import words
from anomaly_dashboard.web.visible import visible

FOLDER = Path(__file__).parent
PAGES = (
    ("/", "Overview"),
    ("/graph", "Graph"),
    ("/runs", "Training runs"),
    ("/review", "Review"),
    ("/policies", "SLO policies"),
    ("/explore", "Explore"),
    ("/audit", "Audit"),
    ("/transfer", "Export and import"),
)
"""Path and label of what the navigation names."""
STATIC = FOLDER / "static"
_SHORT_BREAK = 15
"""Seconds; a watch that goes on sooner has missed nothing worth a word."""


class Site:
    """`prefix` is the path under which a proxy publishes the dashboard, without a slash at its end.
    `clock` gives unix seconds."""

    def __init__(self, prefix: str = "", clock: Callable[[], float] = time.time) -> None:
        self.prefix = prefix.rstrip("/")
        self.version = version("anomaly-operator")
        self.clock = clock
        self._templates = Environment(
            loader=FileSystemLoader(FOLDER / "templates"),
            autoescape=select_autoescape(default=True, default_for_string=True),
            undefined=StrictUndefined,
            finalize=visible,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.globals.update(
            url=self.url, static=self.static, site=self, pages=PAGES, **words.FUNCTIONS
        )

    def url(self, path: str, **query: object) -> str:
        """A path of the dashboard with what stands in front of it; empty values are left out."""
        return words.address(f"{self.prefix}{path}", query)

    def static(self, name: str) -> str:
        """The address of an asset; it changes with the asset, so that a browser may keep it."""
        return f"{self.prefix}/static/{name}?v={_digest(STATIC / name)}"

    def render(
        self, request: Request, template: str, values: Mapping[str, Any], status: int = 200
    ) -> Response:
        """The page; of `caller` in the request's state, where somebody is signed in."""
        caller = getattr(request.state, "caller", None)
        now = int(self.clock())
        old_since = getattr(request.state, "old_since", 0)
        text = self._templates.get_template(template).render(
            now=now,
            caller=caller,
            mark=getattr(request.state, "mark", ""),
            old_since=old_since if now - old_since > _SHORT_BREAK else 0,
            active=_active(request.url.path),
            **values,
        )
        return HTMLResponse(text, status)

    def fragment(self, template: str, values: Mapping[str, Any]) -> str:
        """Part of a page that is the same for everybody who sees the same objects."""
        page = self._templates.get_template(template)
        return page.render(now=int(self.clock()), **values)


def _active(path: str) -> str:
    """The page of the navigation that a path belongs to; `/services/...` are the overview's."""
    found = [page for page, _ in PAGES if page != "/" and path.startswith(page)]
    return found[0] if found else "/"


@cache
def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()[:12]
