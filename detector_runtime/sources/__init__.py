"""Where metrics come from: a Prometheus HTTP API or a CSV file.

A source returns a `Fetched` and knows nothing of detection. A hole in the data is a NaN in the
frame, never an error and never zero; what keeps a source from answering at all is a `RunError`.
"""
