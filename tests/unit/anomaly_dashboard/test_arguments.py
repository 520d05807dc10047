"""The command line, and what it refuses with the next step."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from anomaly_dashboard import arguments
from anomaly_dashboard.__main__ import USAGE_ERROR, main


def test_what_is_not_said_serves_this_machine() -> None:
    found = arguments.parse([])
    assert (found.host, found.port, found.path_prefix) == ("127.0.0.1", 8050, "")
    assert (found.local, found.networks, found.public_host) == (False, (), "")


def test_behind_a_proxy() -> None:
    found = arguments.parse([
        "--host", "0.0.0.0", "--path-prefix", "/anomalies/", "--public-url",
        "https://Ops.example:8443/anomalies", "--proxy-user-header", "X-User", "--proxy-cidr",
        "10.0.0.0/8", "--proxy-cidr", "fd00::/8",
    ])  # fmt: skip
    assert found.path_prefix == "/anomalies"
    assert (found.public_host, found.public_origin) == ("ops.example", "https://ops.example:8443")
    assert [str(one) for one in found.networks] == ["10.0.0.0/8", "fd00::/8"]
    assert found.proxy is not None
    assert found.proxy.user_header == "X-User"
    addresses_alone = arguments.parse(["--proxy-cidr", "10.0.0.0/8"]).proxy
    assert addresses_alone is not None
    assert addresses_alone.user_header == ""


def test_on_ones_own_machine() -> None:
    found = arguments.parse(["--kubeconfig", "k", "--context", "c", "--code-file", "f"])
    assert found.local
    assert (found.context, found.code_file) == ("c", Path("f"))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--proxy-user-header", "X-User"], "needs --proxy-cidr"),
        (["--proxy-groups-header", "X-G", "--proxy-cidr", "10.0.0.0/8"], "--proxy-user-header"),
        (["--proxy-user-header", "X User"], "is no name of a header"),
        (["--proxy-cidr", "10.0.0.1/8"], "invalid ip_network value"),
        (["--kubeconfig", "k", "--host", "0.0.0.0"], "serves this machine alone"),
        (["--kubeconfig", "k", "--proxy-cidr", "10.0.0.0/8"], "without a proxy"),
        (["--port", "70000"], "up to 65535"),
        (["--path-prefix", "anomalies"], "such as /anomalies"),
        (["--path-prefix", '/a"b'], "such as /anomalies"),
        (["--public-url", "ops.example"], "such as https://host.example"),
        (["--explore-workers", "0"], "1 or more"),
    ],
)
def test_what_cannot_be_meant_is_refused(words: list[str], message: str, capsys: Any) -> None:
    with pytest.raises(SystemExit) as ended:
        arguments.parse(words)
    assert ended.value.code == 2
    assert message in capsys.readouterr().err


def test_a_file_that_is_not_there_is_named(capsys: Any, tmp_path: Path) -> None:
    absent = str(tmp_path / "absent")
    assert main(["--kubeconfig", absent]) == USAGE_ERROR
    assert absent in capsys.readouterr().err
    assert main(["--settings", absent, "--kubeconfig", absent]) == USAGE_ERROR
    assert absent in capsys.readouterr().err
