"""`kubectl-anomaly run`: what the log of a training run says."""
