"""Kernels: sums, centres and widths against closed forms, SciPy's filters, and brute-force integration."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import ndimage, special
from torch import Tensor

from pixelmend.degradations import kernels as made

PI = math.pi


def tensor(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def lens(sigma: float, ratio: float = 1, angle: float = 0, profile: str = "gaussian", beta: float = 1) -> np.ndarray:
    place = torch.tensor([made.PROFILES.index(profile)])
    kernel = made.lens_kernels(tensor(sigma), tensor(ratio), tensor(angle), place, tensor(beta))
    return np.asarray(kernel[0].double())


def moments(kernel: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean (x, y) from the middle, and the matrix of second moments around it."""
    half = len(kernel) // 2
    y, x = np.mgrid[-half : half + 1, -half : half + 1]
    places = np.stack([x.ravel(), y.ravel()])
    mean = places @ kernel.ravel()
    return mean, (places * kernel.ravel()) @ places.T - np.outer(mean, mean)


def several() -> dict[str, Tensor]:
    seeds = torch.arange(6)
    return {
        "lens": made.lens_kernels(
            torch.linspace(0.1, 5, 6).double(), torch.linspace(0.2, 1, 6), seeds * 30.0, seeds % 3, tensor(0.5) + seeds
        ),
        "sinc": made.sinc_kernels(torch.linspace(0.5, PI, 6), torch.arange(1, 7)),
        "disc": made.disc_kernels(torch.linspace(0.1, 9.7, 6)),
        "line": made.line_kernels(torch.linspace(0, 30, 6), seeds * 30.0),
        "shake": made.shake_kernels(
            torch.linspace(0, 30, 6), torch.linspace(0, 1, 6), torch.linspace(0.1, 1, 6), seeds
        ),
    }


@pytest.mark.parametrize("name", ["lens", "sinc", "disc", "line", "shake"])
def test_kernels_sum_to_one_and_lie_in_the_middle(name: str) -> None:
    kernels = several()[name]
    assert kernels.shape[1] == kernels.shape[2]
    assert kernels.shape[1] % 2 == 1
    for kernel in kernels.double().numpy():
        assert kernel.sum() == pytest.approx(1, abs=1e-6)
        assert np.abs(moments(kernel)[0]).max() < 1e-3
        assert name == "sinc" or kernel.min() >= 0


def test_gaussian_is_scipys() -> None:
    point = np.zeros((33, 33))
    point[16, 16] = 1
    ours = lens(2.0)
    wanted = ndimage.gaussian_filter(point, 2.0, truncate=4)[8:-8, 8:-8]
    assert ours.shape == wanted.shape
    assert np.abs(ours - wanted).max() < 2e-5  # SciPy cuts to a square, ours to a disc


def test_oblong_gaussian_has_the_widths_and_the_angle_asked_for() -> None:
    _, matrix = moments(lens(4.0, ratio=0.5, angle=30))
    widths, axes = np.linalg.eigh(matrix)
    assert np.sqrt(widths) == pytest.approx([2, 4], rel=0.01)
    assert math.degrees(math.atan2(axes[1, 1], axes[0, 1])) % 180 == pytest.approx(30, abs=0.1)


def test_profiles_are_what_their_formulas_say() -> None:
    plain, flat, plateau = lens(3.0), lens(3.0, profile="generalized", beta=3), lens(3.0, profile="plateau", beta=2)
    assert lens(3.0, profile="generalized", beta=1) == pytest.approx(plain)
    for kernel, at in ((flat, math.exp(-0.5 * (4 / 9) ** 3)), (plateau, 1 / (1 + (4 / 9) ** 2))):
        assert kernel[12, 14] / kernel[12, 12] == pytest.approx(at, rel=1e-5)


def test_sinc_passes_below_its_cutoff_and_stops_above() -> None:
    kernel = made.sinc_kernels(tensor(1.5), tensor(20))[0].double().numpy()
    assert kernel[20, 24] / kernel[20, 20] == pytest.approx(2 * special.j1(6.0) / 6.0, rel=1e-5)
    response = np.abs(np.fft.fft2(np.pad(kernel, (0, 87))))  # 128 frequencies
    radians = 2 * PI * np.arange(64) / 128
    assert np.abs(response[0, :64][radians < 1.1] - 1).max() < 0.1
    assert response[0, :64][radians > 1.9].max() < 0.1


def test_disc_has_the_moment_of_a_disc() -> None:
    """A disc of radius r has a second moment of r² / 4 along each axis, and its soft edge adds 1 / 12."""
    for radius in (3.0, 7.3, 20.0):
        kernel = made.disc_kernels(tensor(radius))[0].double().numpy()
        assert moments(kernel)[1] == pytest.approx(np.diag([radius**2 / 4 + 0.08] * 2), rel=0.02, abs=1e-6)
        assert kernel.max() == pytest.approx(1 / (PI * radius**2), rel=0.02)


