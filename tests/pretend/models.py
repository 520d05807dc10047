"""A small model as a training saves it, for tests of what may happen to its files."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from detector_runtime.contract.run_config import ServiceIdentity
from detector_runtime.store.revisions import StoredModel, save
from loopback.settings import UID

SERVICE = ServiceIdentity("shop", "checkout", UID)
OTHER = "ffffffff-0000-4000-8000-000000000002"
NOW = 1_780_000_000
ARRAYS = {
    "tree/children": np.arange(40, dtype=np.int32).reshape(2, 20),
    "tails.robust/knots": np.linspace(0, 1, 7),
    "flags": np.array([True, False]),
    "empty": np.zeros((0, 3)),
    "scalar": np.array(4.5),
}


def put(root: Path, now: int = NOW, service: ServiceIdentity = SERVICE) -> StoredModel:
    return save(
        root,
        service,
        arrays=dict(ARRAYS),
        engine={"layout": 1, "names": ["rate"]},
        libraries={"numpy": "2"},
        now=now,
    )


def folder(root: Path, model: StoredModel) -> Path:
    return root / UID / model.ref.revision
