"""Classical methods make pictures better by about as much as was measured, and keep to what every method promises."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt
import pytest
import torch
from scipy.signal import convolve2d

from pixelmend.degradations.kernels import shake_kernels
from pixelmend.degradations.repeatable import gaussian_noise_for
from pixelmend.degradations.resample import resize
from pixelmend.errors import ModelError
from pixelmend.evaluation.methods.classical import (
    Bicubic,
    Biharmonic,
    NonLocalMeans,
    RichardsonLucy,
    TotalVariation,
    Unchanged,
    Wiener,
    noise_level,
)
from pixelmend.evaluation.problem import TASKS, Problem
from pixelmend.images import read_float
from pixelmend.metrics import psnr

if TYPE_CHECKING:
    from pathlib import Path

    from pixelmend.evaluation.method import Method

Pixels = npt.NDArray[np.float32]
Color = Literal["rgb", "gray"]
SIGMA = 25.0


def crop(shared: Path, color: Color, margin: int = 0) -> Pixels:
    """A part of Kodak's lighthouse, 96×96 with a margin around it."""
    whole = read_float(shared / "data" / "test" / "kodak24" / "kodim19.webp", color=color)
    return np.ascontiguousarray(whole[350 - margin : 446 + margin, 200 - margin : 296 + margin])


def noisy(clean: Pixels) -> Pixels:
    return clean + gaussian_noise_for("kodim19", clean.shape, SIGMA, 0)


def gain(method: Method, problem: Problem, clean: Pixels) -> float:
    """Decibels above the damaged picture; on the way, what every method promises is checked."""
    color: Color = "gray" if problem.is_gray else "rgb"
    assert problem.task in method.tasks
    assert color in method.colors
    before = problem.degraded.copy()
    restored = method.restore(problem)
    assert restored.shape == problem.wanted_shape
    assert restored.dtype == np.float32
    assert np.array_equal(problem.degraded, before)
    assert np.array_equal(method.restore(problem), restored)
    after, at_first = (psnr(each, clean, data_range=1.0, color=color) for each in (restored, problem.degraded))
    return after - at_first


@pytest.mark.shared
@pytest.mark.parametrize(
    ("method", "color", "measured"),
    [
        (Wiener(), "rgb", 2.44), (Wiener(), "gray", 2.40),
        (TotalVariation(), "rgb", 2.76), (TotalVariation(), "gray", 2.71),
        (NonLocalMeans(), "rgb", 8.09), (NonLocalMeans(), "gray", 6.94),
    ],
)  # fmt: skip
def test_noise_is_removed(shared: Path, method: Method, color: Color, measured: float) -> None:
    clean = crop(shared, color)
    assert gain(method, Problem("denoise", "kodim19", noisy(clean), sigma=SIGMA), clean) > measured - 0.3


@pytest.mark.shared
@pytest.mark.parametrize("method", [Wiener(), TotalVariation(), NonLocalMeans()], ids=lambda method: method.name)
def test_noise_is_removed_where_its_level_is_not_told(shared: Path, method: Method) -> None:
    clean = crop(shared, "rgb")
    problem = Problem("photo", "kodim19", noisy(clean))
    assert noise_level(problem) == pytest.approx(SIGMA, abs=2)
    told = gain(method, Problem("denoise", "kodim19", noisy(clean), sigma=SIGMA), clean)
    assert gain(method, problem, clean) == pytest.approx(told, abs=0.5)


