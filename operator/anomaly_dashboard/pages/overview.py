"""`/`: what is wrong now.

What changes with the fleet is one fragment, the same for all who see the same; htmx asks for it
alone, by the same address.
"""

from __future__ import annotations

from fastapi import APIRouter
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response

from anomaly_dashboard.live.fragments import Fragment
from anomaly_dashboard.live.live import Live
from anomaly_dashboard.pages.entry import LiveIn, SightIn, SiteIn
from anomaly_dashboard.pages.part import VARY, conditional, wants_fragment
from anomaly_dashboard.views import filters
from anomaly_dashboard.views.overview import overview as view_of
from anomaly_dashboard.watched.sight import Sight
from anomaly_dashboard.web.site import Site

router = APIRouter()


@router.get("/")
async def overview(request: Request, site: SiteIn, sight: SightIn, live: LiveIn) -> Response:
    """The page, or what of it changes."""
    chosen = filters.read(request.query_params)
    fragment = _fragment(site, sight, live, chosen)
    if wants_fragment(request):
        answer = conditional(request, fragment)
        short = site.url("/", **chosen.query(page=chosen.page))
        if request.url.query and f"{site.prefix}/?{request.url.query}" != short:
            # A form sends its empty fields too; the address in the bar does not have them.
            answer.headers["HX-Push-Url"] = short
        return answer
    options = filters.options(chosen, sight.services(), sight.incidents())
    values = {"chosen": chosen, "options": options, "fragment": Markup(fragment.text)}  # noqa: S704
    answer = site.render(request, "overview.html", values)
    answer.headers["Vary"] = VARY
    return answer


def _fragment(site: Site, sight: Sight, live: Live, chosen: filters.Filter) -> Fragment:
    now = int(site.clock())

    def render() -> str:
        scope = sight.scopes.incidents
        view = view_of(sight.services(), sight.incidents(), scope, chosen, now)
        values = {"view": view, "synced": sight.synced}
        return site.fragment("overview_now.html", values)

    # Times are told in minutes, so that what is kept grows old by the minute.
    key = (sight.scopes, chosen, now // 60, sight.synced)
    return live.fragments.get(key, sight.version, live.fan_out.told, render)
