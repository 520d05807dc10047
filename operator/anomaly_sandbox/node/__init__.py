"""The node agent: runs the pods of the sandbox's only node as local processes."""
