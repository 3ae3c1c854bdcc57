"""Uniform blur against SciPy's convolution, in both lights, at borders wider than the picture, direct and by FFT."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import ndimage
from torch import Tensor

from pixelmend.degradations import convolve as convolution
from pixelmend.degradations.blur import Blur, Defocus, LinearMotion, ShakeUniform, Sinc, UniformBlur
from pixelmend.degradations.convolve import LIGHTS, convolve, fast_size
from pixelmend.degradations.curves import to_display, to_linear
from pixelmend.errors import UsageError

BLURS: list[type[UniformBlur]] = [Blur, Defocus, LinearMotion, ShakeUniform, Sinc]


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def kernels_of(pictures: int, side: int) -> Tensor:
    kernels = noise(pictures, side, side, seed=1)
    return kernels / kernels.sum((1, 2), keepdim=True)


@pytest.mark.parametrize("side", [1, 5, 21, 23, 41])
@pytest.mark.parametrize("size", [(64, 50), (9, 70), (1, 1), (1, 6), (3, 2)])
def test_is_scipys_convolution_with_a_mirror(side: int, size: tuple[int, int]) -> None:
    pictures, kernels = noise(2, 3, *size), kernels_of(2, side)
    before = pictures.clone()
    result = convolve(pictures, kernels).numpy()
    assert pictures.equal(before)
    for picture, kernel, ours in zip(pictures.numpy(), kernels.numpy(), result, strict=True):
        for plane, our in zip(picture, ours, strict=True):
            np.testing.assert_allclose(our, ndimage.convolve(plane, kernel, mode="mirror"), atol=2e-6)


def test_pieces_make_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    pictures, kernels = noise(1, 3, 200, 170), kernels_of(1, 25)
    whole = convolve(pictures, kernels)
    monkeypatch.setattr(convolution, "_TILE", 64)
    torch.testing.assert_close(convolve(pictures, kernels), whole, atol=1e-6, rtol=0)


def test_fast_sizes() -> None:
    assert [fast_size(n) for n in (1, 2, 7, 128, 131, 1022)] == [2, 2, 8, 128, 144, 1024]


def test_other_types_and_wrong_kernels() -> None:
    pictures, kernels = noise(2, 3, 20, 20), kernels_of(2, 23)
    assert convolve(pictures.half(), kernels).dtype == torch.float16
    precise = convolve(pictures.double(), kernels.double())
    torch.testing.assert_close(precise.float(), convolve(pictures, kernels), atol=1e-6, rtol=0)
    for wrong in (kernels[:1], kernels[:, :4, :4], kernels[0]):
        with pytest.raises(UsageError, match="k odd"):
            convolve(pictures, wrong)


@pytest.mark.parametrize("kind", BLURS)
def test_a_constant_picture_stays_as_it_is(kind: type[UniformBlur]) -> None:
    params = kind().sample(3, torch.Generator().manual_seed(0))
    pictures = torch.full((3, 3, 33, 20), 0.3)
    torch.testing.assert_close(kind.apply(pictures, params), pictures, atol=2e-6, rtol=0)


@pytest.mark.parametrize("kind", BLURS)
def test_gradient_is_the_transposed_blur(kind: type[UniformBlur]) -> None:
    """In display light blur is linear: <blur(x), y> has the gradient that does not depend on x."""
    params = kind().sample(2, torch.Generator().manual_seed(0))
    params["light"] = torch.full((2,), LIGHTS.index("display"))
    pictures, other = noise(2, 3, 17, 30).requires_grad_(), noise(2, 3, 17, 30, seed=1)
    (gradient,) = torch.autograd.grad((kind.apply(pictures, params) * other).sum(), pictures)
    shift = noise(2, 3, 17, 30, seed=2)
    moved = kind.apply(pictures.detach() + shift, params) - kind.apply(pictures.detach(), params)
    assert float((moved * other).sum()) == pytest.approx(float((gradient * shift).sum()), rel=1e-3)


def test_lenses_mix_light_and_not_display_values() -> None:
    """Two halves of black and white under a wide disc: half the light is 0.735 on the display, not 0.5."""
    pictures = torch.zeros(1, 3, 64, 64)
    pictures[..., 32:] = 1
    params = Defocus(radius=10).sample(1, torch.Generator().manual_seed(0))
    edge = Defocus.apply(pictures, params)[0, 0, 32, 31:33].mean()
    assert float(edge) == pytest.approx(0.735, abs=0.01)
    by_hand = to_display(convolve(to_linear(pictures), Defocus.kernels(params)))
    torch.testing.assert_close(Defocus.apply(pictures, params), by_hand)
    plain = Defocus(radius=10, light="display").sample(1, torch.Generator().manual_seed(0))
    assert float(Defocus.apply(pictures, plain)[0, 0, 32, 31:33].mean()) == pytest.approx(0.5, abs=0.01)


def test_sinc_rings_at_an_edge() -> None:
    pictures = torch.zeros(1, 3, 40, 40)
    pictures[..., 20:] = 1
    result = Sinc.apply(pictures, Sinc(cutoff=1.2, radius=10).sample(1, torch.Generator()))
    assert float(result.max()) > 1.04
    assert float(result.min()) < -0.04
