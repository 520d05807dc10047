"""The programs of the sandbox, their pinned versions, and where each can be had.

One place, so that the cache, the download and the build can never mean different versions.
The versions are those that the go.mod files under modules/ resolve to.
"""

from __future__ import annotations

import platform
import sys
from dataclasses import dataclass

KUBERNETES = "v1.36.3"
ETCD = "v3.6.8"
HELM = "v4.3.1"
PROMETHEUS = "v3.15.0"
ALERTMANAGER = "v0.31.1"
"""Later modules leave out the web pages, without which they do not build."""


class UnknownProgramError(LookupError):
    """Somebody asked for a program that the sandbox does not know."""


class UnsupportedPlatformError(RuntimeError):
    """The sandbox needs Linux on amd64 or arm64: loopback addresses, /proc, pdeathsig."""


@dataclass(frozen=True, slots=True)
class Program:
    """One executable.

    `url` and `checksums_url` hold `{version}`, `{number}` (version without the v) and `{arch}`.
    The checksum file is either one bare SHA-256 or lines of `SHA-256  file name`.
    `member` is the path inside the archive; empty when the download is the program itself.
    """

    name: str
    version: str
    host: str
    path: str
    checksums_path: str
    member: str
    module: str
    package: str

    def download_path(self, arch: str) -> str:
        return self._fill(self.path, arch)

    def checksums(self, arch: str) -> str:
        return self._fill(self.checksums_path, arch)

    def archive_member(self, arch: str) -> str:
        return self._fill(self.member, arch)

    def _fill(self, template: str, arch: str) -> str:
        return template.format(version=self.version, number=self.version.lstrip("v"), arch=arch)


def _kubernetes(name: str) -> Program:
    path = "/release/{version}/bin/linux/{arch}/" + name
    return Program(
        name=name,
        version=KUBERNETES,
        host="https://dl.k8s.io",
        path=path,
        checksums_path=path + ".sha256",
        member="",
        module="controlplane",
        package=f"k8s.io/kubernetes/cmd/{name}",
    )


def _prometheus(name: str) -> Program:
    return _of_prometheus("prometheus", name, PROMETHEUS, module="metrics")


def _of_prometheus(project: str, name: str, version: str, *, module: str) -> Program:
    folder = f"/prometheus/{project}/releases/download/{{version}}"
    return Program(
        name=name,
        version=version,
        host="https://github.com",
        path=f"{folder}/{project}-{{number}}.linux-{{arch}}.tar.gz",
        checksums_path=folder + "/sha256sums.txt",
        member=f"{project}-{{number}}.linux-{{arch}}/{name}",
        module=module,
        package=f"github.com/prometheus/{project}/cmd/{name}",
    )


PROGRAMS: dict[str, Program] = {
    program.name: program
    for program in (
        Program(
            name="etcd",
            version=ETCD,
            host="https://github.com",
            path="/etcd-io/etcd/releases/download/{version}/etcd-{version}-linux-{arch}.tar.gz",
            checksums_path="/etcd-io/etcd/releases/download/{version}/SHA256SUMS",
            member="etcd-{version}-linux-{arch}/etcd",
            module="controlplane",
            package="go.etcd.io/etcd/server/v3",
        ),
        _kubernetes("kube-apiserver"),
        _kubernetes("kube-controller-manager"),
        _kubernetes("kubectl"),
        Program(
            name="helm",
            version=HELM,
            host="https://get.helm.sh",
            path="/helm-{version}-linux-{arch}.tar.gz",
            checksums_path="/helm-{version}-linux-{arch}.tar.gz.sha256sum",
            member="linux-{arch}/helm",
            module="helm",
            package="helm.sh/helm/v4/cmd/helm",
        ),
        _prometheus("prometheus"),
        _prometheus("promtool"),
        _of_prometheus("alertmanager", "alertmanager", ALERTMANAGER, module="alerting"),
    )
}

CONTROL_PLANE = ("etcd", "kube-apiserver", "kube-controller-manager", "kubectl")


def program(name: str) -> Program:
    """The pinned program of that name; UnknownProgramError otherwise."""
    try:
        return PROGRAMS[name]
    except KeyError:
        known = ", ".join(sorted(PROGRAMS))
        raise UnknownProgramError(f"unknown program {name!r}; choose from {known}") from None


def architecture() -> str:
    """The Go name of this machine's architecture."""
    if not sys.platform.startswith("linux"):
        raise UnsupportedPlatformError(f"the sandbox runs on Linux, not on {sys.platform}")
    machine = platform.machine().lower()
    arch = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}.get(machine)
    if arch is None:
        raise UnsupportedPlatformError(
            f"no release for {machine!r}; only amd64 and arm64 are supported"
        )
    return arch
