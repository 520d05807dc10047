"""Servers on loopback that stand in for the real ones where a test needs bad behaviour on cue."""
