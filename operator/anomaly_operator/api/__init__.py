"""Vocabulary and small readers that every other part shares; imports nothing of the operator."""
