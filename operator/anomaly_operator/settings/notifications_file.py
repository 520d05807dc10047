"""Reads `notifications` of the settings file.

Refuses what could never be delivered: a receiver without an address, a route to nobody, a link with
an unknown placeholder. Files are only named here; the sender reads them.
"""

from __future__ import annotations

import re
from typing import TypeVar
from urllib.parse import urlsplit

from anomaly_operator.api.fields import Fields
from anomaly_operator.settings.notifications import (
    MAX_RECEIVERS,
    PLACEHOLDERS,
    Match,
    NotificationSettings,
    Receiver,
    ReceiverType,
    Route,
)
from detector_runtime.contract.vocabulary import Category, Severity

E = TypeVar("E", Category, Severity)

MAX_ROUTES = 64
_NAME = re.compile(r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_SIGNED = frozenset({ReceiverType.WEBHOOK, ReceiverType.CLOUD_EVENTS})


def read_notifications(part: Fields) -> NotificationSettings:
    """Raises SettingsError."""
    default = NotificationSettings()
    receivers = tuple(map(_receiver, part.items("receivers")))
    names = [one.name for one in receivers]
    if len(names) > MAX_RECEIVERS:
        raise part.refuse("receivers", f"{len(names)} receivers; at most {MAX_RECEIVERS}")
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise part.refuse("receivers", f"the name {twice!r} is given twice; each needs its own")
    routes = tuple(_route(item, names) for item in part.items("routes"))
    if len(routes) > MAX_ROUTES:
        raise part.refuse("routes", f"{len(routes)} routes; at most {MAX_ROUTES}")
    wait = part.seconds("groupWait", 0, minimum=0, maximum=3600) if part.has("groupWait") else None
    settings = NotificationSettings(
        receivers=receivers,
        routes=routes,
        min_severity=part.choice("minSeverity", default.min_severity),
        dashboard_url=_link(part, "dashboardURL"),
        runbook_url=_link(part, "runbookURL"),
        digest_above=part.integer("digestAbove", default.digest_above, minimum=1, maximum=1000),
        resend_seconds=part.seconds("resendInterval", default.resend_seconds, 5, 3600),
        group_wait_seconds=wait,
    )
    part.done()
    return settings


def _receiver(item: Fields) -> Receiver:
    name = item.required_text("name", "team-chat")
    if not _NAME.fullmatch(name):
        raise item.refuse("name", f"{name!r} is no name; use lower-case letters, digits and '-'")
    item.required_text("type", "Slack")
    kind = item.choice("type", ReceiverType.WEBHOOK)
    receiver = Receiver(
        name=name,
        type=kind,
        url=item.text("url"),
        url_file=_file(item, "urlFile"),
        token_file=_file(item, "tokenFile"),
        signing_key_file=_file(item, "signingKeyFile"),
        ca_file=_file(item, "caFile"),
        timeout_seconds=item.seconds("timeout", 10, minimum=1, maximum=60),
    )
    item.done()
    if bool(receiver.url) == bool(receiver.url_file):
        text = "give either url or urlFile (a mounted file that holds the URL)"
        raise item.refuse("", f"receiver {name!r}: {text}")
    if receiver.url:
        problem = address_problem(receiver.url)
        if problem:
            raise item.refuse("url", problem)
    if receiver.signing_key_file and kind not in _SIGNED:
        raise item.refuse(
            "signingKeyFile", f"{kind} has no signature; only Webhook and CloudEvents"
        )
    return receiver


def address_problem(url: str) -> str:
    """Why nothing can be sent to `url`; empty where it can."""
    try:
        split = urlsplit(url)
        split.port  # noqa: B018 - reading it checks it
    except ValueError as error:
        return str(error)
    if split.scheme not in {"http", "https"} or not split.hostname:
        return "not an http or https URL"
    if split.username or split.password or split.fragment:
        return "must have no user, password or fragment; use tokenFile for a credential"
    return ""


def _file(item: Fields, key: str) -> str:
    path = item.text(key)
    if path and not path.startswith("/"):
        raise item.refuse(key, f"{path!r} is not an absolute path")
    return path


def _route(item: Fields, known: list[str]) -> Route:
    names = item.texts("receivers")
    if not names:
        raise item.refuse("receivers", "required; name at least one receiver")
    unknown = ", ".join(sorted(set(names) - set(known)))
    if unknown:
        raise item.refuse("receivers", f"no receiver is called {unknown}; see receivers")
    match = _match(item.child("match"))
    item.done()
    return Route(match, names)


def _match(part: Fields) -> Match:
    match = Match(
        namespaces=part.texts("namespaces"),
        categories=_members(part, "categories", Category),
        severities=_members(part, "severities", Severity),
        min_severity=part.optional_choice("minSeverity", Severity),
        tiers=part.texts("tiers"),
        labels=part.text_map("labels"),
    )
    part.done()
    if match.severities and match.min_severity:
        raise part.refuse("severities", "give either severities or minSeverity")
    return match


def _members(part: Fields, key: str, kind: type[E]) -> tuple[E, ...]:
    found: list[E] = []
    for text in part.texts(key):
        try:
            found.append(kind(text))
        except ValueError as error:
            raise part.refuse(key, f"{text!r} is none of {', '.join(kind)}") from error
    return tuple(found)


def _link(part: Fields, key: str) -> str:
    template = part.text(key)
    if not template:
        return ""
    unknown = [name for name in _PLACEHOLDER.findall(template) if name not in PLACEHOLDERS]
    if unknown:
        known = ", ".join(f"{{{name}}}" for name in PLACEHOLDERS)
        raise part.refuse(key, f"unknown placeholder {{{unknown[0]}}}; choose from {known}")
    if urlsplit(template).scheme not in {"http", "https"}:
        raise part.refuse(key, f"{template!r} is not an http or https URL")
    return template
