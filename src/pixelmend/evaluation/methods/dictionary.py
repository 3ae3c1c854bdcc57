"""Sparse coding: each patch is put together from few of the patterns that were learned from the noisy picture itself.

M. Elad, M. Aharon, "Image Denoising Via Sparse and Redundant Representations Over Learned Dictionaries", IEEE TIP 2006,
with the colours of a patch in one vector as in J. Mairal, M. Elad, G. Sapiro, "Sparse Representation for Color Image
Restoration", IEEE TIP 2008.
"""

from __future__ import annotations

import warnings
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

from pixelmend.errors import MissingExtraError
from pixelmend.evaluation.method import Method
from pixelmend.evaluation.methods.classical import noise_level

if TYPE_CHECKING:
    import numpy.typing as npt

    from pixelmend.evaluation.problem import Pixels, Problem

    Array = npt.NDArray[np.float64]
    Places = npt.NDArray[np.intp]

_SIDE = 8
"""Of a patch, pixels."""
_AT_ONCE = 8192
"""Patches coded at once: the shares of every pattern in all patches of a picture would need most of the memory."""


class SparseCoding(Method):
    """Denoising by a dictionary learned from the picture: learn, code each patch, average what overlaps.

    Every patch of 8×8 pixels counts, its colours in one vector of 192 numbers, without their means. The dictionary of
    256 patterns comes from 20000 patches by online dictionary learning (Mairal et al. 2009), which stands in for K-SVD.
    Orthogonal matching pursuit adds patterns to a patch until what is left is what noise would leave. A colour picture
    of 481×321 pixels takes about 17 s of one processor and 1.6 GB of memory.
    """

    name = "sparse-coding"
    label = "sparse coding (K-SVD style)"
    tasks = frozenset({"denoise", "photo"})

    # Chosen on three 128×128 crops of CLIC's validation pictures with noise of sigma 25 (15 and 50 where said). 128
    # patterns: 30.98, 64: 30.84 with 5000 examples; with 12000, 128: 31.05, 256: 31.24. More is better, and costs time.
    _PATTERNS = 256
    _EXAMPLES = 20_000
    # With fewer, as in a small picture, patterns are the very patches that they came from, noise and all.
    _EXAMPLES_A_PATTERN = 20
    # 6 passes: 30.99 in place of 30.98.
    _PASSES = 2
    # Of coordinate descent for a code while patterns are learned; 5: 32.13, 20: 32.11, 1000: 32.03, on one crop.
    _DESCENTS = 20
    # Of the lasso that learns, over sigma01. 15: 30.69 in place of 30.98.
    _PENALTY = 5.0
    # What is left of a patch for each of its numbers, over sigma: Elad and Aharon have 1.15, which gives 33.53, 30.58,
    # 27.08 at sigma 15, 25, 50; this 33.87, 30.98, 27.39. With every second patch only, 1.05 was 0.06 dB better at 15
    # and 0.17 worse at 50, 1.0 worse at each.
    _REST = 1.1
    # How many patches the noisy picture counts as. With 16 patches over each pixel, 0.01 to 0.3 were alike and 1 was
    # 0.2 dB worse; here there are 64.
    _TRUST = 0.5

    def restore(self, problem: Problem) -> Pixels:
        """Restore one whole picture; see ``Method.restore``.

        Raises:
            MissingExtraError: scikit-learn is not installed.
        """
        sigma01 = noise_level(problem) / 255
        height, width = problem.degraded.shape[:2]
        # A picture smaller than a patch is mirrored up to one.
        margin = [(0, max(0, _SIDE - height)), (0, max(0, _SIDE - width))]
        wide = np.pad(problem.degraded.reshape(height, width, -1), [*margin, (0, 0)], mode="symmetric")
        patches = _cut(wide.astype(np.float64))
        means = patches.mean(axis=(2, 3), keepdims=True)
        details = (patches - means).reshape(len(patches), -1)
        coded = self._code(details, sigma01, problem.seed).reshape(patches.shape) + means
        restored = _averaged(coded, wide, self._TRUST)
        return restored[:height, :width].reshape(problem.degraded.shape).astype(np.float32)

    def _code(self, details: Array, sigma01: float, seed: int) -> Array:
        """Patches (count, numbers) as sums of few patterns; what noise alone would explain becomes 0."""
        pursue = _sklearn("linear_model").orthogonal_mp_gram
        energy = np.square(details).sum(axis=1)
        allowed = details.shape[1] * (self._REST * sigma01) ** 2
        rich = np.flatnonzero(energy > allowed)
        coded = np.zeros_like(details)
        if rich.size == 0:
            return coded
        patterns = self._learn(details, rich, sigma01, seed)
        gram = patterns @ patterns.T
        for start in range(0, rich.size, _AT_ONCE):
            some = rich[start : start + _AT_ONCE]
            with warnings.catch_warnings():
                # Patterns that resemble each other end the pursuit early, which leaves that patch a little rougher.
                warnings.filterwarnings("ignore", message=".*ended prematurely", category=RuntimeWarning)
                # One patch alone would come back without its axis.
                shares = pursue(gram, patterns @ details[some].T, tol=allowed, norms_squared=energy[some])
            coded[some] = shares.reshape(len(patterns), -1).T @ patterns
        return coded

    def _learn(self, details: Array, rich: Places, sigma01: float, seed: int) -> Array:
        """Patterns of length 1 from some of the rich patches: at most (``_PATTERNS``, numbers)."""
        chosen = np.random.default_rng(seed).permutation(rich)[: self._EXAMPLES]
        learner = _sklearn("decomposition").MiniBatchDictionaryLearning(
            n_components=min(self._PATTERNS, max(1, len(chosen) // self._EXAMPLES_A_PATTERN)),
            alpha=self._PENALTY * sigma01,
            max_iter=self._PASSES,
            fit_algorithm="cd",
            transform_max_iter=self._DESCENTS,
            tol=0,
            max_no_improvement=None,
            random_state=seed,
        )
        with warnings.catch_warnings():
            # Codes need not be exact while the patterns still move.
            warnings.filterwarnings("ignore", message="Objective did not converge", category=UserWarning)
            found = learner.fit(details[chosen]).components_
        lengths = np.linalg.norm(found, axis=1, keepdims=True)
        patterns: Array = (found / np.maximum(lengths, np.finfo(float).tiny))[lengths[:, 0] > 0]
        return patterns


def _sklearn(part: str) -> Any:
    try:
        return import_module(f"sklearn.{part}")
    except ModuleNotFoundError as error:
        raise MissingExtraError("scikit-learn", "peers") from error


def _cut(picture: Array) -> Array:
    """Every patch of (H, W, C), row by row: (patches, C, side, side)."""
    windows = np.lib.stride_tricks.sliding_window_view(picture, (_SIDE, _SIDE), axis=(0, 1))
    patches: Array = windows.reshape(-1, picture.shape[2], _SIDE, _SIDE)
    return patches


def _averaged(patches: Array, picture: Pixels, trust: float) -> Array:
    """The mean of the patches over each pixel and of the picture itself, which counts as so many patches."""
    rows, columns = picture.shape[0] - _SIDE + 1, picture.shape[1] - _SIDE + 1
    total, count = trust * picture.astype(np.float64), np.full((*picture.shape[:2], 1), trust)
    placed = patches.reshape(rows, columns, -1, _SIDE, _SIDE)
    for down in range(_SIDE):
        for right in range(_SIDE):
            at = slice(down, down + rows), slice(right, right + columns)
            total[at] += placed[..., down, right]
            count[at] += 1
    mean: Array = total / count
    return mean
