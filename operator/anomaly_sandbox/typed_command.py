"""Commands of ours as a user has to type them: a PATH need not lead to this interpreter."""

from __future__ import annotations

import sys
from pathlib import Path


def typed(module: str, *words: object) -> str:
    """`.venv/bin/python -m MODULE WORDS`, from the folder in which this process runs."""
    python, here = Path(sys.executable), Path.cwd()
    if python.is_relative_to(here):
        python = python.relative_to(here)
    return " ".join(map(str, (python, "-m", module, *words)))
