{{/*
What the operator may do in the namespaces that it watches. Each rule has its reason; tests/chart
holds the list against the audit log of a whole life of a service: nothing denied, nothing unused.
No Secret, no wildcard, no pod but for a list, no exec, no node.
*/}}
{{- define "anomaly-operator.rules" -}}
# Watch what users ask for. `get` is also granted to the runner's Role (below), and nobody can grant
# what they do not hold.
- apiGroups: [anomaly-operator.dev]
  resources: [anomalyservices]
  verbs: [get, list, watch]
- apiGroups: [anomaly-operator.dev]
  resources: [slopolicies]
  verbs: [list, watch]
# Say what is; the runner's Role holds the first of them too.
- apiGroups: [anomaly-operator.dev]
  resources: [anomalyservices/status, slopolicies/status, anomalies/status]
  verbs: [patch]
# Open an incident (an apply creates and patches), find it again, drop it after its retention.
- apiGroups: [anomaly-operator.dev]
  resources: [anomalies]
  verbs: [get, list, watch, create, patch, delete]
# Trainings: started and watched; `get` after a crash, when the Job turns out to exist already.
- apiGroups: [batch]
  resources: [jobs]
  verbs: [get, list, watch, create]
# One CronJob of scoring runs a service. It goes with the service.
- apiGroups: [batch]
  resources: [cronjobs]
  verbs: [get, list, watch, create, patch]
# What the pods are told, immutable and named by content; unused ones are removed.
- apiGroups: [""]
  resources: [configmaps]
  verbs: [get, list, watch, create, patch, delete]
# The claim with the models of a namespace, and the account of its runner.
- apiGroups: [""]
  resources: [persistentvolumeclaims, serviceaccounts]
  verbs: [get, list, watch, create, patch]
# The runner may read AnomalyServices and patch their status, nothing else.
- apiGroups: [rbac.authorization.k8s.io]
  resources: [roles, rolebindings]
  verbs: [get, list, watch, create, patch]
# Why a training failed stands in its pod. Pods are never watched.
- apiGroups: [""]
  resources: [pods]
  verbs: [list]
# Tell people of transitions; a repeated one counts up.
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create, patch]
{{- end -}}
