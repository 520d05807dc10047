"""The cluster, for the commands that speak to one: kubectl's ways to name it, and its refusals.

It reads, patches what people may say, and asks who the user is; it never creates or deletes. Each
call waits for its answer. The kubeconfig is found as kubectl finds it: `--kubeconfig`, KUBECONFIG,
then the file in the home folder; in a pod without any of them its service account.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
from collections.abc import Coroutine, Mapping
from pathlib import Path
from typing import Any, Self, TypeVar

from anomaly_operator.api import errors
from anomaly_operator.api.resources import Resource
from anomaly_operator.client.kube import Kube
from anomaly_operator.client.login import SERVICE_ACCOUNT_DIR, KubeconfigLogin, Login, PodLogin
from anomaly_operator.client.throttle import TokenBucket
from anomaly_operator.client.transport import Request, Transport

FIELD_MANAGER = "kubectl-anomaly"
ALL_NAMESPACES = ""

_MERGE = "application/merge-patch+json"
_WHO_AM_I = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
_RBAC = re.compile(
    r'User "(?P<user>[^"]+)" cannot (?P<verb>\w+) resource "(?P<resource>[^"]+)"'
    r'.*?(?: in the namespace "(?P<namespace>[^"]+)"| at the cluster scope)'
)
_POLICY = re.compile(r"denied request: (.*)", re.DOTALL)
_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?")

Object = dict[str, Any]
Objects = list[Object]
T = TypeVar("T")


class ClusterError(Exception):
    """The cluster cannot be reached or refuses; the message is one line for the user."""


class Cluster:
    """One API server, as one user. `namespace`: that of `-n`, else of the context.

    Use it in a `with` statement: its connections end there. Every call raises ClusterError.
    """

    def __init__(self, login: Login, namespace: str = "") -> None:
        self._login = login
        self._runner = asyncio.Runner()
        self._transport = Transport(login, TokenBucket(50, 100))
        self._kube = Kube(self._transport)
        self._namespace = namespace

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._runner.run(self._transport.close())
        self._runner.close()

    @property
    def namespace(self) -> str:
        if not self._namespace:
            self._namespace = self._wait(self._login.connect()).namespace or "default"
        return self._namespace

    def get(self, resource: Resource, name: str, namespace: str | None = None) -> Object:
        """One object; ClusterError where there is none."""
        where = self._where(namespace)
        found = self.find(resource, name, where)
        if found is None:
            raise ClusterError(
                f"no {resource.kind} {name} in namespace {where}; "
                f"`kubectl get {resource.plural} -n {where}` lists them"
            )
        return found

    def find(self, resource: Resource, name: str, namespace: str | None = None) -> Object | None:
        """One object, None where there is none."""
        where = self._where(namespace)
        return self._wait(self._kube.get(resource, where, _named("name", name)))

    def list(
        self, resource: Resource, namespace: str | None = None, *, labels: str = ""
    ) -> Objects:
        """All objects of a namespace, of every one with ALL_NAMESPACES."""
        where = self._where(namespace)
        return self._wait(self._pages(resource, where, labels))

    def patch(
        self,
        resource: Resource,
        name: str,
        change: Mapping[str, Any],
        namespace: str | None = None,
    ) -> Object:
        """Merge patch of a few fields of an object's spec or metadata."""
        request = Request(
            "patch",
            resource.plural,
            resource.path(self._where(namespace), _named("name", name)),
            {"fieldManager": FIELD_MANAGER},
            change,
            _MERGE,
        )
        return self._wait(self._transport.send(request))

    def user(self) -> str:
        """The user's name as the API server sees it, for the `by` of what a person says."""
        body = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
        request = Request("create", "selfsubjectreviews", _WHO_AM_I, {}, body)
        answer = self._wait(self._transport.send(request))
        return str(answer["status"]["userInfo"]["username"])

    def _where(self, namespace: str | None) -> str:
        where = self.namespace if namespace is None else namespace
        return _named("namespace", where) if where else ALL_NAMESPACES

    async def _pages(self, resource: Resource, namespace: str, labels: str) -> Objects:
        found: Objects = []
        async for page in self._kube.pages(resource, namespace, labels=labels):
            found += page
        return found

    def _wait(self, question: Coroutine[Any, Any, T]) -> T:
        try:
            return self._runner.run(question)
        except errors.OperatorError as error:
            raise ClusterError(explained(error)) from error


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options that name cluster and namespace, as kubectl has them."""
    parser.add_argument("-n", "--namespace", default="", help="namespace; default: the context's")
    parser.add_argument("--context", default="", help="context of the kubeconfig")
    parser.add_argument("--kubeconfig", default="", metavar="FILE", help="kubeconfig file")


def connect(
    context: str = "",
    namespace: str = "",
    kubeconfig: str = "",
    environment: Mapping[str, str] = os.environ,
) -> Cluster:
    """The cluster that these name; nothing is asked before the first call."""
    return Cluster(_login(context, kubeconfig, environment), namespace)


def explained(error: errors.OperatorError) -> str:
    """A failure as one line: who may not do what, or what the server said."""
    said = error.said if isinstance(error, errors.ApiError) else str(error)
    said = " ".join(re.sub(r"^\d{3} \w+: ", "", said).split())
    if isinstance(error, errors.UnreachableError):
        return f"cannot reach the API server: {said}"
    if isinstance(error, errors.UnauthorizedError):
        return "the API server does not accept the credentials of this context; log in again"
    if isinstance(error, errors.NotFoundError) and "requested resource" in said:
        return "the cluster has no resources of anomaly-operator.dev; install the chart first"
    if refused := _RBAC.search(said):
        where = f"in namespace {refused['namespace']}" if refused["namespace"] else "in the cluster"
        return (
            f"user {refused['user']} may not {refused['verb']} {refused['resource']} {where}; "
            "ask an administrator for a role that allows it"
        )
    if policy := _POLICY.search(said):
        return policy[1]
    return said


def _named(what: str, text: str) -> str:
    """`text`, which becomes a part of a path: with `/`, `..` or `?` it would name another resource.
    Raises ClusterError."""
    if not _NAME.fullmatch(text):
        raise ClusterError(
            f"{text[:80]!r} is no {what}; one has lower-case letters, digits, - and . only"
        )
    return text


def _login(context: str, kubeconfig: str, environment: Mapping[str, str]) -> Login:
    if kubeconfig:
        return KubeconfigLogin(kubeconfig, context)
    if environment.get("KUBECONFIG"):
        return KubeconfigLogin(environment["KUBECONFIG"], context)
    default = Path(environment.get("HOME", "")) / ".kube" / "config"
    if default.is_file() or context:
        return KubeconfigLogin(default, context)
    try:
        return PodLogin.from_environment(SERVICE_ACCOUNT_DIR, environment)
    except errors.LoginFailedError as error:
        raise ClusterError(
            "no cluster is configured; pass --kubeconfig FILE or set KUBECONFIG"
        ) from error
