"""Where the browser of the tests comes from, by programs that only pretend to be one."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from anomaly_sandbox.browser import VARIABLE, arguments, find_browser
from anomaly_sandbox.browser_error import BrowserError

STARTS = "echo Chromium 1.2.3"
STUB = "echo 'install the snap' >&2; exit 1"
SIMULATED = """
NOTE: This is only a simulation!
Inst libc6 [2.36-9] (2.36-10 Debian:12 [amd64])
Inst xdg-utils (1.1.3-4.1 Debian:12 [all])
Inst libfile-which-perl (1.27-2 Debian:12 [all])
Inst chromium-common (156.0-1 Debian-Security:12 [amd64])
Inst libopus0 (1.3.1-3 Debian:12 [amd64])
Inst chromium-headless-shell (156.0-1 Debian-Security:12 [amd64])
Conf libopus0 (1.3.1-3 Debian:12 [amd64])
"""
APT = f"""
case "$*" in
  *update*) echo update >> "$CALLS"; exit 0;;
  *simulate*) cat <<'END'
{SIMULATED}
END
  exit 0;;
esac
if [ -n "$STALE" ] && ! grep -q update "$CALLS"; then echo 'E: 404 Not Found' >&2; exit 100; fi
for word; do
  case "$word" in lib*|chromium*|xdg*) echo "$word" >> "$CALLS"; : > "$word.deb";; esac
done
"""
DPKG = """
mkdir -p "$3/usr/lib/chromium" "$3/usr/lib/x86_64-linux-gnu"
printf '#!/bin/sh\\necho Chromium "$LD_LIBRARY_PATH"\\n' > "$3/usr/lib/chromium/headless_shell"
chmod +x "$3/usr/lib/chromium/headless_shell"
: > "$3/usr/lib/x86_64-linux-gnu/libopus.so.0"
"""


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], Path]:
    """Puts a shell script on a PATH that has nothing else but the shell's own needs."""
    folder = tmp_path / "tools"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    for name in ("cat", "mkdir", "chmod", "grep", "dirname", "readlink"):
        (folder / name).symlink_to(str(shutil.which(name, path="/usr/bin:/bin")))

    def put(name: str, script: str) -> Path:
        path = folder / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        return path

    return put


@pytest.fixture
def environ(tmp_path: Path, tools: object, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    monkeypatch.setenv("CALLS", str(tmp_path / "calls"))
    (tmp_path / "calls").touch()
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    return {"PATH": os.environ["PATH"], "XDG_CACHE_HOME": str(tmp_path / "cache")}


def test_the_named_program_wins(
    tools: Callable[[str, str], Path], environ: dict[str, str], tmp_path: Path
) -> None:
    tools("chromium", STARTS)
    mine = tools("mine", STARTS)
    assert find_browser(environ={**environ, VARIABLE: str(mine)}) == mine
    with pytest.raises(BrowserError, match=f"{VARIABLE}=/no/such does not start"):
        find_browser(environ={**environ, VARIABLE: "/no/such"})


def test_a_stub_on_the_path_is_passed_over(
    tools: Callable[[str, str], Path], environ: dict[str, str]
) -> None:
    tools("chromium", STUB)
    chrome = tools("google-chrome", STARTS)
    assert find_browser(environ=environ) == chrome


def test_what_is_missing_is_unpacked_once_and_nothing_else(
    tools: Callable[[str, str], Path], environ: dict[str, str], tmp_path: Path
) -> None:
    tools("apt-get", APT)
    tools("dpkg-deb", DPKG)
    found = find_browser(environ=environ, say=lambda line: None)
    assert found == tmp_path / "cache/anomaly-operator/browser/debian/chromium"
    calls = (tmp_path / "calls").read_text().split()
    assert sorted(calls) == ["chromium-common", "chromium-headless-shell", "libopus0"]
    assert "$here/root/usr/lib/x86_64-linux-gnu" in found.read_text()
    assert find_browser(environ=environ, fetch=False) == found
    assert (tmp_path / "calls").read_text().split() == calls


def test_old_lists_are_renewed(
    tools: Callable[[str, str], Path],
    environ: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("STALE", "1")
    tools("apt-get", APT)
    tools("dpkg-deb", DPKG)
    assert find_browser(environ=environ, say=lambda line: None).is_file()
    assert (tmp_path / "calls").read_text().split()[0] == "update"


def test_without_any_way_the_variable_is_named(
    tools: Callable[[str, str], Path], environ: dict[str, str]
) -> None:
    with pytest.raises(BrowserError) as raised:
        find_browser(environ=environ, say=lambda line: None)
    assert "no apt-get" in str(raised.value)
    assert "playwright is not installed" in str(raised.value)
    assert f"Set {VARIABLE} to the path of one" in str(raised.value)


def test_only_root_goes_without_the_browsers_own_sandbox(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert arguments() == []
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert arguments() == ["--no-sandbox"]
