"""Official release downloads, each checked against its published SHA-256 before it is used.

Where there is no internet this gives up within seconds, once for all programs, and says so;
a wrong checksum is never given up on quietly: it raises.
"""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import re
import shutil
import socket
import tarfile
import tempfile
import threading
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from anomaly_sandbox.versions import Program

CONNECT_TIMEOUT = 3.0
"""Seconds to reach a host; longer than any TLS handshake that is worth downloading through."""
READ_TIMEOUT = 20.0
"""Seconds without a byte after which a download is given up."""

_HEX = re.compile(r"\b[0-9a-fA-F]{64}\b")


class DownloadRefusedError(RuntimeError):
    """What was downloaded is not what was published; not retried, nothing is installed."""


@dataclass(slots=True)
class Reachability:
    """Whether there is internet, found out once: after one silence no other host is tried."""

    _cause: str = ""
    _reached: set[str] = field(default_factory=set)

    @property
    def failed(self) -> bool:
        return bool(self._cause)

    def cause(self, host: str) -> str:
        """Why downloads are out of reach; empty when the host (a URL) can be dialled."""
        if host not in self._reached and not self._cause:
            name, port = _dialled(host)
            self._cause = _dial(name, port)
            if not self._cause:
                self._reached.add(host)
        return self._cause


def _dialled(host: str) -> tuple[str, int]:
    """Name and port that a request to the host connects to: a proxy's, where one is set."""
    parts = urlsplit(host)
    name = parts.hostname or ""
    proxy = urllib.request.getproxies().get(parts.scheme)
    if proxy and not urllib.request.proxy_bypass(name):
        parts = urlsplit(proxy if "//" in proxy else f"//{proxy}", scheme="http")
        name = parts.hostname or ""
    return name, parts.port or (443 if parts.scheme == "https" else 80)


def _dial(name: str, port: int) -> str:
    """Empty when a connection stands within CONNECT_TIMEOUT, else the cause.

    In a thread, as looking up a name has no time limit of its own.
    """
    causes = [f"{name}:{port}: no answer within {CONNECT_TIMEOUT:g} s"]

    def connect() -> None:
        try:
            with socket.create_connection((name, port), CONNECT_TIMEOUT):
                causes.append("")
        except OSError as error:
            causes.append(f"{name}:{port}: {error}")

    thread = threading.Thread(target=connect, daemon=True)
    thread.start()
    thread.join(CONNECT_TIMEOUT)
    return causes[-1]


@contextlib.contextmanager
def scratch(root: Path) -> Iterator[Path]:
    """A folder on the cache's own file system that is gone after the block."""
    root.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="fetch-", dir=root) as folder:
        yield Path(folder)


def fetch(
    item: Program,
    host: str,
    arch: str,
    folder: Path,
    *,
    say: Callable[[str], None],
) -> Path | None:
    """The program's path in `folder`, or None when the host does not have it.

    Raises DownloadRefusedError when the checksum does not match.
    """
    url = host + item.download_path(arch)
    say(f"sandbox: downloading {item.name} {item.version} from {host} (about 10 s)")
    try:
        checksums = _get(host + item.checksums(arch), limit=1 << 20).decode()
        archive = folder / url.rsplit("/", 1)[-1]
        digest = _save(url, archive)
    except (OSError, http.client.HTTPException) as error:
        say(f"sandbox: {url}: {error}; building it instead")
        return None
    expected = published_digest(checksums, archive.name)
    if digest != expected:
        raise DownloadRefusedError(
            f"{url}: SHA-256 is {digest}, published is {expected}; nothing was installed. "
            "Try again, or set KUBEBUILDER_ASSETS to a folder that you trust"
        )
    return _unpack(archive, item.archive_member(arch), folder)


def published_digest(checksums: str, file_name: str) -> str:
    """The SHA-256 for `file_name` in a checksum file: one bare digest, or `digest  name` lines."""
    lines = [line.split() for line in checksums.splitlines() if line.strip()]
    for words in lines:
        if len(words) == 2 and words[1].lstrip("*") == file_name and _HEX.fullmatch(words[0]):
            return words[0].lower()
    if len(lines) == 1 and len(lines[0]) == 1 and _HEX.fullmatch(lines[0][0]):
        return lines[0][0].lower()
    raise DownloadRefusedError(f"the published checksums do not name {file_name}")


def _get(url: str, limit: int) -> bytes:
    with urllib.request.urlopen(url, timeout=READ_TIMEOUT) as response:  # noqa: S310 - fixed hosts
        body: bytes = response.read(limit)
        return body


def _save(url: str, target: Path) -> str:
    digest = hashlib.sha256()
    with (
        urllib.request.urlopen(url, timeout=READ_TIMEOUT) as response,  # noqa: S310 - fixed hosts
        target.open("wb") as out,
    ):
        while chunk := response.read(1 << 20):
            digest.update(chunk)
            out.write(chunk)
    return digest.hexdigest()


def _unpack(archive: Path, member: str, folder: Path) -> Path:
    if not member:
        return archive
    target = folder / "unpacked"
    with tarfile.open(archive) as tar:
        try:
            source = tar.extractfile(member)
        except KeyError:
            source = None
        if source is None:
            raise DownloadRefusedError(f"{archive.name} holds no file {member}")
        with source, target.open("wb") as out:
            shutil.copyfileobj(source, out)
    return target
