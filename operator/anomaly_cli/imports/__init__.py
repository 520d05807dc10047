"""Manifests of other SLO tools as SLOPolicies."""
