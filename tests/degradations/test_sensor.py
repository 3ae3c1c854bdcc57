"""The camera's sensor: counts with Poisson's moments, light kept in the mean, demosaicing exact where it can be."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import signal, stats

from pixelmend.degradations.sensor import DEMOSAIC, Sensor, bayer_sites, capture, demosaic, expose, poisson

_NEUTRAL = {"red_gain": 1.0, "blue_gain": 1.0, "gamma": 2.2, "contrast": 0.0, "clip": 0}


def _params(pictures: int = 1, way: str = "none", **values: float) -> dict[str, torch.Tensor]:
    given = {"photons": 1000.0, "read_noise": 0.0, **_NEUTRAL, **values}
    params = {name: torch.full((pictures,), float(value), dtype=torch.float64) for name, value in given.items()}
    params["demosaic"] = torch.full((pictures,), DEMOSAIC.index(way))
    return {**params, "seed": torch.arange(pictures) + 3}


@pytest.mark.parametrize("mean", [0.02, 0.5, 3.0, 7.9, 8.1, 20.0, 400.0])
def test_counts_have_poissons_moments(mean: float) -> None:
    noise = torch.randn(1_000_000, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    counts = poisson(torch.full_like(noise, mean), noise).numpy()
    assert counts.mean() == pytest.approx(mean, rel=0.01)
    assert counts.var() == pytest.approx(mean, rel=0.01)
    assert stats.skew(counts) == pytest.approx(mean**-0.5, rel=0.03, abs=0.01)


@pytest.mark.parametrize("mean", [0.02, 0.5, 3.0, 7.9])
def test_low_counts_are_exact(mean: float) -> None:
    """Each count as often as SciPy says."""
    draws = 400_000
    noise = torch.randn(draws, generator=torch.Generator().manual_seed(2))
    counts = poisson(torch.full_like(noise, mean), noise).numpy()
    found = np.bincount(counts.astype(int), minlength=30)[:30] / draws
    expected = stats.poisson.pmf(np.arange(30), mean)
    assert (np.abs(found - expected) < 5 * np.sqrt(expected / draws) + 2 / draws).all()


def test_no_light_gives_no_counts() -> None:
    assert not poisson(torch.zeros(100), torch.randn(100)).any()


@pytest.mark.parametrize(("photons", "read_noise"), [(100, 0.0), (100, 5.0), (1000, 10.0), (10000, 3.0)])
@pytest.mark.parametrize("light", [0.02, 0.3])
def test_the_mean_is_kept_and_the_variance_is_that_of_the_model(
    photons: float, read_noise: float, light: float
) -> None:
    taken = expose(torch.full((1, 3, 200, 200), light), _params(photons=photons, read_noise=read_noise)).double()
    variance = light / photons + (read_noise / photons) ** 2
    assert float(taken.mean()) == pytest.approx(light, abs=4 * (variance / 120_000) ** 0.5)
    assert float(taken.var()) == pytest.approx(variance, rel=0.02)


def test_white_balance_makes_red_noisier_by_its_gain() -> None:
    """Light x, divided by g, counted, multiplied by g: variance g x / photons."""
    taken = capture(torch.full((1, 3, 400, 400), 0.3), _params(red_gain=2.0, blue_gain=1.5)).double()
    assert taken.mean(dim=(0, 2, 3)).tolist() == pytest.approx([0.3] * 3, rel=0.005)
    assert (taken.var(dim=(0, 2, 3)) / 0.0003).tolist() == pytest.approx([2.0, 1.0, 1.5], rel=0.02)


@pytest.mark.parametrize("way", DEMOSAIC)
def test_a_perfect_sensor_gives_colours_and_slopes_back(way: str) -> None:
    y, x = torch.meshgrid(torch.arange(20.0), torch.arange(24.0), indexing="ij")
    light = torch.stack([0.2 + 0.01 * x, 0.3 + 0.012 * y, 0.1 + 0.005 * (x + y)])[None].expand(8, -1, -1, -1).double()
    perfect = _params(8, way, photons=1e12, red_gain=2.0, blue_gain=1.6)
    even = torch.tensor([0.2, 0.5, 0.8], dtype=torch.float64)[None, :, None, None].expand(8, 3, 9, 7)
    assert torch.allclose(capture(even, perfect), even, atol=1e-5)
    # Malvar's filters add another colour's Laplacian, which is zero on a slope.
    inner = (..., slice(2, -2), slice(2, -2))
    assert torch.allclose(capture(light, perfect)[inner], light[inner], atol=1e-5)


def test_bilinear_demosaicing_agrees_with_convolutions_of_each_colour() -> None:
    """The usual way to write it: each colour's plane with zeros elsewhere, convolved."""
    picture = torch.rand(4, 3, 16, 18, generator=torch.Generator().manual_seed(0)).double()
    sites = bayer_sites(torch.arange(4), (16, 18))
    found = demosaic(picture.gather(1, sites), sites, "bilinear").numpy()
    cross = np.array([[0, 1, 0], [1, 4, 1], [0, 1, 0]]) / 4
    square = np.array([[1, 2, 1], [2, 4, 2], [1, 2, 1]]) / 4
    for row in range(4):
        for colour, kernel in enumerate((square, cross, square)):
            plane = np.where(sites[row, 0].numpy() == colour, picture[row, colour].numpy(), 0)
            expected = signal.convolve2d(plane, kernel, mode="same")
            assert np.abs(found[row, colour] - expected)[2:-2, 2:-2].max() < 1e-12


