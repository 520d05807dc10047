"""Metrics of a made-up service as functions of time: a daily rhythm with repeatable noise."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable


def noise(name: str, moment: int) -> float:
    """About normal, standard deviation 1, the same for the same name and moment."""
    raw = hashlib.blake2b(f"{name}{moment}".encode(), digest_size=24).digest()
    return (sum(raw) - 24 * 127.5) / (math.sqrt(24) * 73.9)


def rate(moment: int) -> float:
    """Requests a second: 20 to 80 over the day."""
    wave = math.sin(2 * math.pi * (moment % 86400) / 86400)
    return (50 + 30 * wave) * (1 + 0.03 * noise("rate", moment))


def latency(moment: int) -> float:
    """Milliseconds, rising with the load."""
    return 120 + 0.5 * rate(moment) + 4 * noise("latency", moment)


def errors(moment: int) -> float:
    """Share of failed requests, about 0.3 %."""
    return max(0.0, 0.003 + 0.0006 * noise("errors", moment))


SHOP = {"rate": rate, "latency": latency, "errors": errors}

WEEK = 7 * 86400
END = 1_700_000_040


def this_week(now: float) -> tuple[int, dict[str, Callable[[int], float]]]:
    """The end of the newest window, at most a week ago, and the metrics as they lead up to it.

    They are those up to `END`, whatever week it is: of the noise of other moments, one training
    in sixty fails its checks.
    """
    later = (int(now) - END) // WEEK * WEEK

    def moved(value: Callable[[int], float]) -> Callable[[int], float]:
        return lambda moment: value(moment - later)

    return END + later, {name: moved(value) for name, value in SHOP.items()}
