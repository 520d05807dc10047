{{- define "anomaly-operator.dashboardName" -}}
{{- include "anomaly-operator.fullname" . -}}-dashboard
{{- end -}}

{{- define "anomaly-operator.dashboardClusterName" -}}
{{- include "anomaly-operator.clusterName" . -}}-dashboard
{{- end -}}

{{- define "anomaly-operator.dashboardAccount" -}}
{{- if .Values.dashboard.serviceAccount.create -}}
{{- default (include "anomaly-operator.dashboardName" .) .Values.dashboard.serviceAccount.name -}}
{{- else -}}
{{- required "dashboard.serviceAccount.name is needed when dashboard.serviceAccount.create is false" .Values.dashboard.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "anomaly-operator.dashboardSelectorLabels" -}}
app.kubernetes.io/name: {{ include "anomaly-operator.name" . }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
app.kubernetes.io/component: dashboard
{{- end -}}

{{- define "anomaly-operator.dashboardLabels" -}}
{{- include "anomaly-operator.labelsWith" (list . (dict "app.kubernetes.io/component" "dashboard")) -}}
{{- end -}}

{{/* Where a browser asks for the dashboard below its host. */}}
{{- define "anomaly-operator.dashboardPath" -}}
{{- .Values.dashboard.pathPrefix | default "/" -}}
{{- end -}}

{{/*
Permissions of the dashboard, each with its reason. It writes nothing with its own account: users write with
their own token.
*/}}
{{- define "anomaly-operator.dashboardRules" -}}
# One watch for all browsers. Each answer is filtered by what the user who asks may read.
- apiGroups: [anomaly-operator.dev]
  resources: [anomalyservices, anomalies, slopolicies]
  verbs: [list, watch]
{{- end -}}
