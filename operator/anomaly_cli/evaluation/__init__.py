"""`kubectl-anomaly evaluate`: detectors and votes measured on labelled rows."""
