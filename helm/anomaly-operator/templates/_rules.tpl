{{/*
Permissions of the operator in the namespaces that it watches, each with its reason. tests/chart compares
the list with the audit log of a service's whole life: no request is denied and no rule is unused. There is
no access to Secrets or exec, no wildcard, and only list for pods.
*/}}
{{- define "anomaly-operator.rules" -}}
# Watch the users' resources. `get` shows whether a service is newer than the operator's view of it before
# an incident is closed as Lost. It is also needed to grant it to the runner's Role (below), because an
# account can grant only permissions that it has.
- apiGroups: [anomaly-operator.dev]
  resources: [anomalyservices]
  verbs: [get, list, watch]
- apiGroups: [anomaly-operator.dev]
  resources: [slopolicies]
  verbs: [list, watch]
# Write status. The runner's Role also contains the first of these.
- apiGroups: [anomaly-operator.dev]
  resources: [anomalyservices/status, slopolicies/status, anomalies/status]
  verbs: [patch]
# Create, update and find incidents, and delete them after their retention.
- apiGroups: [anomaly-operator.dev]
  resources: [anomalies]
  verbs: [get, list, watch, create, patch, delete]
# Start and watch trainings; `get` after a crash, when the Job already exists; `delete` when the training has
# ended and an injected sidecar keeps the pod running.
- apiGroups: [batch]
  resources: [jobs]
  verbs: [get, list, watch, create, delete]
# One scoring CronJob for each service. The garbage collector deletes it with the service; the operator when a
# service is no training run any more.
- apiGroups: [batch]
  resources: [cronjobs]
  verbs: [get, list, watch, create, patch, delete]
# Never used by the operator, but needed to grant it to the runner's Role, by name, where a training run names a
# TrainJob of Kubeflow Trainer. The kind may be absent.
- apiGroups: [trainer.kubeflow.org]
  resources: [trainjobs]
  verbs: [get]
# Configuration of the pods, immutable and named by content; unused ones are deleted.
- apiGroups: [""]
  resources: [configmaps]
  verbs: [get, list, watch, create, patch, delete]
# The claim for the models of a namespace and the account of its runner.
- apiGroups: [""]
  resources: [persistentvolumeclaims, serviceaccounts]
  verbs: [get, list, watch, create, patch]
# The runner may read AnomalyServices, patch their status, and read the Jobs and TrainJobs that training runs name.
- apiGroups: [rbac.authorization.k8s.io]
  resources: [roles, rolebindings]
  verbs: [get, list, watch, create, patch]
# After the last service of a namespace: remove what its services shared. By name; it has no owner.
- apiGroups: [""]
  resources: [persistentvolumeclaims]
  resourceNames: [anomaly-models]
  verbs: [delete]
# The runner's account of such a namespace.
- apiGroups: [""]
  resources: [serviceaccounts]
  resourceNames: [anomaly-runner]
  verbs: [delete]
# The runner's rights there.
- apiGroups: [rbac.authorization.k8s.io]
  resources: [roles, rolebindings]
  resourceNames: [anomaly-runner]
  verbs: [delete]
# Read from its pod why a training failed. Pods are never watched.
- apiGroups: [""]
  resources: [pods]
  verbs: [list]
{{- if .Values.changes.enabled }}
# Read what changed in the workload of a service when an incident opens: the workload by its name, its
# revisions, and Events of its scaling.
- apiGroups: [apps]
  resources: [deployments, statefulsets, daemonsets]
  verbs: [get]
# The same for Argo Rollouts; the kind may be absent.
- apiGroups: [argoproj.io]
  resources: [rollouts]
  verbs: [get]
# The revisions of a workload, with the images of each.
- apiGroups: [apps]
  resources: [replicasets, controllerrevisions]
  verbs: [list]
{{- end }}
{{- if .Values.serving.enabled }}
# A Deployment for each service with spec.serving; read by name, never watched. It goes with the service, or when
# the service is not served any more.
- apiGroups: [apps]
  resources: [deployments]
  verbs: [get, create, patch, delete]
# The Service in front of the pods of that Deployment.
- apiGroups: [""]
  resources: [services]
  verbs: [get, create, patch, delete]
{{- end }}
{{- if .Values.rbac.prometheusRules }}
# Write the objectives of an SLOPolicy as rules of Prometheus, where spec.export.prometheusRule is true. The
# kind may be absent.
- apiGroups: [monitoring.coreos.com]
  resources: [prometheusrules]
  verbs: [list, create, patch, delete]
{{- end }}
# Create Events for transitions; a repeated Event increments its count. Events of a workload tell when it was
# scaled.
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: {{ .Values.changes.enabled | ternary "[create, patch, list]" "[create, patch]" }}
{{- end -}}
