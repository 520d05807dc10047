"""The loop around the pure core."""
