"""From history to a model."""
