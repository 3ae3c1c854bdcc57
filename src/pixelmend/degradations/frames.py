"""True motion blur: the mean of consecutive frames of a fast camera, in linear light."""

from __future__ import annotations

import torch
from torch import Tensor

from pixelmend.degradations.curves import to_display, to_linear
from pixelmend.errors import UnknownNameError, UsageError

CURVES = ("srgb", "gamma", "display")
"""From light to display values: sRGB; a power of 1/2.2, as the GoPro set was made with; none."""


def average_frames(frames: Tensor, *, count: int | Tensor, curve: str = "srgb") -> tuple[Tensor, Tensor]:
    """Blur a moving scene as a longer exposure would, and take the middle frame as what is clean.

    degraded = g(mean of g⁻¹(frame)) over the ``count`` frames in the middle, g the camera's curve (Nah et al. 2017,
    "Deep multi-scale convolutional neural network for dynamic scene deblurring", section 3, whose frames come from a
    GoPro at 240 frames a second and whose curve is a power of 1/2.2).

    Args:
        frames: (N, T, 3, H, W) float in [0, 1], one after the other in time, any device.
        count: Frames to average, odd, 1 to T; or (N,) of them, one for each sequence.
        curve: One of ``CURVES``.

    Returns:
        The degraded and the clean pictures, (N, 3, H, W) each; frame T // 2 is the clean one.

    Raises:
        UsageError: Wrong shape, or a count that is even or out of range.
        UnknownNameError: There is no such curve.
    """
    if frames.ndim != 5 or not frames.is_floating_point() or 0 in frames.shape:
        raise UsageError(f"got {tuple(frames.shape)} {frames.dtype}: wanted float frames (N, T, 3, H, W)")
    if curve not in CURVES:
        raise UnknownNameError("camera curve", curve, CURVES)
    number, middle = frames.shape[1], frames.shape[1] // 2
    counts = torch.as_tensor(count).cpu().expand(len(frames))
    most = number if number % 2 else number - 1
    wrong = [int(one) for one in counts if not 1 <= one <= most or one % 2 == 0]
    if wrong:
        raise UsageError(f"cannot average {wrong[0]} of {number} frames around one: choose an odd number, 1..{most}")
    away = (torch.arange(number) - middle).abs()
    weights = (away <= counts[:, None] // 2) / counts[:, None]
    return _mean(frames, weights.to(frames), curve), frames[:, middle].clone()


def _mean(frames: Tensor, weights: Tensor, curve: str) -> Tensor:
    """Frame by frame, so that memory for one frame in linear light is enough."""
    total = torch.zeros_like(frames[:, 0])
    for frame, weight in zip(frames.unbind(1), weights.unbind(1), strict=True):
        total = total + _light(frame, curve) * weight[:, None, None, None]
    if curve == "gamma":
        return total.clamp(min=0) ** (1 / 2.2)
    return to_display(total) if curve == "srgb" else total


def _light(display: Tensor, curve: str) -> Tensor:
    if curve == "gamma":
        return display.clamp(min=0) ** 2.2
    return to_linear(display) if curve == "srgb" else display
