"""What stands in the place of a child's body of which nothing is kept.

None has labels, and every rendered child has some, so none ever passes for as rendered.
"""

from __future__ import annotations

from anomaly_operator.world.objects import Child

BARE = b"{}"
"""Of a child of no service known; it is read anew once its service is."""
LEAN = b'{"spec":{}}'
"""Of a child in a namespace that holds too much, see `room`; it is read anew when there is room."""
TOO_LARGE = b'{"metadata":{}}'
"""Of a child that somebody has filled; it is read anew with its next version."""


def is_bare(value: object) -> bool:
    """Whether nothing is kept of an object but that it is there."""
    return isinstance(value, Child) and value.body == BARE


def is_unread(value: object) -> bool:
    """Whether more would be kept of that very version where there is a service or room for it."""
    return isinstance(value, Child) and value.body in (BARE, LEAN)


def fills(value: object, old: object) -> bool:
    """Whether `value` is more of the very version of which `old` is all that was kept."""
    if not isinstance(value, Child) or not isinstance(old, Child):
        return False
    same = value.meta.resource_version == old.meta.resource_version
    return same and is_unread(old) and not is_unread(value)
