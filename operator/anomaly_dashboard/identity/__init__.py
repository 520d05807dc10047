"""Who asks, and what the API server lets them do."""
