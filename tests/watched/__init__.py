"""A namespace with watched services: manifests, recordings, and what to wait for."""
