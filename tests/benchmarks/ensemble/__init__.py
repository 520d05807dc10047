"""Whether a vote is worth it: on the generator of a published notebook and on recorded servers."""
