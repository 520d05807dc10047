"""The children as they should be."""
