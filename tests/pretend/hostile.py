"""Texts that try to be more than text: markup, script addresses, templates, bidirectional
characters, control characters, words without an end.

Where one of them runs, the title of the document holds `HARM`; where `HARMLESS` is all that a page
makes of them, they are seen as they were written.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle

HARM = "pwned"
TEXTS = (
    f"<script>document.title='{HARM}'</script>",
    f"\"'><img src=x onerror=document.title='{HARM}'>",
    f"javascript:document.title='{HARM}'",
    f"</title></textarea></script><svg/onload=document.title='{HARM}'>",
    f"[click](javascript:document.title='{HARM}')",
    "{{ 7 * 7 }} {% include 'x' %} ${7*7} <%= 7*7 %>",
    '<b hx-get="/healthz" hx-trigger="load" hx-swap="outerHTML" hx-on:click="x">bold</b>',
    "invoice\u202egnp.exe\u202c \u2066isolated\u2069 \u200bzero\u200bwidth",
    "W" * 180,
    "Z\u0337\u0321\u031b\u0302\u0313a\u0335\u0322\u0323l\u0334\u0328\u0310g\u0336\u030a\u0349o",
    "tab\tline\nbreak \x1b[31mred\x1b[0m &amp;lt; %3Cscript%3E",
    "--- # YAML\n- {a: !!python/object/apply:os.system ['true']}",
)
"""Each has at most 200 characters."""
OBJECT_NAMES = ("constructor", "null", "1e3", "0x1f", "on", "prototype")
"""Names that the API server admits and that programs take for something else."""


def texts() -> Iterator[str]:
    """One after the other, again and again."""
    return cycle(TEXTS)


def fitting(text: str, limit: int) -> str:
    """`text` cut to a field of `limit` characters."""
    return text[:limit]
