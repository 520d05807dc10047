"""The detector: what runs in training and inference pods. Imports nothing heavier than numpy."""
