"""What people said of incidents on their Anomaly objects, for the life cycle to take up.

Only an object whose spec has changed since its status was written is read: a service may have
hundreds of closed ones.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from anomaly_operator.api.text import unix_seconds
from anomaly_operator.incidents.expected import Judgement
from anomaly_operator.incidents.feedback import verdict_of
from anomaly_operator.incidents.state import PatternSight, SLOResult
from anomaly_operator.world.objects import AnomalyObject
from detector_runtime.contract.codec import decode
from detector_runtime.contract.vocabulary import ContractError, SLOStatus


def judgements(anomalies: Sequence[AnomalyObject], service_uid: str) -> tuple[Judgement, ...]:
    """New and withdrawn verdicts on the incidents of a service, in the order of their names.

    An object that was never answered withdraws nothing: it may be one that is made again, and what
    was said on the one before it still holds.
    """
    ours = (
        one
        for one in anomalies
        if service_uid in one.meta.owners
        and one.answered != one.meta.generation
        and (one.answered or one.feedback)
    )
    return tuple(map(_judgement, sorted(ours, key=lambda one: one.meta.name)))


def taken_up(spec: Mapping[str, Any], status: Mapping[str, Any]) -> int:
    """When the verdict of `spec` was taken up, by the object's status; 0 where it was not."""
    noted, verdict = status.get("feedback") or {}, verdict_of(spec)
    same = verdict is not None and noted.get("verdict") == verdict.value
    return unix_seconds(noted.get("at")) if same else 0


def _judgement(one: AnomalyObject) -> Judgement:
    spec, status = json.loads(one.spec or b"{}"), json.loads(one.status or b"{}")
    verdict = verdict_of(spec)
    if verdict is None:
        return Judgement(one.meta.name, None)
    return Judgement(
        anomaly=one.meta.name,
        verdict=verdict,
        at=taken_up(spec, status),
        until=unix_seconds((spec.get("feedback") or {}).get("until")),
        patterns=tuple(_sights(status.get("patterns"))),
        slo=_slo(status.get("slo")),
    )


def _sights(listed: Any) -> Iterator[PatternSight]:
    for item in listed if isinstance(listed, list) else ():
        try:
            yield decode(PatternSight, item)
        except ContractError:
            continue


def _slo(found: Any) -> SLOStatus:
    try:
        return decode(SLOResult, found or {}).status
    except ContractError:
        return SLOStatus.UNKNOWN
