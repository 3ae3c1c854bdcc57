"""Augmentation: what varies a clean crop before it is damaged. Sampling is apart from applying; both are batched."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

LUMA = (0.299, 0.587, 0.114)
"""BT.601 weights of red, green and blue in grey."""


@dataclass(frozen=True)
class ColorPlan:
    """What happens to the colours of each picture of a batch."""

    gain: Tensor
    """(N, 3) factors of red, green and blue."""
    gamma: Tensor
    """(N,) exponents."""
    saturation: Tensor
    """(N,) 0 grey, 1 unchanged."""
    gray: Tensor
    """(N,) bool: made grey, three equal channels."""

    def to(self, device: torch.device) -> ColorPlan:
        """The same plan on a device."""
        return ColorPlan(
            *(t.to(device, non_blocking=True) for t in (self.gain, self.gamma, self.saturation, self.gray))
        )


@dataclass(frozen=True)
class ColorJitter:
    """Random exposure, colour cast, contrast and saturation, and now and then grey.

    Attributes:
        jitter: Share of the pictures that are changed, 0–1.
        gray: Share of the pictures that are made grey, 0–1.
    """

    jitter: float = 0.3
    gray: float = 0.15

    def sample(self, pictures: int, generator: torch.Generator) -> ColorPlan:
        """Draw a plan for a batch, on the generator's device."""

        def spread(*shape: int) -> Tensor:
            return torch.rand(*shape, generator=generator) * 2 - 1

        changed = (torch.rand(pictures, generator=generator) < self.jitter).float()
        exposure, cast = 0.25 * spread(pictures, 1), 0.1 * spread(pictures, 3)
        gain = torch.exp(changed[:, None] * (exposure + cast))
        gamma = torch.exp(changed * 0.25 * spread(pictures))
        saturation = 1 + changed * 0.5 * spread(pictures)
        return ColorPlan(gain, gamma, saturation, torch.rand(pictures, generator=generator) < self.gray)

    @staticmethod
    def apply(clean: Tensor, plan: ColorPlan) -> Tensor:
        """Change the colours of (N, 3, H, W) float in [0, 1]; the result stays there.

        Where a gain would push a picture over 1, all of it is scaled back, so that bright areas keep their texture:
        gain and gamma clip nothing. More saturation may clip the most colourful pixels.
        """
        gain = plan.gain / (plan.gain * clean.amax(dim=(2, 3))).amax(dim=1, keepdim=True).clamp_min(1)
        bright = clean * gain[:, :, None, None]
        bright = bright.clamp(0, 1).pow(plan.gamma[:, None, None, None])
        luma = torch.einsum("nchw,c->nhw", bright, bright.new_tensor(LUMA))[:, None]
        saturation = torch.where(plan.gray, 0.0, plan.saturation)[:, None, None, None]
        return torch.lerp(luma.expand_as(bright), bright, saturation).clamp(0, 1)


def shrink(crops: Tensor, side: int) -> Tensor:
    """Scale (N, C, S, S) float in [0, 1] down to (N, C, side, side): bicubic with antialiasing, clamped to [0, 1]."""
    if crops.shape[-1] == side:
        return crops
    small: Tensor = F.interpolate(crops, (side, side), mode="bicubic", antialias=True)
    return small.clamp(0, 1)
