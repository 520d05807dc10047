"""Weights of the priority, proposed from what people said of past incidents."""
