"""OpenSLO v1: SLO with its SLI in place or by reference, data sources only to tell what they are.

OpenSLO says nothing on what a query returns. One with a range or a template for it is taken over
the window; a counter without a range gets one; all else is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from anomaly_cli.imports import promql
from anomaly_cli.imports.manifest import Manifest, ManifestError
from anomaly_cli.imports.objective import (
    Objective,
    Policy,
    Reading,
    object_name,
    percent,
    window_days,
)

VERSION = "openslo/v1"
ALERTING = ("AlertPolicy", "AlertCondition", "AlertNotificationTarget")
DEFAULT_DAYS = 30

_PROMQL_SOURCES = frozenset(
    {"prometheus", "thanos", "mimir", "cortex", "victoriametrics", "grafanamimir"}
)
_QUERY_KEYS = ("query", "promql", "expr")
_MISSES = {"lt": ">=", "lte": ">", "gt": "<=", "gte": "<"}
"""By what is asked of the value: when it is missed."""


@dataclass(frozen=True, slots=True)
class References:
    """SLIs and the kinds of data sources of the file, by name."""

    indicators: Mapping[str, Manifest] = field(default_factory=dict)
    sources: Mapping[str, str] = field(default_factory=dict)


def read_all(documents: list[Manifest], reading: Reading) -> None:
    """All OpenSLO documents of a file together, as they refer to one another."""
    by_kind: dict[str, list[Manifest]] = {}
    for document in documents:
        document.skip("apiVersion")
        by_kind.setdefault(document.text("kind"), []).append(document)
    named = References(
        {_name(one): one for one in by_kind.get("SLI", ())},
        {_name(one): _source_type(one) for one in by_kind.get("DataSource", ())},
    )
    for slo in by_kind.pop("SLO", ()):
        _slo(slo, named, reading)
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


def _slo(document: Manifest, named: References, reading: Reading) -> None:
    name = f"SLO {_name(document)}"
    try:
        service, objectives = _objectives(document, name, named, reading)
    except ManifestError as error:
        reading.fail(name, error)
        return
    if objectives:
        policy = Policy(
            object_name(service), document.metadata().text("namespace"), service, objectives
        )
        reading.policies.append(policy)
    reading.unread(name, document)


def _objectives(
    document: Manifest, name: str, named: References, reading: Reading
) -> tuple[str, tuple[Objective, ...]]:
    spec = document.child("spec")
    service, days = spec.required("service"), _days(spec, name, reading)
    stem = object_name(document.metadata().required("name"))
    _budgeting(spec, name, reading)
    indicator = _sli(spec, named)
    targets = spec.items("objectives")
    if not targets:
        raise ManifestError("spec.objectives is missing")
    found = []
    for index, target in enumerate(targets):
        try:
            queries = _indicator(indicator, target, name, named, reading)
            ending = f"-{index + 1}" if len(targets) > 1 else ""
            share = _target(target)
            found.append(Objective(f"{stem}{ending}", share, days, queries))
        except ManifestError as error:
            reading.fail(f"{name}, objective {index + 1}", error)
            target.discard()
    if not found:
        document.discard()
    return service, tuple(found)


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


def _sli(spec: Manifest, named: References) -> Manifest:
    if spec.has("indicator"):
        inline = spec.child("indicator")
        inline.skip("metadata")
        return inline.child("spec")
    reference = spec.required("indicatorRef")
    if reference not in named.indicators:
        raise ManifestError(f"{spec.at('indicatorRef')} {reference}: the file has no such SLI")
    return named.indicators[reference].child("spec")


def _target(target: Manifest) -> Decimal:
    share, in_percent = target.number("target"), target.number("targetPercent")
    if in_percent is not None:
        return percent(in_percent, target.at("targetPercent"))
    if share is None:
        raise ManifestError(f"{target.at('target')} is missing")
    return percent(share * 100, target.at("target"))


def _indicator(
    sli: Manifest, target: Manifest, name: str, named: References, reading: Reading
) -> dict[str, str]:
    if sli.has("thresholdMetric"):
        return _threshold(sli.child("thresholdMetric"), target, name, named, reading)
    ratio = sli.child("ratioMetric")
    if not sli.has("ratioMetric"):
        raise ManifestError(f"{sli.path} has neither ratioMetric nor thresholdMetric")
    if ratio.has("raw"):
        return _raw(ratio, name, named, reading)
    counter = ratio.flag("counter", default=False)
    bad = ratio.has("bad")
    part = "bad" if bad else "good"
    return {
        "errors" if bad else "good": _events(ratio, part, name, named, reading, counter=counter),
        "total": _events(ratio, "total", name, named, reading, counter=counter),
    }


def _threshold(
    metric: Manifest, target: Manifest, name: str, named: References, reading: Reading
) -> dict[str, str]:
    """Each sample of the value is an event, bad where it misses the objective's value."""
    operator, value = target.required("op"), target.number("value")
    if operator not in _MISSES:
        raise ManifestError(f"{target.at('op')} {operator} is none of {', '.join(_MISSES)}")
    if value is None:
        raise ManifestError(f"{target.at('value')} is missing")
    query = _query(metric, named)
    if promql.WINDOW in query:
        raise ManifestError(
            f"{metric.path}: the value is compared at each sample, so its query "
            "cannot have the window as its range"
        )
    reading.lose(name, metric.path, f"each {promql.SAMPLE} counts as one event, not each request")
    missed = f"({query}) {_MISSES[operator]} bool {value.normalize():f}"
    return {
        "errors": promql.sampled("sum_over_time", missed),
        "total": promql.sampled("count_over_time", query),
    }


