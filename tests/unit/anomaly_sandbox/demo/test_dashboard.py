"""The demo looks at the dashboard as a browser does, and fails where it shows nothing."""

from __future__ import annotations

import socket
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from anomaly_sandbox.demo import dashboard
from anomaly_sandbox.demo.stage import DemoError
from loopback.server import Answer, Asked, LoopbackServer


class Pages(LoopbackServer):
    """Lets in who brings the code, and shows `overview` to whom it let in."""

    def __init__(self, overview: str) -> None:
        self.overview = overview
        super().__init__(self._respond)

    def _respond(self, asked: Asked) -> Answer:
        if asked.path == "/sign-in?code=secret":
            return Answer(303, headers={"Location": "/", "Set-Cookie": "session=1; HttpOnly"})
        if asked.headers.get("cookie") != "session=1":
            return Answer(401)
        return Answer(200 if self.overview else 500, self.overview.encode())


def stage(folder: Path, address: str) -> tuple[Any, list[str]]:
    (folder / "dashboard.url").write_text(address)
    (folder / "dashboard.code").write_text("secret\n")
    said: list[str] = []
    return SimpleNamespace(sandbox=SimpleNamespace(state=folder), say=said.append), said


def test_the_overview_has_to_name_the_incident(tmp_path: Path) -> None:
    with Pages("<h1>Overview</h1> payments") as pages:
        made, said = stage(tmp_path, pages.url)
        assert dashboard.entrance(made) == f"{pages.url}/sign-in?code=secret"
        dashboard.must_name(made, "payments")
        assert said == [f"the dashboard at {pages.url} names payments"]
        with pytest.raises(DemoError, match="does not name checkout"):
            dashboard.must_name(made, "payments", "checkout")


def test_an_error_ends_the_demo_with_the_last_line_of_the_log(tmp_path: Path) -> None:
    (tmp_path / "dashboard.log").write_text("started\nTypeError: no such row\n")
    with Pages("") as pages:
        made, _ = stage(tmp_path, pages.url)
        with pytest.raises(DemoError, match=r"HTTP Error 500.*TypeError: no such row"):
            dashboard.must_name(made, "payments")


def test_it_asks_the_sources_that_the_operator_was_installed_with(tmp_path: Path) -> None:
    settings = {"sources": {"default": {"type": "Prometheus", "url": "http://127.0.0.1:9090"}}}
    made, _ = stage(tmp_path, "")
    assert dashboard._settings(made) == {}
    (tmp_path / "values.yaml").write_text(yaml.safe_dump({"settings": settings}))
    assert dashboard._settings(made) == settings


def test_a_port_that_is_taken_is_left_alone() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert dashboard._free(port) != port
    assert dashboard._free(port) == port
