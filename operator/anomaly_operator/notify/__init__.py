"""Who is told of an incident, of what, and in which words: decided here, sent by `delivery`."""