def _raw(ratio: Manifest, name: str, named: References, reading: Reading) -> dict[str, str]:
    kind = ratio.required("rawType")
    if kind not in ("success", "failure"):
        raise ManifestError(f"{ratio.at('rawType')} {kind} is neither success nor failure")
    query = _query(ratio.child("raw"), named)
    if promql.WINDOW not in query:
        reading.lose(
            name,
            ratio.at("raw"),
            "the ratios of the window are averaged, busy minutes and quiet ones alike",
        )
        query = promql.mean_over_time(query)
    return {"errorRatio": query if kind == "failure" else f"1 - ({query})"}


def _events(
    ratio: Manifest,
    part: str,
    name: str,
    named: References,
    reading: Reading,
    *,
    counter: bool,
) -> str:
    """The query at `part` as number of events within the window."""
    where = ratio.at(part)
    query = _query(ratio.child(part), named)
    if promql.WINDOW not in query:
        wide = promql.widened(query)
        if wide is not None:
            reading.lose(name, where, "its range becomes the window of the objective")
            query = wide
        elif not counter:
            reading.lose(name, where, f"no counter, so one value each {promql.SAMPLE} is added up")
            return promql.over_time("sum_over_time", query)
        else:
            raised = promql.increase(query)
            if raised is None:
                raise ManifestError(
                    f"{where}: cannot tell where in the query its range belongs; write it as "
                    f"sum(increase(...[{promql.WINDOW}]))"
                )
            return raised
    found, is_count = promql.counted(query)
    if not is_count:
        reading.lose(name, where, promql.STILL_A_RATE)
    return found


def _query(metric: Manifest, named: References) -> str:
    source = metric.child("metricSource")
    reference = source.text("metricSourceRef")
    kind = source.text("type") or named.sources.get(reference, "")
    if kind and kind.lower().replace("-", "").replace(" ", "") not in _PROMQL_SOURCES:
        raise ManifestError(f"{source.at('type')} {kind}: only queries in PromQL can be imported")
    text = (
        source.text("spec") if source.is_text("spec") else source.child("spec").text(*_QUERY_KEYS)
    )
    if not text:
        raise ManifestError(f"{source.at('spec')} has no query; write it as spec.query in PromQL")
    return promql.templated(text)


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
