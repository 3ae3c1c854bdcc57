"""Cases make the problem that they name: the same one each time, another for another seed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import pyvips

from pixelmend.data.benchmarks import Benchmark, Pair, find_benchmark
from pixelmend.data.layouts import Item
from pixelmend.degradations.repeatable import gaussian_noise_for
from pixelmend.errors import DataError, UsageError
from pixelmend.evaluation.cases import (
    AsGiven,
    Case,
    Chain,
    JpegQuality,
    MaskFile,
    Noise,
    Smaller,
    problem_name,
)
from pixelmend.evaluation.damage import luminance8
from pixelmend.metrics import psnr

if TYPE_CHECKING:
    from pathlib import Path

    from pixelmend.evaluation.problem import Pixels


class OnePicture(Benchmark):
    """A set of one picture in memory."""

    def __init__(self, clean: Pixels, pair: Pair | None = None) -> None:
        super().__init__("one", "One", "rgb" if clean.ndim == 3 else "gray", 1, (), "")
        object.__setattr__(self, "held", (clean, pair))

    def load(self, path: Path) -> Pixels:
        """See ``Benchmark.load``."""
        clean: Pixels = self.held[0]  # type: ignore[attr-defined]
        return clean

    def load_pair(self, item: Item) -> Pair:
        """See ``Benchmark.load_pair``."""
        pair: Pair = self.held[1]  # type: ignore[attr-defined]
        return pair


@pytest.fixture
def item(tmp_path: Path) -> Item:
    return Item("scene/p", "", tmp_path / "p.png", tmp_path / "q.png")


CASES = [
    Noise(25),
    Noise(25, blind=True),
    Smaller(2),
    Smaller(3),
    JpegQuality(10),
    JpegQuality(10, gray=True),
    Chain("inpaint", "half", "missing_pixels(share=0.5)"),
    Chain("inpaint", "strokes", "mask-thin"),
    Chain("deblur", "shake", "hand-shake"),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.task} {case.label}")
def test_a_problem_is_a_function_of_picture_and_seed(case: Case, photo: np.ndarray, item: Item) -> None:
    benchmark = OnePicture(photo)
    clean, problem = case.make(benchmark, item, 3)
    again_clean, again = case.make(benchmark, item, 3)
    assert np.array_equal(problem.degraded, again.degraded)
    assert np.array_equal(clean, again_clean)
    assert problem.degraded.dtype == clean.dtype == np.float32
    assert problem.wanted_shape == clean.shape
    assert (problem.task, problem.seed, problem.name) == (case.task, 3, problem_name(case, item))
    assert case.color(benchmark) in ("rgb", "gray", "y")
    drawn = not isinstance(case, Smaller | JpegQuality)
    other = case.make(benchmark, item, 4)[1]
    assert np.array_equal(problem.degraded, other.degraded) != drawn
    renamed = case.make(benchmark, Item("scene/r", "", item.clean and item.clean.with_name("r.png")), 3)[1]
    assert np.array_equal(problem.degraded, renamed.degraded) != drawn


def test_noise_is_that_of_the_files_name(photo: np.ndarray, item: Item) -> None:
    _, problem = Noise(25).make(OnePicture(photo), item, 3)
    assert np.array_equal(problem.degraded, photo + gaussian_noise_for("p.png", photo.shape, 25, 3))
    assert problem.sigma == 25


def test_made_smaller_is_cropped_first_and_rounded(photo: np.ndarray, item: Item) -> None:
    clean, problem = Smaller(3).make(OnePicture(photo[:95, :127]), item, 0)
    assert np.array_equal(clean, photo[:93, :126])
    assert problem.degraded.shape == (31, 42, 3)
    steps = problem.degraded * 255
    assert np.allclose(steps, np.round(steps), atol=1e-3)
    with pytest.raises(DataError, match="smaller than 3×3"):
        Smaller(3).make(OnePicture(photo[:2]), item, 0)


def test_jpeg_on_y_is_of_the_gray_picture(photo: np.ndarray, item: Item) -> None:
    clean, problem = JpegQuality(10, gray=True).make(OnePicture(photo), item, 0)
    assert clean.shape == problem.degraded.shape == (96, 128)
    red = luminance8(np.array([[[1, 0, 0]]], np.float32))
    assert red[0, 0] * 255 == 81  # MATLAB: rgb2ycbcr(uint8([255 0 0]))(1) is 81
    assert 16 / 255 <= clean.min() < clean.max() <= 235 / 255
    assert psnr(problem.degraded, clean, data_range=1.0, color="gray") < 40


def test_what_is_missing_is_black_and_told(photo: np.ndarray, item: Item) -> None:
    for case in CASES[6:8]:
        _, problem = case.make(OnePicture(photo), item, 0)
        assert problem.missing is not None
        assert (problem.degraded[problem.missing] == 0).all()
        assert np.array_equal(problem.degraded[~problem.missing], photo[~problem.missing])
    _, problem = CASES[6].make(OnePicture(photo), item, 0)
    assert problem.missing is not None
    assert problem.missing.mean() == pytest.approx(0.5, abs=0.03)


def test_published_masks_keep_what_is_white(photo: np.ndarray, item: Item, tmp_path: Path) -> None:
    folder = tmp_path / "sets" / "masks"
    folder.mkdir(parents=True)
    mask = np.full((256, 256), 255, np.uint8)
    mask[:128, :64] = 0
    pyvips.Image.new_from_array(mask).write_to_file(str(folder / "thin_000000.png"))
    masks = find_benchmark(tmp_path / "sets", "masks")
    _, problem = MaskFile("thin", masks).make(OnePicture(photo), item, 0)
    wanted = np.zeros((96, 128), bool)
    wanted[:48, :32] = True
    assert problem.missing is not None
    assert np.array_equal(problem.missing, wanted)
    assert (problem.degraded[wanted] == 0).all()
    with pytest.raises(DataError, match="thick_000000"):
        MaskFile("thick", masks).make(OnePicture(photo), item, 0)


def test_pairs_are_taken_as_they_are(photo: np.ndarray, item: Item) -> None:
    noisy = photo + np.float32(0.1)
    clean, problem = AsGiven("photo").make(OnePicture(photo, Pair(noisy, photo, None)), item, 0)
    assert problem.degraded is noisy
    assert clean is photo
    assert (problem.sigma, problem.kernel) == (None, None)
    wrong = Pair(noisy[:50], photo, None)
    with pytest.raises(DataError, match=r"scene/p: the clean picture is 128×96 and the damaged one 128×50"):
        AsGiven("photo").make(OnePicture(photo, wrong), item, 0)


def test_deconvolution_wants_a_kernel(photo: np.ndarray, item: Item) -> None:
    gray = photo[..., 0]
    pairs = [Item("p", "", None, None, None, f"kernel{k}") for k in range(3)]
    benchmark = Benchmark("one", "One", "gray", 1, (), "", tuple(pairs))
    assert (AsGiven("deconvolve").expected(benchmark), AsGiven("photo").expected(benchmark)) == (3, 1)
    with pytest.raises(DataError, match="kernel"):
        AsGiven("deconvolve").make(OnePicture(gray, Pair(gray, gray, None)), item, 0)


@pytest.mark.parametrize("make", [lambda: Noise(0), lambda: Noise(256), lambda: Smaller(5), lambda: JpegQuality(0)])
def test_strengths_that_cannot_be_are_refused(make: object) -> None:
    with pytest.raises(UsageError):
        make()  # type: ignore[operator]


def test_damage_that_changes_the_size_is_refused(photo: np.ndarray, item: Item) -> None:
    with pytest.raises(UsageError, match="super-resolve"):
        Chain("photo", "smaller", "downscale(scale=2)").make(OnePicture(photo), item, 0)
