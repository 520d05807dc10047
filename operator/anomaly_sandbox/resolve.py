"""Finds the programs of the control plane, and gets those that are not there yet.

Order: the folder named by KUBEBUILDER_ASSETS, our cache, the official release download, a
build with Go. The first two cost nothing and take no lock; the last two write into the cache
under a file lock, so two resolvers at once do the work once.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from anomaly_sandbox import build, download, folders
from anomaly_sandbox.locks import file_lock
from anomaly_sandbox.versions import Program, architecture, program

Say = Callable[[str], None]


def say_on_stderr(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


class Resolver:
    """Resolves program names to executables.

    `hosts` replaces the address of a download host (for a mirror, or a test's stand-in).
    """

    def __init__(
        self,
        *,
        environ: Mapping[str, str] = os.environ,
        hosts: Mapping[str, str] | None = None,
        say: Say = say_on_stderr,
    ) -> None:
        self._environ = environ
        self._hosts = dict(hosts or {})
        self._say = say
        self._root = folders.cache_dir(environ)
        self._online = download.Reachability()

    def resolve(self, names: Iterable[str]) -> dict[str, Path]:
        """The path of each program; raises DownloadRefusedError, BuildError or FolderError."""
        wanted = [program(name) for name in names]
        missing = [item for item in wanted if self._present(item) is None]
        if missing:
            self._fetch(missing)
        return {item.name: self._required(item) for item in wanted}

    def cached_path(self, item: Program) -> Path:
        return self._root / "bin" / item.name / item.version / item.name

    def _present(self, item: Program) -> Path | None:
        assets = self._environ.get("KUBEBUILDER_ASSETS", "")
        for path in (Path(assets) / item.name if assets else None, self.cached_path(item)):
            if path is not None and path.is_file() and os.access(path, os.X_OK):
                return path.absolute()
        return None

    def _required(self, item: Program) -> Path:
        path = self._present(item)
        if path is None:
            raise FileNotFoundError(f"{item.name} {item.version} left the cache; run again")
        return path

    def _fetch(self, missing: list[Program]) -> None:
        folders.make(self._root, folders.CACHE)
        with file_lock(self._root / "resolve.lock", waiting=self._waiting):
            # Another resolver may have done it while this one waited.
            missing = [item for item in missing if self._present(item) is None]
            left = [item for item in missing if not self._download(item)]
            for module in dict.fromkeys(item.module for item in left):
                self._build(module)

    def _waiting(self) -> None:
        self._say("sandbox: another process is fetching the control plane; waiting for it")

    def _download(self, item: Program) -> bool:
        """True when the program is in the cache; False when the host cannot be reached."""
        host = self._hosts.get(item.host, item.host)
        known = self._online.failed
        cause = self._online.cause(host)
        if cause:
            if not known:
                self._say(f"sandbox: no download ({cause}); building instead")
            return False
        with download.scratch(self._root) as folder:
            found = download.fetch(item, host, architecture(), folder, say=self._say)
            if found is None:
                return False
            self._install(found, item)
        return True

    def _build(self, module: str) -> None:
        with download.scratch(self._root) as folder:
            built = build.build_module(module, folder, environ=self._environ, say=self._say)
            for name, path in built.items():
                self._install(path, program(name))

    def _install(self, found: Path, item: Program) -> None:
        target = self.cached_path(item)
        target.parent.mkdir(parents=True, exist_ok=True)
        found.chmod(0o755)
        # A rename within one file system: a reader sees the whole program or none.
        shutil.move(found, target)
