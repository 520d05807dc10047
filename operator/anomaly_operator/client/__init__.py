"""Every request to the API server."""
