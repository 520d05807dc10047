"""The dashboard: what is wrong, why, and what to do, in a browser."""
