"""Augmentation: what varies a clean crop before it is damaged. Sampling is apart from applying; both are batched."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from pixelmend.images import LUMA

MARGIN = 4
"""Pixels of a crop that a turned picture stays away from the edges in all, which bicubic sampling reaches into."""


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


@dataclass(frozen=True)
class TurnPlan:
    """How each picture of a batch is turned and scaled; both (N,) float32."""

    angle: Tensor
    """Radians, counter-clockwise as seen."""
    step: Tensor
    """Pixels of the crop for one pixel of the result, 1 or more."""

    def to(self, device: torch.device) -> TurnPlan:
        """The same plan on a device."""
        return TurnPlan(self.angle.to(device, non_blocking=True), self.step.to(device, non_blocking=True))


@dataclass(frozen=True)
class Rotation:
    """Random rotation and reduction of crops that are larger than wanted, in one resampling each.

    Nothing outside of the crop is ever shown, and a turned picture is always reduced, so that sampling between pixels
    does not blur it: where a crop leaves little room the angles drawn are smaller.

    Attributes:
        max_rotation: Largest angle, degrees, 0–45: with the eight symmetries 45 is every direction.
        least_step: Reduction that a turned picture has at least.
    """

    max_rotation: float = 0.0
    least_step: float = 1.25

    def sample(self, pictures: int, large: int, side: int, generator: torch.Generator) -> TurnPlan:
        """Draw a plan for crops of ``large`` pixels that become ``side``, not more, on the CPU."""
        draw = torch.rand(2, pictures, generator=generator, dtype=torch.float64)
        room = (large - MARGIN) / side
        # |cos| + |sin| of the angle is the side of the square around the turned one; it may be room / least_step.
        spread = min(max(room / self.least_step, 1.0), math.sqrt(2))
        free = math.pi / 4 - math.acos(spread / math.sqrt(2)) if spread > 1 else 0.0
        steepest = min(math.radians(self.max_rotation), free)
        angle = (2 * draw[0] - 1) * steepest
        most = (room / (angle.cos() + angle.abs().sin())).clamp(min=1)
        least = most.clamp(max=self.least_step)
        return TurnPlan(angle.float(), (least + draw[1] * (most - least)).float())

    @staticmethod
    def apply(crops: Tensor, plan: TurnPlan, side: int) -> Tensor:
        """Turn and reduce (N, C, S, S) float in [0, 1] about the centre: (N, C, side, side) in [0, 1].

        Bicubic sampling at the crop's own resolution or finer, then an antialiased reduction that all share.
        """
        large = crops.shape[-1]
        fine = max(side, math.ceil(side * float(plan.step.max())))
        # In the sampler's units -1 and 1 are the outer edges of the crop.
        scale = plan.step * side / large
        cos, sin, zero = plan.angle.cos() * scale, plan.angle.sin() * scale, torch.zeros_like(scale)
        turn = torch.stack([torch.stack([cos, -sin, zero], 1), torch.stack([sin, cos, zero], 1)], 1)
        places = F.affine_grid(turn, [len(crops), crops.shape[1], fine, fine], align_corners=False)
        turned = F.grid_sample(
            crops, places.to(crops.dtype), mode="bicubic", padding_mode="border", align_corners=False
        )
        return shrink(turned.clamp(0, 1), side)
