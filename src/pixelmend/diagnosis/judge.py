"""From features to what is wrong: a small network, learnt from pictures that were damaged on purpose.

`python -m benchmarks.learn_diagnosis` makes its weights.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

MAINS = ("clean", "noise", "camera", "jpeg", "blur", "enlarged", "mixed", "dark")
"""What may be the matter above all: nothing; white noise; noise as cameras leave it; ...; several at once; dark."""
SIGNS = ("noise", "grain", "jpeg", "blur", "enlarged", "dark")
"""What may be there beside other things."""
AMOUNTS = ("extent", "factor", "sigma", "still")
"""Logarithm of the blur's extent in pixels; base 2 of the enlargement; of sigma; and whether blur has no direction."""
WEIGHTS = Path(__file__).with_name("judge.npz")


@dataclass(frozen=True)
class Verdict:
    """What the network says.

    Attributes:
        mains: Probability of each of ``MAINS``; they sum to 1.
        signs: Probability of each of ``SIGNS``.
        extent: Of blur, pixels, where there is blur.
        factor: By which the picture was enlarged, where it was.
        sigma: Of noise, 0–255 scale, where there is noise.
        still: Probability that blur is the lens's, not motion's.
    """

    mains: Mapping[str, float]
    signs: Mapping[str, float]
    extent: float
    factor: float
    sigma: float
    still: float


def judge(numbers: NDArray[np.float32]) -> Verdict:
    """Judge a picture by its features, (COUNT,)."""
    weights = _weights()
    values = np.clip((numbers - weights["mean"]) / weights["spread"], -5, 5)
    for layer in range(int(weights["layers"])):
        values = values @ weights[f"weight{layer}"].T + weights[f"bias{layer}"]
        if layer < int(weights["layers"]) - 1:
            values = np.maximum(values, 0)
    mains, signs, amounts = np.split(values, [len(MAINS), len(MAINS) + len(SIGNS)])
    likely = np.exp(mains - mains.max())
    amount = dict(zip(AMOUNTS, amounts.tolist(), strict=True))
    return Verdict(
        dict(zip(MAINS, (likely / likely.sum()).tolist(), strict=True)),
        dict(zip(SIGNS, _sigmoid(signs).tolist(), strict=True)),
        float(np.exp(np.clip(amount["extent"], 0, 4.6))), float(2 ** np.clip(amount["factor"], 0, 3)),
        float(np.exp(np.clip(amount["sigma"], -1, 5))), float(_sigmoid(np.array(amount["still"]))),
    )  # fmt: skip


def _sigmoid(values: NDArray[Any]) -> NDArray[Any]:
    likely: NDArray[Any] = 1 / (1 + np.exp(-np.clip(values, -30, 30)))
    return likely


@cache
def _weights() -> dict[str, NDArray[np.float32]]:
    with np.load(WEIGHTS, allow_pickle=False) as stored:
        return {name: stored[name].astype(np.float32) for name in stored.files}
