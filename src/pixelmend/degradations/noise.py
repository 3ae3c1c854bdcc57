"""Noise that a camera or a scanner adds."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from pixelmend.errors import UsageError


@dataclass(frozen=True)
class GaussianNoise:
    """White Gaussian noise, one level for each picture of a batch, drawn uniformly between two levels.

    The sum is not clipped: a degraded picture may leave [0, 1], which is the protocol of the field's tables.

    Attributes:
        sigma_min: Lowest level, on the 0–255 scale.
        sigma_max: Highest level, on the 0–255 scale.

    Raises:
        UsageError: The levels do not satisfy 0 ≤ sigma_min ≤ sigma_max ≤ 255.
    """

    sigma_min: float = 0.0
    sigma_max: float = 75.0

    def __post_init__(self) -> None:
        if not 0 <= self.sigma_min <= self.sigma_max <= 255:
            raise UsageError(
                f"noise levels {self.sigma_min}–{self.sigma_max}: choose 0 ≤ sigma_min ≤ sigma_max ≤ 255 (0–255 scale)"
            )

    def sample(self, pictures: int, generator: torch.Generator) -> Tensor:
        """Draw the levels: (N,) float32, sigma / 255, on the generator's device."""
        spread = torch.rand(pictures, generator=generator, device=generator.device)
        return (self.sigma_min + (self.sigma_max - self.sigma_min) * spread) / 255

    @staticmethod
    def apply(clean: Tensor, sigma01: Tensor, generator: torch.Generator, *, gray: Tensor | None = None) -> Tensor:
        """Add noise of these levels.

        Args:
            clean: (N, C, H, W) float, in [0, 1].
            sigma01: (N,) levels, sigma / 255.
            generator: Where the noise comes from; on the device of ``clean``.
            gray: (N,) bool: pictures whose channels carry one and the same noise, as a grey picture in RGB does.

        Returns:
            (N, C, H, W) float; leaves [0, 1] where the noise does.
        """
        noise = torch.randn(clean.shape, generator=generator, device=clean.device, dtype=clean.dtype)
        if gray is not None:
            noise = torch.where(gray[:, None, None, None], noise[:, :1], noise)
        return torch.addcmul(clean, noise, sigma01.to(clean)[:, None, None, None])
