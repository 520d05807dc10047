"""`kubectl-anomaly mcp`: the verbs as tools of a Model Context Protocol server, for assistants."""
