"""What a caller may do, as the API server says it.

Somebody with credentials asks for themselves (SelfSubjectAccessReview under their own token); for a
person whom a proxy names the dashboard's account asks (SubjectAccessReview), for reading alone. An
answer counts for 30 s from the moment it was asked for, and never longer: where the API server
cannot be reached after that, there is an error and neither a yes nor a no.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

from anomaly_dashboard.identity.caller import Caller
from anomaly_dashboard.identity.lines import Lines
from anomaly_dashboard.watched.sight import Scope
from anomaly_operator.api.resources import Resource
from anomaly_operator.client.transport import Request

FRESH_SECONDS = 30.0
_KEPT = 100_000
"""Answers; at about 300 bytes each, 30 MiB."""
_READS = frozenset({"get", "list", "watch"})
_API = "authorization.k8s.io/v1"
_DASHBOARD = "dashboard"
"""Key of the line of the dashboard's own account; those of callers are hashes."""


class _Question(NamedTuple):
    """A tuple, as hundreds are looked up for each page."""

    who: str
    verb: str
    group: str
    version: str
    plural: str
    namespace: str
    name: str


@dataclass(frozen=True, slots=True)
class _Answer:
    allowed: bool
    asked: float


class Access:
    """Asks, remembers, and asks once where several wait for the same answer."""

    def __init__(self, lines: Lines, clock: Callable[[], float] = time.monotonic) -> None:
        self._lines = lines
        self._clock = clock
        self._answers: OrderedDict[_Question, _Answer] = OrderedDict()
        self._asking: dict[_Question, asyncio.Task[bool]] = {}

    async def may(
        self, caller: Caller, verb: str, resource: Resource, namespace: str, name: str = ""
    ) -> bool:
        """Whether the API server would let the caller; an empty `namespace` means all of them.
        Raises ApiError, LoginFailedError."""
        if caller.read_only and verb not in _READS:
            return False
        question = _question(caller, verb, resource, namespace, name)
        known = self._known(question)
        return await self._answer(caller, question) if known is None else known

    async def scope(self, caller: Caller, resource: Resource, namespaces: Iterable[str]) -> Scope:
        """Where the caller may list: everywhere, or in which of `namespaces`.
        Raises ApiError, LoginFailedError."""
        if await self.may(caller, "list", resource, ""):
            return Scope(everywhere=True)
        questions = [_question(caller, "list", resource, one) for one in sorted(namespaces)]
        known = {one: self._known(one) for one in questions}
        unknown = [one for one, answer in known.items() if answer is None]
        answers = await asyncio.gather(*(self._answer(caller, one) for one in unknown))
        known |= dict(zip(unknown, answers, strict=True))
        return Scope(namespaces=frozenset(one.namespace for one in questions if known[one]))

    def _known(self, question: _Question) -> bool | None:
        """The answer that counts still, None where there is none."""
        known = self._answers.get(question)
        if known is None or self._clock() - known.asked >= FRESH_SECONDS:
            return None
        return known.allowed

    async def _answer(self, caller: Caller, question: _Question) -> bool:
        asking = self._asking.get(question)
        if asking is None:
            asking = asyncio.create_task(self._ask(caller, question))
            self._asking[question] = asking
            asking.add_done_callback(lambda task: self._asked(question, task))
        # Who gives up does not take the answer away from those who wait for it too.
        return await asyncio.shield(asking)

    async def _ask(self, caller: Caller, question: _Question) -> bool:
        kind, spec = "SelfSubjectAccessReview", _attributes(question)
        if caller.login is None:
            kind = "SubjectAccessReview"
            spec |= {"user": caller.name, "groups": list(caller.groups)}
        body = {"apiVersion": _API, "kind": kind, "spec": spec}
        plural = f"{kind.lower()}s"
        request = Request("create", plural, f"/apis/{_API}/{plural}", {}, body)
        key, login = (
            (_DASHBOARD, self._lines.own) if caller.login is None else (caller.key, caller.login)
        )
        async with self._lines.under(key, login) as transport:
            asked = self._clock()
            said = await transport.send(request)
        status = said.get("status") or {}
        allowed = status.get("allowed") is True and not status.get("denied")
        self._keep(question, _Answer(allowed, asked))
        return allowed

    def _keep(self, question: _Question, answer: _Answer) -> None:
        self._answers.pop(question, None)
        self._answers[question] = answer
        before = answer.asked - FRESH_SECONDS
        while self._answers:
            oldest = next(iter(self._answers))
            if len(self._answers) <= _KEPT and self._answers[oldest].asked > before:
                break
            del self._answers[oldest]

    def _asked(self, question: _Question, task: asyncio.Task[bool]) -> None:
        self._asking.pop(question, None)
        if not task.cancelled():
            task.exception()  # those who wait have it; none may be left when it fails


def _question(
    caller: Caller, verb: str, resource: Resource, namespace: str, name: str = ""
) -> _Question:
    where = resource.group, resource.version, resource.plural
    return _Question(caller.key, verb, *where, namespace, name)


def _attributes(question: _Question) -> dict[str, Any]:
    wanted = {
        "verb": question.verb,
        "group": question.group,
        "version": question.version,
        "resource": question.plural,
        "namespace": question.namespace,
        "name": question.name,
    }
    return {"resourceAttributes": {key: value for key, value in wanted.items() if value}}
