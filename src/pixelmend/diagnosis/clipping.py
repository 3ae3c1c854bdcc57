"""What black and white take away from noise, and how to put it back into its measured level.

A value x of N(mean, sigma²) that is stored as min(max(x, 0), 1) has a mean nearer to the middle and a smaller
variance, both known. Read backwards, the mean and the variance that are seen give the sigma that was.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_MEANS = np.linspace(-0.5, 1.5, 161)
"""True means that are looked up; below and above, nothing but black or white is left."""
_STEPS = np.linspace(-4.5, 4.5, 181)
_WEIGHTS = np.exp(-0.5 * _STEPS**2) / np.exp(-0.5 * _STEPS**2).sum()
"""A normal distribution, in standard deviations, as a sum."""
_BINS = 64
_ROUNDS = 12
_LEAST = 0.15
"""The smallest share of the variance that is believed: where less is left, there is nothing to tell from."""


@dataclass(frozen=True)
class Seen:
    """What was measured after clipping, [0, 1] scale.

    Attributes:
        variance: Of the noise.
        means: (N,), of each patch.
        calm: Mean energy of those frequencies that the patches were chosen by (as having little), over ``variance``,
            for each frequency: 1 for any patches, below 1 for the calm ones.
        chosen_by: How many frequencies these are.
        pixels: Of a patch.
    """

    variance: float
    means: NDArray[np.float32]
    calm: float
    chosen_by: int
    pixels: int


def unclipped_variance(seen: Seen) -> float:
    """The variance of noise before it was clipped to [0, 1], on that scale; found by fixed-point iteration.

    Clipped noise has light tails: where some frequencies of a patch hold little, the others hold more than their
    share. So patches that were chosen as calm show too much, by what the regression of one energy on the other tells.
    """
    if seen.variance <= 0:
        return seen.variance
    places = np.histogram(np.clip(seen.means, 0, 1), bins=_BINS, range=(0.0, 1.0))[0].astype(np.float64)
    places /= places.sum()
    centres = (np.arange(_BINS) + 0.5) / _BINS
    told = seen.variance
    for _ in range(_ROUNDS):
        mean, variance, excess = clipped_moments(_MEANS, math.sqrt(told))
        left = float(places @ np.interp(centres, mean, variance)) / told
        tails = float(places @ np.interp(centres, mean, excess)) / seen.pixels
        slope = seen.chosen_by * tails / (2 + seen.chosen_by * tails)
        surplus = 1 + slope * min(0.0, seen.calm - 1)
        told = seen.variance / max(left, _LEAST) / surplus
    return told


def clipped_moments(
    means: NDArray[np.float64], sigma01: float
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Mean, variance and excess kurtosis of min(max(x, 0), 1), x normal with these means: (N,) each."""
    values = np.clip(means[:, None] + sigma01 * _STEPS, 0, 1)
    first = values @ _WEIGHTS
    apart = (values - first[:, None]) ** 2
    variance = apart @ _WEIGHTS
    return first, variance, apart**2 @ _WEIGHTS / np.maximum(variance, 1e-9) ** 2 - 3
