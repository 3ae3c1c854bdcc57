"""Lessons made from noisy pictures alone: what a network is given, and what is compared with what it makes of it.

Where the noise of neighbouring pixels is independent, neighbours teach (`neighbors`). Where it spreads from pixel to
pixel, that would teach to keep it. Such noise is a sum of many parts, hence nearly Gaussian, and recorruption teaches
(T. Pang, H. Zheng, Y. Quan, H. Ji, "Recorrupted-to-Recorrupted", CVPR 2021): to a noisy picture y more noise z of the
same law is added, once as y + αz and once as y - z/α. What is random in the one is independent of what is random in the
other. Every z is used with both signs, which takes most of the chance out of it.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from pixelmend.training.neighbors import draw_pairing, take

ALPHA = 0.3
"""See α above: the noise that is learnt from is stronger than that of the pictures by the root of 1 + α²."""


@dataclass(frozen=True)
class Lesson:
    """One or two inputs and what belongs to each.

    Attributes:
        given: (K, 3, P, P), what the network gets.
        other: (K, 3, P, P), what its result is compared with.
        noise: (K, 3, P, P), what else counts: see `lesson_error`.
        mask: (K, 1, P, P) bool, where it counts.
    """

    given: Tensor
    other: Tensor
    noise: Tensor
    mask: Tensor


def from_neighbors(noisy: Tensor, mask: Tensor, generator: torch.Generator) -> Lesson:
    """A lesson of one input from a crop (3, 2P, 2P) and its mask (1, 2P, 2P)."""
    first, second = draw_pairing(noisy.shape[1], noisy.shape[2], generator)
    other = take(noisy, second)
    return Lesson(take(noisy, first)[None], other[None], torch.zeros_like(other)[None], take(mask, second)[None])


def from_recorruption(noisy: Tensor, noise: Tensor, mask: Tensor) -> Lesson:
    """A lesson of two inputs from a crop (3, P, P), more noise of the same law, and its mask (1, P, P)."""
    both = torch.stack([noise, -noise])
    return Lesson(noisy + ALPHA * both, noisy.expand_as(both), both, mask.expand(2, -1, -1, -1))


def best_quarter(mask: Tensor) -> tuple[slice, slice]:
    """Rows and columns of the quarter of (1, 2P, 2P) where most counts."""
    half = mask.shape[1] // 2
    counts = mask[0].reshape(2, half, 2, half).sum((1, 3)).flatten()
    row, column = divmod(int(counts.argmax()), 2)
    return slice(row * half, row * half + half), slice(column * half, column * half + half)


def lesson_error(restored: Tensor, lesson: Lesson) -> Tensor:
    """The mean error of one input over its mask, (K,): squared error plus variance of the noise; 0 without a mask.

    For recorruption ``(f - (y - z/α))²`` less ``(z/α)²``, which no network can change.
    """
    error = restored - lesson.other
    each = (error.square() + 2 / ALPHA * error * lesson.noise).mean(1, keepdim=True)
    return (each * lesson.mask).sum((1, 2, 3)) / lesson.mask.sum((1, 2, 3)).clamp_min(1)
