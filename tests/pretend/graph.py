"""A namespace of services that depend on one another, window by window, and an operator that looks
at whoever its own routing names.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from anomaly_operator.api.resources import ANOMALY, SERVICE
from anomaly_operator.api.text import to_text
from anomaly_operator.controller.routing import wishes
from anomaly_operator.settings.values import Settings
from pretend.cluster import SETTINGS, Cluster, Killed

STEP = 120
USUAL = {"usualLow": "100", "usualHigh": "200"}
UNITS = {"application_latency": "Milliseconds", "dependency_latency": "Milliseconds"}
KINDS: Mapping[str, Sequence[tuple[str, str, str]]] = {
    # metric, value, share
    "waits": [("dependency_latency", "900", "55%"), ("application_latency", "950", "40%")],
    "slow": [("application_latency", "900", "90%"), ("request_rate", "150", "10%")],
    "database": [("database_latency", "700", "60%"), ("application_latency", "800", "40%")],
    "store": [("query_time", "900", "100%")],
}
"""What the worst window of an incident shows: waits for what it calls, is slow itself, waits for
its database, or is that database."""
STORE = [
    {"name": "query_time", "role": "Latency", "query": "q", "unit": "Milliseconds"},
    {"name": "connections", "role": "Saturation", "query": "c"},
]


def detection(
    end: int, kinds: Sequence[str], score: str = "8", rate: float | None = None
) -> dict[str, Any]:
    """The windows up to `end` as a scoring pod writes them; "" is a Normal one. `rate`: the usual
    requests a second."""
    span = range(end - STEP * (len(kinds) - 1), end + 1, STEP)
    windows, reports = [], []
    for at, kind in zip(span, kinds, strict=True):
        if not kind:
            continue
        verdict = {
            "end": to_text(at),
            "verdict": "Anomalous",
            "score": score,
            "severity": "High",
            "confidence": "90%",
        }
        windows.append({**verdict, "modelSeverity": "High", "patterns": ["latency_spike_recent"]})
        reports.append({**verdict, **_report(kind, score), "comparison": _comparison(rate)})
    document: dict[str, Any] = {
        "stepSeconds": STEP,
        "scoredFrom": to_text(end - STEP * len(kinds)),
        "scoredThrough": to_text(end),
        "windows": windows,
    }
    if reports:
        document["anomaly"] = reports[0]
        if kinds[-1]:
            document["report"] = reports[-1]
    return document


def _report(kind: str, score: str) -> dict[str, Any]:
    contributions = [
        {
            "metric": metric,
            "value": value,
            "unit": UNITS.get(metric, "None"),
            **USUAL,
            "deviation": "4x the upper end of its usual range",
            "share": share,
        }
        for metric, value, share in KINDS[kind]
    ]
    finding = {
        "pattern": "latency_spike_recent",
        "severity": "High",
        "modelSeverity": "High",
        "confidence": "90%",
        "score": score,
        "summary": "Requests are slow.",
        "since": "",
        "contributions": contributions,
    }
    return {"period": "always", "probability": "0.00000001", "findings": [finding]}


def _comparison(rate: float | None) -> list[dict[str, str]]:
    if rate is None:
        return []
    known = {"metric": "request_rate", "value": str(rate), "mean": str(rate)}
    return [{**known, "deviationSigma": "0", "p95": str(rate)}]


class Graph:
    """`calls`: name to the names (or `namespace/name`) that it depends on; stores have metrics of
    their own. `seed` orders what is looked at first; None: as it comes. `rates`: usual requests a
    second of those for which they are known."""

    def __init__(
        self,
        calls: Mapping[str, Sequence[str]],
        stores: Sequence[str] = (),
        seed: int | None = None,
        settings: Settings = SETTINGS,
        rates: Mapping[str, float] | None = None,
    ) -> None:
        self.rates = rates or {}
        self.cluster = Cluster(settings=settings)
        self.chance = random.Random(seed) if seed is not None else None
        self.waiting: list[str] = []
        self.written: Counter[str] = Counter()
        self.cluster.listen(self._heard)
        for name, callees in calls.items():
            depends_on = [_dependency(one) for one in callees]
            extra = {"metrics": STORE} if name in stores else {}
            self.cluster.service(name, dependsOn=depends_on, **extra)
        self.names = tuple(calls)
        self.work()
        self.cluster.now += STEP - self.cluster.now % STEP

    def _heard(self, change: Any) -> None:
        if change.new is not None and change.new.meta.kind == ANOMALY.kind:
            self.written[change.new.meta.name.split("-")[0]] += 1
        for (kind, namespace, name), _ in wishes(change, self.cluster.cache):
            if kind == SERVICE.kind and namespace == "shop" and name not in self.waiting:
                self.waiting.append(name)

    def work(self) -> None:
        """Until nobody is left to look at."""
        for _ in range(500):
            if not self.waiting:
                return
            if self.chance is not None:
                self.chance.shuffle(self.waiting)
            name = self.waiting.pop(0)
            try:
                self.cluster.reconcile(name)
            except Killed:
                self.restart()
        raise AssertionError(f"it does not settle: {self.waiting}")

    def restart(self) -> None:
        """A new operator looks at everybody."""
        self.cluster.restart()
        self.cluster.listen(self._heard)
        for raw in list(self.cluster.objects.values()):
            if raw["kind"] != "Pod":
                self.cluster._intake.take(raw)
        self.waiting = list(self.names)

    def window(self, **kinds: str) -> None:
        """One more window of every service; whoever is not named is well."""
        self.cluster.now += STEP
        end = self.cluster.now - self.cluster.now % STEP
        order = list(self.names)
        if self.chance is not None:
            self.chance.shuffle(order)
        for name in order:
            kind, rate = kinds.get(name, ""), self.rates.get(name)
            self.cluster.detect(name, **detection(end, [kind], rate=rate))
            if self.chance is None:
                self.work()
        self.work()

    def windows(self, count: int, **kinds: str) -> None:
        for _ in range(count):
            self.window(**kinds)

    def anomaly(self, name: str) -> dict[str, Any]:
        """The newest Anomaly of the service."""
        found = [
            raw
            for raw in self.cluster.of_kind("Anomaly")
            if raw["spec"]["serviceRef"]["name"] == name
        ]
        return max(found, key=lambda raw: str(raw["spec"]["firstSeen"]))

    def said(self, name: str) -> dict[str, Any]:
        return dict(self.anomaly(name)["status"])

    def roots(self) -> dict[str, str]:
        """The root that each service with an incident names, empty where it names none."""
        services = {raw["spec"]["serviceRef"]["name"] for raw in self.cluster.of_kind("Anomaly")}
        return {
            name: self.said(name).get("rootCause", {}).get("service", "")
            for name in sorted(services)
        }

    def symptoms(self, name: str) -> list[str]:
        return sorted(one["service"] for one in self.said(name).get("symptoms", []))


def _dependency(text: str) -> dict[str, str]:
    namespace, _, name = text.rpartition("/")
    return {"name": name, "namespace": namespace} if namespace else {"name": name}
