"""Whether this dashboard can draw charts: it was started with metrics sources.

Without them a page has its tables and no place for a chart, rather than a chart that fails.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends
from starlette.requests import Request


def _charted(request: Request) -> bool:
    return request.app.state.parts.desk is not None


ChartsIn = Annotated[bool, Depends(_charted)]
