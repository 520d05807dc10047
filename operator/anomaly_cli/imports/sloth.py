"""Sloth's service levels: its own format `version: prometheus/v1` and the PrometheusServiceLevel.

Both say the same, once in snake case and once in camel case. The period of an SLO is a flag of
Sloth and not in its files, so the window is Sloth's default of 30 days.
"""

from __future__ import annotations

from anomaly_cli.imports import promql
from anomaly_cli.imports.manifest import Manifest, ManifestError
from anomaly_cli.imports.objective import Objective, Policy, Reading, object_name, percent

DAYS = 30


def read_native(document: Manifest, reading: Reading) -> None:
    """A file of `sloth generate`."""
    document.skip("version")
    _service_level(document, "", f"Sloth {document.text('service') or 'service level'}", reading)
    reading.unread(f"Sloth {document.text('service')}", document)


def read_resource(document: Manifest, reading: Reading) -> None:
    """A PrometheusServiceLevel."""
    document.skip("apiVersion", "kind", "status")
    metadata = document.metadata()
    name = f"PrometheusServiceLevel {metadata.text('name')}"
    _service_level(document.child("spec"), metadata.text("namespace"), name, reading)
    reading.unread(name, document)


def _service_level(spec: Manifest, namespace: str, name: str, reading: Reading) -> None:
    service = spec.required("service")
    objectives = []
    for item in spec.items("slos"):
        try:
            objectives.append(_objective(item, name, reading))
        except ManifestError as error:
            reading.fail(f"{name}, SLO {item.text('name')}", error)
            item.discard()
    if objectives:
        policy = Policy(object_name(service), namespace, service, tuple(objectives))
        reading.policies.append(policy)


def _objective(item: Manifest, name: str, reading: Reading) -> Objective:
    target = item.number("objective")
    if target is None:
        raise ManifestError(f"{item.at('objective')} is missing")
    alerting = item.child("alerting")
    page = alerting.child("page_alert", "pageAlert")
    ticket = alerting.child("ticket_alert", "ticketAlert")
    return Objective(
        name=object_name(item.required("name")),
        target=percent(target, item.at("objective")),
        days=DAYS,
        indicator=_indicator(item.child("sli"), name, reading),
        page=not page.flag("disable", default=False),
        ticket=not ticket.flag("disable", default=False),
    )


def _indicator(sli: Manifest, name: str, reading: Reading) -> dict[str, str]:
    events, raw = sli.child("events"), sli.child("raw")
    if sli.has("events"):
        return {
            "errors": _count(events, "error_query", "errorQuery", name, reading),
            "total": _count(events, "total_query", "totalQuery", name, reading),
        }
    if sli.has("raw"):
        return {
            "errorRatio": promql.templated(raw.required("error_ratio_query", "errorRatioQuery"))
        }
    if sli.has("plugin"):
        raise ManifestError(
            f"{sli.at('plugin')}: its query is made by code; write the query into sli.events first"
        )
    raise ManifestError(f"{sli.path} has neither events nor raw")


def _count(events: Manifest, key: str, camel: str, name: str, reading: Reading) -> str:
    query = promql.templated(events.required(key, camel))
    found, is_count = promql.counted(query)
    if not is_count:
        reading.lose(name, events.at(key if events.has(key) else camel), promql.STILL_A_RATE)
    return found
