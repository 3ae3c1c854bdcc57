"""What a network costs, against networks so small that it can be worked out by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch
from torch import Tensor, nn

from pixelmend.models import SIZES
from pixelmend.models.baselines.deblurgan import DeblurGan, DeblurGanConfig
from pixelmend.models.measure import (
    SCALES,
    Network,
    count,
    count_macs,
    count_parameters,
    count_peak_bytes,
    macs_per_pixel,
    measure,
    networks,
)

if TYPE_CHECKING:
    from collections.abc import Callable

CPU = torch.device("cpu")
NETWORKS = {network.name: network for network in networks()}


class Tiny(nn.Module):
    """3 → 5 channels by 3×3, then 5 → 2 by 1×1 at half the size."""

    def __init__(self) -> None:
        super().__init__()
        self.one = nn.Conv2d(3, 5, 3, padding=1)
        self.two = nn.Conv2d(5, 2, 1, stride=2, bias=False)

    def forward(self, picture: Tensor) -> Tensor:
        """(N, 3, H, W) in, (N, 2, H/2, W/2) out."""
        features: Tensor = self.two(torch.relu_(self.one(picture)))
        return features


def test_parameters_and_work_are_those_counted_by_hand() -> None:
    model = Tiny()
    assert count_parameters(model) == 3 * 5 * 9 + 5 + 5 * 2
    assert count_macs(model, (torch.zeros(1, 3, 8, 16),)) == 8 * 16 * 3 * 5 * 9 + 4 * 8 * 5 * 2


def test_a_network_with_a_product_counts_it() -> None:
    class Product(nn.Module):
        def forward(self, a: Tensor, b: Tensor) -> Tensor:
            return a @ b

    assert count_macs(Product(), (torch.zeros(3, 5), torch.zeros(5, 7))) == 3 * 5 * 7


def test_memory_at_its_peak_is_that_counted_by_hand() -> None:
    weights, picture, features, result = 3 * 5 * 9 + 5 + 5 * 2, 3 * 8 * 16, 5 * 8 * 16, 2 * 4 * 8
    # ReLU works in place; nothing of the first layer can go before the second has read it.
    at_once = weights + picture + features + result
    assert count_peak_bytes(Tiny(), (torch.zeros(1, 3, 8, 16),)) == 4 * at_once


@pytest.mark.parametrize(("kept", "planes"), [(False, 3), (True, 4)])
def test_what_is_freed_counts_no_more_and_a_view_counts_nothing(kept: bool, planes: int) -> None:  # noqa: FBT001
    class Chain(nn.Module):
        def forward(self, picture: Tensor) -> Tensor:
            first = picture + 1
            second = first.flatten() + 1  # picture, first and second are alive here
            held = [first] if kept else []
            del first
            third = second + 1  # picture, second and third, and first where it is held
            return third.view_as(picture) if held else third

    assert count_peak_bytes(Chain(), (torch.zeros(1, 1, 16, 16),)) == 4 * 256 * planes


@pytest.mark.parametrize(
    "name", ["hybrid-nano", "hybrid-nano-x2", "discriminator", "dncnn-17-gray", "srcnn-x4", "tnrd"]
)
def test_counting_without_computing_gives_what_computing_gives(name: str) -> None:
    network = NETWORKS[name]
    counted = count(network, side=64)
    model, inputs = network.build().eval(), network.inputs(64, CPU)
    assert counted.parameters == count_parameters(model)
    assert counted.macs == count_macs(model, inputs)
    assert counted.peak_bytes == count_peak_bytes(model, inputs)
    assert counted.megapixels_per_second is None


def test_every_network_is_listed_and_can_be_counted() -> None:
    hybrids = [f"hybrid-{size}{'' if scale == 1 else f'-x{scale}'}" for size in SIZES for scale in SCALES]
    baselines = ["srcnn-x4", "vdsr-x4", "dncnn-17-gray", "dncnn-20-color", "unet", "tnrd", "deblurgan"]
    assert list(NETWORKS) == [*hybrids, "discriminator", *baselines]
    assert {network.kind for network in NETWORKS.values()} == {"hybrid", "discriminator", "baseline"}
    for network in NETWORKS.values():
        assert count(network, side=64).macs > 0
    # 17 convolutions of 64 channels; the paper counts 0.56 M parameters for it.
    plain = count(NETWORKS["dncnn-17-gray"])
    assert plain.parameters == 2 * 64 * 9 + 15 * 64 * 64 * 9 + 16 * 64 + 1
    assert plain.macs == 256**2 * (2 * 64 * 9 + 15 * 64 * 64 * 9)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("name", ["hybrid-nano", "hybrid-nano-x3", "discriminator", "dncnn-20-color"])
def test_a_network_runs_in_either_precision_and_is_timed(name: str, precision: str) -> None:
    calls: list[None] = []

    def clock(call: Callable[[], object]) -> float:
        calls.append(None)
        call()
        return 0.25

    cost = measure(NETWORKS[name], CPU, precision, clock, side=64)
    assert len(calls) == 1
    assert cost.megapixels_per_second == pytest.approx(64 * 64 / 1e6 / 0.25)
    assert cost.peak_bytes == count(NETWORKS[name], side=64).peak_bytes


def test_measuring_draws_nothing_from_the_program_s_random_numbers() -> None:
    torch.manual_seed(0)
    wanted = torch.rand(3)
    torch.manual_seed(0)
    measure(Network("tiny", "baseline", Tiny), CPU, "fp32", lambda _: 1.0, side=8)
    assert torch.equal(torch.rand(3), wanted)


def test_a_network_that_draws_while_learning_is_counted_and_goes_on_learning() -> None:
    model = DeblurGan(DeblurGanConfig(width=8, blocks=1)).train()
    size = (16, 16)
    assert macs_per_pixel(model, size=size) > 0
    assert model.training
    assert macs_per_pixel(model.eval(), size=size) == macs_per_pixel(model.train(), size=size)
