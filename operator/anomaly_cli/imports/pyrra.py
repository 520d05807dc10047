"""Pyrra's ServiceLevelObjective. It names series; the queries are written here."""

from __future__ import annotations

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
from anomaly_operator.api.durations import parse_seconds


def read_resource(document: Manifest, reading: Reading) -> None:
    """A ServiceLevelObjective. It names no service, so each becomes a policy of its own."""
    document.skip("apiVersion", "kind", "status")
    metadata, spec = document.metadata(), document.child("spec")
    name = f"ServiceLevelObjective {metadata.text('name')}"
    try:
        objective = _objective(spec, object_name(metadata.required("name")), name, reading)
    except ManifestError as error:
        reading.fail(name, error)
        return
    policy = Policy(objective.name, metadata.text("namespace"), "", (objective,))
    reading.policies.append(policy)
    reading.unread(name, document)


def _objective(spec: Manifest, name: str, manifest: str, reading: Reading) -> Objective:
    target = spec.number("target")
    if target is None:
        raise ManifestError(f"{spec.at('target')} is missing")
    window = spec.required("window")
    alerting = spec.child("alerting")
    off = alerting.flag("disabled", default=False)
    alerts = alerting.flag("burnrates", default=True) and not off
    return Objective(
        name=name,
        target=percent(target, spec.at("target")),
        days=window_days(window, manifest, spec.at("window"), reading),
        indicator=_indicator(spec.child("indicator"), manifest, reading),
        page=alerts,
        ticket=alerts,
    )


def _indicator(indicator: Manifest, name: str, reading: Reading) -> dict[str, str]:
    for key, read in _KINDS.items():
        if indicator.has(key):
            found = indicator.child(key)
            if found.has("grouping"):
                found.skip("grouping")
                reading.lose(
                    name,
                    found.at("grouping"),
                    "all groups are summed up; for one budget each, write an AnomalyService each "
                    "and use $(service) or a parameter in the query",
                )
            return read(found)
    raise ManifestError(f"{indicator.path} has none of {', '.join(_KINDS)}")


def _ratio(ratio: Manifest) -> dict[str, str]:
    return {
        "errors": _counter(ratio.child("errors")),
        "total": _counter(ratio.child("total")),
    }


def _latency(latency: Manifest) -> dict[str, str]:
    return {
        "good": _counter(latency.child("success")),
        "total": _counter(latency.child("total")),
    }


def _native(native: Manifest) -> dict[str, str]:
    """Of a native histogram: the fraction up to the limit, times all."""
    limit = native.required("latency")
    try:
        seconds = parse_seconds(limit)
    except ValueError as error:
        raise ManifestError(f"{native.at('latency')}: {error}") from error
    series = _counter(native.child("total"))
    total = f"histogram_count({series})"
    return {"good": f"histogram_fraction(0, {seconds:g}, {series}) * {total}", "total": total}


def _boolean(gauge: Manifest) -> dict[str, str]:
    """Each sample of the gauge is an event, good where it is 1."""
    metric = gauge.required("metric")
    return {
        "good": promql.over_time("sum_over_time", metric),
        "total": promql.over_time("count_over_time", metric),
    }


def _counter(query: Manifest) -> str:
    metric = query.required("metric")
    found = promql.increase(metric)
    if found is None:
        raise ManifestError(f"{query.at('metric')} is not the name of a series with its labels")
    return found


_KINDS = {
    "ratio": _ratio,
    "latency": _latency,
    "latencyNative": _native,
    "bool_gauge": _boolean,
}
