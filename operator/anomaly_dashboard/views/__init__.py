"""From rows and objects to what a page prints; pure."""
