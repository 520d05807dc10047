"""A real tiny training, watched by the real product: `make demo-training`."""
