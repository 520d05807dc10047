"""Detectors, one a file; see base.py for what they have in common."""
