"""Arrays inside JSON: a worker's pipe carries text, and figures must arrive as they left."""

from __future__ import annotations

from base64 import b64decode, b64encode
from typing import Any

import numpy as np

from detector_runtime.series.frame import Floats


def packed(values: Floats) -> dict[str, Any]:
    """Shape and little-endian doubles in base64; NaN stays NaN."""
    data = np.ascontiguousarray(values, dtype="<f8").tobytes()
    return {"shape": list(values.shape), "data": b64encode(data).decode("ascii")}


def unpacked(document: dict[str, Any]) -> Floats:
    """Raises KeyError, ValueError for what `packed` did not write."""
    data = b64decode(document["data"], validate=True)
    values: Floats = np.frombuffer(data, dtype="<f8").astype(np.float64)
    return values.reshape([int(length) for length in document["shape"]])
