"""Changes told to browsers as they happen."""
