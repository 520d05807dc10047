"""Reads `containment` of the settings file. What is half written is refused, not half started."""

from __future__ import annotations

import re

from anomaly_operator.api import names
from anomaly_operator.api.fields import Fields
from anomaly_operator.settings.containment import (
    CONTAINMENT_RESOURCES,
    ContainmentSettings,
    JobTemplate,
)

_NAME = re.compile(r"^[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?$")


def read_containment(part: Fields) -> ContainmentSettings:
    """Raises the error of `part`."""
    default = ContainmentSettings()
    found = ContainmentSettings(
        enabled=part.flag("enabled", default=False),
        namespaces=part.texts("namespaces"),
        tiers=part.texts("tiers") if part.has("tiers") else default.tiers,
        account=part.text("serviceAccountName"),
        template=_template(part.child("template")),
    )
    part.done()
    if found.enabled:
        _check(part, found)
    return found


def _template(part: Fields) -> JobTemplate:
    template = JobTemplate(
        image=part.text("image"),
        command=part.texts("command"),
        args=part.texts("args"),
        resources=part.mapping("resources", CONTAINMENT_RESOURCES),
        deadline_seconds=int(part.seconds("deadline", 300, minimum=10, maximum=3600)),
    )
    part.done()
    return template


def _check(part: Fields, found: ContainmentSettings) -> None:
    if not found.namespaces:
        raise part.refuse("namespaces", "is empty; name each namespace in which a Job may start")
    for namespace in found.namespaces:
        if _NAME.match(namespace) is None:
            raise part.refuse("namespaces", f"{namespace!r} is not the name of a namespace")
    if not found.tiers:
        raise part.refuse("tiers", "is empty; name the tiers of the playbooks, such as P1")
    if _NAME.match(found.account) is None:
        text = f"{found.account!r} is not the name of an account; write for example containment"
        raise part.refuse("serviceAccountName", text)
    if found.account == names.RUNNER:
        text = f"{names.RUNNER} is the account of the scoring pods; make one for containment"
        raise part.refuse("serviceAccountName", text)
    if not found.template.image or not found.template.command:
        raise part.refuse("template", "needs image and command")
