"""From features to what is wrong: boosted trees, learnt from pictures that were damaged on purpose.

J. H. Friedman, "Greedy function approximation: a gradient boosting machine" (2001): each score sums over small trees.
`python -m benchmarks.learn_diagnosis` makes them; here they are only asked.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

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
TREES = Path(__file__).with_name("judge.npz")


@dataclass(frozen=True)
class Verdict:
    """What the trees say.

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


@dataclass(frozen=True, eq=False)
class Forest:
    """Trees as arrays: nodes of all trees one after the other, a leaf being its own child.

    Attributes:
        feature: (nodes,), which number is asked for.
        threshold: (nodes,): to the left where it is no greater.
        left, right: (nodes,), the child's distance from this node.
        value: (nodes,), what a leaf adds.
        roots: (trees,), where each begins.
        output: (trees,), which score it adds to.
        base: (scores,), what each score is without trees.
        depth: Steps from a root to its deepest leaf, at most.
    """

    feature: NDArray[np.int16]
    threshold: NDArray[np.float32]
    left: NDArray[np.uint8]
    right: NDArray[np.uint8]
    value: NDArray[np.float32]
    roots: NDArray[np.int32]
    output: NDArray[np.uint8]
    base: NDArray[np.float64]
    depth: int

    def scores(self, numbers: NDArray[np.float32]) -> NDArray[np.float64]:
        """(scores,) for one picture's features."""
        node = self.roots.astype(np.int64)
        for _ in range(self.depth):
            step = np.where(numbers[self.feature[node]] <= self.threshold[node], self.left[node], self.right[node])
            node = node + step
        return self.base + np.bincount(self.output, self.value[node], len(self.base))


def judge(numbers: NDArray[np.float32]) -> Verdict:
    """Judge a picture by its features, (COUNT,)."""
    mains, signs, amounts = np.split(_forest().scores(numbers), [len(MAINS), len(MAINS) + len(SIGNS)])
    likely = np.exp(mains - mains.max())
    amount = dict(zip(AMOUNTS, amounts.tolist(), strict=True))
    return Verdict(
        dict(zip(MAINS, (likely / likely.sum()).tolist(), strict=True)),
        {name: _chance(score) for name, score in zip(SIGNS, signs.tolist(), strict=True)},
        math.exp(min(max(amount["extent"], 0.0), 4.6)),
        2 ** min(max(amount["factor"], 0.0), 3.0),
        math.exp(min(max(amount["sigma"], -1.0), 5.0)),
        _chance(amount["still"]),
    )


def _chance(score: float) -> float:
    return 1 / (1 + math.exp(-min(max(score, -30.0), 30.0)))


@cache
def _forest() -> Forest:
    with np.load(TREES, allow_pickle=False) as stored:
        arrays = {name: stored[name] for name in stored.files}
    depth = int(arrays.pop("depth"))
    return Forest(**arrays, depth=depth)
