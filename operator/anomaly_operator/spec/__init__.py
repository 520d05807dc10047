"""From a custom resource's spec to typed values."""