def blurred(shared: Path, color: Color) -> tuple[Pixels, Pixels, Pixels]:
    """A clean picture, the same shaken and with noise of 1 %, and the kernel; what lies outside is mixed in."""
    extent, tremor, exposure, seed = (torch.tensor([value]) for value in (14.0, 0.6, 1.0, 3))
    kernel: Pixels = shake_kernels(extent, tremor, exposure, seed)[0].numpy()
    wide = crop(shared, color, margin=len(kernel) // 2)
    planes = [convolve2d(wide[..., c], kernel, mode="valid") for c in range(3)] if color == "rgb" else []
    sharp = np.stack(planes, axis=2) if planes else convolve2d(wide, kernel, mode="valid")
    clean = crop(shared, color)
    return clean, (sharp + gaussian_noise_for("kodim19", clean.shape, 2.55, 0)).astype(np.float32), kernel


@pytest.mark.shared
@pytest.mark.parametrize("color", ["rgb", "gray"])
@pytest.mark.parametrize(("method", "measured"), [(Wiener(), 6.27), (RichardsonLucy(), 3.47)])
@pytest.mark.parametrize("sigma", [2.55, None])
def test_blur_is_undone(shared: Path, method: Method, color: Color, measured: float, sigma: float | None) -> None:
    clean, degraded, kernel = blurred(shared, color)
    assert gain(method, Problem("deconvolve", "x", degraded, sigma=sigma, kernel=kernel), clean) > measured - 0.3


@pytest.mark.shared
@pytest.mark.parametrize("method", [Wiener(), RichardsonLucy()], ids=lambda method: method.name)
def test_the_kernel_is_taken_the_right_way_round(shared: Path, method: Method) -> None:
    clean, degraded, kernel = blurred(shared, "gray")
    turned = np.ascontiguousarray(kernel[::-1, ::-1])
    right, wrong = (
        gain(method, Problem("deconvolve", "x", degraded, sigma=2.55, kernel=each), clean) for each in (kernel, turned)
    )
    assert right > wrong + 4


def test_wiener_comes_near_the_filter_that_knows_the_spectra() -> None:
    """On a picture whose power falls with ω² just as supposed; it smooths more, as photographs want: 1.06 dB less."""
    side, sigma01 = 128, 0.1
    generator = np.random.default_rng(1)
    frequency = 2 * np.pi * np.hypot(np.fft.fftfreq(side)[:, np.newaxis], np.fft.rfftfreq(side))
    frequency[0, 0] = np.inf
    spectrum = np.fft.rfft2(generator.standard_normal((side, side))) / frequency
    clean = np.fft.irfft2(spectrum, s=(side, side))
    scale = 0.2 / clean.std()
    clean = (0.5 + scale * clean).astype(np.float32)
    degraded = clean + (sigma01 * generator.standard_normal(clean.shape)).astype(np.float32)
    power = (scale / frequency) ** 2
    known = np.fft.irfft2(np.fft.rfft2(degraded - 0.5) * power / (power + sigma01**2), s=clean.shape) + 0.5
    best = psnr(known.astype(np.float32), clean, data_range=1.0, color="gray")
    restored = Wiener().restore(Problem("denoise", "x", degraded, sigma=255 * sigma01))
    assert best - 1.3 < psnr(restored, clean, data_range=1.0, color="gray") <= best


@pytest.mark.parametrize("method", [Wiener(), RichardsonLucy()], ids=lambda method: method.name)
def test_without_a_kernel_nothing_is_deconvolved(method: Method) -> None:
    with pytest.raises(ModelError, match="x came without a kernel"):
        method.restore(Problem("deconvolve", "x", np.ones((32, 32), np.float32)))


@pytest.mark.shared
@pytest.mark.parametrize("color", ["rgb", "gray"])
def test_what_is_missing_is_filled_in_and_what_is_there_is_kept(shared: Path, color: Color) -> None:
    clean = crop(shared, color)
    missing = np.random.default_rng(0).random(clean.shape[:2]) < 0.5
    degraded = clean.copy()
    degraded[missing] = 0
    problem = Problem("inpaint", "x", degraded, missing=missing)
    assert gain(Biharmonic(), problem, clean) > 17.5
    assert np.array_equal(Biharmonic().restore(problem)[~missing], clean[~missing])


def test_a_smooth_surface_is_filled_in_exactly_and_a_mask_is_needed() -> None:
    y, x = np.mgrid[0:24, 0:24].astype(np.float32) / 24
    surface = (0.2 + 0.3 * x + 0.4 * y).astype(np.float32)
    missing = np.zeros(surface.shape, bool)
    missing[8:14, 9:15] = True
    filled = Biharmonic().restore(Problem("inpaint", "x", np.where(missing, np.float32(0), surface), missing=missing))
    assert np.allclose(filled, surface, atol=1e-4)
    with pytest.raises(ModelError, match="the missing pixels"):
        Biharmonic().restore(Problem("inpaint", "x", surface))


@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize("shape", [(21, 17), (21, 17, 3)])
def test_bicubic_is_exact_on_parabolas_away_from_the_border(scale: int, shape: tuple[int, ...]) -> None:
    """Keys 1981: with a = -0.5, and no other a, cubic convolution reproduces polynomials up to the second degree."""

    def parabola(side: int, step: float) -> Pixels:
        place: Pixels = (np.arange(side, dtype=np.float32) + np.float32(0.5)) * np.float32(step)
        return place**2

    small = np.add.outer(parabola(21, 1), parabola(17, 1)) / 800
    large = np.add.outer(parabola(21 * scale, 1 / scale), parabola(17 * scale, 1 / scale)) / 800
    if len(shape) == 3:
        small, large = np.stack([small, small / 2, small / 4], 2), np.stack([large, large / 2, large / 4], 2)
    restored = Bicubic().restore(Problem("super-resolve", "x", small.astype(np.float32), scale=scale))
    assert restored.shape == (21 * scale, 17 * scale, *shape[2:])
    assert restored.dtype == np.float32
    inside = slice(4 * scale, -4 * scale)
    assert np.allclose(restored[inside, inside], large[inside, inside], atol=1e-5)


@pytest.mark.shared
def test_bicubic_scores_what_was_published(shared: Path) -> None:
    """Dong et al. 2014, table 2: 28.42 dB over Set5 at scale 4, luminance."""
    scores = []
    for path in sorted((shared / "data" / "test" / "set5").iterdir()):
        whole = read_float(path, color="rgb")
        height, width = (side - side % 4 for side in whole.shape[:2])
        clean = np.ascontiguousarray(whole[:height, :width])
        planes = torch.from_numpy(np.ascontiguousarray(clean.transpose(2, 0, 1)))
        small = resize(planes, height // 4, width // 4).numpy().transpose(1, 2, 0)
        degraded = np.round(np.clip(small, 0, 1) * 255).astype(np.float32) / 255
        restored = Bicubic().restore(Problem("super-resolve", path.stem, degraded, scale=4))
        shown = np.round(np.clip(restored, 0, 1) * 255).astype(np.float32) / 255
        scores.append(psnr(shown, clean, data_range=1.0, color="y", crop_border=4))
    assert np.mean(scores) == pytest.approx(28.42, abs=0.03)


def test_unchanged_is_a_copy_for_every_task_that_keeps_the_size() -> None:
    degraded = np.random.default_rng(3).random((5, 6, 3), dtype=np.float32)
    assert Unchanged().tasks == set(TASKS) - {"super-resolve"}
    restored = Unchanged().restore(Problem("photo", "x", degraded))
    assert np.array_equal(restored, degraded)
    assert not np.shares_memory(restored, degraded)


@pytest.mark.parametrize("method", [Wiener(), TotalVariation(), NonLocalMeans()], ids=lambda method: method.name)
def test_without_noise_hardly_anything_changes(method: Method) -> None:
    picture = np.random.default_rng(4).random((32, 40, 3), dtype=np.float32)
    assert np.allclose(method.restore(Problem("denoise", "x", picture, sigma=0.0)), picture, atol=1e-5)