def test_line_is_the_integral_along_it() -> None:
    length, angle = 9.4, math.radians(37)
    kernel = made.line_kernels(tensor(length), tensor(37))[0].double().numpy()
    half = len(kernel) // 2
    y, x = np.mgrid[-half : half + 1, -half : half + 1]
    wanted = np.zeros(kernel.shape)
    for part in np.linspace(-length / 2, length / 2, 20001):
        near = [np.clip(1 - np.abs(g - part * f), 0, None) for g, f in ((x, math.cos(angle)), (y, math.sin(angle)))]
        wanted += near[0] * near[1]
    assert kernel == pytest.approx(wanted / wanted.sum(), abs=5e-5)
    assert made.line_kernels(tensor(0), tensor(37)).tolist() == [[[1.0]]]
    across = made.line_kernels(tensor(4), tensor(0))[0]  # one row: halves at the ends
    assert across[2].tolist() == pytest.approx([0.125, 0.25, 0.25, 0.25, 0.125], abs=1e-4)


def test_shake_is_as_wide_as_asked_and_another_for_each_seed() -> None:
    extent = tensor(5, 12, 24, 40)
    paths = made.trajectories(tensor(0, 0.3, 0.6, 1), tensor(0.05, 1, 0.3, 1), torch.arange(4)) * extent[:, None, None]
    sides = (paths.amax(1) - paths.amin(1)).amax(1)
    assert sides.tolist() == pytest.approx(extent.tolist())
    same = made.shake_kernels(tensor(9, 9, 9), tensor(0.5, 0.5, 0.5), torch.ones(3), torch.tensor([1, 1, 2]))
    assert same[0].equal(same[1])
    assert not same[0].equal(same[2])


def test_tremor_makes_the_path_longer() -> None:
    seeds = torch.arange(200)
    paths = [made.trajectories(torch.full((200,), tremor), torch.ones(200), seeds) for tremor in (0.0, 0.5, 1.0)]
    lengths = [float(path.diff(dim=1).norm(dim=2).sum(1).median()) for path in paths]
    assert lengths[0] < 2 < lengths[1] < lengths[2] < 20
    assert max(float(path.diff(dim=1).norm(dim=2).max()) for path in paths) < 0.1


def test_a_short_exposure_sees_a_nearly_straight_and_even_path() -> None:
    # How far from straight it is, and how far its middle in time lies from its centre of mass, as shares of its extent.
    # Of 299 frames at 240 a second, nine at a time, half lie below 0.03 and 0.02, nine tenths below 0.15 and 0.11.
    def bends(exposure: float) -> tuple[float, float]:
        path = made.trajectories(torch.full((300,), 0.2), torch.full((300,), exposure), torch.arange(300))
        way = path[:, -1] - path[:, 0]
        sideways = way[:, 1:] * path[..., 0] - way[:, :1] * path[..., 1]
        off = (sideways - sideways[:, :1]).abs().amax(1) / way.norm(dim=1)
        return float(off.median()), float(path[:, made.STEPS // 2].norm(dim=1).median())

    (straight, even), (bent, uneven) = bends(0.1), bends(1)
    assert straight < 0.06
    assert even < 0.05
    assert bent > 0.3
    assert uneven > 0.2


def test_the_whole_walk_is_its_steps_and_a_part_its_beginning() -> None:
    tremor, seeds = tensor(0.4, 0.4), torch.tensor([5, 5])
    whole, half = made.trajectories(tremor, tensor(1, 0.5), seeds)
    begun = whole[: made.STEPS // 2]
    begun = begun - begun.mean(0)
    begun = begun / float((begun.amax(0) - begun.amin(0)).max())
    assert half[::2].numpy() == pytest.approx(begun.numpy(), abs=0.02)


def test_paths_have_no_direction_that_they_prefer() -> None:
    paths = made.trajectories(torch.full((400,), 0.3), torch.ones(400), torch.arange(400))
    sway = (paths[:, -1] - paths[:, 0]).mean(0)
    assert sway.abs().max() < 0.12  # about three deviations of the mean
    spread = paths.square().mean((0, 1))
    assert float(spread[0] / spread[1]) == pytest.approx(1, abs=0.25)


def test_splat_keeps_mass_and_place() -> None:
    path = torch.tensor([[[0.25, -0.5], [2.0, 3.0]]], dtype=torch.float64)
    kernel = made.splat(path, 4)[0].double().numpy()
    assert kernel.shape == (9, 9)
    assert moments(kernel)[0] == pytest.approx([1.125, 1.25])
    assert kernel[7, 6] == pytest.approx(0.5)
    assert kernel[4, 4] == pytest.approx(0.5 * 0.75 * 0.5)
