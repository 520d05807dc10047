"""The images as their Dockerfiles describe them; the lint of a build that needs no builder."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from fnmatch import fnmatch
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILES = [
    "operator/Dockerfile",
    "operator/anomaly_dashboard/Dockerfile",
    "detector_runtime/Dockerfile",
]
PACKAGES = {"anomaly_operator", "anomaly_cli", "anomaly_dashboard", "anomaly_sandbox"}


@pytest.fixture(params=FILES)
def lines(request: pytest.FixtureRequest) -> list[str]:
    """Instructions, one a line, comments left out."""
    text = re.sub(r"\\\n\s*", "", (ROOT / request.param).read_text())
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def words(lines: list[str], instruction: str) -> list[str]:
    return [line.removeprefix(f"{instruction} ") for line in lines if line.startswith(instruction)]


def test_the_base_image_is_the_builders_choice(lines: list[str]) -> None:
    assert re.fullmatch(r"ARG BASE=python:\d+\.\d+-slim", lines[0])
    stages = {word.split(" AS ")[-1] for word in words(lines, "FROM")}
    assert {word.split()[0] for word in words(lines, "FROM")} <= {"${BASE}", *stages}


def test_nothing_runs_as_root(lines: list[str]) -> None:
    assert words(lines, "USER") == ["10001:10001"]


def test_a_failed_step_ends_the_build(lines: list[str]) -> None:
    """By itself: builders of the OCI format ignore the instruction SHELL."""
    steps = words(lines, "RUN")
    assert steps
    assert all(step.startswith("set -eu; ") for step in steps)
    assert words(lines, "SHELL") == []


def test_any_user_can_read_the_code_and_has_a_home(lines: list[str]) -> None:
    """A platform may run the image as any user of the group 0 (OpenShift)."""
    (last,) = (word for word in words(lines, "ENV") if "HOME=" in word)
    assert "HOME=/tmp" in last.split()
    assert words(lines, "WORKDIR")[-1] == "/tmp"
    installs = [step for step in words(lines, "RUN") if "--python /opt/venv" in step]
    assert "chmod -R a+rX /opt/venv" in installs[-1]


def test_what_is_shipped_comes_from_build_stages_alone(lines: list[str]) -> None:
    last = max(i for i, line in enumerate(lines) if line == "FROM ${BASE}" or " runtime" in line)
    copied = words(lines[last:], "COPY")
    assert copied
    assert all(word.startswith("--from=build") for word in copied)
    assert words(lines[last:], "RUN") == []


def test_every_package_from_outside_is_pinned_by_hash(lines: list[str]) -> None:
    commands = [part.strip() for word in words(lines, "RUN") for part in word.split(";")]
    installs = [command for command in commands if re.match(r"pip .*install", command)]
    assert len(installs) >= 3
    for command in installs:
        assert "--require-hashes" in command or "--no-deps dist/*.whl" in command


def test_the_process_is_the_first_one(lines: list[str]) -> None:
    (entrypoint,) = words(lines, "ENTRYPOINT")
    assert re.fullmatch(
        r'\["python", "-m", "(anomaly_operator|anomaly_dashboard|detector_runtime)"\]', entrypoint
    )


def test_the_builder_gets_what_is_copied(lines: list[str]) -> None:
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert "*" in ignored
    admitted = [line[1:] for line in ignored if line.startswith("!")]
    sources = [
        source
        for word in words(lines, "COPY")
        if not word.startswith("--from")
        for source in word.split()[:-1]
    ]
    for source in sources:
        folder = source.rstrip("/")
        assert (ROOT / folder).exists()
        assert any(
            fnmatch(folder, pattern) or pattern.startswith(f"{folder}/") for pattern in admitted
        )


def test_scoring_training_and_serving_are_targets_of_their_own() -> None:
    text = (ROOT / "detector_runtime" / "Dockerfile").read_text()
    assert sorted(re.findall(r"^FROM runtime AS (\w+)$", text, flags=re.MULTILINE)) == [
        "score",
        "serve",
        "train",
    ]


@pytest.mark.parametrize(
    ("file", "kept"),
    [
        ("operator/Dockerfile", {"anomaly_operator"}),
        (
            "operator/anomaly_dashboard/Dockerfile",
            {"anomaly_dashboard", "anomaly_operator", "anomaly_cli"},
        ),
        ("detector_runtime/Dockerfile", set()),
    ],
)
def test_an_image_has_no_package_and_no_command_that_it_does_not_run(
    file: str, kept: set[str]
) -> None:
    """The wheel has them all; each is taken away by name."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    folders = project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert {folder.rpartition("/")[2] for folder in folders} == {*PACKAGES, "detector_runtime"}
    text = (ROOT / file).read_text()
    (removed,) = re.findall(r"rm -r ([a-z_ ]+);", text)
    assert set(removed.split()) == PACKAGES - kept
    commands = set(re.findall(r"/opt/venv/bin/([\w-]+)", text))
    own = project["project"]["scripts"].keys() - commands
    (module,) = re.findall(r'"-m", "([a-z_]+)"', text)
    assert own == {module.replace("_", "-")}


def test_the_dashboard_gets_what_its_extras_ask_for() -> None:
    text = (ROOT / "operator" / "anomaly_dashboard" / "Dockerfile").read_text()
    extras = set(re.findall(r"e\['(\w+)'\]", text))
    assert extras == {"dashboard", "operator", "cli", "train"}
    assert "p['dependencies']" in text


KEPT = ("__init__.py", "contract")
IMPORT_ALL = """
import importlib, pkgutil, sys
sys.modules["numpy"] = sys.modules["sklearn"] = None  # whoever imports them fails
import anomaly_operator
for module in pkgutil.walk_packages(anomaly_operator.__path__, "anomaly_operator."):
    importlib.import_module(module.name)
import detector_runtime
print(detector_runtime.__path__[0])
"""


IMPORT_DASHBOARD = """
import importlib, pkgutil, sys
sys.modules["anomaly_sandbox"] = None  # whoever imports it fails
import anomaly_dashboard
for module in pkgutil.walk_packages(anomaly_dashboard.__path__, "anomaly_dashboard."):
    importlib.import_module(module.name)
"""


def test_the_dashboard_lives_without_the_sandbox() -> None:
    done = subprocess.run(
        [sys.executable, "-c", IMPORT_DASHBOARD], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_the_operator_lives_on_the_part_of_the_runtime_that_it_ships(tmp_path: Path) -> None:
    (tmp_path / "anomaly_operator").symlink_to(ROOT / "operator" / "anomaly_operator")
    (tmp_path / "detector_runtime").mkdir()
    for name in KEPT:
        (tmp_path / "detector_runtime" / name).symlink_to(ROOT / "detector_runtime" / name)
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n{IMPORT_ALL}"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(tmp_path / "detector_runtime")
    command = (ROOT / "operator" / "Dockerfile").read_text()
    assert re.findall(r"! -name '([^']+)'", command) == list(KEPT)
