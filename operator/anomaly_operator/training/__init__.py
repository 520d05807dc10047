"""When to train, what came of it, and which model serves."""
