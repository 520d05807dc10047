"""One run of a pod."""
