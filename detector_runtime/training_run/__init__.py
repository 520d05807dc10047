"""Watches the log of a training run: one row in, the triggers of that row out.

It reads no file and keeps no clock: a row has a step, and all memory is in a state of bounded size.
It fits nothing and stops no training; a trigger only says what to do.
"""
