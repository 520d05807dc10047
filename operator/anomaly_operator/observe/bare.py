"""What stands in the place of a child's body of which nothing is kept."""

from __future__ import annotations

BARE = b"{}"
