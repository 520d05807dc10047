"""The values that a reconcile reads and returns."""
