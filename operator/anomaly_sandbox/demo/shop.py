"""The simulated shop: who calls whom, how often, and how long each takes when all is well.

Data only; `simulate.py` brings it to life. It knows nothing of faults and nothing of Prometheus.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Call:
    """`per_request`: calls to `service` for each request of the caller, on average."""

    service: str
    per_request: float


@dataclass(frozen=True, slots=True)
class Service:
    """`own_ms`: work of its own per request; `database_ms` per query, 0 = it has no database.

    `error_ratio`: requests that fail by its own doing when all is well.
    """

    name: str
    own_ms: float
    error_ratio: float
    calls: tuple[Call, ...] = ()
    database: str = ""
    database_ms: float = 0.0
    queries_per_request: float = 0.0


@dataclass(frozen=True, slots=True)
class Shop:
    """`services`: callees before their callers; the last one takes the visitors' requests."""

    services: tuple[Service, ...]
    visitors_per_second: float

    def __post_init__(self) -> None:
        known: set[str] = set()
        for service in self.services:
            for call in service.calls:
                if call.service not in known:
                    raise ValueError(
                        f"shop: {service.name} calls {call.service}, which must stand before it"
                    )
            known.add(service.name)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(service.name for service in self.services)

    def nominal_rates(self) -> dict[str, float]:
        """Requests a second of each service at the mean of the rhythm, without noise."""
        rates = dict.fromkeys(self.names, 0.0)
        rates[self.services[-1].name] = self.visitors_per_second
        for service in reversed(self.services):
            for call in service.calls:
                rates[call.service] += rates[service.name] * call.per_request
        return rates


SHOP = Shop(
    visitors_per_second=240.0,
    services=(
        Service("payments", 38, 0.0020, (), "postgresql", 6.0, 2.0),
        Service("shipping", 24, 0.0015),
        Service("inventory", 9, 0.0010, (), "postgresql", 4.0, 1.5),
        Service("cart", 6, 0.0008, (), "redis", 0.9, 2.0),
        Service("catalogue", 14, 0.0010, (Call("inventory", 0.35),), "postgresql", 5.0, 1.2),
        Service("recommendations", 30, 0.0015, (Call("catalogue", 0.5),)),
        Service(
            "checkout",
            20,
            0.0020,
            (
                Call("payments", 1.0),
                Call("inventory", 1.3),
                Call("shipping", 0.9),
                Call("cart", 1.0),
            ),
            "postgresql",
            5.0,
            1.0,
        ),
        Service(
            "gateway",
            7,
            0.0006,
            (
                Call("catalogue", 0.55),
                Call("recommendations", 0.3),
                Call("cart", 0.25),
                Call("checkout", 0.12),
            ),
        ),
    ),
)
