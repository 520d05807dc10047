"""The user's own Prometheus, asked once for each metric name that is tried.

Unlike a pod, the command dials what the user names: it is the user's call and runs with the user's
rights. Answers are bounded in bytes and in time, redirects are not followed.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPSConnection
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from anomaly_cli.discovery import samples
from anomaly_cli.discovery.calls import DiscoveryError, Traffic
from anomaly_cli.discovery.formats import READINGS, Format
from detector_runtime.errors import one_line
from detector_runtime.http_exchange import (
    BodyTooLargeError,
    ExchangeFailedError,
    Limits,
    Reply,
    Request,
    exchange,
    with_retries,
)

MAX_RESPONSE_BYTES = 32 * 1024 * 1024
OPTION = "--source-url"


@dataclass(frozen=True, slots=True)
class Source:
    """`headers` may hold credentials and are never shown. `timeout`: seconds for one answer."""

    url: str
    headers: Mapping[str, str] = field(repr=False)
    timeout: float
    ca_file: Path | None = None
    max_bytes: int = MAX_RESPONSE_BYTES


def ask(
    source: Source, formats: Sequence[Format], since: str, every: bool
) -> tuple[Format, Traffic]:
    """The calls that the first format with any reports. Raises DiscoveryError, OSError."""
    asker = _Asker(source)
    last = Traffic()
    for kind in formats:
        reading = READINGS[kind]
        for query in reading.queries:
            found, gaps = asker.series(reading.promql(query, since))
            last = samples.traffic(kind, found, every)
            last = Traffic(last.calls, (*gaps, *last.notes))
            if last.calls:
                return kind, last
    return formats[-1], last


class _Asker:
    def __init__(self, source: Source) -> None:
        parts = urlsplit(source.url)
        try:
            port = parts.port
        except ValueError as error:
            raise DiscoveryError(f"{OPTION} {source.url!r}: {error}") from error
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise DiscoveryError(
                f"{OPTION} {source.url!r} is no address; write http://HOST:PORT or https://HOST"
            )
        if parts.username or parts.password:
            raise DiscoveryError(
                f"{OPTION} holds credentials, which show in the list of processes; "
                "use --token-file or --header"
            )
        self._source = source
        self._path = parts.path.rstrip("/")
        self._where = f"{parts.scheme}://{parts.netloc}{self._path}"
        if parts.scheme == "https":
            context = _trust(source.ca_file)
            self._connection: HTTPConnection = HTTPSConnection(
                parts.hostname, port, context=context
            )
        else:
            self._connection = HTTPConnection(parts.hostname, port)

    def series(self, query: str) -> tuple[list[Any], tuple[str, ...]]:
        path = quote(self._path, safe="/%")
        target = f"{path}/api/v1/query?{urlencode({'query': query})}"
        headers = {"Accept": "application/json", **self._source.headers}
        request = Request("GET", target, headers)
        deadline = time.monotonic() + 3 * self._source.timeout
        limits = Limits(self._source.timeout, deadline, self._source.max_bytes)
        try:
            reply = with_retries(lambda: exchange(self._connection, request, limits), deadline)
        except ExchangeFailedError as error:
            raise DiscoveryError(f"cannot reach {self._where}: {error}") from error
        except BodyTooLargeError as error:
            raise DiscoveryError(
                f"{self._where} answers with more than {self._source.max_bytes // 2**20} MiB; "
                "save the answer for one namespace and pass it with --data"
            ) from error
        finally:
            self._connection.close()
        if reply.status != 200:
            raise DiscoveryError(f"{self._where} answers {reply.status}: {_said(reply)}")
        document = samples.parsed(reply.body, f"the answer of {self._where}")
        return samples.series_of(document, reply.headers)


def _trust(ca_file: Path | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=str(ca_file) if ca_file else None)
    except OSError as error:  # that of a file without certificates is one, too
        why = error.strerror or str(error)
        raise DiscoveryError(f"--ca-file {ca_file} cannot be used: {why.lower()}") from error


def _said(reply: Reply) -> str:
    if reply.status in (401, 403):
        return "the credentials are missing or not accepted; pass --token-file or --header"
    if 300 <= reply.status < 400:
        return "redirects are not followed; pass the address that it leads to"
    try:
        said = str(samples.parsed(reply.body, "the answer").get("error", ""))
    except (DiscoveryError, AttributeError):
        said = ""
    return one_line(said or reply.body[:200].decode("utf-8", "replace")) or "no text"
