"""One POST to one receiver: its address, credentials and signature from the admin's settings and
files, the answer as an outcome.

It follows no redirect, uses no proxy, verifies TLS, reads the beginning of an answer and no more,
and ends in time. Files are read for each request, so a renewed Secret is used at once. What a
custom resource says never becomes part of the address.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import aiohttp

from anomaly_operator.api import names
from anomaly_operator.notify.edges import Failure
from anomaly_operator.notify.outcome import Outcome, of_answer
from anomaly_operator.notify.outgoing import Outgoing
from anomaly_operator.notify.signature import signed_headers
from anomaly_operator.settings.notifications import Receiver
from anomaly_operator.settings.notifications_file import address_problem

_MAX_ANSWER = 2048
"""Bytes of an answer that are read, for the message about a refusal."""
_MAX_FILE = 64 * 1024


class FileError(ValueError):
    """A file of the settings cannot be used. The message names it and shows nothing of it."""


@dataclass(frozen=True, slots=True)
class _Prepared:
    url: str
    headers: Mapping[str, str] = field(repr=False)
    tls: ssl.SSLContext | bool = True


class Poster:
    """Stateless: every request has a connection of its own, as there are few."""

    def __init__(self, wall: Callable[[], float] = time.time) -> None:
        self._wall = wall

    async def post(self, receiver: Receiver, outgoing: Outgoing) -> Outcome:
        """Never raises for what a receiver or a file does."""
        try:
            prepared = await asyncio.to_thread(_prepare, receiver, outgoing, int(self._wall()))
        except FileError as error:
            return Outcome(Failure.NOT_CONFIGURED, str(error))
        timeout = aiohttp.ClientTimeout(
            total=receiver.timeout_seconds, sock_connect=min(5.0, receiver.timeout_seconds)
        )
        try:
            async with (
                aiohttp.ClientSession(
                    connector=aiohttp.TCPConnector(ssl=prepared.tls),
                    cookie_jar=aiohttp.DummyCookieJar(),
                    timeout=timeout,
                ) as session,
                session.post(
                    prepared.url,
                    data=outgoing.body,
                    headers=prepared.headers,
                    allow_redirects=False,
                ) as answer,
            ):
                said = await answer.content.read(_MAX_ANSWER)
        except aiohttp.ClientConnectorCertificateError:
            return Outcome(Failure.UNREACHABLE, "its certificate is not trusted; see caFile")
        except aiohttp.ClientConnectorError:
            return Outcome(Failure.UNREACHABLE)
        except (aiohttp.ClientError, TimeoutError, OSError):
            # The request may have arrived.
            return Outcome(Failure.UNREACHABLE, ambiguous=True)
        retry_after = answer.headers.get("Retry-After", "")
        return of_answer(answer.status, said.decode(errors="replace"), retry_after, self._wall())


def _prepare(receiver: Receiver, outgoing: Outgoing, now: int) -> _Prepared:
    url = receiver.url or _read(receiver.url_file)
    problem = address_problem(url)
    if problem:
        raise FileError(f"{receiver.url_file}: {problem}")
    headers = {
        "Content-Type": outgoing.content_type,
        "User-Agent": names.MANAGED_BY,
        **outgoing.headers,
    }
    if receiver.token_file:
        headers["Authorization"] = f"Bearer {_read(receiver.token_file)}"
    if receiver.signing_key_file:
        key = _read(receiver.signing_key_file).encode()
        headers |= signed_headers(key, now, outgoing.body)
    return _Prepared(_with_path(url, outgoing.path), headers, _tls(receiver))


def _with_path(url: str, path: str) -> str:
    if not path:
        return url
    split = urlsplit(url)
    return urlunsplit(split._replace(path=split.path.rstrip("/") + path))


def _read(path: str) -> str:
    try:
        with Path(path).open("rb") as file:
            data = file.read(_MAX_FILE + 1)
        text = data.decode().strip()
    except (OSError, UnicodeDecodeError) as error:
        said = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise FileError(f"{path}: {said}") from error
    if not text or len(data) > _MAX_FILE or any(ord(one) < 32 for one in text):
        raise FileError(f"{path}: expected one line of text")
    return text


def _tls(receiver: Receiver) -> ssl.SSLContext | bool:
    if not receiver.ca_file:
        return True
    try:
        return ssl.create_default_context(cafile=receiver.ca_file)
    except OSError as error:  # ssl.SSLError is one
        said = "no PEM certificates" if isinstance(error, ssl.SSLError) else error.strerror
        raise FileError(f"{receiver.ca_file}: {said}") from error
