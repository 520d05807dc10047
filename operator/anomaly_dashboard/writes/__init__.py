"""What a person changes from the browser, always with their own token."""
