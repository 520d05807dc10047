"""The incident life cycle: from scored windows to incidents, as values and pure functions.

`cycles` turns a detection document into windows, `fold` carries them through the life cycle,
`wire` is the form in `status.incidents`. Nothing here reads a clock or speaks to the API server.
"""
