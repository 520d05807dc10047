"""Who the API server takes somebody for."""

from __future__ import annotations

from dataclasses import dataclass

from anomaly_operator.client.transport import Request, Transport

_PATH = "/apis/authentication.k8s.io/v1/selfsubjectreviews"


@dataclass(frozen=True, slots=True)
class Person:
    """A user as the API server knows them."""

    name: str
    groups: tuple[str, ...]


async def known_as(transport: Transport) -> Person:
    """The person whose credentials `transport` carries. Raises ApiError, LoginFailedError;
    UnauthorizedError where the API server does not accept them."""
    body = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
    answer = await transport.send(Request("create", "selfsubjectreviews", _PATH, {}, body))
    user = answer["status"]["userInfo"]
    return Person(str(user["username"]), tuple(str(one) for one in user.get("groups") or ()))
