"""Colours and scaling: inside the range, grey where asked, and scaling as an independent program does it."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from PIL import Image
from skimage.filters import gaussian
from skimage.transform import rotate

from pixelmend.data.augment import ColorJitter, ColorPlan, Rotation, TurnPlan, shrink


def _generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _clean(pictures: int = 64, side: int = 16) -> torch.Tensor:
    return torch.rand(pictures, 3, side, side, generator=_generator(9)) ** 0.5


def _plan(**changes: torch.Tensor) -> ColorPlan:
    still = ColorPlan(torch.ones(1, 3), torch.ones(1), torch.ones(1), torch.zeros(1, dtype=torch.bool))
    return dataclasses.replace(still, **changes)


def test_colours_stay_in_range() -> None:
    jitter, clean = ColorJitter(jitter=1.0, gray=0.2), _clean()
    changed = jitter.apply(clean, jitter.sample(64, _generator()))
    assert changed.min() >= 0
    assert changed.max() <= 1
    assert (changed - clean).abs().mean(dim=(1, 2, 3)).min() > 0.005


def test_gain_and_gamma_clip_nothing_new() -> None:
    clean = _clean() * 0.98
    plan = ColorJitter(jitter=1.0, gray=0).sample(64, _generator())
    assert (plan.gain > 1.2).any()
    changed = ColorJitter.apply(clean, dataclasses.replace(plan, saturation=torch.ones(64)))
    # A picture that was scaled back touches 1 with its brightest pixel, and with no other.
    assert (changed == 1).sum(dim=(1, 2, 3)).max() <= 1
    assert changed.flatten(2).std(dim=2).min() > 0.1


def test_gain_gamma_and_saturation_are_what_they_say() -> None:
    clean = _clean(1) * 0.5
    gain = torch.tensor([[1.5, 1.0, 0.5]])
    assert torch.allclose(ColorJitter.apply(clean, _plan(gain=gain)), clean * gain[:, :, None, None], atol=1e-6)
    assert torch.allclose(ColorJitter.apply(clean, _plan(gamma=torch.tensor([1.2]))), clean**1.2, atol=1e-6)
    luma = (clean * torch.tensor([0.299, 0.587, 0.114])[:, None, None]).sum(dim=1, keepdim=True)
    half = ColorJitter.apply(clean, _plan(saturation=torch.tensor([0.5])))
    assert torch.allclose(half, (clean + luma) / 2, atol=1e-6)
    assert torch.allclose(ColorJitter.apply(clean, _plan()), clean, atol=1e-6)


def test_a_bright_picture_is_scaled_back_not_clipped() -> None:
    clean = _clean(1)
    changed = ColorJitter.apply(clean, _plan(gain=torch.full((1, 3), 1.3)))
    assert torch.allclose(changed, clean / clean.max(), atol=1e-6)


def test_grey_pictures_have_three_equal_channels() -> None:
    plan = ColorJitter(jitter=0.5, gray=0.5).sample(64, _generator())
    changed = ColorJitter.apply(_clean(), plan)
    equal = ((changed - changed[:, :1]).abs().amax(dim=(1, 2, 3)) == 0).tolist()
    assert equal == plan.gray.tolist()
    assert 0 < sum(equal) < 64


def test_shares_are_those_asked_for() -> None:
    plan = ColorJitter(jitter=0.3, gray=0.15).sample(20_000, _generator())
    assert float((plan.gamma != 1).float().mean()) == pytest.approx(0.3, abs=0.01)
    assert float(plan.gray.float().mean()) == pytest.approx(0.15, abs=0.01)
    still = ColorJitter(jitter=0, gray=0).sample(100, _generator())
    assert torch.equal(still.gain, torch.ones(100, 3))
    assert not still.gray.any()


@pytest.mark.parametrize(("large", "side"), [(64, 32), (45, 32), (33, 32), (96, 24)])
def test_shrinking_is_antialiased_bicubic_as_pillow_does_it(large: int, side: int) -> None:
    crops = torch.rand(2, 3, large, large, generator=_generator())
    small = shrink(crops, side)
    assert small.shape == (2, 3, side, side)
    for ours, crop in zip(small.flatten(0, 1), crops.flatten(0, 1), strict=True):
        theirs = Image.fromarray(crop.numpy(), mode=None).resize((side, side), Image.Resampling.BICUBIC)
        assert np.abs(ours.numpy() - np.clip(np.asarray(theirs), 0, 1)).max() < 1e-4


def test_shrinking_to_the_same_side_changes_nothing() -> None:
    crops = torch.rand(1, 3, 16, 16)
    assert torch.equal(shrink(crops, 16), crops)


def test_shrinking_stays_in_range() -> None:
    crops = (torch.rand(1, 3, 64, 64, generator=_generator()) > 0.5).float()
    crops[..., :32] = (torch.arange(32) // 8 % 2).float()
    small = shrink(crops, 40)
    assert small.min() >= 0
    assert small.max() <= 1


def _waves(side: int, angle: float = 0.0, step: float = 1.0) -> np.ndarray:
    """A smooth picture as a function of place, (side, side) float64, turned and reduced exactly, about its centre."""
    y, x = (np.mgrid[:side, :side] - (side - 1) / 2) * step
    across, down = x * np.cos(angle) - y * np.sin(angle), x * np.sin(angle) + y * np.cos(angle)
    picture: np.ndarray = 0.5 + 0.2 * np.sin(across / 9 + 1) + 0.2 * np.cos(down / 7 + across / 20)
    return picture


@pytest.mark.parametrize(("degrees", "step"), [(0, 1.5), (30, 1.3), (-45, 1.25), (12.5, 1.6)])
def test_turning_and_reducing_are_exact_on_smooth_pictures(degrees: float, step: float) -> None:
    crop = torch.from_numpy(_waves(128)).float().expand(1, 3, -1, -1)
    plan = TurnPlan(torch.tensor([np.radians(degrees)]).float(), torch.tensor([step]))
    turned = Rotation.apply(crop, plan, 64)
    assert turned.shape == (1, 3, 64, 64)
    assert np.abs(turned[0, 0].numpy() - _waves(64, np.radians(degrees), step)).max() < 3e-3


def test_pictures_turn_as_skimage_turns_them() -> None:
    smooth = gaussian(np.random.default_rng(0).random((96, 96)), 2)  # type: ignore[no-untyped-call]
    crop = torch.from_numpy(smooth).float()
    plan = TurnPlan(torch.tensor([0.4, -0.7]), torch.ones(2))
    turned = Rotation.apply(crop.expand(2, 1, -1, -1), plan, 60)
    for ours, angle in zip(turned[:, 0].numpy(), (0.4, -0.7), strict=True):
        theirs = rotate(crop.numpy(), np.degrees(angle), order=3)[18:78, 18:78]  # type: ignore[no-untyped-call]
        assert np.abs(ours - theirs).max() < 4e-3


def test_each_picture_has_its_own_angle_and_scale() -> None:
    crops = torch.from_numpy(_waves(128)).float().expand(8, 3, -1, -1)
    plan = Rotation(45).sample(8, 128, 64, _generator())
    turned = Rotation.apply(crops, plan, 64)
    for ours, angle, step in zip(turned[:, 0].numpy(), plan.angle.tolist(), plan.step.tolist(), strict=True):
        assert np.abs(ours - _waves(64, angle, step)).max() < 6e-3
    assert torch.unique(plan.angle).numel() == torch.unique(plan.step).numel() == 8


@pytest.mark.parametrize("large", [68, 80, 90, 128])
def test_nothing_outside_of_the_crop_is_shown(large: int) -> None:
    """The crop is white but for its outermost pixels, which sampling does not even touch."""
    crops = torch.ones(200, 1, large, large)
    crops[:, :, 0], crops[:, :, -1], crops[..., 0], crops[..., -1] = 0, 0, 0, 0
    plan = Rotation(45).sample(200, large, 64, _generator())
    # A step below 1 would enlarge; a crop without room is not turned.
    assert plan.step.min() >= 1
    assert (plan.angle.abs().max() > 0) == (large > 84)
    turned = Rotation.apply(crops, plan, 64)
    assert turned.min() > 1 - 1e-5


def test_angles_are_those_asked_for() -> None:
    plan = Rotation(45).sample(20_000, 256, 128, _generator())
    degrees = plan.angle.rad2deg()
    assert float(degrees.abs().max()) == pytest.approx(45, abs=0.1)
    assert float(degrees.abs().mean()) == pytest.approx(22.5, abs=0.5)
    assert float(Rotation(10).sample(20_000, 256, 128, _generator()).angle.rad2deg().abs().max()) < 10.001
    still = Rotation(0).sample(10, 256, 128, _generator())
    assert (still.angle == 0).all()
    again = Rotation(45).sample(20_000, 256, 128, _generator())
    assert torch.equal(plan.angle, again.angle)
    assert torch.equal(plan.step, again.step)


def test_turned_pictures_stay_sharp() -> None:
    """White noise that is turned and reduced keeps what the same reduction keeps without turning."""
    noise = torch.rand(4, 1, 160, 160, generator=_generator())
    step = torch.full((4,), 1.6)
    plain = Rotation.apply(noise, TurnPlan(torch.zeros(4), step), 64).std()
    turned = Rotation.apply(noise, TurnPlan(torch.full((4,), 0.5), step), 64).std()
    assert float(turned) > 0.8 * float(plain)
