"""Exposure, casts and low light: they happen in linear light, and cut where a camera cuts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from pixelmend.degradations.curves import to_display, to_linear
from pixelmend.degradations.light import ClipHighlights, ColorCast, Exposure, LowLight, Round8, color_gains
from pixelmend.degradations.sensor import DEMOSAIC

if TYPE_CHECKING:
    from numpy.typing import NDArray


def _some(values: float, pictures: int = 1) -> torch.Tensor:
    return torch.full((pictures,), values, dtype=torch.float64)


def _ramp() -> torch.Tensor:
    return torch.linspace(0, 1, 3 * 256).view(1, 3, 16, 16)


def test_exposure_is_a_gain_in_linear_light() -> None:
    darker = Exposure.apply(_ramp(), {"stops": _some(-2)})
    assert torch.allclose(to_linear(darker), to_linear(_ramp()) / 4, atol=1e-6)
    assert torch.allclose(Exposure.apply(darker, {"stops": _some(2)}), _ramp(), atol=1e-5)
    middle = Exposure.apply(torch.full((1, 3, 1, 1), 0.4613561), {"stops": _some(-1)})
    assert middle[0, 0].item() == pytest.approx(0.3313, abs=1e-3)  # 9 % of light


@pytest.mark.parametrize("dim", [0, 1])
def test_highlights_above_white_are_lost(dim: int) -> None:
    out = ClipHighlights.apply(_ramp(), {"stops": _some(1), "dim": torch.tensor([dim])})
    lost = to_linear(_ramp()) > 0.5
    assert torch.allclose(out[lost], to_display(torch.tensor(0.5)) if dim else torch.tensor(1.0), atol=1e-6)
    kept = _ramp() if dim else Exposure.apply(_ramp(), {"stops": _some(1)})
    assert torch.allclose(out[~lost], kept[~lost], atol=1e-5)


@pytest.mark.parametrize(
    ("kelvin", "x", "y"),
    [
        (2000, 0.5267, 0.4133),
        (2856, 0.4476, 0.4074),
        (4000, 0.3805, 0.3768),
        (6504, 0.3135, 0.3237),
        (10000, 0.2807, 0.2884),
    ],
)
def test_the_cast_is_the_colour_of_a_black_body(kelvin: float, x: float, y: float) -> None:
    """Chromaticities of the Planckian locus as published (CIE 15, 2856 K is illuminant A)."""
    day = color_gains(_some(kelvin), _some(0))[0].numpy()
    white = np.array([0.3135 / 0.3237, 1, (1 - 0.3135 - 0.3237) / 0.3237])  # 6504 K, which shall give no cast
    xyz = np.linalg.inv(_to_rgb()) @ (day * (_to_rgb() @ white))
    assert xyz[0] / xyz.sum() == pytest.approx(x, abs=0.002)
    assert xyz[1] / xyz.sum() == pytest.approx(y, abs=0.002)


def _to_rgb() -> NDArray[np.float64]:
    return np.array(
        [[3.2404542, -1.5371385, -0.4985314], [-0.969266, 1.8760108, 0.041556], [0.0556434, -0.2040259, 1.0572252]]
    )


def test_casts_are_warm_below_daylight_and_keep_luminance() -> None:
    gains = color_gains(torch.tensor([2500.0, 6504.0, 12000.0]), torch.zeros(3))
    assert gains[0, 0] > 1.3
    assert gains[0, 2] < 0.6
    assert gains[1].tolist() == pytest.approx([1, 1, 1], abs=1e-6)
    assert gains[2, 0] < 0.9
    assert gains[2, 2] > 1.2
    assert (gains @ torch.tensor([0.2126, 0.7152, 0.0722]).double()).tolist() == pytest.approx([1, 1, 1], abs=1e-6)
    green = color_gains(_some(6504), _some(0.5))[0]
    assert green[1] / green[0] == pytest.approx(2**0.5)


def test_a_cast_happens_in_linear_light_and_is_cut_at_white() -> None:
    params = {"temperature": _some(3000), "tint": _some(0)}
    out = ColorCast.apply(torch.full((1, 3, 2, 2), 0.5), params)
    assert torch.allclose(
        to_linear(out)[0, :, 0, 0].double() / to_linear(torch.tensor(0.5)), color_gains(*params.values())[0]
    )
    assert float(ColorCast.apply(torch.ones(1, 3, 2, 2), params).max()) == pytest.approx(1)


def _low(stops: float, *, brighten: int, photons: float = 5000) -> dict[str, torch.Tensor]:
    values = {"stops": stops, "photons": photons, "read_noise": 3.0, "red_gain": 1.0, "blue_gain": 1.0}
    whole = {"brighten": brighten, "demosaic": DEMOSAIC.index("none"), "seed": 5}
    return {n: _some(v) for n, v in values.items()} | {n: torch.tensor([v]) for n, v in whole.items()}


def test_low_light_left_dark_is_the_exposure_with_noise() -> None:
    clean = torch.full((1, 3, 200, 200), 0.7)
    dark = LowLight.apply(clean, _low(-3, brighten=0))
    assert float(to_linear(dark).mean()) == pytest.approx(float(to_linear(clean).mean()) / 8, rel=0.005)


def test_brightened_low_light_has_the_noise_of_few_photons() -> None:
    """Of light x, an eighth is counted: the variance after amplification is 8 x / photons + (8 read / photons)²."""
    clean = torch.full((1, 3, 300, 300), 0.6)
    light = to_linear(LowLight.apply(clean, _low(-3, brighten=1))).double()
    mean = float(to_linear(clean).mean())
    assert float(light.mean()) == pytest.approx(mean, rel=0.005)
    assert float(light.var()) == pytest.approx(8 * mean / 5000 + (8 * 3 / 5000) ** 2, rel=0.02)


def test_rounding_gives_the_levels_of_a_file_and_passes_the_gradient() -> None:
    values = (_ramp() * 1.4 - 0.2).requires_grad_()
    rounded = Round8.apply(values, {})
    expected = np.clip(np.round(values.detach().numpy() * np.float32(255)), 0, 255) / 255
    assert np.abs(rounded.detach().numpy() - expected).max() < 1e-6
    (slope,) = torch.autograd.grad(rounded.sum(), values)
    inside = (values > 0) & (values < 1)
    assert torch.allclose(slope[inside], torch.tensor(1.0))
