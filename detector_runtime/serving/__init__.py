"""`detector-runtime serve`: a trained model behind HTTP. Only that command imports this package."""
