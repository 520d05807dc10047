"""What stands in the place of a child's body of which nothing is kept.

Neither has labels, and every rendered child has some, so neither ever passes for as rendered.
"""

from __future__ import annotations

BARE = b"{}"
"""Of a child of no service known; it is read anew once its service is."""
TOO_LARGE = b'{"metadata":{}}'
"""Of a child that somebody has filled; it is read anew with its next version."""
