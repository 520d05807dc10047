"""Which file of a folder is judged as which service, and by which policy."""

from __future__ import annotations

from pathlib import Path

import pytest

from anomaly_cli.assignment import assigned
from anomaly_cli.object_files import Objects, ServiceFileError, read_objects
from anomaly_cli.prepared import prepare
from anomaly_cli.recording import ReadOptions, RecordingError
from anomaly_cli.replay_options import ReplayOptions

OPTIONS = ReplayOptions(60, 0, None, "1", None, False, ReadOptions())
METRICS = "metrics: [{name: a, query: a}]"
POLICY = """kind: SLOPolicy
metadata: {name: gold, namespace: shop}
spec:
  serviceSelector: {matchLabels: {tier: gold}}
  thresholds: {latency: {acceptable: 100ms, warning: 200ms, critical: 300ms}}
"""


def service(name: str, more: str = "", namespace: str = "") -> str:
    where = f", namespace: {namespace}" if namespace else ""
    return (
        f"kind: AnomalyService\nmetadata: {{name: {name}{where}, labels: {{tier: gold}}}}\n"
        f"spec: {{{METRICS}{more}}}\n"
    )


def objects(folder: Path, *texts: str) -> Objects:
    paths = []
    for at, text in enumerate(texts):
        paths.append(folder / f"{at}.yaml")
        paths[-1].write_text(text)
    return read_objects(paths)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    for name in ("cart", "checkout"):
        (folder / f"{name}.csv").write_text("t,a\n60,1\n120,2\n")
    return folder


def test_each_file_of_a_folder_is_the_service_that_it_is_called_by(
    tmp_path: Path, data: Path
) -> None:
    given = objects(tmp_path, service("checkout"), service("cart"))
    found = assigned(data, given)
    assert [(one.name, one.path.name) for one in found.found] == [
        ("cart", "cart.csv"),
        ("checkout", "checkout.csv"),
    ]
    assert (found.notes, found.warnings) == ((), ())


def test_what_has_no_recording_or_no_service_is_said_and_left_out(
    tmp_path: Path, data: Path
) -> None:
    found = assigned(data, objects(tmp_path, service("cart"), service("bank")))
    assert [one.name for one in found.found] == ["cart"]
    assert [one.meta.name for one in found.unrecorded] == ["bank"]
    assert found.notes == ("without a recording, and not judged: bank",)
    assert "not judged: checkout.csv" in found.warnings[0]


def test_without_services_each_file_of_a_folder_is_one(data: Path) -> None:
    assert [one.name for one in assigned(data, Objects()).found] == ["cart", "checkout"]


def test_a_file_takes_the_service_that_it_is_called_by(tmp_path: Path, data: Path) -> None:
    given = objects(tmp_path, service("cart"), service("checkout"))
    assert assigned(data / "cart.csv", given).found[0].name == "cart"
    assert assigned(data / "cart.csv", given, "checkout").found[0].name == "checkout"


@pytest.mark.parametrize(
    ("texts", "name", "message"),
    [
        ((service("bank"),), None, "no AnomalyService that a file in .* is called by"),
        ((service("cart", namespace="a"), service("cart", namespace="b")), None, r"a/cart and b/"),
        ((service("cart"),), "cart", "give the file of one service"),
    ],
)
def test_a_folder_that_does_not_fit_is_refused(
    tmp_path: Path, data: Path, texts: tuple[str, ...], name: str | None, message: str
) -> None:
    with pytest.raises(ServiceFileError, match=message):
        assigned(data, objects(tmp_path, *texts), name)


def test_a_folder_without_recordings_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match=r"has no file called \*\.csv"):
        assigned(tmp_path, Objects())


def test_the_policy_that_selects_a_service_applies_with_its_override(
    tmp_path: Path, data: Path
) -> None:
    override = "  overrides: [{service: cart, latency: {critical: 250ms}}]\n"
    given = objects(tmp_path, service("cart"), service("checkout"), POLICY + override)
    critical = {}
    for one in assigned(data, given).found:
        slo = one.service.policy.slo
        assert slo is not None
        assert slo.latency is not None
        critical[one.name] = slo.latency.critical
    assert critical == {"cart": 0.25, "checkout": 0.3}


def test_a_policy_that_a_service_names_and_no_file_has_is_told(tmp_path: Path, data: Path) -> None:
    given = objects(tmp_path, service("cart", ", sloPolicyRef: {name: silver}"), POLICY)
    policy = assigned(data, given).found[0].service.policy
    assert policy.slo is None
    assert "names SLOPolicy silver, which does not exist" in policy.message


def test_objectives_of_the_policy_without_their_columns_are_said(
    tmp_path: Path, data: Path
) -> None:
    ratio = "{errors: 'e[$(window)]', total: 't[$(window)]'}"
    objective = f"{{name: available, target: 99.9%, indicator: {{ratio: {ratio}}}}}"
    given = objects(tmp_path, service("cart"), POLICY + f"  objectives: [{objective}]\n")
    (one,) = assigned(data, given).found
    prepared = prepare(one, OPTIONS)
    assert prepared.recording.notes[-1] == "SLOPolicy gold applies"
    (events,) = prepared.plan.events
    assert events.problem == (
        "no column holds its errors; record its events as columns available_errors and "
        "available_total"
    )


def test_a_policy_of_another_namespace_does_not_apply(tmp_path: Path, data: Path) -> None:
    given = objects(tmp_path, service("cart", namespace="other"), POLICY)
    assert assigned(data, given).found[0].service.policy.slo is None


def test_a_policy_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ServiceFileError, match=r"SLOPolicy gold: spec.thresholds.latency"):
        objects(tmp_path, POLICY.replace("300ms", "later"))
