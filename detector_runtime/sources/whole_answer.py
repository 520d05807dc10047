"""One request that is answered whole or not at all, for what is never split into shorter spans."""

from __future__ import annotations

import time
from collections.abc import Callable

from detector_runtime.errors import ResponseTooLargeError, SourceUnavailableError
from detector_runtime.http_exchange import (
    BodyTooLargeError,
    ExchangeFailedError,
    Limits,
    Reply,
    Request,
    exchange,
    with_retries,
)
from detector_runtime.sources.prometheus_api import PrometheusAPI
from detector_runtime.sources.refusal import answer_status, refused


def whole_answer(
    api: PrometheusAPI,
    request: Request,
    limits: Limits,
    *,
    what: str,
    query: str,
    source: str,
    sleep: Callable[[float], None] = time.sleep,
) -> Reply:
    """The answer with status 200; RunError else. `what` stands in errors in a metric's place."""
    try:
        reply = with_retries(
            lambda: exchange(api.connection, request, limits), limits.deadline, sleep
        )
    except ExchangeFailedError as error:
        where = f"source {source!r} at {api.requests.origin}"
        raise SourceUnavailableError(f"{where}: {error}") from error
    except BodyTooLargeError as error:
        raise ResponseTooLargeError(
            f"{what}: the source's answer exceeds {limits.max_bytes} bytes; raise maxResponseBytes"
        ) from error
    finally:
        api.connection.close()
    status = answer_status(reply)
    if status != 200:
        body = api.credentials.redact(reply.body.decode("utf-8", "replace")).encode()
        raise refused(status, body, what, query, source)
    return reply
