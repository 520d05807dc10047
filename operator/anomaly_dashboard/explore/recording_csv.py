"""A trial's windows as the file that `kubectl-anomaly backtest --data` reads."""

from __future__ import annotations

import math
from collections.abc import Iterator

from detector_runtime.contract.text import iso
from detector_runtime.series.frame import Frame


def lines(frame: Frame) -> Iterator[str]:
    """A header and one line a window. An empty cell is absent, `NaN` is what the source said."""
    yield ",".join(["timestamp", *(_quoted(name) for name in frame.names)]) + "\n"
    undefined = frame.undefined
    for row, (time, values) in enumerate(
        zip(frame.times.tolist(), frame.values.tolist(), strict=True)
    ):
        cells = [
            _cell(value, undefined is not None and bool(undefined[row, column]))
            for column, value in enumerate(values)
        ]
        yield ",".join([iso(time), *cells]) + "\n"


def command(warmup: int, refit: int, step: str) -> str:
    """The backtest of that file that finds the same incidents."""
    again = "never" if not refit else f"{refit}s"
    return (
        "kubectl-anomaly backtest --data recording.csv --file service.yaml "
        f"--step {step} --warmup {warmup} --refit {again}"
    )


def _cell(value: float, undefined: bool) -> str:
    if math.isnan(value):
        return "NaN" if undefined else ""
    return repr(value)


def _quoted(name: str) -> str:
    return f'"{name.replace(chr(34), chr(34) * 2)}"' if set(name) & set(',"\n') else name
