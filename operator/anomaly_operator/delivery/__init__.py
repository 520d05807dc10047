"""Carries messages to receivers: what `notify` decides is sent here, and marked on the objects."""
