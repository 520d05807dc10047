"""What people who run the operator see of it: logs, metrics, health."""
