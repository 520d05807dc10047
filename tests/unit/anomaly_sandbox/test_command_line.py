"""The sandbox's command line, as far as it needs no control plane."""

from __future__ import annotations

from pathlib import Path

import pytest

from anomaly_sandbox.__main__ import main
from anomaly_sandbox.cluster import Sandbox
from anomaly_sandbox.node.logs import folder


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of the test's own, with no sandbox and no cache."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("XDG_CACHE_HOME", "XDG_STATE_HOME", "KUBEBUILDER_ASSETS"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@pytest.mark.parametrize("words", [["status"], ["kubectl", "get", "pods"], ["logs", "x"]])
def test_without_a_sandbox_it_says_how_to_start_one(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 1
    assert "start one with `up`" in capsys.readouterr().err


class _Attached:
    def __init__(self, state: Path) -> None:
        self.state = state

    def logs(self, *_: str) -> str:
        return "from the pod\n"

    def close(self) -> None:
        pass


def test_logs_of_a_pod_that_never_ran_say_where_to_look(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Sandbox, "attach", lambda **_: _Attached(home))
    folder(home, "shop", "here", "uid").mkdir(parents=True)
    assert main(["logs", "here", "-n", "shop"]) == 0
    assert capsys.readouterr().out == "from the pod\n"
    assert main(["logs", "nosuch", "-n", "shop"]) == 1
    said = capsys.readouterr().err
    assert "no pod nosuch has run in namespace shop; see kubectl get pods -n shop" in said


def test_down_without_a_sandbox_is_no_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["down"]) == 0
    assert "no sandbox is running" in capsys.readouterr().out


def test_a_name_that_is_no_name_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["up", "--name", "Bad Name"])
    assert ended.value.code == 2
    assert "use lowercase letters" in capsys.readouterr().err


def test_an_unknown_program_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["resolve", "kubelet"]) == 1
    assert "unknown program 'kubelet'" in capsys.readouterr().err


def test_programs_of_the_admins_folder_are_shown(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    program = home / "kubectl"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(home))
    assert main(["resolve", "kubectl"]) == 0
    assert capsys.readouterr().out.split() == ["kubectl", str(program)]


@pytest.mark.parametrize("words", [["resolve"], ["up"], ["demo"]])
def test_a_home_that_cannot_be_written_to_is_named_with_the_way_out(
    words: list[str],
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    taken = home / "file"
    taken.touch()
    monkeypatch.setenv("HOME", str(taken))
    assert main(words) == 1
    said = capsys.readouterr().err
    assert f"cannot write to {taken}/.cache/anomaly-operator" in said
    assert "set XDG_CACHE_HOME to another folder" in said
