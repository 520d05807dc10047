"""Which policy judges a service, and what it says of it."""
