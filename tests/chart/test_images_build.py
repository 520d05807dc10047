"""The images, built and run: as their own user, and as any user of the group 0.

Needs buildah and a base image with Python 3.13, named by IMAGE_BASE. Where one is missing, the
tests are skipped and say so. A build takes about half a minute.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BUILDAH = shutil.which("buildah") or ""
BASE = os.environ.get("IMAGE_BASE", "")
SETTINGS = {**os.environ, "STORAGE_DRIVER": os.environ.get("STORAGE_DRIVER", "vfs")}
TARGETS = {
    "operator": ("operator/Dockerfile", ""),
    "dashboard": ("operator/anomaly_dashboard/Dockerfile", ""),
    "score": ("detector_runtime/Dockerfile", "score"),
    "train": ("detector_runtime/Dockerfile", "train"),
}
USERS = ["10001:10001", "1000700000:0"]

pytestmark = [
    pytest.mark.skipif(not BUILDAH, reason="no builder: buildah is not on the PATH"),
    pytest.mark.skipif(not BASE, reason="no base: IMAGE_BASE names no image with Python 3.13"),
    pytest.mark.timeout(900),
]

HOME = """
import pathlib, sys
assert pathlib.Path.home() == pathlib.Path("/tmp"), pathlib.Path.home()
assert sys.prefix == "/opt/venv", sys.prefix
"""
OPERATOR = f"""{HOME}
import importlib, importlib.util, pkgutil
import anomaly_operator, detector_runtime.contract.detection
for module in pkgutil.walk_packages(anomaly_operator.__path__, "anomaly_operator."):
    importlib.import_module(module.name)
others = ("anomaly_sandbox", "anomaly_cli", "anomaly_dashboard")
for absent in (*others, "numpy", "fastapi", "detector_runtime.commands"):
    assert importlib.util.find_spec(absent) is None, absent
"""
SCORE = f"""{HOME}
import importlib.util, detector_runtime.commands.score
others = ("anomaly_sandbox", "anomaly_cli", "anomaly_dashboard")
for absent in ("anomaly_operator", *others, "sklearn"):
    assert importlib.util.find_spec(absent) is None, absent
"""
TRAIN = f"""{HOME}
import importlib.util, detector_runtime.commands.train, sklearn
assert importlib.util.find_spec("anomaly_operator") is None
"""
DASHBOARD = f"""{HOME}
import importlib, importlib.util, pathlib, pkgutil
import anomaly_dashboard, anomaly_cli.backtest, sklearn
for module in pkgutil.walk_packages(anomaly_dashboard.__path__, "anomaly_dashboard."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
web = pathlib.Path(anomaly_dashboard.__path__[0]) / "web"
assert list(web.glob("templates/*.html")), "no templates"
assert list(web.glob("static/vendor/*.js")), "no scripts"
assert importlib.util.find_spec("anomaly_sandbox") is None
"""
PROGRAMS = {"operator": OPERATOR, "dashboard": DASHBOARD, "score": SCORE, "train": TRAIN}


def buildah(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [BUILDAH, *arguments],
        env=SETTINGS,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=800,
        check=False,
    )


Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module", params=TARGETS)
def image(request: pytest.FixtureRequest) -> Iterator[tuple[str, Run]]:
    """The name of an image and what runs a command in a container of it, as a given user."""
    name = str(request.param)
    file, target = TARGETS[name]
    tag = f"localhost/test-{name}"
    stage = ("--target", target) if target else ()
    isolation = ("--isolation", "chroot", "--network", "host")
    command = ("bud", "--format", "oci", *isolation, "--build-arg", f"BASE={BASE}")
    built = buildah(*command, *stage, "--tag", tag, "--file", file, ".")
    assert built.returncode == 0, (built.stdout + built.stderr)[-4000:]
    made = buildah("from", "--pull-never", tag)
    assert made.returncode == 0, made.stderr
    container = made.stdout.strip()

    def run(user: str, *words: str) -> subprocess.CompletedProcess[str]:
        return buildah("run", "--isolation", "chroot", "--user", user, container, "--", *words)

    yield name, run
    buildah("rm", container)
    buildah("rmi", "--force", tag)


@pytest.mark.parametrize("user", USERS)
def test_the_image_works_as_any_user(image: tuple[str, Run], user: str) -> None:
    name, run = image
    done = run(user, "python", "-c", PROGRAMS[name])
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("user", USERS)
def test_nothing_of_the_image_can_be_changed(image: tuple[str, Run], user: str) -> None:
    """Not even where the root file system is writable: code belongs to root."""
    _, run = image
    done = run(user, "sh", "-c", "touch /opt/venv/lib/x || touch /opt/venv/bin/python.new")
    assert done.returncode != 0


def test_the_process_of_the_image_starts(image: tuple[str, Run]) -> None:
    """It says what it misses, which is the configuration."""
    name, run = image
    module = {"operator": "anomaly_operator", "dashboard": "anomaly_dashboard"}.get(
        name, "detector_runtime"
    )
    done = run(USERS[1], "python", "-m", module, "--help")
    assert "Traceback" not in done.stderr
    assert module.partition("_")[0] in (done.stdout + done.stderr)


def test_a_failed_install_ends_the_build(tmp_path: Path) -> None:
    """Also in the OCI format, which knows no shell of the file's own."""
    text = (ROOT / "operator" / "Dockerfile").read_text()
    broken = tmp_path / "Dockerfile"
    broken.write_text(text.replace("python -m venv --without-pip /opt/venv", "false"))
    isolation = ("--isolation", "chroot", "--network", "host")
    built = buildah(
        "bud", "--format", "oci", *isolation, "--build-arg", f"BASE={BASE}", "-f", str(broken), "."
    )
    assert built.returncode != 0
