"""Imports a library without what it would load only because it is installed."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def absent(package: str) -> Iterator[None]:
    """Let `import package` fail meanwhile, as if it were not installed.

    A package that is loaded already stays, as nothing would be saved.
    """
    if package in sys.modules:
        yield
        return
    # None in the place of a module is what makes an import fail.
    sys.modules[package] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules[package]
