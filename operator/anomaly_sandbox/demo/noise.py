"""Random fields that are pure functions of (seed, channel, time).

A generator with hidden state would make the back-filled history and the live feed two different
worlds. Here every draw is a hash of where it stands, so any span can be computed at any time, in
any order, and is the same.
"""

from __future__ import annotations

import zlib

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# Constants of splitmix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators",
# 2014).
_GAMMA = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)

_DRIFT_SCALES = ((60, 0.5), (600, 0.6), (3600, 0.6))
"""Seconds between lattice points and the weight of each octave; the squares sum to about 1."""

_NORMAL_FROM = 30.0


def normals(seed: int, channel: str, index: Ints) -> Floats:
    """Independent standard normal draws, one for each of `index` (n,); equal input, equal draw."""
    first = _uniform(_hash(seed, f"{channel}/radius", index))
    second = _uniform(_hash(seed, f"{channel}/angle", index))
    result: Floats = np.sqrt(-2.0 * np.log(first)) * np.cos(2.0 * np.pi * second)  # Box-Muller
    return result


def drift(seed: int, channel: str, times: Ints) -> Floats:
    """Autocorrelated noise of about unit variance at `times` (n,) in unix seconds.

    Normals on lattices of one minute, ten minutes and one hour, joined by smooth interpolation:
    neighbouring seconds are alike, hours apart are independent.
    """
    total = np.zeros(len(times))
    for scale, weight in _DRIFT_SCALES:
        cell, inside = np.divmod(times, scale)
        share = inside / scale
        blend = share * share * (3.0 - 2.0 * share)
        left = normals(seed, f"{channel}/{scale}", cell)
        right = normals(seed, f"{channel}/{scale}", cell + 1)
        # Dividing by the norm keeps the variance level between the lattice points.
        total += weight * (left * (1 - blend) + right * blend) / np.hypot(1 - blend, blend)
    return total


def poisson(seed: int, channel: str, index: Ints, mean: Floats) -> Floats:
    """Counts (n,) with the given means (n,): by inversion, above 30 by the normal limit."""
    draw = normals(seed, channel, index)
    counts = np.maximum(np.rint(mean + np.sqrt(mean) * draw), 0.0)
    few = mean < _NORMAL_FROM
    if few.any():
        counts[few] = _invert(mean[few], _uniform(_hash(seed, f"{channel}/few", index[few])))
    return counts


def _invert(mean: Floats, level: Floats) -> Floats:
    """Smallest k with P(Poisson(mean) <= k) >= level; the loop ends where double precision does."""
    term = np.exp(-mean)
    below = term.copy()
    counts = np.zeros(len(mean))
    for k in range(1, 100):
        open_ = level > below
        if not open_.any():
            break
        counts[open_] = k
        term = term * mean / k
        below = below + term
    return counts


def _hash(seed: int, channel: str, index: Ints) -> NDArray[np.uint64]:
    key = np.array([seed << 32 ^ zlib.crc32(channel.encode())], dtype=np.uint64)
    with np.errstate(over="ignore"):
        return _mix((index.astype(np.uint64) + _mix(key)) * _GAMMA)


def _mix(value: NDArray[np.uint64]) -> NDArray[np.uint64]:
    value = (value ^ (value >> np.uint64(30))) * _MIX_1
    value = (value ^ (value >> np.uint64(27))) * _MIX_2
    return value ^ (value >> np.uint64(31))


def _uniform(bits: NDArray[np.uint64]) -> Floats:
    """The upper 53 bits as a float in (0, 1): never 0, so that its logarithm is finite."""
    return ((bits >> np.uint64(11)).astype(np.float64) + 0.5) / float(1 << 53)
