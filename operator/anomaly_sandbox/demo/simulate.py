"""Brings the shop to life: load, latency and errors of each service at given times.

A pure function of (shop, seed, times, faults). What ails a service reaches its callers the way it
does in life: their own time stays, the time they wait grows, and failed calls fail some requests.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from anomaly_sandbox.demo.faults import Fault, FaultKind, effect
from anomaly_sandbox.demo.noise import Floats, Ints, drift
from anomaly_sandbox.demo.shop import Service, Shop

_DAY = 86_400
_WEEK = 7 * _DAY
NETWORK_MS = 1.2
_PASSED_ON = 0.7
"""Share of failed calls that fail the caller's request; retries and fallbacks absorb the rest."""


@dataclass(frozen=True, slots=True, eq=False)
class Signals:
    """One service, each (n,): requests a second, mean milliseconds per request and per query,
    share of requests that fail."""

    rate: Floats
    latency_ms: Floats
    database_ms: Floats
    errors: Floats


def simulate(
    shop: Shop, seed: int, times: Ints, faults: tuple[Fault, ...] = ()
) -> Mapping[str, Signals]:
    """The signals of every service at `times` (n,), unix seconds."""
    rates = _rates(shop, seed, times, faults)
    nominal = shop.nominal_rates()
    signals: dict[str, Signals] = {}
    for service in shop.services:
        rate = rates[service.name]
        signals[service.name] = _service(
            service,
            seed,
            times,
            rate=rate,
            load=rate / nominal[service.name],
            callees=signals,
            faults=faults,
        )
    return signals


def rhythm(times: Ints) -> Floats:
    """(n,): day and week of the visitors around a mean of about 1, in UTC.

    Busiest in the early afternoon with a second, lower peak in the evening; weekends 10 % quieter.
    1970-01-01 was a Thursday, so the week's cosine is lowest on Sunday at 00:00.
    """
    hour = 2 * np.pi * (times % _DAY) / _DAY
    week = 2 * np.pi * ((times - 3 * _DAY) % _WEEK) / _WEEK
    day: Floats = 1 - 0.22 * np.cos(hour - 0.3) - 0.06 * np.cos(2 * hour - 1.0)
    return day * (1 - 0.05 * np.cos(week))


def _rates(shop: Shop, seed: int, times: Ints, faults: tuple[Fault, ...]) -> dict[str, Floats]:
    """Requests a second of each service: what its callers send, from the front inwards."""
    rates = {name: np.zeros(len(times)) for name in shop.names}
    front = shop.services[-1].name
    rates[front] = shop.visitors_per_second * rhythm(times) * _sway(seed, "visitors", times, 0.03)
    for service in reversed(shop.services):
        name = service.name
        rates[name] = rates[name] * effect(faults, name, FaultKind.TRAFFIC, times)
        for call in service.calls:
            mix = _sway(seed, f"{name}/{call.service}/mix", times, 0.02)
            rates[call.service] = rates[call.service] + rates[name] * call.per_request * mix
    return rates


def _service(
    service: Service,
    seed: int,
    times: Ints,
    *,
    rate: Floats,
    load: Floats,
    callees: Mapping[str, Signals],
    faults: tuple[Fault, ...],
) -> Signals:
    name = service.name
    own = service.own_ms * (0.85 + 0.15 * load) * _sway(seed, f"{name}/own", times, 0.04)
    own = own * effect(faults, name, FaultKind.LATENCY, times)
    database = service.database_ms * _sway(seed, f"{name}/database", times, 0.05)
    database = database * effect(faults, name, FaultKind.DATABASE, times)
    latency = own + service.queries_per_request * database
    healthy = 1 - service.error_ratio * _sway(seed, f"{name}/errors", times, 0.15)
    healthy = healthy * (1 - effect(faults, name, FaultKind.ERRORS, times))
    for call in service.calls:
        callee = callees[call.service]
        latency = latency + call.per_request * (callee.latency_ms + NETWORK_MS)
        healthy = healthy * (1 - callee.errors * _PASSED_ON) ** call.per_request
    return Signals(rate, latency, database, np.clip(1 - healthy, 0.0, 1.0))


def _sway(seed: int, channel: str, times: Ints, share: float) -> Floats:
    """A factor around 1 that wanders by about `share`."""
    factor: Floats = np.exp(share * drift(seed, channel, times) - share * share / 2)
    return factor
