"""What administrators see of the operator: logs, metrics, health."""
