{{/*
Error budgets, from what Prometheus records for SLOPolicies with spec.export.prometheusRule. The alerts on the burn
rates of each objective are in the PrometheusRules that the operator writes; these look over all of them.
*/}}
{{- define "anomaly-operator.budgetAlerts" -}}
- alert: SLOErrorBudgetSpent
  expr: anomaly_slo:error_budget_left:ratio <= 0
  for: 5m
  labels: {severity: warning}
  annotations:
    summary: "{{ "{{ $labels.service }} in {{ $labels.namespace }} has no error budget left for {{ $labels.objective }}" }}"
    description: "{{ "{{ $value | humanizePercentage }}" }} of the budget are left in the window of the objective in SLOPolicy {{ "{{ $labels.slo_policy }}" }}. Postpone risky changes until it recovers."
- alert: SLOErrorBudgetLow
  expr: anomaly_slo:error_budget_left:ratio > 0 and anomaly_slo:error_budget_left:ratio < 0.1
  for: 1h
  labels: {severity: info}
  annotations:
    summary: "{{ "{{ $labels.service }} in {{ $labels.namespace }} has less than 10 % of its error budget left for {{ $labels.objective }}" }}"
    description: "{{ "{{ $value | humanizePercentage }}" }} of the budget are left in the window of the objective in SLOPolicy {{ "{{ $labels.slo_policy }}" }}."
- alert: SLOErrorBudgetsBurnTogether
  expr: count by (namespace) (count by (namespace, service) (ALERTS{alertname="SLOErrorBudgetBurn", alertstate="firing", tier=~"PageFast|PageSlow"})) >= 3
  for: 2m
  labels: {severity: critical}
  annotations:
    summary: "{{ "{{ $value }} services in {{ $labels.namespace }}" }} burn their error budgets at a rate that pages"
    description: Look for what they share before you look at one of them.
{{- end -}}
