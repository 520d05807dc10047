"""What goes wrong in the tiny training, and after which step.

Besides the trainer's flags there is a file that it reads before each row, so that the demo can
break a training that runs. The product under demonstration never sees that file.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

GLITCH_FACTOR = 20.0
GLITCH_STEPS = 15


@dataclass(frozen=True, slots=True)
class Breakage:
    """Each field is the last step before it begins; None: it does not. `label_bug`: the prompts get
    the golden answers of other prompts. `rate_glitch`: for GLITCH_STEPS steps the learning rate is
    GLITCH_FACTOR times what the schedule says."""

    label_bug: int | None = None
    rate_glitch: int | None = None

    def shuffles(self, step: int) -> bool:
        return self.label_bug is not None and step > self.label_bug

    def factor(self, step: int) -> float:
        """Of the learning rate at `step`."""
        begin = self.rate_glitch
        glitch = begin is not None and begin < step <= begin + GLITCH_STEPS
        return GLITCH_FACTOR if glitch else 1.0


NOTHING = Breakage()


def read(file: Path) -> Breakage | None:
    """None where there is no such file."""
    try:
        content = json.loads(file.read_text())
    except FileNotFoundError:
        return None
    return Breakage(**content)


def write(file: Path, breakage: Breakage) -> None:
    """Written aside and renamed: the trainer never reads half a file."""
    aside = file.with_suffix(f".{os.getpid()}")
    aside.write_text(json.dumps(asdict(breakage)))
    aside.replace(file)
