"""The code in the address that is printed on this machine: it lets one browser in, once."""

from __future__ import annotations

import hmac
import secrets


class OneTimeCode:
    """128 random bits. Whoever can read the terminal of this process may use its kubeconfig."""

    def __init__(self) -> None:
        self.text = secrets.token_urlsafe(16)
        self._used = False

    def fits(self, code: str) -> bool:
        """Whether `code` is the one and was not used."""
        return not self._used and hmac.compare_digest(code.encode(), self.text.encode())

    def use(self, code: str) -> bool:
        """Use it up; whether it did fit."""
        fits = self.fits(code)
        self._used = self._used or fits
        return fits
