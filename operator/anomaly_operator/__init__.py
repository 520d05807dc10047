"""The operator: watches AnomalyServices and SLOPolicies, runs their detectors, keeps incidents."""
