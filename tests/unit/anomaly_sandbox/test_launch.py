"""What a container gets from the sandbox without asking."""

from __future__ import annotations

from pathlib import Path

import pytest

from anomaly_sandbox.node.images import Image
from anomaly_sandbox.node.launch import Folders, base_environment

POD = {"metadata": {"name": "sums-1"}}


def environment(folder: Path, **of_image: str) -> dict[str, str]:
    image = Image("any:*", env=of_image)
    return base_environment(POD, image, Folders(folder), ("127.0.0.1", "6443"))


def test_a_container_finds_our_packages_where_the_agent_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", "/source/operator")
    assert environment(tmp_path)["PYTHONPATH"] == "/source/operator"
    assert environment(tmp_path, PYTHONPATH="/other")["PYTHONPATH"] == "/other"
    monkeypatch.delenv("PYTHONPATH")
    assert "PYTHONPATH" not in environment(tmp_path)
