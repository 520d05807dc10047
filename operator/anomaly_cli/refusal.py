"""What a user gave and no command can use: the base of these errors, so that the entrance knows
them without the modules that raise them. Those bring numerical libraries, which take a second."""

from __future__ import annotations


class InputError(ValueError):
    """An argument or a file that cannot be used. The message names it and the next step."""


class ArgumentError(InputError):
    """An invalid argument; the message names it and what is allowed."""
