"""Pure decisions: what is, what should be, and the difference as a list of actions."""
