"""Error budgets: what is asked of the source for them, and what the answers mean."""
