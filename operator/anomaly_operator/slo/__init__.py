"""Which policy judges a service."""
