"""Credentials of a pod and of a kubeconfig, and the errors that name what is missing."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from anomaly_operator.api.errors import LoginFailedError
from anomaly_operator.client import login


def token(claims: dict[str, object]) -> str:
    body = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"header.{body}.signature"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (token({"exp": 1234}), 1234.0),
        (token({"sub": "x"}), None),
        ("opaque", None),
        ("a.b.c", None),
        ("", None),
    ],
)
def test_a_tokens_end_is_read_without_trusting_it(text: str, expected: float | None) -> None:
    assert login.token_expiry(text) == expected


async def test_a_pod_logs_in_with_the_files_of_its_folder(tmp_path: Path) -> None:
    environment = {"KUBERNETES_SERVICE_HOST": "fd00::1", "KUBERNETES_SERVICE_PORT": "6443"}
    found = login.choose(None, tmp_path, environment)
    with pytest.raises(LoginFailedError, match="token"):
        await found.connect()
    (tmp_path / "token").write_text(f"{token({'exp': 99})}\n")
    (tmp_path / "namespace").write_text("operators")
    connection = await found.connect()
    assert connection.server == "https://[fd00::1]:6443"
    assert connection.ca_file == str(tmp_path / "ca.crt")
    assert connection.namespace == "operators"
    assert connection.expires == 99


def test_without_a_pod_and_a_kubeconfig_the_next_step_is_named(tmp_path: Path) -> None:
    with pytest.raises(LoginFailedError, match="--kubeconfig"):
        login.choose(None, tmp_path, {})
    assert isinstance(login.choose(None, tmp_path, {"KUBECONFIG": "x"}), login.KubeconfigLogin)


async def test_a_broken_kubeconfig_is_named(tmp_path: Path) -> None:
    path = tmp_path / "config"
    with pytest.raises(LoginFailedError, match="config"):
        await login.KubeconfigLogin(path).connect()
    path.write_text("contexts: []\n")
    with pytest.raises(LoginFailedError, match="config"):
        await login.KubeconfigLogin(path).connect()


KUBECONFIG = """
apiVersion: v1
kind: Config
current-context: here
contexts: [{name: here, context: {cluster: one, user: me, namespace: shop}}]
clusters:
  - name: one
    cluster:
      server: https://127.0.0.1:6443
      tls-server-name: kubernetes.default
      insecure-skip-tls-verify: true
users: [{name: me, user: {token: opaque}}]
"""


async def test_a_kubeconfig_gives_server_name_token_and_namespace(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text(KUBECONFIG)
    connection = await login.KubeconfigLogin(path).connect()
    assert connection == login.Connection(
        "https://127.0.0.1:6443",
        verify=False,
        tls_server_name="kubernetes.default",
        authorization="Bearer opaque",
        namespace="shop",
    )
