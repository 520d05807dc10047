"""The fitted model and how it scores."""
