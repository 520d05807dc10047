"""From scores to what is said."""
