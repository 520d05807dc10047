"""Whether a fault gets the name that it was built for: `python -m tests.benchmarks.patterns`."""
