"""Where the sandbox's programs come from, and what it does not trust."""

from __future__ import annotations

import hashlib
import io
import os
import socket
import subprocess
import sys
import tarfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from anomaly_sandbox import build
from anomaly_sandbox.download import CONNECT_TIMEOUT, DownloadRefusedError, published_digest
from anomaly_sandbox.resolve import Resolver
from anomaly_sandbox.versions import PROGRAMS, UnknownProgramError, architecture, program

SCRIPT = b"#!/bin/sh\necho ran\n"


class Releases:
    """A stand-in for the release hosts on loopback."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.asked: list[str] = []
        releases = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                releases.asked.append(self.path)
                content = releases.files.get(self.path)
                self.send_response(404 if content is None else 200)
                self.send_header("Content-Length", str(len(content or b"")))
                self.end_headers()
                self.wfile.write(content or b"")

            def log_message(self, *args: object) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def publish(self, name: str, content: bytes, *, digest: str = "") -> None:
        """Publishes a program as its real host does, with the digest of it or a given one."""
        item, arch = program(name), architecture()
        member = item.archive_member(arch)
        asset = archive(member, content) if member else content
        path = item.download_path(arch)
        self.files[path] = asset
        found = digest or hashlib.sha256(asset).hexdigest()
        listed = f"{found}  {path.rsplit('/', 1)[1]}\n" if member else found
        self.files[item.checksums(arch)] = listed.encode()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def archive(member: str, content: bytes) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        info = tarfile.TarInfo(member)
        info.size = len(content)
        tar.addfile(info, io.BytesIO(content))
    return out.getvalue()


@pytest.fixture
def releases() -> Iterator[Releases]:
    server = Releases()
    yield server
    server.close()


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """An empty cache, and a Go that notes that it was called and fails."""
    folder = tmp_path / "bin"
    folder.mkdir()
    go = folder / "go"
    go.write_text('#!/bin/sh\necho "$@" >> "$0.called"\necho no network here >&2\nexit 1\n')
    go.chmod(0o755)
    return {"XDG_CACHE_HOME": str(tmp_path / "cache"), "PATH": f"{folder}:/usr/bin:/bin"}


def resolver(environ: dict[str, str], releases: Releases | None, said: list[str]) -> Resolver:
    address = releases.url if releases else closed_address()
    hosts = dict.fromkeys({item.host for item in PROGRAMS.values()}, address)
    return Resolver(environ=environ, hosts=hosts, say=said.append)


def closed_address() -> str:
    # A privileged port, as nobody is given one of those by chance.
    return "http://127.0.0.1:1"


@pytest.mark.parametrize("name", ["kubectl", "etcd", "helm", "promtool"])
def test_a_release_with_its_published_checksum_is_installed_and_kept(
    name: str, releases: Releases, environ: dict[str, str]
) -> None:
    releases.publish(name, SCRIPT)
    said: list[str] = []
    path = resolver(environ, releases, said).resolve([name])[name]
    assert subprocess.run([path], capture_output=True, check=True).stdout == b"ran\n"
    assert path.is_relative_to(environ["XDG_CACHE_HOME"])
    assert program(name).version in path.parts
    assert any("downloading" in line and "about" in line for line in said)
    asked = len(releases.asked)
    resolver(environ, releases, said).resolve([name])
    assert len(releases.asked) == asked


def test_a_wrong_checksum_installs_nothing_and_builds_nothing(
    releases: Releases, environ: dict[str, str]
) -> None:
    releases.publish("kubectl", SCRIPT, digest="0" * 64)
    with pytest.raises(DownloadRefusedError, match=rf"published is {'0' * 64}"):
        resolver(environ, releases, []).resolve(["kubectl"])
    cache = Path(environ["XDG_CACHE_HOME"])
    assert not list(cache.rglob("kubectl"))
    assert not list(cache.glob("*/fetch-*"))


def test_a_folder_of_the_admin_wins_over_everything(
    releases: Releases, environ: dict[str, str], tmp_path: Path
) -> None:
    releases.publish("kubectl", SCRIPT)
    own = tmp_path / "assets" / "kubectl"
    own.parent.mkdir()
    own.write_bytes(SCRIPT)
    own.chmod(0o755)
    found = resolver({**environ, "KUBEBUILDER_ASSETS": str(own.parent)}, releases, [])
    assert found.resolve(["kubectl"]) == {"kubectl": own}
    assert releases.asked == []


def test_without_internet_it_builds_and_says_why(environ: dict[str, str]) -> None:
    said: list[str] = []
    with pytest.raises(build.BuildError, match="no network here"):
        resolver(environ, None, said).resolve(["helm", "kubectl"])
    called = Path(environ["PATH"].split(":", maxsplit=1)[0]) / "go.called"
    assert called.read_text().startswith("build -trimpath")
    assert sum("no download" in line for line in said) == 1
    assert any("building" in line and "min" in line for line in said)


def test_a_host_that_swallows_packets_is_given_up_once_within_seconds(
    environ: dict[str, str],
) -> None:
    # A listener with a full backlog answers no connection, like a firewall that drops.
    with socket.socket() as silent, socket.socket() as first, socket.socket() as second:
        silent.bind(("127.0.0.1", 0))
        silent.listen(0)
        for filler in (first, second):
            filler.setblocking(False)
            filler.connect_ex(silent.getsockname())
        hosts = dict.fromkeys(
            {item.host for item in PROGRAMS.values()},
            f"http://127.0.0.1:{silent.getsockname()[1]}",
        )
        said: list[str] = []
        found = Resolver(environ=environ, hosts=hosts, say=said.append)
        with pytest.raises(build.BuildError):
            found.resolve(["kubectl", "helm"])
    (given_up,) = [line for line in said if "no download" in line]
    assert f"within {CONNECT_TIMEOUT:g} s" in given_up or "timed out" in given_up


def test_a_release_that_is_not_there_is_built_instead(
    releases: Releases, environ: dict[str, str]
) -> None:
    said: list[str] = []
    with pytest.raises(build.BuildError):
        resolver(environ, releases, said).resolve(["kubectl"])
    assert any("404" in line and "building it instead" in line for line in said)


def test_two_resolvers_at_once_fetch_once(releases: Releases, environ: dict[str, str]) -> None:
    releases.publish("kubectl", SCRIPT)
    code = (
        "import sys; from anomaly_sandbox.resolve import Resolver\n"
        "hosts = {'https://dl.k8s.io': sys.argv[1]}\n"
        "print(Resolver(hosts=hosts).resolve(['kubectl'])['kubectl'])"
    )
    command = [sys.executable, "-c", code, releases.url]
    running = [
        subprocess.Popen(
            command, env={**os.environ, **environ}, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        for _ in range(2)
    ]
    printed = {item.communicate(timeout=60)[0] for item in running}
    assert all(item.returncode == 0 for item in running)
    assert len(printed) == 1
    path = program("kubectl").download_path(architecture())
    assert releases.asked.count(path) == 1


def test_an_archive_without_the_program_is_refused(
    releases: Releases, environ: dict[str, str]
) -> None:
    item, arch = program("helm"), architecture()
    content = archive("elsewhere/helm", SCRIPT)
    releases.files[item.download_path(arch)] = content
    name = item.download_path(arch).rsplit("/", 1)[1]
    digest = hashlib.sha256(content).hexdigest()
    releases.files[item.checksums(arch)] = f"{digest}  {name}".encode()
    with pytest.raises(DownloadRefusedError, match="holds no file"):
        resolver(environ, releases, []).resolve(["helm"])


@pytest.mark.parametrize(
    ("text", "name", "digest"),
    [
        ("a" * 64, "kubectl", "a" * 64),
        (f"{'b' * 64}  x.tar.gz\n{'c' * 64}  y.tar.gz\n", "y.tar.gz", "c" * 64),
        (f"{'D' * 64} *y.tar.gz\n", "y.tar.gz", "d" * 64),
    ],
)
def test_published_checksums_are_read_in_every_form(text: str, name: str, digest: str) -> None:
    assert published_digest(text, name) == digest


@pytest.mark.parametrize("text", ["", "nothing here", f"{'a' * 64}  other", "abc"])
def test_checksums_that_do_not_name_the_file_are_refused(text: str) -> None:
    with pytest.raises(DownloadRefusedError):
        published_digest(text, "kubectl")


def test_an_unknown_program_is_named(environ: dict[str, str]) -> None:
    with pytest.raises(UnknownProgramError, match="kubelet"):
        resolver(environ, None, []).resolve(["kubelet"])


@pytest.mark.parametrize("item", PROGRAMS.values(), ids=lambda item: item.name)
def test_the_pinned_version_is_the_one_that_the_module_builds(item: object) -> None:
    assert item is not None
    found = PROGRAMS[item.name]  # type: ignore[attr-defined]
    text = (build.module_dir(found.module) / "go.mod").read_text()
    assert found.package in text
    assert (build.module_dir(found.module) / "go.sum").is_file()
    pinned = {
        "controlplane": ("k8s.io/kubernetes v1.36.3", "go.etcd.io/etcd/server/v3 v3.6.8"),
        "helm": ("helm.sh/helm/v4 v4.3.1",),
        "metrics": ("github.com/prometheus/prometheus v0.315.0",),
        "alerting": ("github.com/prometheus/alertmanager v0.31.1",),
    }
    assert all(line in text for line in pinned[found.module])
