"""Text that shows what it is: characters that turn the direction of writing become escapes.

With them a name reads as another one: `invoice` + U+202E + `gnp.exe` looks like a picture. What
scripts that are written from right to left need is left alone.
"""

from __future__ import annotations

import re
from typing import Any

from markupsafe import Markup

_TURNS = re.compile("[\u202a-\u202e\u2066-\u2069]")


def visible(value: Any) -> Any:
    """What a template prints, before it is escaped; anything but a text stays as it is.

    >>> visible("invoice\\u202egnp.exe")
    'invoice\\\\u202egnp.exe'
    """
    if not isinstance(value, str) or isinstance(value, Markup) or not _TURNS.search(value):
        return value
    return _TURNS.sub(lambda found: f"\\u{ord(found[0]):04x}", value)
