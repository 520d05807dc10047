{{/* What happens to the services, for teams that no receiver in settings.notifications tells of it. */}}
{{- define "anomaly-operator.incidentAlerts" -}}
{{- $job := include "anomaly-operator.ownSeries" . -}}
- alert: AnomalyIncidentCritical
  expr: sum(anomaly_operator_incidents{severity="Critical", {{ $job }}}) > 0
  for: 1m
  labels: {severity: critical}
  annotations:
    summary: "Critical incidents: {{ "{{ $value }}" }}"
    description: kubectl get anomalies -A --field-selector status.state=Open lists them with their cause.
- alert: AnomalyIncidentPastDeadline
  expr: sum by (tier) (anomaly_operator_incidents_past_deadline{ {{- $job -}} }) > 0
  for: 5m
  labels: {severity: warning}
  annotations:
    summary: "Incidents of tier {{ "{{ $labels.tier }}" }} past their deadline without an answer: {{ "{{ $value }}" }}"
    description: Acknowledge them, or give feedback. The Event DeadlineMissed on the AnomalyServices names them.
- alert: AnomalyIncidentsInManyServices
  # A common cause: a shared dependency, a network, or the source of the metrics.
  expr: |-
    sum(increase(anomaly_operator_incidents_opened_total{ {{- $job -}} }[30m])) > 10
      and sum(increase(anomaly_operator_incidents_opened_total{ {{- $job -}} }[30m])) > 0.2 * sum(anomaly_operator_services{ {{- $job -}} })
  labels: {severity: warning}
  annotations:
    summary: "{{ "{{ $value | humanize }}" }} incidents opened within 30 minutes"
    description: That is more than one for every five services. Look for what they share; status.rootCause of the Anomalies names the service where it began.
- alert: AnomalyIncidentsMostlyFalse
  # The label namespace of these series is that of the services. Prometheus renames it, because a scrape sets its own.
  expr: |-
    anomaly_operator_evaluation_precision_ratio{ {{- $job -}} } < 0.5
      and on (exported_namespace) sum by (exported_namespace) (anomaly_operator_evaluation_incidents{judgement=~"Confirmed|FalsePositive", {{ $job }}}) >= 10
  for: 1h
  labels: {severity: info}
  annotations:
    summary: Users call most incidents in {{ "{{ $labels.exported_namespace }}" }} false
    description: "Only {{ "{{ $value | humanizePercentage }}" }} of the judged incidents of 30 days were confirmed. Lower spec.detector.falseIncidentsPerWeek of the services that kubectl-anomaly report lists."
{{- end -}}
