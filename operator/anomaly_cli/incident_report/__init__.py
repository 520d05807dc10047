"""The record of an incident after it is over: what happened, why, and what was decided."""
