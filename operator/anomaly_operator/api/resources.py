"""Where each kind that the operator speaks of lives in the API.

A closed list: a kind that is not here has no permission in the chart either.
"""

from __future__ import annotations

from dataclasses import dataclass

from anomaly_operator.api import names


@dataclass(frozen=True, slots=True)
class Resource:
    """A namespaced resource. `group` is empty for the core API."""

    group: str
    version: str
    kind: str
    plural: str

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(self, namespace: str, name: str = "", subresource: str = "") -> str:
        """URL path; an empty `namespace` means the collection over all of them."""
        parts = ["/apis", self.group, self.version] if self.group else ["/api", self.version]
        if namespace:
            parts += ["namespaces", namespace]
        parts.append(self.plural)
        parts += [part for part in (name, subresource) if part]
        return "/".join(parts)


SERVICE = Resource(names.GROUP, names.VERSION, "AnomalyService", "anomalyservices")
POLICY = Resource(names.GROUP, names.VERSION, "SLOPolicy", "slopolicies")
ANOMALY = Resource(names.GROUP, names.VERSION, "Anomaly", "anomalies")
JOB = Resource("batch", "v1", "Job", "jobs")
CRON_JOB = Resource("batch", "v1", "CronJob", "cronjobs")
CONFIG_MAP = Resource("", "v1", "ConfigMap", "configmaps")
CLAIM = Resource("", "v1", "PersistentVolumeClaim", "persistentvolumeclaims")
SERVICE_ACCOUNT = Resource("", "v1", "ServiceAccount", "serviceaccounts")
ROLE = Resource("rbac.authorization.k8s.io", "v1", "Role", "roles")
ROLE_BINDING = Resource("rbac.authorization.k8s.io", "v1", "RoleBinding", "rolebindings")
POD = Resource("", "v1", "Pod", "pods")
EVENT = Resource("events.k8s.io", "v1", "Event", "events")
RULE = Resource("monitoring.coreos.com", "v1", "PrometheusRule", "prometheusrules")
"""Of the Prometheus operator; a cluster may not have it, so it is listed and never watched."""
DEPLOYMENT = Resource("apps", "v1", "Deployment", "deployments")
STATEFUL_SET = Resource("apps", "v1", "StatefulSet", "statefulsets")
DAEMON_SET = Resource("apps", "v1", "DaemonSet", "daemonsets")
ROLLOUT = Resource("argoproj.io", "v1alpha1", "Rollout", "rollouts")
"""Of Argo Rollouts; a cluster may not have it."""
TRAIN_JOB = Resource("trainer.kubeflow.org", "v1alpha1", "TrainJob", "trainjobs")
"""Of Kubeflow Trainer; a cluster may not have it. The pods read it, where a Role names it; the
suspender reads and suspends it, where the administrator allows it."""
K8S_SERVICE = Resource("", "v1", "Service", "services")
"""Of Kubernetes, in front of the pods that serve a model."""
REPLICA_SET = Resource("apps", "v1", "ReplicaSet", "replicasets")
CONTROLLER_REVISION = Resource("apps", "v1", "ControllerRevision", "controllerrevisions")
NODE = Resource("", "v1", "Node", "nodes")
"""Not namespaced: its path is that of an empty namespace."""
LEASE = Resource("coordination.k8s.io", "v1", "Lease", "leases")

CUSTOM = (SERVICE, POLICY, ANOMALY)
CHILDREN = (JOB, CRON_JOB, CONFIG_MAP, CLAIM, SERVICE_ACCOUNT, ROLE, ROLE_BINDING)
"""Watched by the label `names.LABEL_WATCHED` alone."""
WATCHED = (*CUSTOM, *CHILDREN)
SERVING = (DEPLOYMENT, K8S_SERVICE)
"""Of models that answer requests. Read by name and never watched: the operator has rights on them
only where the administrator lets models be served."""
WORKLOADS = (DEPLOYMENT, STATEFUL_SET, DAEMON_SET, ROLLOUT, REPLICA_SET, CONTROLLER_REVISION, NODE)
"""Read on demand for an open incident, to tell what changed; never watched and never written."""

_BY_TYPE = {
    (resource.api_version, resource.kind): resource
    for resource in (*WATCHED, *WORKLOADS, *SERVING, POD, EVENT, LEASE, RULE, TRAIN_JOB)
}


def of(api_version: str, kind: str) -> Resource:
    """The resource of a manifest's type. Raises KeyError for one that the operator never touches.

    >>> of("batch/v1", "Job").path("shop", "a")
    '/apis/batch/v1/namespaces/shop/jobs/a'
    """
    return _BY_TYPE[api_version, kind]
