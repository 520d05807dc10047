"""A stand-in for the runtime's image: its trainings succeed at once and its scoring does nothing.

For tests of the operator alone, where a real training would take most of the time.
"""

from __future__ import annotations

from pathlib import Path

from anomaly_sandbox.cluster import Sandbox
from detector_runtime.contract.codec import dumps
from detector_runtime.contract.train_report import TrainReport
from detector_runtime.contract.vocabulary import RunOutcome

TRAINED = TrainReport(
    outcome=RunOutcome.SUCCEEDED,
    message="trained",
    revision="20261123-020000-abcdef",
    digest=f"sha256:{'ab' * 32}",
    arrays_digest=f"sha256:{'cd' * 32}",
    trained_at="2026-11-23T02:00:00Z",
    grade="A",
    samples=700,
    needed=500,
    detectors=("seasonal",),
    validation="Passed",
)
STAND_IN = """
import pathlib, sys
if "train" in sys.argv:
    report = pathlib.Path(__file__).with_name("report.json").read_text()
    pathlib.Path(sys.argv[sys.argv.index("--report") + 1]).write_text(report)
"""


def quick_trainer(cluster: Sandbox, folder: Path) -> str:
    """Make the image known to the cluster's node; its name."""
    package = folder / "detector_runtime"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "__main__.py").write_text(STAND_IN)
    (package / "report.json").write_text(dumps(TRAINED))
    # By way of the root, else a folder below /tmp would be taken for the pod's own /tmp.
    cluster.map_image("quick/runtime:*", [], {"PYTHONPATH": f"/..{package.parent}"})
    return "quick/runtime:1"
