"""Faults of the shop that take more than one line, and the policies that its services have."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from anomaly_sandbox.demo.faults import FaultKind
from benchmarks.patterns.shop_data import Ill


def ills(service: str, first: int, last: int, **amounts: float) -> tuple[Ill, ...]:
    """Faults of one service at the same time, by kind."""
    return tuple(
        Ill(service, FaultKind(kind), amount, first, last) for kind, amount in amounts.items()
    )


def fast(service: str, first: int, last: int, errors: float) -> tuple[Ill, ...]:
    """Requests are answered before any work is done, and `errors` of them fail."""
    return ills(service, first, last, latency=0.05, database=0.05, errors=errors)


def leak(service: str) -> Iterator[Ill]:
    """Two hours in which a service gets up to three times slower and up to 4 % of requests fail,
    the faster the longer it lasts."""
    begin, end = -75, 55
    for minute in range(begin, end):
        share = ((minute - begin) / (end - begin)) ** 2
        yield from ills(service, minute, minute, latency=1 + 2 * share, errors=0.04 * share)


def fading(service: str, first: int, last: int) -> Iterator[Ill]:
    """30 % errors that become fewer by a sixth each minute after the first five."""
    amount = 0.3
    for minute in range(first, last + 1):
        amount *= 5 / 6 if minute > first + 4 else 1.0
        yield Ill(service, FaultKind.ERRORS, amount, minute, minute)


def counted(what: str) -> str:
    return f'sum(increase(shop_{what}_total{{service="$(service)"}}[$(window)]))'


POLICIES: dict[str, dict[str, Any]] = {
    "shop": {
        "thresholds": {
            "latency": {"acceptable": "150ms", "warning": "300ms", "critical": "600ms"},
            "errorRate": {"acceptable": "1%", "warning": "5%", "critical": "10%"},
        }
    },
    "patient": {
        "thresholds": {
            "latency": {"acceptable": "250ms", "warning": "400ms", "critical": "2s"},
            "errorRate": {"acceptable": "5%", "warning": "10%", "critical": "20%"},
        }
    },
    "impatient": {
        "thresholds": {"latency": {"acceptable": "20ms", "warning": "30ms", "critical": "40ms"}}
    },
    "budget": {
        "objectives": [
            {
                "name": "availability",
                "target": "99.8%",
                "window": "7d",
                "indicator": {
                    "ratio": {
                        "errors": counted("failed"),
                        "total": counted("requests"),
                    }
                },
            }
        ]
    },
}
