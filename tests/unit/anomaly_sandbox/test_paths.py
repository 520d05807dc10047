"""Mount paths in what a process is started with become the folders behind them."""

from __future__ import annotations

from pathlib import Path

import pytest

from anomaly_sandbox.node.environment import expand
from anomaly_sandbox.node.paths import Mount, Rewriter

REWRITER = Rewriter.of(
    [
        Mount("/data", Path("/s/data")),
        Mount("/data/deep", Path("/s/deep")),
        Mount("/var/run/secrets/identity/", Path("/s/identity")),
        Mount("/dev/termination-log", Path("/s/termination-log")),
    ]
)


@pytest.mark.parametrize(
    ("text", "rewritten"),
    [
        ("/data", "/s/data"),
        ("/data/x/y", "/s/data/x/y"),
        ("--dir=/data/x", "--dir=/s/data/x"),
        ("/data:/data/deep", "/s/data:/s/deep"),
        ("/data/deep/x", "/s/deep/x"),
        ("/data/deeper", "/s/data/deeper"),
        ("file:///data/x", "file:///s/data/x"),
        ('{"path": "/data/x"}', '{"path": "/s/data/x"}'),
        ("echo bye > /dev/termination-log", "echo bye > /s/termination-log"),
        ("/var/run/secrets/identity/token", "/s/identity/token"),
        ("a,/data,b", "a,/s/data,b"),
    ],
)
def test_a_mount_path_is_rewritten_where_it_is_a_path(text: str, rewritten: str) -> None:
    assert REWRITER.text(text) == rewritten


@pytest.mark.parametrize(
    "text",
    ["/database", "/mnt/data", "http://host/data", "/data-2", "/data.csv", "data", "../data", ""],
)
def test_what_only_looks_like_a_mount_path_stays(text: str) -> None:
    assert REWRITER.text(text) == text


def test_a_rewritten_path_is_not_rewritten_again() -> None:
    nested = Rewriter.of([Mount("/a", Path("/b/x")), Mount("/b", Path("/c"))])
    assert nested.text("/a/1 /b/2") == "/b/x/1 /c/2"


@pytest.mark.parametrize(
    ("text", "expanded"),
    [
        ("$(A)/x", "1/x"),
        ("$(MISSING)", "$(MISSING)"),
        ("$$(A)", "$(A)"),
        ("$A ${A}", "$A ${A}"),
        ("$(A)$(B)", "12"),
    ],
)
def test_references_to_variables_are_expanded_as_in_kubernetes(text: str, expanded: str) -> None:
    assert expand(text, {"A": "1", "B": "2"}) == expanded
