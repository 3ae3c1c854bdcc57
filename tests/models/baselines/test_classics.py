"""SRCNN, VDSR, U-Net and TNRD: where they start, what of the picture they see, and TNRD's parts by their formulas."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.fft
import torch
from torch import Tensor

from pixelmend.metrics import pictures
from pixelmend.models import build
from pixelmend.models.baselines import TNRD, DnCNN, SRCNNConfig, TNRDConfig, UNetConfig, VDSRConfig
from pixelmend.models.baselines.common import Luminance
from pixelmend.models.baselines.tnrd import BEYOND, Diffusion, Influence, dct_filters
from pixelmend.models.blocks import Enlarge


def _picture(side: int = 24, *, pictures: int = 1) -> Tensor:
    return torch.rand(pictures, 3, side, side, generator=torch.Generator().manual_seed(0))


@torch.no_grad()
def test_luminance_is_that_of_the_metrics_and_its_change_leaves_chroma_alone() -> None:
    luminance, picture = Luminance(), _picture()
    one = picture[0].permute(1, 2, 0).numpy()
    wanted, _ = pictures.comparable(one, one, data_range=1.0, crop_border=0, color="y")
    assert np.allclose(luminance(picture)[0, 0].numpy(), wanted[..., 0], atol=1e-6)
    change = 0.1 * torch.randn(1, 1, 24, 24, generator=torch.Generator().manual_seed(1))
    changed = luminance.changed(picture, change)
    assert torch.allclose(luminance(changed), luminance(picture) + change, atol=1e-6)
    # Chroma of BT.601 is a multiple of blue, or red, less luminance.
    for color in (0, 2):
        before, after = (p[:, color] - (luminance(p)[:, 0] - 16 / 255) * 255 / 219 for p in (picture, changed))
        assert torch.allclose(before, after, atol=1e-5)


@torch.no_grad()
@pytest.mark.parametrize("scale", [2, 3, 4])
def test_vdsr_starts_as_the_bicubic_enlargement(scale: int) -> None:
    picture = _picture()
    assert torch.allclose(build(VDSRConfig(scale=scale))(picture), Enlarge(scale)(picture), atol=1e-6)


@torch.no_grad()
@pytest.mark.parametrize("config", [SRCNNConfig(), VDSRConfig(depth=4)])
def test_networks_of_luminance_change_all_colours_alike(config: SRCNNConfig | VDSRConfig) -> None:
    model, picture = build(config), _picture()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    change = model(picture) - Enlarge(4)(picture)
    assert change.abs().max() > 0.01
    assert torch.allclose(change, change[:, :1].expand_as(change), atol=1e-5)


@torch.no_grad()
def test_srcnn_is_three_convolutions_of_the_luminance() -> None:
    model = build(SRCNNConfig(scale=2, widths=(4, 3)))
    picture = _picture()
    enlarged = Enlarge(2)(picture)
    x = torch.nn.functional.pad(Luminance()(enlarged), (8,) * 4, mode="replicate")
    weights = list(model.parameters())
    for number in range(3):
        x = torch.nn.functional.conv2d(x, weights[2 * number], weights[2 * number + 1])
        x = x.clamp_min(0) if number < 2 else x
    assert torch.allclose(Luminance()(model(picture)), x, atol=1e-5)


@torch.no_grad()
def test_unet_and_dncnn_start_as_the_identity() -> None:
    picture = _picture(32)
    assert torch.equal(build(UNetConfig())(picture), picture)
    assert torch.equal(DnCNN(3, 5)(picture), picture)


def test_unet_has_about_two_million_parameters() -> None:
    count = sum(p.numel() for p in build(UNetConfig()).parameters())
    assert 1.8e6 < count < 2.0e6
    assert UNetConfig().multiple_of == 8


@torch.no_grad()
def test_a_gray_dncnn_takes_each_colour_alone() -> None:
    model, picture = DnCNN(1, 4, 8), _picture(16, pictures=2)
    torch.nn.init.normal_(model.get_parameter("model.6.weight"))
    apart = torch.cat([model(picture[:, c : c + 1]) for c in range(3)], dim=1)
    assert torch.allclose(model(picture), apart, atol=1e-6)


@torch.no_grad()
def test_untrained_tnrd_is_close_to_the_identity_and_smooths() -> None:
    clean = torch.full((1, 3, 48, 48), 0.5)
    noise = torch.randn(clean.shape, generator=torch.Generator().manual_seed(2))
    for sigma in (5, 25, 75):
        degraded = clean + noise * sigma / 255
        restored = TNRD(TNRDConfig())(degraded, torch.full((1, 1, 1, 1), sigma / 255))
        change = float((restored - degraded).std()) * 255
        assert 0.01 * sigma < change < 0.3 * sigma
        assert float((restored - clean).std()) < float((degraded - clean).std())
        assert torch.allclose(restored.mean(), degraded.mean(), atol=1e-4)  # no filter answers to brightness


@torch.no_grad()
def test_tnrd_takes_each_colour_alone_and_scales_with_the_noise() -> None:
    model, picture = TNRD(TNRDConfig(stages=3)), _picture(24, pictures=2)
    for number in range(3):
        torch.nn.init.normal_(model.get_parameter(f"stages.{number}.influence.weights"), std=0.01)
    level = torch.tensor([0.1, 0.2]).reshape(2, 1, 1, 1)
    restored = model(picture, level)
    swapped = model(picture.flip(1), level).flip(1)
    assert torch.allclose(restored, swapped, atol=1e-5)
    assert torch.allclose(model(2 * picture, 2 * level), 2 * restored, atol=1e-5)
    with torch.enable_grad():  # the way of training, all colours at once
        assert torch.allclose(model(picture, level), restored, atol=1e-5)


def test_tnrd_stays_without_numbers_where_it_gets_none() -> None:
    """So that a run which diverged is seen, and goes back."""
    model = TNRD(TNRDConfig())
    picture = _picture()
    picture[0, 0, 3, 4] = torch.nan
    assert model(picture, torch.full((1, 1, 1, 1), 0.1)).isnan().any()


def test_dct_filters_are_those_of_scipy_without_the_constant() -> None:
    for side in (5, 7):
        basis = dct_filters(side).numpy()
        assert np.allclose(basis @ basis.T, np.eye(side**2 - 1), atol=1e-6)
        assert np.allclose(basis.sum(axis=1), 0, atol=1e-6)
        unit = np.zeros((side, side))
        unit[1, 2] = 1
        assert np.allclose(basis[side + 2 - 1].reshape(side, side), scipy.fft.idctn(unit, norm="ortho"), atol=1e-6)


def test_influence_and_its_derivatives_are_those_of_the_sum_of_gaussians() -> None:
    influence = Influence(2, 31, 10.0)
    torch.nn.init.normal_(influence.weights, generator=torch.Generator().manual_seed(4))
    x = torch.linspace(-14, 14, 4001, dtype=torch.float64)
    responses = x.float().reshape(1, 1, 1, -1).repeat(1, 2, 1, 1).requires_grad_()
    got = influence(responses)
    (slope,) = torch.autograd.grad(got.sum(), responses, retain_graph=True)
    (by_weight,) = torch.autograd.grad(got[0, 0, 0, 1234], influence.weights)
    gap = 20 / 30
    centres = torch.linspace(-10, 10, 31, dtype=torch.float64)
    distance = (x[:, None] - centres) / gap
    gaussians = torch.exp(-(distance**2) / 2)
    for channel in range(2):
        weights = influence.weights[channel].detach().double()
        inside = x.abs() < 10 + (BEYOND - 0.1) * gap
        assert torch.allclose(got[0, channel, 0].double()[inside], (gaussians @ weights)[inside], atol=3e-3)
        # The slope is constant between two points of the table, a sixteenth of the gap apart.
        wanted = (-distance / gap * gaussians) @ weights
        assert float((slope[0, channel, 0].double() - wanted)[inside].abs().max()) < 0.08 * float(wanted.abs().max())
    assert torch.allclose(by_weight[0].double(), gaussians[1234], atol=3e-3)
    assert not by_weight[1].any()


def test_influence_far_outside_its_centres_is_almost_nothing() -> None:
    influence = Influence(1, 31, 10.0)
    torch.nn.init.ones_(influence.weights)
    responses = torch.tensor([-1e4, -20.0, 20.0, 1e4]).reshape(1, 1, 1, 4).requires_grad_()
    got = influence(responses)
    assert float(got.detach().abs().max()) < 1e-3
    assert not torch.autograd.grad(got.sum(), responses)[0].any()


def test_a_diffusion_is_the_slope_of_an_energy() -> None:
    """Σ k̄ ∗ φ(k ∗ x) is the gradient of Σ ρ(k ∗ x), ρ' = φ (article of 2017, eq. 3 and 4)."""
    stage = Diffusion(TNRDConfig())
    torch.nn.init.normal_(stage.coefficients)
    x = torch.randn(1, 1, 12, 12, generator=torch.Generator().manual_seed(3)).requires_grad_()
    filters = stage.filters()
    assert torch.allclose(filters.square().sum(dim=(1, 2, 3)), torch.ones(24), atol=1e-5)
    answers = torch.nn.functional.conv2d(x, filters)
    height = 0.001 / math.sqrt(2 * math.pi)
    centres = torch.linspace(-10, 10, 31)
    weights, gap = height * 2 * centres / (1 + centres**2), 20 / 30
    # The integral of a Gaussian is the error function.
    energy = (weights * gap * math.sqrt(math.pi / 2) * torch.erf((answers[..., None] - centres) / gap / 2**0.5)).sum()
    (wanted,) = torch.autograd.grad(energy, x)
    assert torch.allclose(stage(x), wanted, atol=1e-5, rtol=1e-2)
