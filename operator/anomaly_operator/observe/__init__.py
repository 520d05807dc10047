"""From the API server into typed values."""
