"""Blur kernels, one for each picture: lens, low-pass, motion along a line, motion of a shaking hand.

All are (N, k, k) float32 on the CPU, k odd and as large as the widest of the batch needs, each sums to 1, with its
centre of mass in the middle. Positions are (..., 2), x to the right and y down, in pixels from the middle; angles are
degrees, from the x axis towards the y axis.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from pixelmend.degradations.base import generators

if TYPE_CHECKING:
    import numpy.typing as npt

PROFILES = ("gaussian", "generalized", "plateau")
"""How a lens kernel falls off with distance; see ``lens_kernels``."""
_CUT = 4.0
"""Lens kernels end where they are this many kernel sigmas wide; of a Gaussian 3e-4 is beyond."""
_WALK = 128
"""Steps of a shaking hand ..."""
STEPS = 512
"""... and places that a kernel is made of."""


def lens_kernels(kernel_sigma: Tensor, ratio: Tensor, angle: Tensor, profile: Tensor, beta: Tensor) -> Tensor:
    """Gaussian kernels and their relatives, sampled at pixel centres.

    With d² = (u / kernel_sigma)² + (v / (ratio · kernel_sigma))², u along the angle and v across: "gaussian" is
    exp(-d² / 2), "generalized" exp(-(d²)^beta / 2), "plateau" 1 / (1 + (d²)^beta) (Wang et al. 2021, Real-ESRGAN,
    section 3.2; Liu et al. 2020, "Estimating generalized Gaussian blur kernels"). They end at d = 4.

    Args:
        kernel_sigma: (N,), pixels, the longer one.
        ratio: (N,), shorter over longer, above 0 to 1.
        angle: (N,), degrees.
        profile: (N,), places in ``PROFILES``.
        beta: (N,), above 0; 1 makes "generalized" Gaussian, more makes it flatter in the middle.
    """
    x, y = _grid((_CUT * kernel_sigma).ceil())
    turn = _wide(angle) * (math.pi / 180)
    u = (x * turn.cos() + y * turn.sin()) / _wide(kernel_sigma)
    v = (y * turn.cos() - x * turn.sin()) / _wide(kernel_sigma * ratio)
    square = u * u + v * v
    power = square ** _wide(torch.where(profile == 0, torch.ones_like(beta), beta))
    kernels = torch.where(_wide(profile) == 2, 1 / (1 + power), torch.exp(-power / 2))
    return _normal(kernels * (square <= _CUT**2))


def sinc_kernels(cutoff: Tensor, radius: Tensor) -> Tensor:
    """Ideal low-pass kernels, cut to a square: they ring (Wang et al. 2021, Real-ESRGAN, section 3.3).

    k(r) = cutoff · J1(cutoff · r) / (2 pi r), J1 the Bessel function.

    Args:
        cutoff: (N,), radians per pixel, to pi.
        radius: (N,), pixels: the square has 2 · radius + 1 on a side.
    """
    x, y = _grid(radius)
    inside = (x.abs() <= _wide(radius)) & (y.abs() <= _wide(radius))
    distance, omega = torch.hypot(x, y), _wide(cutoff)
    near = distance.clamp(min=1e-9)
    values = omega * torch.special.bessel_j1(omega * near) / (2 * math.pi * near)
    return _normal(torch.where(distance == 0, omega**2 / (4 * math.pi), values) * inside)


def disc_kernels(radius: Tensor) -> Tensor:
    """The image of a point out of focus: a disc, its edge a pixel soft (Pentland 1987).

    Args:
        radius: (N,), pixels.
    """
    x, y = _grid(radius.ceil())
    return _normal((_wide(radius) + 0.5 - torch.hypot(x, y)).clamp(0, 1))


def line_kernels(length: Tensor, angle: Tensor) -> Tensor:
    """Uniform motion on a straight line, exact between pixels: see ``splat``.

    Args:
        length: (N,), pixels from where a point starts to where it ends; 0 is no motion.
        angle: (N,), degrees.
    """
    time = (torch.arange(STEPS, dtype=torch.float64) + 0.5) / STEPS - 0.5
    turn = angle.double() * (math.pi / 180)
    ends = torch.stack([turn.cos(), turn.sin()], -1) * length.double()[:, None]
    return splat(ends[:, None] * time[:, None])


def shake_kernels(extent: Tensor, tremor: Tensor, exposure: Tensor, seeds: Tensor) -> Tensor:
    """Kernels of a hand that shakes while the shutter is open; see ``trajectories``.

    Args:
        extent: (N,), pixels, the longer side of the box around the kernel's path.
        tremor: (N,), 0 to 1.
        exposure: (N,), above 0, to 1.
        seeds: (N,).
    """
    return splat(trajectories(tremor, exposure, seeds) * extent.double()[:, None, None])


def trajectories(tremor: Tensor, exposure: Tensor, seeds: Tensor, *, salt: int = 0) -> Tensor:
    """Random paths of a shaking hand, (N, STEPS, 2) float64, longer side of the box around each 1, mean 0.

    A walk with inertia after Boracchi and Foi 2012, "Modeling the performance of image restoration from motion blur":
    each step the velocity is pushed by Gaussian noise and drawn back towards the start, and now and then it is turned
    around by an impulse. The speed wanders too, so that some places get more light. A short exposure sees only the
    beginning of the walk: the shorter, the straighter and the more even.

    Args:
        tremor: (N,), 0 (an almost straight sweep) to 1 (a nervous hand).
        exposure: (N,), above 0, to 1: share of the walk that is seen.
        seeds: (N,).
        salt: Another one gives independent paths.
    """
    drawn = torch.stack([torch.randn(_WALK, 5, generator=one) for one in generators(seeds, salt=salt)]).double()
    path = torch.from_numpy(_walk(drawn.numpy(), tremor.double().numpy()))
    path = _seen(torch.view_as_real(path), exposure.double())
    path = path - path.mean(1, keepdim=True)
    side = (path.amax(1) - path.amin(1)).amax(1).clamp(min=1e-9)
    return path / side[:, None, None]


def _seen(path: Tensor, exposure: Tensor) -> Tensor:
    """Places (N, STEPS, 2) at even times of the first share of a path (N, _WALK, 2), between its steps linearly."""
    time = exposure[:, None] * torch.linspace(0, _WALK - 1, STEPS, dtype=torch.float64)
    step = time.floor().clamp(max=_WALK - 2)
    at = step.long()[..., None].expand(-1, -1, 2)
    return torch.lerp(path.gather(1, at), path.gather(1, at + 1), (time - step)[..., None])


def _walk(drawn: npt.NDArray[np.float64], tremor: npt.NDArray[np.float64]) -> npt.NDArray[np.complex128]:
    """Places (N, steps), x + iy, from (N, steps, 5) normal numbers; in NumPy, whose small operations start sooner."""
    push = (drawn[..., 0] + 1j * drawn[..., 1]) * (0.02 + 0.28 * tremor[:, None])
    # An impulse is as rare as a normal number beyond this: 0 to 3 of 100 steps.
    turned = np.abs(drawn[..., 2]) > (3.5 - 1.3 * tremor)[:, None]
    push = np.where(turned, 0, push)
    turn = np.where(turned, np.exp(1j * (math.pi + 0.3 * drawn[..., 3])), 1)
    home = (0.1 + 0.7 * tremor) / drawn.shape[1]
    velocity = np.exp(10j * drawn[:, 0, 4])
    places = np.zeros(drawn.shape[:2], np.complex128)
    speed = np.zeros(len(drawn))
    for step in range(1, drawn.shape[1]):
        velocity = (velocity + push[:, step] - home * places[:, step - 1]) * turn[:, step]
        velocity /= np.maximum(np.abs(velocity), 1e-6)
        speed = 0.95 * speed + 0.15 * drawn[:, step, 4]
        places[:, step] = places[:, step - 1] + velocity * np.exp(speed)
    return places


def splat(path: Tensor, radius: int | None = None) -> Tensor:
    """Kernels from paths: each place gives its light to the four pixels around it, bilinearly.

    Args:
        path: (N, places, 2), pixels from the middle.
        radius: Of the kernels; None is as large as needed.

    Returns:
        (N, k, k) float32.
    """
    if radius is None:
        radius = int(path.abs().amax().ceil()) if path.numel() else 0
    side = 2 * radius + 1
    low = path.floor().clamp(-radius, radius - 1 if radius else 0)
    part = path - low
    corner = (low + radius).long()
    kernels = torch.zeros(len(path), side * side, dtype=torch.float64, device=path.device)
    for dx in (0, 1):
        for dy in (0, 1):
            weight = (part[..., 0] if dx else 1 - part[..., 0]) * (part[..., 1] if dy else 1 - part[..., 1])
            x, y = ((corner[..., axis] + step).clamp(max=side - 1) for axis, step in ((0, dx), (1, dy)))
            kernels.scatter_add_(1, y * side + x, weight)
    return _normal(kernels.reshape(-1, side, side))


def _grid(radius: Tensor) -> tuple[Tensor, Tensor]:
    """Offsets x and y, (1, k, k) float64, for the largest radius of the batch."""
    reach = int(radius.max()) if len(radius) else 0
    steps = torch.arange(-reach, reach + 1, dtype=torch.float64)
    y, x = torch.meshgrid(steps, steps, indexing="ij")
    return x[None], y[None]


def _wide(values: Tensor) -> Tensor:
    return values.double()[:, None, None]


def _normal(kernels: Tensor) -> Tensor:
    return (kernels / kernels.sum((1, 2), keepdim=True)).float()
