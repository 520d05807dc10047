"""Models on a volume."""
