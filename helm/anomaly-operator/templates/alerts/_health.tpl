{{/* Series of the operator's own pods, whatever its other labels are. */}}
{{- define "anomaly-operator.ownSeries" -}}
{{- printf "namespace=%q, pod=~%q" .Release.Namespace (printf "%s-.*" (include "anomaly-operator.fullname" .)) -}}
{{- end -}}

{{/* Whether the operator itself works. */}}
{{- define "anomaly-operator.healthAlerts" -}}
{{- $job := include "anomaly-operator.ownSeries" . -}}
- alert: AnomalyOperatorWithoutLeader
  expr: (sum(anomaly_operator_leader{ {{- $job -}} }) or vector(0)) == 0
  for: 5m
  labels: {severity: critical}
  annotations:
    summary: No anomaly-operator replica is the leader
    description: Scoring continues, but no incident opens or closes. Check the operator's pods and its Lease.
# These results are retried immediately and do not indicate a fault.
- alert: AnomalyOperatorReconcileFailures
  expr: sum by (kind) (rate(anomaly_operator_reconciles_total{result!~"Success|Conflict|NotFound|AlreadyExists|Expired|Unsettled", {{ $job }}}[10m])) > 0
  for: 30m
  labels: {severity: warning}
  annotations:
    summary: Reconciles of {{ "{{ $labels.kind }}" }} fail repeatedly
    description: The operator's log gives the object and the cause.
- alert: AnomalyOperatorQueueSlow
  expr: histogram_quantile(0.99, sum by (le) (rate(anomaly_operator_workqueue_queue_duration_seconds_bucket{ {{- $job -}} }[10m]))) > 10
  for: 15m
  labels: {severity: warning}
  annotations:
    summary: Objects wait more than 10 s for reconciliation
    description: Raise settings.concurrency or settings.qps, or check whether the API server responds slowly.
- alert: AnomalyOperatorTrainingsFail
  expr: sum(increase(anomaly_operator_trainings_total{outcome="Failed", {{ $job }}}[6h])) > 3
  labels: {severity: warning}
  annotations:
    summary: More than three trainings failed within six hours
    description: The condition ModelReady of the affected AnomalyServices gives the cause.
- alert: AnomalyOperatorNotificationsFail
  expr: sum by (receiver) (increase(anomaly_operator_notifications_total{result=~"failed|refused", {{ $job }}}[15m])) > 0 unless on (receiver) sum by (receiver) (increase(anomaly_operator_notifications_total{result=~"delivered|repeated", {{ $job }}}[15m])) > 0
  for: 15m
  labels: {severity: warning}
  annotations:
    summary: Receiver {{ "{{ $labels.receiver }}" }} accepts no notifications
    description: The condition Notified of open Anomalies and the operator's log give the cause.
- alert: AnomalyOperatorAPIErrors
  expr: |-
    sum(rate(anomaly_operator_api_requests_total{code=~"0|429|5..", {{ $job }}}[10m]))
      / sum(rate(anomaly_operator_api_requests_total{ {{- $job -}} }[10m])) > 0.05
  for: 15m
  labels: {severity: warning}
  annotations:
    summary: More than 5 % of the operator's requests to the API server fail
    description: "{{ "{{ $value | humanizePercentage }}" }} end without a response (code 0), with 429 or with 5xx. anomaly_operator_api_requests_total has the code."
- alert: AnomalyOperatorDetectionsSlow
  expr: histogram_quantile(0.99, sum by (le) (rate(anomaly_operator_detection_fold_duration_seconds_bucket{ {{- $job -}} }[10m]))) > 10
  for: 15m
  labels: {severity: warning}
  annotations:
    summary: Detections take more than 10 s to become incidents
    description: Raise settings.concurrency or settings.qps, or check whether the API server responds slowly.
- alert: AnomalyOperatorTrainingsWait
  expr: sum(anomaly_operator_trainings_waiting{ {{- $job -}} }) > 0 and sum(anomaly_operator_trainings_running{ {{- $job -}} }) == 0
  for: 30m
  labels: {severity: warning}
  annotations:
    summary: Services wait for a training, and none is running
    description: The condition ModelReady of the waiting AnomalyServices gives the cause, for example a quota that admits no Job.
- alert: AnomalyServicesDegraded
  expr: |-
    sum(anomaly_operator_services{state="Degraded", {{ $job }}}) > 2
      and sum(anomaly_operator_services{state="Degraded", {{ $job }}}) > 0.1 * sum(anomaly_operator_services{ {{- $job -}} })
  for: 30m
  labels: {severity: warning}
  annotations:
    summary: Detection does not work for {{ "{{ $value }}" }} services
    description: More than 10 % of the services are Degraded, often because a metrics source does not answer. kubectl get asvc -A shows them with the reason.
{{- if .Values.dashboard.enabled }}
- alert: AnomalyDashboardOutOfTouch
  expr: max(anomaly_dashboard_out_of_touch_seconds{ {{- $job -}} }) > 300
  for: 5m
  labels: {severity: warning}
  annotations:
    summary: The dashboard shows what was known {{ "{{ $value | humanizeDuration }}" }} ago
    description: Its watch of the API server broke off and does not resume. The log of its pod gives the cause.
{{- end }}
{{- end -}}
