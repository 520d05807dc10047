"""The model that serves: how it was made, how good it is, what it promised, and how to go back.

A rollback is a pin in the manifest; the page shows it and never writes it.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from anomaly_cli.cluster_reading import part, text
from anomaly_operator.api import names
from anomaly_operator.status.stored import Status
from anomaly_operator.training.book import Model
from anomaly_operator.world.objects import Meta


@dataclass(frozen=True, slots=True)
class Revision:
    """`fits`: whether it was trained for the metrics and the step that the serving one has.
    `manifest`, `command`: what pins it."""

    model: Model
    trained: int
    serves: bool
    fits: bool
    manifest: str
    command: str


@dataclass(frozen=True, slots=True)
class ModelCard:
    """`model` None: none serves. False incidents a week, as texts: `expected` by the model,
    `tolerated` by the spec, `observed` so far; `offset`: what the alert level was raised by."""

    model: Model | None
    trained: int
    pinned: bool
    revisions: tuple[Revision, ...]
    expected: str
    tolerated: str
    observed: str
    offset: str


def model_card(meta: Meta, status: Status, wanted: str) -> ModelCard:
    """`wanted`: `spec.modelRevision`."""
    model, kept = status.model, part(status.raw, "falseIncidents")
    known = status.training.revisions
    if model and model.revision not in {one.revision for one in known}:
        known = (model, *known)
    offset = text(kept, "levelOffset")
    return ModelCard(
        model=model,
        trained=(model.trained_at or 0) if model else 0,
        pinned=bool(wanted) and model is not None and model.revision == wanted,
        revisions=tuple(_revision(meta, one, model) for one in known),
        expected=model.expected_per_week if model else "",
        tolerated=text(kept, "toleratedPerWeek"),
        observed=text(kept, "observedPerWeek"),
        offset="" if offset in {"", "0"} else offset,
    )


def _revision(meta: Meta, one: Model, serving: Model | None) -> Revision:
    serves = serving is not None and one.revision == serving.revision
    fits = serving is None or not one.shape or not serving.shape or one.shape == serving.shape
    return Revision(
        model=one,
        trained=one.trained_at or 0,
        serves=serves,
        fits=fits,
        manifest=_manifest(meta, one.revision),
        command=shlex.join(
            ["kubectl", "anomaly", "rollback", meta.name, one.revision, "-n", meta.namespace]
        ),
    )


def _manifest(meta: Meta, revision: str) -> str:
    document: Mapping[str, Any] = {
        "apiVersion": names.API_VERSION,
        "kind": "AnomalyService",
        "metadata": {"name": meta.name, "namespace": meta.namespace},
        "spec": {"modelRevision": revision},
    }
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True)
