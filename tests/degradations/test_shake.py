"""Camera shake against the direct mean of warped pictures, and against homographies made from rotation matrices."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from scipy import ndimage
from torch import Tensor

from pixelmend.degradations import shake
from pixelmend.degradations.curves import to_linear
from pixelmend.degradations.shake import CameraShake, Poses, blur_by_poses, cell_kernels, poses

SIZE = (128, 128)


def drawn(pictures: int, seed: int = 0, **given: Any) -> dict[str, Tensor]:
    return CameraShake(**given).sample(pictures, torch.Generator().manual_seed(seed))


def mean_of_warps(plane: np.ndarray, way: Poses, size: tuple[int, int]) -> np.ndarray:
    """What each pose sees, one after the other, bilinear between pixels."""
    y, x = np.mgrid[: size[0], : size[1]]
    points = torch.from_numpy(np.stack([x.ravel(), y.ravel()], -1).astype(float))
    total = np.zeros(size)
    for start in range(0, way.roll.shape[1], 4):  # every fourth pose: they lie close together
        some = Poses(way.shift[:1, start : start + 1], way.roll[:1, start : start + 1], way.perspective[:1])
        places = some.sources(points, size)[0, :, 0].numpy()
        total += ndimage.map_coordinates(plane, places.T[::-1], order=1, mode="mirror").reshape(size)
    return total * 4 / way.roll.shape[1]


@pytest.mark.parametrize("given", [{}, {"extent": 24, "roll": 0.1, "perspective": 0.5}, {"extent": 3, "roll": 1}])
def test_is_the_mean_of_what_the_camera_sees(given: dict[str, float], photo: np.ndarray) -> None:
    plane = to_linear(torch.from_numpy(photo[:, :, 1]))  # a disc with a hard edge
    size = (96, 128)
    for seed in range(3):
        way = poses(drawn(1, seed, **given), size)
        ours = blur_by_poses(plane[None, None], way)[0, 0].double().numpy()
        wanted = mean_of_warps(plane.double().numpy(), way, size)
        inside = (slice(8, -8), slice(8, -8))
        error = np.mean((ours - wanted)[inside] ** 2)
        assert 10 * math.log10(1 / error) > 40


def test_the_camera_stands_where_the_sharp_picture_was_taken_in_the_middle_of_the_exposure() -> None:
    way = poses(drawn(4, extent=20, roll=0.2), SIZE)
    middle = slice(way.shift.shape[1] // 2 - 1, way.shift.shape[1] // 2 + 1)
    assert way.shift[:, middle].mean(1).abs().max() < 1e-9
    assert way.roll[:, middle].mean(1).abs().max() < 1e-9
    assert way.shift.mean(1).abs().max() > 0.5  # which is not where most of the light falls


def test_points_of_light_show_the_kernel_of_their_place() -> None:
    way = poses(drawn(1, 5, extent=12, roll=0.1, perspective=0), SIZE)
    places = [(32, 32), (32, 96), (96, 32), (96, 96)]  # farthest from where kernels are worked out
    plane = np.zeros(SIZE)
    for row, column in places:
        plane[row, column] = 1
    ours = blur_by_poses(torch.from_numpy(plane)[None, None], way)[0, 0].numpy()
    wanted = mean_of_warps(plane, way, SIZE)
    for row, column in places:
        part = (slice(row - 16, row + 17), slice(column - 16, column + 17))
        assert ours[part].sum() == pytest.approx(1, abs=0.02)
        for our, other in zip(ndimage.center_of_mass(ours[part]), ndimage.center_of_mass(wanted[part]), strict=True):
            assert our == pytest.approx(other, abs=0.1)
        assert np.corrcoef(ours[part].ravel(), wanted[part].ravel())[0, 1] > 0.95


def test_without_roll_and_perspective_it_is_the_same_everywhere() -> None:
    params = drawn(2, extent=12, roll=0, perspective=0)
    way = poses(params, SIZE)
    kernels = cell_kernels(way, [(slice(0, 64), slice(c, c + 64)) for c in (0, 64)], SIZE)
    assert torch.allclose(kernels[0], kernels[1], atol=1e-6)
    assert torch.allclose(kernels[0][:, 0], kernels[0][:, 3], atol=1e-6)


def test_poses_are_homographies_of_a_turning_camera() -> None:
    """For small angles the camera's rotation matrix gives the same places."""
    size, focal = (300, 400), 800.0
    pan, tilt, roll = 0.01, -0.006, 0.02
    way = Poses(
        torch.tensor([[[focal * pan, focal * tilt]]], dtype=torch.float64),
        torch.tensor([[roll]], dtype=torch.float64),
        torch.tensor([400 / focal], dtype=torch.float64),
    )
    points = torch.tensor([[0.0, 0.0], [399.0, 299.0], [50.0, 200.0]], dtype=torch.float64)
    middle = np.array([199.5, 149.5])
    rays = np.c_[points.numpy() - middle, np.full(3, focal)]
    turn = np.array([[math.cos(roll), -math.sin(roll), 0], [math.sin(roll), math.cos(roll), 0], [0, 0, 1]])
    swing = np.array([[1, 0, -pan], [0, 1, -tilt], [pan, tilt, 1]])
    seen = rays @ (swing @ turn).T
    wanted = focal * seen[:, :2] / seen[:, 2:] + middle
    assert np.abs(way.sources(points, size)[0, :, 0].numpy() - wanted).max() < 0.1


def test_extent_and_roll_are_what_was_asked_for() -> None:
    way = poses(drawn(4, extent=20, roll=0.25), (300, 400))
    sides = (way.shift.amax(1) - way.shift.amin(1)).amax(1)
    assert sides.tolist() == pytest.approx([20] * 4)
    turned = way.roll.amax(1) - way.roll.amin(1)
    assert (turned * 200).tolist() == pytest.approx([5] * 4)  # pixels at the middle of the shorter side
    tiny = poses(drawn(4, extent=20, roll=1), (2, 1))
    assert (tiny.roll.amax(1) - tiny.roll.amin(1)).tolist() == pytest.approx([0.2] * 4)


def test_a_constant_picture_stays_and_cells_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    params = drawn(2, extent=9, roll=0.2)
    pictures = torch.full((2, 3, 150, 70), 0.4)
    torch.testing.assert_close(CameraShake.apply(pictures, params), pictures, atol=3e-6, rtol=0)
    ramp = torch.linspace(0, 1, 200, dtype=torch.float64).expand(1, 1, 200, 200)
    way = poses(drawn(1, extent=9, roll=0.2), (200, 200))
    one = blur_by_poses(ramp, way)
    monkeypatch.setattr(shake, "_CELL", 40)
    assert (one - blur_by_poses(ramp, way))[..., 20:-20, 20:-20].abs().max() < 1e-3
