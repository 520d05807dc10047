"""The shape of the tree that other things rely on."""

from __future__ import annotations

import operator
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = [
    "detector_runtime",
    "operator/anomaly_operator",
    "operator/anomaly_cli",
    "operator/anomaly_sandbox",
]


def test_operator_folder_never_shadows_the_standard_library() -> None:
    assert not (ROOT / "operator" / "__init__.py").exists()
    assert list((ROOT / "operator").glob("*.py")) == []
    assert Path(operator.__file__ or "").parent != ROOT / "operator"


@pytest.mark.parametrize("package", PACKAGES)
def test_every_module_says_why_it_exists(package: str) -> None:
    silent = [
        str(path.relative_to(ROOT))
        for path in sorted((ROOT / package).rglob("*.py"))
        if not path.read_text().lstrip().startswith(('"""', 'r"""'))
    ]
    assert silent == []


@pytest.mark.parametrize("package", PACKAGES)
def test_no_module_holds_two_ideas(package: str) -> None:
    long = {
        str(path.relative_to(ROOT)): lines
        for path in sorted((ROOT / package).rglob("*.py"))
        if (lines := len(path.read_text().splitlines())) > 400
    }
    assert long == {}


def test_kopf_stays_at_the_minor_version_that_was_tried() -> None:
    """Its private parts, of which the watch uses one, may change with each."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    (wanted,) = (d for d in project["optional-dependencies"]["operator"] if d.startswith("kopf"))
    locked = re.search(
        r"^kopf==(\d+)\.(\d+)\.", (ROOT / "requirements.lock").read_text(), re.MULTILINE
    )
    assert locked is not None
    major, minor = int(locked[1]), int(locked[2])
    assert wanted == f"kopf>={major}.{minor},<{major}.{minor + 1}"


@pytest.mark.parametrize("package", PACKAGES)
def test_no_drawer_modules(package: str) -> None:
    drawers = {"utils.py", "helpers.py", "common.py", "manager.py", "misc.py"}
    assert [p.name for p in (ROOT / package).rglob("*.py") if p.name in drawers] == []
