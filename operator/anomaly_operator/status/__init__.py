"""What the operator says of a service."""
