"""The weights that ship, on pictures: what they promise holds for these very files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

import pixelmend
from pixelmend import catalog
from pixelmend.data.benchmarks import find_benchmark
from pixelmend.degradations.repeatable import gaussian_noise_for
from pixelmend.evaluation import Plan, Results, Setup, Trial, evaluate, make_methods
from pixelmend.evaluation.cases import Noise
from pixelmend.images import open_image, read_float
from pixelmend.inference import Options, Wish, cached_engine, restore_picture
from pixelmend.metrics import as_displayed, psnr

if TYPE_CHECKING:
    from pixelmend.catalog import Card

RESULTS = Path(__file__).parents[2] / "docs" / "results"
FLOOR = {15: 33.52, 25: 30.71, 50: 27.38}
"""CBM3D on CBSD68 (Dabov et al. 2007, as DPIR reports it), dB."""


def scene(height: int, width: int) -> np.ndarray:
    """Edges, ramps and stripes, (H, W, 3) float32 in [0, 1]: enough for tiles to disagree about."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    planes = [
        0.5 + 0.35 * np.sin(x / 9) * np.cos(y / 31),
        np.where((x // 37 + y // 53) % 2 == 0, 0.8, 0.25),
        0.2 + 0.6 * (x + y) / (height + width) + 0.15 * np.sin((x - y) / 3),
    ]
    return np.stack(planes, axis=-1).astype(np.float32)


def tiled_against_whole(card: Card, picture: np.ndarray, options: Options) -> float:
    """Largest difference between pieces and the whole in floating point, in units of 1/255."""
    whole, pieces = whole_and_pieces(card, picture, options, "float32")
    return float(np.abs(whole - pieces).max()) * 255


def whole_and_pieces(
    card: Card, picture: np.ndarray, options: Options, precision: str
) -> tuple[np.ndarray, np.ndarray]:
    """A picture restored at once, and in pieces."""
    engine = cached_engine(card, Wish(precision=precision))
    opened = open_image(picture)
    whole, one = restore_picture(opened, replace(card, tile=2048), engine, replace(options, tile=None))
    pieces, many = restore_picture(opened, card, engine, options)
    assert one.tiles == 1
    assert many.tiles > 1
    return np.asarray(whole), np.asarray(pieces)


def noise_tiled_against_whole(clean: np.ndarray, sigma: float, tile: int | None = None) -> float:
    """The same for the denoiser, under noise of a level that it is told."""
    noisy = clean + gaussian_noise_for("tiles", clean.shape, sigma, 0)
    return tiled_against_whole(catalog.find("denoise"), noisy, Options(sigma=sigma, tile=tile))


def test_pieces_give_what_the_whole_gives() -> None:
    assert noise_tiled_against_whole(scene(560, 900), 50) <= 1


def test_in_whole_numbers_pieces_differ_from_the_whole_by_rounding() -> None:
    """What lies near a half is rounded to one side in a piece and to the other in the whole: equal but for that."""
    noisy = scene(560, 900) + gaussian_noise_for("tiles", (560, 900, 3), 50, 0)
    whole, pieces = whole_and_pieces(catalog.find("denoise"), noisy, Options(sigma=50), "int8")
    assert psnr(pieces, whole, data_range=1) >= 50


@pytest.mark.parametrize(("sigma", "levels"), [(15.0, 1), (50.0, 1.5), (75.0, 1.5)])
def test_small_pieces_give_what_the_whole_gives(sigma: float, levels: float) -> None:
    """The smallest that there are: twice as large as their overlap. What strong noise hides is sought farther away."""
    assert noise_tiled_against_whole(scene(300, 704), sigma, tile=1) <= levels


@pytest.mark.parametrize("name", catalog.names())
def test_small_pieces_give_what_the_whole_gives_whatever_ships(name: str) -> None:
    card = catalog.by_name(name)
    picture = scene(300, max(420, 2 * card.overlap + 36))  # more than the smallest piece that there is
    sigma = 25.0 if "noise_level" in card.conditions else None
    if sigma is not None:
        picture += gaussian_noise_for("tiles", picture.shape, sigma, 0)
    lost = np.random.default_rng(0).random(picture.shape[:2]) < 0.3 if "mask" in card.conditions else None
    assert tiled_against_whole(card, picture, Options(sigma=sigma, mask=lost, tile=256)) <= 1


@pytest.mark.shared
@pytest.mark.parametrize("sigma", [15.0, 75.0])
def test_pieces_of_a_photograph_give_what_the_whole_gives(shared: Path, sigma: float) -> None:
    photograph = read_float(min((shared / "data/test/gopro/sharp").iterdir()), color="rgb")
    assert noise_tiled_against_whole(photograph[:640, :1100], sigma) <= 1


@pytest.mark.parametrize(("sigma", "gain"), [(10, 4), (25, 8), (60, 11)])
def test_noise_goes_and_the_level_is_found(photo: np.ndarray, sigma: float, gain: float) -> None:
    noisy = photo + gaussian_noise_for("photo", photo.shape, sigma, 0)
    before = psnr(as_displayed(noisy), photo, data_range=1)
    told = psnr(as_displayed(pixelmend.restore(noisy, sigma=sigma)), photo, data_range=1)
    found = psnr(as_displayed(pixelmend.restore(noisy)), photo, data_range=1)
    assert told >= before + gain
    assert found >= told - 1


def test_a_clean_picture_stays_as_it_is(photo: np.ndarray) -> None:
    assert psnr(pixelmend.restore(photo, sigma=0), photo, data_range=1) >= 45


def test_grey_is_restored_as_well_as_colour_that_is_grey(photo: np.ndarray) -> None:
    gray = photo.mean(axis=2)
    noisy = gray + gaussian_noise_for("gray", gray.shape, 25, 0)
    restored = pixelmend.restore(noisy, sigma=25)
    assert restored.shape == gray.shape
    assert psnr(restored, gray, data_range=1, color="gray") >= 33
    as_rgb = pixelmend.restore(np.repeat(noisy[..., None], 3, axis=2), sigma=25)
    np.testing.assert_allclose(as_rgb.mean(axis=2), restored, atol=1e-3)


@pytest.mark.parametrize("kind", ["uint8", "uint16"])
def test_depth_makes_no_difference_but_rounding(photo: np.ndarray, kind: str) -> None:
    top = np.iinfo(kind).max
    noisy = as_displayed(photo + gaussian_noise_for("depth", photo.shape, 20, 0))
    stored = np.rint(noisy * top).astype(kind)
    restored = pixelmend.restore(stored, sigma=20, precision="float32")
    assert restored.dtype == stored.dtype
    wanted = pixelmend.restore(noisy.astype(np.float32), sigma=20, precision="float32")
    np.testing.assert_allclose(restored / top, wanted, atol=0.51 / 255)
    in_whole_numbers = pixelmend.restore(stored, sigma=20)
    assert psnr(in_whole_numbers / top, wanted, data_range=1) >= 48


def test_the_scores_on_the_card_reach_the_floor() -> None:
    scores = {s.case: s.psnr for s in catalog.find("denoise").scores if s.dataset == "cbsd68"}
    assert {sigma: scores[f"σ {sigma}"] >= floor for sigma, floor in FLOOR.items()} == dict.fromkeys(FLOOR, True)


@pytest.mark.shared
def test_a_score_on_the_card_can_be_measured_again(shared: Path, tmp_path: Path) -> None:
    """The first pictures of CBSD68, through the evaluation itself, against the per-picture scores that were stored."""
    stored = Results(RESULTS / "standard.json").entries.values()
    wanted = next(e for e in stored if (e.method, e.dataset, e.case) == ("pixelmend", "cbsd68", "σ 25"))
    setup = Setup(2)
    trial = Trial(find_benchmark(shared / "data/test", "cbsd68"), Noise(25))
    plan = Plan((trial,), make_methods(["pixelmend"], [], setup).methods, setup, limit=3)
    (entry,) = evaluate(plan, Results(tmp_path / "again.json"))
    assert len(entry.pictures) == 3
    for name, score in entry.pictures.items():
        assert score.psnr == pytest.approx(wanted.pictures[name].psnr, abs=0.01)
