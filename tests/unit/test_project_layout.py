"""The shape of the tree that other things rely on."""

from __future__ import annotations

import operator
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


@pytest.mark.parametrize("package", PACKAGES)
def test_no_drawer_modules(package: str) -> None:
    drawers = {"utils.py", "helpers.py", "common.py", "manager.py", "misc.py"}
    assert [p.name for p in (ROOT / package).rglob("*.py") if p.name in drawers] == []
