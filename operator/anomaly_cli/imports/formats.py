"""Which tool a document of a file comes from, and who reads it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from anomaly_cli.imports import openslo, pyrra, sloth
from anomaly_cli.imports.manifest import Manifest, ManifestError
from anomaly_cli.imports.objective import Loss, Reading

KNOWN = (
    "OpenSLO (openslo/v1), Sloth (prometheus/v1 and PrometheusServiceLevel) and Pyrra "
    "(ServiceLevelObjective)"
)


def read(documents: list[Any]) -> Reading:
    """All documents of a file; lists, as kubectl prints them, are taken apart."""
    reading, of_openslo = Reading(), list[Manifest]()
    for number, document in enumerate(_flat(documents), start=1):
        try:
            one = Manifest(document)
            if _dispatched(one, reading):
                continue
            if one.text("apiVersion") == openslo.VERSION:
                of_openslo.append(one)
                continue
            raise ManifestError(f"{_kind(one)} is none of {KNOWN}")
        except ManifestError as error:
            reading.failed.append(Loss(f"document {number}", "not imported", str(error)))
    if of_openslo:
        openslo.read_all(of_openslo, reading)
    return reading


def _dispatched(document: Manifest, reading: Reading) -> bool:
    """Whether it was for one of the readers that take a document each."""
    version, kind = document.text("apiVersion"), document.text("kind")
    if document.text("version") == "prometheus/v1":
        sloth.read_native(document, reading)
    elif version == "sloth.slok.dev/v1" and kind == "PrometheusServiceLevel":
        sloth.read_resource(document, reading)
    elif version == "pyrra.dev/v1alpha1" and kind == "ServiceLevelObjective":
        pyrra.read_resource(document, reading)
    else:
        return False
    return True


def _kind(document: Manifest) -> str:
    parts = (document.text("apiVersion"), document.text("kind"))
    return " ".join(part for part in parts if part) or "a document without apiVersion and kind"


def _flat(document: Any) -> Iterator[Any]:
    if isinstance(document, list):
        for one in document:
            yield from _flat(one)
    elif isinstance(document, dict) and str(document.get("kind", "")).endswith("List"):
        yield from _flat(document.get("items") or [])
    else:
        yield document
