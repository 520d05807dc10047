"""What is said when there is no browser."""


class BrowserError(RuntimeError):
    """No browser can be had in one way, or in any; the message says why."""
