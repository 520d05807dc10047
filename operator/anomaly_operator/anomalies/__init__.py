"""The Anomaly objects of a service."""
