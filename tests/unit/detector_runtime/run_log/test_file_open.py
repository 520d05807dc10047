"""A path that a user names on a claim to which others write."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from detector_runtime.contract.training_run import LogFile
from detector_runtime.errors import ConfigInvalidError, RunError, SourceUnavailableError
from pretend.followed_log import whole

ROW = '{"step": 1}\n'


@pytest.fixture
def claim(tmp_path: Path) -> Path:
    root = tmp_path / "claim"
    (root / "runs" / "5").mkdir(parents=True)
    (root / "runs" / "5" / "log.jsonl").write_text(ROW)
    (tmp_path / "secret.jsonl").write_text(ROW)
    return root


@pytest.mark.parametrize("path", ["runs/5/log.jsonl", "./runs/../runs/5/log.jsonl"])
def test_a_path_inside(claim: Path, path: str) -> None:
    assert whole(claim, LogFile(path)).steps == [1]


@pytest.mark.parametrize(
    ("link", "target"),
    [("runs/latest", "5"), ("latest", "runs/5"), ("runs/5/up", "../../runs/5")],
)
def test_a_link_inside(claim: Path, link: str, target: str) -> None:
    (claim / link).symlink_to(target)
    assert whole(claim, LogFile(f"{link}/log.jsonl")).steps == [1]


@pytest.mark.parametrize("target", ["../../secret.jsonl", "../../../etc/passwd", "/etc/passwd"])
def test_a_link_out_of_the_claim_is_refused(claim: Path, target: str) -> None:
    (claim / "runs" / "log").symlink_to(target)
    with pytest.raises(ConfigInvalidError, match="leads out of the claim"):
        whole(claim, LogFile("runs/log"))


def test_a_link_in_a_circle_is_refused(claim: Path) -> None:
    (claim / "a").symlink_to("b")
    (claim / "b").symlink_to("a")
    with pytest.raises(ConfigInvalidError, match="leads out of the claim"):
        whole(claim, LogFile("a"))


@pytest.mark.parametrize("path", ["../secret.jsonl", "runs/../../secret.jsonl", "/etc/passwd"])
def test_a_path_out_of_the_claim_is_refused(claim: Path, path: str) -> None:
    with pytest.raises(ConfigInvalidError, match="claim"):
        whole(claim, LogFile(path))


def test_a_rotated_file_is_never_a_link(claim: Path, tmp_path: Path) -> None:
    follower = whole(claim, LogFile("runs/5/log.jsonl"))
    (claim / "runs" / "5" / "log.jsonl").unlink()
    (tmp_path / "secret.jsonl").write_text(ROW + ROW)
    (claim / "runs" / "5" / "log.jsonl.1").symlink_to("../../../secret.jsonl")
    assert follower.read() == []


def test_a_pipe_is_refused_at_once(claim: Path) -> None:
    os.mkfifo(claim / "pipe")
    with pytest.raises(ConfigInvalidError, match="is no ordinary file"):
        whole(claim, LogFile("pipe"))


def test_a_file_in_place_of_a_folder(claim: Path) -> None:
    with pytest.raises(ConfigInvalidError, match=r"log\.jsonl is no folder"):
        whole(claim, LogFile("runs/5/log.jsonl/x"))


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_file_that_may_not_be_read(claim: Path) -> None:
    (claim / "runs" / "5" / "log.jsonl").chmod(0)
    with pytest.raises(SourceUnavailableError, match="Permission denied"):
        whole(claim, LogFile("runs/5/log.jsonl"))


def test_a_claim_that_is_not_mounted(claim: Path) -> None:
    with pytest.raises(RunError, match="cannot be read"):
        whole(claim / "none", LogFile("log"))


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_no_file_stays_open(claim: Path) -> None:
    before = open_files()
    (claim / "a").symlink_to("/etc")
    for path in ("runs/5/log.jsonl", "runs/5", "a", "none"):
        try:
            whole(claim, LogFile(path))
        except ConfigInvalidError:
            continue
    assert open_files() == before
