"""The error that an answer other than 200 becomes, in the source's own words."""

from __future__ import annotations

import json
from typing import Any

from detector_runtime.errors import (
    QueryInvalidError,
    RunError,
    SourceUnauthorizedError,
    SourceUnavailableError,
    one_line,
)
from detector_runtime.http_exchange import Reply
from detector_runtime.sources.limits import Limit, LimitKind, limit_of


def refused(status: int, body: bytes, metric: str, query: str, source: str) -> RunError:
    """The error for an answer other than 200 that no shorter span can mend."""
    said = message(body)
    if status in {401, 403}:
        return SourceUnauthorizedError(
            f"source {source!r} answers {status}; check the credentials in its Secret"
        )
    limit = limit_of(status, said)
    if status in {400, 422} and (limit is None or limit.kind is not LimitKind.TIME):
        return QueryInvalidError(
            f"metric {metric!r}: {said or f'the source answers {status}'}; "
            f"query: {one_line(query, 160)}"
        )
    if 300 <= status < 400:
        return SourceUnavailableError(
            f"source {source!r} answers {status}, and redirects are not followed; give the "
            "address that it redirects to"
        )
    if status == 404:
        return SourceUnavailableError(
            f"source {source!r} answers 404; check the path in the source's url"
        )
    tail = f": {said}" if said else ""
    return SourceUnavailableError(f"source {source!r} answers {status}{tail}")


def beyond_limit(limit: Limit, span: str, metric: str, source: str) -> RunError:
    """The error when the source refuses `span` and none shorter will be asked for.

    A query that takes too long may pass another time; one that is too large will not.
    """
    knob = f"the source's {limit.knob}" if limit.knob else f"the source's limit on {limit.kind}"
    ours = "maxPoints" if limit.kind is LimitKind.POINTS else "maxRange"
    text = (
        f"metric {metric!r}: source {source!r} refuses {span}: {one_line(limit.said, 140)}; "
        f"shorten spec.training.lookback, raise {knob}, or lower limits.{ours} of the source"
    )
    if limit.kind is LimitKind.TIME:
        return SourceUnavailableError(text)
    return QueryInvalidError(text)


def answer_status(reply: Reply) -> int:
    """That of the answer; some gateways send an error of the query with 200."""
    if reply.status == 200 and b'"status":"error"' in reply.body[:200].replace(b" ", b""):
        return 422
    return reply.status


def message(body: bytes) -> str:
    """The words of an error answer: Prometheus' `error`, the `message` of cloud services, or a
    plain text; empty for a web page.
    """
    text = body[:65_536].decode("utf-8", "replace").strip()
    try:
        found = _words(json.loads(text))
    except (ValueError, RecursionError):
        found = "" if text.startswith("<") else text
    return one_line(found, 200)


def _words(document: Any) -> str:
    if not isinstance(document, dict):
        return ""
    for key in ("error", "message", "Message"):
        value = document.get(key)
        if isinstance(value, dict):
            value = value.get("message")
        if isinstance(value, str) and value:
            return value
    return ""
