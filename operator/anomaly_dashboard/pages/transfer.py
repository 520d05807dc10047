"""`/transfer`: everything that people wrote as YAML, out and in.

An import is tried out first, document by document; what is selected is applied with the caller's
own token. The file goes with the form, so that nothing of it is kept here in between.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from typing import Any

from fastapi import APIRouter
from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from anomaly_dashboard.pages.entry import Line, LineIn, SightIn, SiteIn
from anomaly_dashboard.pages.errors import PageError
from anomaly_dashboard.views.transfer import ImportView, Source, exported, imported
from anomaly_dashboard.watched.sight import Sight
from anomaly_dashboard.web.site import Site
from anomaly_dashboard.writes.manifest import Manifests
from anomaly_dashboard.writes.manifest_text import (
    MAX_BYTES,
    MAX_DOCUMENTS,
    ManifestTextError,
    Named,
    read,
)
from anomaly_dashboard.writes.tried import Tried
from anomaly_operator.api.resources import ANOMALY, POLICY, SERVICE

router = APIRouter()
_AT_ONCE = 8
"""Requests to the API server at a time."""
_PART = 1024 * 1024


@router.get("/transfer")
async def page(request: Request, site: SiteIn, sight: SightIn) -> Response:
    """What can be exported, and where to give a file to import."""
    return _page(request, site, sight, None, "")


@router.get("/transfer/export.yaml")
async def export(request: Request, sight: SightIn) -> Response:
    """The file, written while it is read."""
    namespace = request.query_params.get("namespace", "")
    name = f"anomaly-{namespace}.yaml" if _plain(namespace) else "anomaly-operator.yaml"
    sources = (
        Source(SERVICE, [row.place for row in sight.services()], sight.service),
        Source(POLICY, [row.place for row in sight.policies()], sight.policy),
        Source(ANOMALY, [row.place for row in sight.incidents()], sight.incident),
    )
    return StreamingResponse(
        _in_turns(exported(sources, namespace)),
        media_type="application/yaml; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


@router.post("/transfer")
async def transfer(request: Request, site: SiteIn, sight: SightIn, line: LineIn) -> Response:
    """A file is tried out; with `action=apply` what is selected of it is applied."""
    async with request.form(max_part_size=_PART) as form:
        text, chosen = await _text(form), _chosen(form)
    if line is None:
        raise PageError(
            403, "Not allowed", "You can only read. Sign in with a token of your own to import."
        )
    try:
        named = await asyncio.to_thread(read, text)
        if not named:
            raise ManifestTextError("there is no document in it; choose a file or paste YAML")
    except ManifestTextError as error:
        return _page(request, site, sight, None, f"The file cannot be used: {error}.", text)
    tried = await _tried(line, named, chosen)
    return _page(request, site, sight, imported(text, tried, chosen), "", text)


async def _tried(line: Line, named: Sequence[Named], chosen: frozenset[int] | None) -> list[Tried]:
    async with line as transport:
        server = Manifests(transport)

        def step(at: int) -> Callable[[Named], Coroutine[Any, Any, Tried]]:
            return server.apply if chosen is not None and at in chosen else server.dry_run

        slots = asyncio.Semaphore(_AT_ONCE)

        async def one(at: int, manifest: Named) -> Tried:
            async with slots:
                return await step(at)(manifest)

        return await asyncio.gather(*(one(at, manifest) for at, manifest in enumerate(named)))


def _chosen(form: FormData) -> frozenset[int] | None:
    """The documents to apply; None where they are to be tried out."""
    if form.get("action") != "apply":
        return None
    said = (one for one in form.getlist("document") if isinstance(one, str))
    return frozenset(int(one) for one in said if _number(one))


async def _text(form: FormData) -> str:
    """The file, else the text that was pasted."""
    file = form.get("file")
    if isinstance(file, UploadFile) and file.size:
        if file.size > MAX_BYTES:
            return " " * (MAX_BYTES + 1)  # Refused for its size by the reader.
        return (await file.read()).decode("utf-8-sig", errors="replace")
    said = form.get("manifest")
    return said.replace("\r\n", "\n") if isinstance(said, str) else ""


async def _in_turns(documents: Iterator[str]) -> AsyncIterator[str]:
    """Others get their turn after each document."""
    for one in documents:
        yield one
        await asyncio.sleep(0)


def _page(  # noqa: PLR0917 - one template
    request: Request,
    site: Site,
    sight: Sight,
    view: ImportView | None,
    problem: str,
    text: str = "",
) -> Response:
    places = {row.namespace for row in sight.services()}
    places |= {row.namespace for row in sight.policies()}
    places |= {row.namespace for row in sight.incidents()}
    values = {
        "view": view,
        "problem": problem,
        "text": text if len(text) <= MAX_BYTES else "",
        "namespaces": sorted(places),
        "counts": (len(sight.services()), len(sight.policies())),
        "most": (MAX_BYTES // 1024, MAX_DOCUMENTS),
    }
    return site.render(request, "transfer.html", values)


def _plain(namespace: str) -> bool:
    return namespace.isascii() and namespace.replace("-", "").isalnum() and len(namespace) < 64


def _number(said: str) -> bool:
    return said.isascii() and said.isdecimal() and len(said) < 6
