"""kubectl-anomaly: what a person does at a terminal with the resources of this project."""
