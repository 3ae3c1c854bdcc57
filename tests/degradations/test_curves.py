"""Curves between light and display: published values, inverses, and slopes that stay finite."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from skimage import color

from pixelmend.degradations.curves import camera_curve, inverse_camera_curve, to_display, to_linear


def _ramp(low: float, high: float) -> torch.Tensor:
    return torch.linspace(low, high, 3 * 64 * 64).view(1, 3, 64, 64)


def test_the_transfer_agrees_with_skimage() -> None:
    """Whose conversion to XYZ begins with it: white of each grey is its light."""
    grey = np.repeat(np.linspace(0, 1, 1001)[None, :, None], 3, axis=2)
    expected = color.rgb2xyz(grey)[0, :, 1]
    assert np.abs(to_linear(torch.from_numpy(grey[0, :, 0])).numpy() - expected).max() < 1e-6


def test_the_transfer_has_published_values() -> None:
    """Middle grey: 18 % of light is 46.1 % of the display; half of the display is 21.4 % of light."""
    assert to_display(torch.tensor([0.18])).item() == pytest.approx(0.4613, abs=1e-4)
    assert to_linear(torch.tensor([0.5])).item() == pytest.approx(0.2140, abs=1e-4)


def test_the_transfer_is_inverted_also_outside() -> None:
    values = torch.linspace(-2, 3, 100_001)
    assert (to_display(to_linear(values)) - values).abs().max() < 1e-6
    assert torch.equal(to_linear(-values), -to_linear(values))
    assert to_linear(torch.tensor([0.0, 1.0])).tolist() == [0.0, 1.0]


@pytest.mark.parametrize("gamma", [1.1, 2.2, 3.0])
@pytest.mark.parametrize("contrast", [0.0, 1e-3, 0.5, 0.9])
def test_camera_curves_are_inverted_and_rise(gamma: float, contrast: float) -> None:
    values, params = _ramp(-1, 2), (torch.tensor([gamma]).double(), torch.tensor([contrast]).double())
    light = inverse_camera_curve(values, *params)
    assert (camera_curve(light, *params) - values).abs().max() < 1e-5
    assert (inverse_camera_curve(camera_curve(values, *params), *params) - values).abs().max() < 2e-5
    assert (light.flatten().diff() > 0).all()


def test_a_camera_curve_of_full_contrast_is_that_of_brooks() -> None:
    """Brooks et al. 2019 invert 3x² - 2x³ by 0.5 - sin(asin(1 - 2y) / 3)."""
    values = torch.linspace(0, 1, 300).view(1, 3, 10, 10).double()
    ours = inverse_camera_curve(values, torch.tensor([1.0]), torch.tensor([0.99]))
    published = 0.5 - torch.sin(torch.asin(1 - 2 * values) / 3)
    assert (ours - published).abs().max() < 0.05  # 0.99, not 1: the ends differ most
    assert (ours - published)[(values > 0.1) & (values < 0.9)].abs().max() < 0.002


def test_each_picture_has_its_own_curve() -> None:
    values = _ramp(0, 1).expand(2, -1, -1, -1)
    gamma, contrast = torch.tensor([1.8, 2.4]), torch.tensor([0.0, 0.6])
    both = camera_curve(values, gamma, contrast)
    assert torch.allclose(both[1:], camera_curve(values[1:], gamma[1:], contrast[1:]), atol=1e-7)
    assert (both[0] - both[1]).abs().max() > 0.05


def test_slopes_are_right_and_finite_everywhere() -> None:
    values = torch.tensor([-0.5, 0.0, 0.02, 0.5, 1.0, 1.5], dtype=torch.float64).view(1, 1, 1, -1)
    gamma, contrast = torch.tensor([2.2]), torch.tensor([0.5])
    for curve in (
        to_linear,
        to_display,
        lambda x: camera_curve(x, gamma, contrast),
        lambda x: inverse_camera_curve(x, gamma, contrast),
    ):
        places = values.clone().requires_grad_()
        (found,) = torch.autograd.grad(curve(places).sum(), places)
        slope = (curve(values + 1e-7) - curve(values - 1e-7)) / 2e-7
        inner = [0, 2, 3, 5]  # at 0 and 1 a curve may bend
        assert torch.allclose(found[..., inner], slope[..., inner], rtol=1e-4)
        assert found.isfinite().all()
