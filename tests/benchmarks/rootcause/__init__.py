"""Which service is the root, on recorded issues of a real application; see RESULTS.md."""
