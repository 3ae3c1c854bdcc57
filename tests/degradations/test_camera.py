"""Noise that a camera smoothed and sharpened: the sensor's, filtered; the picture below it stays as it is."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import ndimage

from pixelmend.degradations import degrade, parse_chain
from pixelmend.degradations.camera import CameraNoise
from pixelmend.degradations.sensor import DEMOSAIC, Sensor


def _params(pictures: int = 1, **values: float) -> dict[str, torch.Tensor]:
    params = CameraNoise(demosaic="none").sample(pictures, torch.Generator().manual_seed(5))
    return {**params, **{name: torch.full((pictures,), value, dtype=torch.float64) for name, value in values.items()}}


def _noise(smoothing: float, sharpening: float, radius: float = 1.0) -> np.ndarray:
    flat = torch.full((1, 3, 160, 160), 0.5)
    params = _params(photons=5000, smoothing=smoothing, sharpening=sharpening, radius=radius)
    return (CameraNoise.apply(flat, params) - flat)[0].double().numpy()


def test_neither_smoothed_nor_sharpened_it_is_the_sensors() -> None:
    clean = torch.rand(3, 3, 20, 21, generator=torch.Generator().manual_seed(0))
    params = _params(3, smoothing=0, sharpening=0)
    assert torch.allclose(CameraNoise.apply(clean, params), Sensor.apply(clean, params).clamp(0, 1), atol=1e-6)


@pytest.mark.parametrize(("smoothing", "sharpening", "radius"), [(0.8, 0, 1), (0, 1.5, 1.2), (0.7, 2, 0.8)])
def test_the_noise_is_filtered_as_scipy_filters_it(smoothing: float, sharpening: float, radius: float) -> None:
    raw = _noise(0, 0)
    wanted = ndimage.gaussian_filter(raw, (0, smoothing, smoothing), mode="mirror") if smoothing else raw
    wanted = wanted + sharpening * (wanted - ndimage.gaussian_filter(wanted, (0, radius, radius), mode="mirror"))
    assert np.abs(_noise(smoothing, sharpening, radius) - wanted).max() < 0.02 * raw.std()


def test_smoothing_makes_lumps_and_sharpening_makes_it_stronger() -> None:
    def beside(noise: np.ndarray) -> float:
        return float((noise[..., 1:] * noise[..., :-1]).mean() / noise.var())

    raw, smooth, sharp = _noise(0, 0), _noise(0.8, 0), _noise(0.8, 2)
    assert abs(beside(raw)) < 0.02
    assert beside(smooth) == pytest.approx(np.exp(-1 / (4 * 0.8**2)), abs=0.03)
    assert smooth.std() < raw.std() / 2
    assert sharp.std() > 1.5 * smooth.std()


def test_much_light_leaves_the_picture_as_it_is() -> None:
    clean = torch.rand(1, 3, 24, 24, generator=torch.Generator().manual_seed(0)).double()
    taken = CameraNoise.apply(clean, _params(photons=1e14, smoothing=1, sharpening=2, clip=1))
    assert torch.allclose(taken, clean, atol=1e-5)


def test_the_usual_draw_demosaics_and_stays_in_range() -> None:
    clean = torch.rand(8, 3, 24, 24, generator=torch.Generator().manual_seed(0))
    taken = degrade(clean, parse_chain("camera_noise(photons=100)"), seed=2)
    ways = [step.params["demosaic"] for plan in taken.plans for step in plan]
    assert set(ways) <= set(DEMOSAIC[1:])
    assert float(taken.pictures.min()) >= 0
    assert float(taken.pictures.max()) <= 1
