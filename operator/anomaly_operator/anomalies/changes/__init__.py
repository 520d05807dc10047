"""What changed around the start of an incident: found, ranked and put into words. Pure."""
