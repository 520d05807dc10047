"""Metric series of a service, through the administrator's named sources."""
