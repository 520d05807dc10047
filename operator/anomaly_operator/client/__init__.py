"""Requests to the API server: login, transport, typed verbs, leader election."""
