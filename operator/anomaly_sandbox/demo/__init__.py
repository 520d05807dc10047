"""The demo: a simulated shop or a recording, watched by the real product on a real API server."""
