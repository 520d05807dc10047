"""A believable fleet of N services: layers that call one another, open roots with symptoms, closed
incidents over the last day, budgets, model cards, what fails, and texts that mean harm.

The same arguments give the same objects, as the API server has them.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from anomaly_operator.api import names
from anomaly_operator.api.text import to_text, unix_seconds
from pretend import hostile
from pretend.fleet_incident import KINDS, WAITING, Course, raw_incident
from pretend.fleet_runs import raw_runs
from pretend.fleet_service import TROUBLES, Place, Standing, raw_service

Json = dict[str, Any]
NOW = unix_seconds("2026-11-26T02:22:40Z")
DAY = 86_400
NAMESPACES = ("shop", "billing", "discovery", "logistics", "platform")
TEAMS = ("orange", "payments", "search", "delivery", "platform")
STEMS = (
    ("storefront", "shop", 0), ("checkout", "shop", 0), ("payments", "billing", 1),
    ("orders-db", "platform", 2), ("search", "discovery", 0), ("catalogue", "shop", 1),
    ("cart", "shop", 0), ("accounts", "platform", 1), ("ledger-db", "billing", 2),
    ("shipping", "logistics", 1), ("invoices", "billing", 1), ("reviews", "discovery", 0),
    ("sessions", "platform", 2), ("pricing", "shop", 1), ("warehouse", "logistics", 1),
    ("mailer", "platform", 1),
)  # fmt: skip
"""Name, namespace and layer."""
CATEGORIES = ("BusinessCritical", "Core", "Standard", "Standard", "Background")
LONG = "order-fulfilment-notification-preference-synchronisation-worker"
"""63 characters, as many as a name may have."""
HOSTILE_NAMESPACE = "hostile"


@dataclass(frozen=True)
class Fleet:
    """All objects at `now` (unix seconds), each as raw JSON."""

    now: int
    services: tuple[Json, ...]
    incidents: tuple[Json, ...]
    policies: tuple[Json, ...]

    def __iter__(self) -> Iterator[Json]:
        yield from (*self.services, *self.incidents, *self.policies)

    def service(self, name: str) -> Json:
        return next(one for one in self.services if one["metadata"]["name"] == name)

    def incident(self, name: str) -> Json:
        return next(one for one in self.incidents if one["metadata"]["name"] == name)

    def roots(self) -> list[Json]:
        """The open incidents that are a symptom of no other."""
        return [
            one
            for one in self.incidents
            if one["status"]["state"] != "Closed" and "symptomOf" not in one["status"]
        ]


def fleet(
    count: int = 100,
    *,
    seed: int = 7,
    now: int = NOW,
    roots: int | None = None,
    malice: bool = True,
    runs: bool = False,
) -> Fleet:
    """`count` services. `roots`: open root incidents, by default one for each 40 services; 0 = all
    is quiet. `malice`: six more services, in a namespace of their own, whose every text means harm.
    `runs`: three more that watch a training run.
    """
    chance = random.Random(seed)
    places = _places(count, chance)
    wanted = max(count // 40, 1) if roots is None else roots
    courses = [*_open(places, min(wanted, count), now, chance), *_closed(places, now, chance)]
    standings = _standings(places, courses, now, chance, quiet=wanted == 0)
    services = [raw_service(one, standings[one.uid], now, chance) for one in places]
    incidents = [raw_incident(one, now, chance) for one in courses]
    policies = [_policy(one) for one in NAMESPACES]
    if malice:
        more = _hostile(now, chance)
        services += more.services
        incidents += more.incidents
        policies += more.policies
    if runs:
        services += raw_runs(now)
    return Fleet(now, tuple(services), tuple(incidents), tuple(policies))


def _places(count: int, chance: random.Random) -> list[Place]:
    """Each calls some of the next layer; stores call nobody."""
    made: list[Place] = []
    for number in range(count):
        stem, namespace, layer = STEMS[number % len(STEMS)]
        name = stem if number < len(STEMS) else f"{stem}-{number // len(STEMS) + 1}"
        if number == len(STEMS):
            name = LONG
        category = CATEGORIES[chance.randrange(len(CATEGORIES))]
        team = TEAMS[NAMESPACES.index(namespace)]
        made.append(Place(name, namespace, team, category, layer))
    layers = [[one for one in made if one.layer == layer] for layer in range(4)]
    return [replace(one, calls=_callees(layers[one.layer + 1], chance)) for one in made]


def _callees(below: list[Place], chance: random.Random) -> tuple[tuple[str, str], ...]:
    chosen = chance.sample(below, min(len(below), chance.choice((1, 2, 2, 3))))
    return tuple((one.namespace, one.name) for one in chosen)


def _open(places: list[Place], count: int, now: int, chance: random.Random) -> list[Course]:
    """Roots, deep layers first, then those that wait for them; nobody is in two incidents."""
    severities = ("Critical", "High", "High", "Medium", "Low")
    deep = sorted(places, key=lambda one: (-one.layer, chance.random()))
    roots = []
    for number, place in enumerate(deep[:count]):
        began = now - now % 60 - chance.choice((8, 14, 27, 55, 190)) * 60
        kind, severity = KINDS[chance.randrange(len(KINDS))], severities[number % len(severities)]
        root = Course(place, kind, severity, began)
        root.acknowledged = chance.random() < 0.4
        root.recovering = severity == "Low"
        roots.append(root)
    taken = {root.place.uid for root in roots}
    for root in roots:
        near = [one for one in _callers(places, root.place) if one.uid not in taken]
        for caller in near[: chance.choice((2, 4, 30))]:
            taken.add(caller.uid)
            began = root.began + chance.randrange(1, 4) * 60
            severity = chance.choice(("High", "Medium"))
            root.symptoms.append(Course(caller, WAITING, severity, began, root=root))
    return [*roots, *(one for root in roots for one in root.symptoms)]


def _callers(places: list[Place], called: Place) -> list[Place]:
    """Those that call it, and those that call them."""
    near = [one for one in places if (called.namespace, called.name) in one.calls]
    keys = {(one.namespace, one.name) for one in near}
    far = [one for one in places if keys & set(one.calls) and one not in near]
    return [*near, *far]


def _closed(places: list[Place], now: int, chance: random.Random) -> list[Course]:
    found = []
    for place in places:
        if chance.random() < 0.25:
            began = now - now % 60 - chance.randrange(300, 1_380) * 60
            ended = began + chance.randrange(5, 90) * 60
            kind = KINDS[chance.randrange(len(KINDS))]
            severity = chance.choice(("Critical", "High", "Medium", "Medium", "Low"))
            course = Course(place, kind, severity, began, ended)
            course.acknowledged = chance.random() < 0.5
            course.feedback = chance.choice(("", "", "TruePositive", "FalsePositive", "Expected"))
            found.append(course)
    return found


def _standings(
    places: list[Place], courses: list[Course], now: int, chance: random.Random, *, quiet: bool
) -> dict[str, Standing]:
    found = {one.uid: Standing() for one in places}
    for course in courses:
        if course.closed:
            continue
        shown = course.kind.summary + "."
        ends = range(course.began, now - now % 60 + 1, 60)
        found[course.place.uid] = Standing(
            state="Anomalous",
            severity=course.severity,
            summary=shown,
            open=1,
            metric=course.kind.metric,
            windows=[(end, course.severity, course.kind.pattern) for end in ends],
        )
    calm = [one for one in found.values() if one.state == "Healthy"]
    if quiet:
        return found
    for trouble, standing in zip(TROUBLES, chance.sample(calm, min(6, len(calm))), strict=False):
        standing.trouble = trouble
        if trouble != "drift":
            standing.state = "Degraded"
            standing.summary = TROUBLES[trouble][3]
    calm = [one for one in calm if not one.trouble]
    for state, standing in zip(
        ("Learning", "Suspended", "Pending"), chance.sample(calm, min(3, len(calm))), strict=False
    ):
        standing.state, standing.summary = state, ""
    return found


def _policy(namespace: str) -> Json:
    objectives = [
        {
            "name": "availability",
            "target": "99.9%",
            "window": "30d",
            "indicator": {
                "ratio": {
                    "errors": 'sum(increase(http_requests_total{service="$(service)",code=~"5.."}'
                    "[$(window)])) or vector(0)",
                    "total": 'sum(increase(http_requests_total{service="$(service)"}[$(window)]))',
                }
            },
        }
    ]
    team = TEAMS[NAMESPACES.index(namespace)] if namespace in NAMESPACES else "nobody"
    return {
        "apiVersion": names.API_VERSION,
        "kind": "SLOPolicy",
        "metadata": {
            "name": "web",
            "namespace": namespace,
            "uid": f"uid-policy-{namespace}",
            "resourceVersion": "77",
            "generation": 1,
            "creationTimestamp": to_text(NOW - 40 * DAY),
        },
        "spec": {
            "serviceSelector": {"matchLabels": {"tier": "web"}},
            "thresholds": {
                "latency": {"acceptable": "500ms", "warning": "800ms", "critical": "1s"},
                "errorRate": {"acceptable": "0.5%", "warning": "1%", "critical": "2%"},
            },
            "objectives": objectives,
            "playbook": {
                "tiers": [
                    {"name": "P1", "from": 70, "owner": f"{team} on-call", "deadline": "15m",
                     "entry": "Contain"},
                    {"name": "P2", "from": 50, "owner": f"{team} on-call", "deadline": "1h"},
                    {"name": "P3", "from": 30, "owner": team, "deadline": "1d"},
                    {"name": "P4", "from": 0, "entry": "Retrain"},
                ]
            },
        },
        "status": {
            "observedGeneration": 1,
            "services": 8,
            "burning": 1,
            "conditions": [
                {"type": "Valid", "status": "True", "reason": "Valid", "message": "",
                 "lastTransitionTime": to_text(NOW - 30 * DAY)}
            ],
        },
    }  # fmt: skip


def _hostile(now: int, chance: random.Random) -> Fleet:
    places = [Place(name, HOSTILE_NAMESPACE, "nobody", "Core", 1) for name in hostile.OBJECT_NAMES]
    courses = [Course(one, KINDS[0], "High", now - now % 60 - 1_200) for one in places[:3]]
    courses += [Course(places[3], KINDS[1], "Medium", now - 9_000, now - 6_000)]
    standings = _standings(places, courses, now, chance, quiet=True)
    texts = hostile.texts()

    def poison(value: Json) -> None:
        _poison(value, texts)

    services = [raw_service(one, standings[one.uid], now, chance, poison) for one in places]
    incidents = [raw_incident(one, now, chance) for one in courses]
    policy = _policy(HOSTILE_NAMESPACE)
    for raw in (*services, *incidents, policy):
        poison(raw)
    return Fleet(now, tuple(services), tuple(incidents), (policy,))


FREE = {
    "summary": 1024, "message": 1024, "explanation": 400, "impact": 256, "adjustment": 256,
    "deviation": 256, "comment": 1024, "by": 512, "who": 512, "why": 256, "nextStep": 512,
    "owner": 64, "text": 256, "workload": 200, "from": 96, "to": 96, "detector": 128,
    "recommendedActions": 512, "query": 2048, "validation": 400, "assessment": 1024,
    "errors": 2048, "total": 2048,
}  # fmt: skip
"""Fields that take any text, with the characters that they hold."""


def _poison(value: Json, texts: Iterator[str]) -> None:
    """Another hostile text into every field of the object that takes any text."""
    for key, item in value.items():
        if isinstance(item, dict):
            _poison(item, texts)
        elif isinstance(item, str) and key in FREE:
            value[key] = hostile.fitting(next(texts), FREE[key])
        elif isinstance(item, list):
            if key in FREE:
                value[key] = [hostile.fitting(next(texts), FREE[key]) for _ in item]
            for one in item:
                if isinstance(one, dict):
                    _poison(one, texts)
