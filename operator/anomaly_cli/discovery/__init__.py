"""`kubectl-anomaly discover`: who calls whom, read from traffic, as `spec.dependsOn`."""
