"""OpenSLO v1: SLO with its SLI in place or by reference, data sources only to tell what they are.

What an SLI's queries become is told in `openslo_indicator`.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from anomaly_cli.imports.manifest import Manifest, ManifestError
from anomaly_cli.imports.objective import (
    Objective,
    Policy,
    Reading,
    object_name,
    percent,
    window_days,
)
from anomaly_cli.imports.openslo_indicator import Indicators

VERSION = "openslo/v1"
ALERTING = ("AlertPolicy", "AlertCondition", "AlertNotificationTarget")
DEFAULT_DAYS = 30


def read_all(documents: list[Manifest], reading: Reading) -> None:
    """All OpenSLO documents of a file together, as they refer to one another."""
    by_kind: dict[str, list[Manifest]] = {}
    for document in documents:
        document.skip("apiVersion")
        by_kind.setdefault(document.text("kind"), []).append(document)
    slis = {_name(one): one for one in by_kind.get("SLI", ())}
    sources = {_name(one): _source_type(one) for one in by_kind.get("DataSource", ())}
    for slo in by_kind.pop("SLO", ()):
        _slo(slo, slis, Indicators(f"SLO {_name(slo)}", sources, reading))
    for sli in by_kind.pop("SLI", ()):
        reading.unread(f"SLI {_name(sli)}", sli)
    for service in by_kind.pop("Service", ()):
        reading.unread(f"Service {_name(service)}", service)
    for kind, others in by_kind.items():
        for other in others:
            reading.lose(f"{kind} {_name(other)}", "spec", _instead(kind))


def _instead(kind: str) -> str:
    if kind == "DataSource":
        return "not carried over; name the source in spec.source of the AnomalyService"
    if kind in ALERTING:
        return "not carried over; the tiers of an objective say when it alerts"
    return "not carried over; an OpenSLO kind that is not known"


def _slo(document: Manifest, slis: Mapping[str, Manifest], indicators: Indicators) -> None:
    name, reading = indicators.slo, indicators.reading
    try:
        service = document.child("spec").required("service")
        stem, namespace = object_name(service), document.metadata().text("namespace")
        objectives = _objectives(document, slis, indicators)
    except ManifestError as error:
        reading.fail(name, error)
        return
    if objectives:
        reading.policies.append(Policy(stem, namespace, service, objectives))
    reading.unread(name, document)


def _objectives(
    document: Manifest, slis: Mapping[str, Manifest], indicators: Indicators
) -> tuple[Objective, ...]:
    name, reading, spec = indicators.slo, indicators.reading, document.child("spec")
    days = _days(spec, name, reading)
    stem = object_name(document.metadata().required("name"))
    _budgeting(spec, name, reading)
    sli = _sli(spec, slis)
    targets = spec.items("objectives")
    if not targets:
        raise ManifestError("spec.objectives is missing")
    found = []
    for index, target in enumerate(targets):
        try:
            queries = indicators.read(sli, target)
            ending = f"-{index + 1}" if len(targets) > 1 else ""
            share = _target(target)
            found.append(Objective(f"{stem}{ending}", share, days, queries))
        except ManifestError as error:
            reading.fail(f"{name}, objective {index + 1}", error)
            target.discard()
    if not found:
        document.discard()
    return tuple(found)


def _days(spec: Manifest, name: str, reading: Reading) -> int:
    windows = spec.items("timeWindow")
    if not windows:
        return DEFAULT_DAYS
    window = windows[0]
    if not window.flag("isRolling", default=True) or window.has("calendar"):
        window.skip("calendar")
        reading.lose(
            name,
            window.at("calendar"),
            "the window rolls instead of beginning with the calendar's period",
        )
    return window_days(window.required("duration"), name, window.at("duration"), reading)


def _budgeting(spec: Manifest, name: str, reading: Reading) -> None:
    method = spec.text("budgetingMethod")
    if method not in ("", "Occurrences"):
        text = f"{method} becomes Occurrences; a policy counts events, not time slices"
        reading.lose(name, spec.at("budgetingMethod"), text)


def _sli(spec: Manifest, slis: Mapping[str, Manifest]) -> Manifest:
    if spec.has("indicator"):
        inline = spec.child("indicator")
        inline.skip("metadata")
        return inline.child("spec")
    reference = spec.required("indicatorRef")
    if reference not in slis:
        raise ManifestError(f"{spec.at('indicatorRef')} {reference}: the file has no such SLI")
    return slis[reference].child("spec")


def _target(target: Manifest) -> Decimal:
    share, in_percent = target.number("target"), target.number("targetPercent")
    if in_percent is not None:
        return percent(in_percent, target.at("targetPercent"))
    if share is None:
        raise ManifestError(f"{target.at('target')} is missing")
    return percent(share * 100, target.at("target"))


def _name(document: Manifest) -> str:
    try:
        return document.metadata().text("name") or "without a name"
    except ManifestError:
        return "without a name"


def _source_type(document: Manifest) -> str:
    try:
        return document.child("spec").text("type")
    except ManifestError:
        return ""