def test_the_filters_of_malvar_are_those_published() -> None:
    """Figure 2 of the paper, in eighths: what an impulse of 8 at a red site gives to the sites around."""
    sites = bayer_sites(torch.arange(40), (11, 11))
    red = next(i for i in range(40) if int(sites[i, 0, 5, 5]) == 0)
    mosaic = torch.zeros(1, 1, 11, 11)
    mosaic[0, 0, 5, 5] = 8
    given = demosaic(mosaic, sites[red : red + 1], "malvar")[0]
    assert given[:, 5, 5].tolist() == [8, 4, 6]
    assert given[:, 5, 6].tolist() == [4, 0, 0]  # green in its row
    assert given[:, 6, 5].tolist() == [4, 0, 0]  # green in its column
    assert given[:, 6, 6].tolist() == [2, 0, 0]  # blue
    assert given[:, 5, 7].tolist() == [0, -1, -1.5]  # the next red
    assert given[:, 7, 7].tolist() == [0, 0, 0]


def test_all_four_positions_of_the_mosaic_occur_and_hold_two_greens() -> None:
    sites = bayer_sites(torch.arange(64), (2, 2))
    assert {tuple(s.flatten().tolist()) for s in sites} == {(0, 1, 1, 2), (1, 0, 2, 1), (1, 2, 0, 1), (2, 1, 1, 0)}


def test_demosaiced_noise_is_correlated_as_the_filter_says() -> None:
    """Bilinear: each lacking value is a mean of its neighbours, so noise is less, and shared between pixels."""
    taken = capture(torch.full((1, 3, 600, 600), 0.4), _params(way="bilinear"))[0].double()
    sites = bayer_sites(torch.tensor([3]), (604, 604))[0, 0, 2:-2, 2:-2]
    own = float(taken[1][sites == 1].var())
    assert own == pytest.approx(0.4 / 1000, rel=0.02)
    assert float(taken[1][sites != 1].var()) == pytest.approx(own / 4, rel=0.03)
    # A green site shares a quarter of each neighbour at red or blue: covariance own / 4.
    noise = taken[1] - 0.4
    pairs = (noise[:, 1:] * noise[:, :-1]).mean()
    assert float(pairs) == pytest.approx(own / 4, rel=0.05)


def test_malvar_correlates_the_colours() -> None:
    """At a red site green takes half of red's noise: 4/8; at a blue one, red takes 6/8 of blue's."""
    taken = capture(torch.full((1, 3, 600, 600), 0.4), _params(way="malvar"))[0].double() - 0.4
    sites = bayer_sites(torch.tensor([3]), (604, 604))[0, 0, 2:-2, 2:-2]
    red, blue, own = sites == 0, sites == 2, 0.4 / 1000
    assert float((taken[0] * taken[1])[red].mean()) == pytest.approx(own / 2, rel=0.05)
    assert float((taken[0] * taken[2])[blue].mean()) == pytest.approx(own * 0.75, rel=0.05)
    assert float(torch.corrcoef(taken.flatten(1))[0, 1]) > 0.15


def test_a_full_sensor_clips() -> None:
    bright = torch.full((1, 3, 30, 30), 0.99)
    taken = Sensor.apply(bright, _params(photons=100, clip=1, red_gain=2.0))
    assert float(taken.max()) == 1
    assert float((taken[:, 1] == 1).float().mean()) > 0.3
    assert float(Sensor.apply(bright, _params(photons=100)).max()) > 1.05


def test_much_light_leaves_the_picture_as_it_is() -> None:
    clean = torch.rand(1, 3, 12, 12, generator=torch.Generator().manual_seed(0)).double()
    taken = Sensor.apply(clean, _params(photons=1e14, gamma=2.4, contrast=0.6, red_gain=2.2, clip=1))
    assert torch.allclose(taken, clean, atol=1e-6)


def test_a_mixed_batch_is_each_picture_by_itself() -> None:
    clean = torch.rand(6, 3, 12, 13, generator=torch.Generator().manual_seed(0))
    params = Sensor().sample(6, torch.Generator().manual_seed(1))
    params["demosaic"] = torch.tensor([0, 1, 2, 2, 1, 0])
    together = Sensor.apply(clean, params)
    for row in range(6):
        alone = Sensor.apply(clean[row : row + 1], {name: v[row : row + 1] for name, v in params.items()})
        assert torch.allclose(together[row], alone[0], atol=1e-4)


def test_the_gradient_is_that_of_the_mean() -> None:
    light = torch.full((1, 3, 8, 8), 0.3, requires_grad=True)
    (slope,) = torch.autograd.grad(capture(light, _params(way="none", red_gain=2.0)).sum(), light)
    assert torch.allclose(slope, torch.ones_like(light))
