"""How well the rules of a training run find faults, and how quiet they are on runs without."""
