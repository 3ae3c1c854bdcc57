"""Colours are held: means over blocks come back, whatever a network adds, and detail is left alone."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pixelmend.images import full_scale, to_unit
from pixelmend.inference import anchor, canvas
from tests.inference.made_up import Gamma, Values, made_card, picture_of, restored, smooth, stored

if TYPE_CHECKING:
    from numpy.typing import NDArray


def fading(planes: Values) -> Values:
    """A cast that grows across a piece, on what was smoothed: another one in each piece."""
    ramp = np.linspace(-0.08, 0.05, planes.shape[3], dtype=np.float32)
    return smooth(planes) * np.float32(0.95) + ramp


def blocks(pixels: NDArray[Any], scale: int = 1) -> list[list[NDArray[np.float64]]]:
    """Blocks of 128 pixels of the input, the last along each side up to twice as long, on the [0, 1] scale."""
    ends = [[*(np.arange(max(1, n // scale // 128)) * 128 * scale), n] for n in pixels.shape[:2]]
    unit = pixels.astype(float) / full_scale(pixels.dtype)
    return [
        [unit[top:bottom, left:right] for left, right in pairwise(ends[1])] for top, bottom in pairwise(ends[0])
    ]  # fmt: skip


def means(pixels: NDArray[Any], scale: int = 1) -> NDArray[np.float64]:
    """Of each block and channel."""
    return np.array([[block.mean(axis=(0, 1)) for block in row] for row in blocks(pixels, scale)])


def spreads(pixels: NDArray[Any]) -> NDArray[np.float64]:
    """Standard deviations of each block and channel."""
    return np.array([[block.std(axis=(0, 1)) for block in row] for row in blocks(pixels)])


KINDS = st.tuples(
    st.sampled_from([np.uint8, np.uint16, np.float32]), st.sampled_from([1, 3]), st.sampled_from([None, Gamma()])
)


@given(KINDS, st.tuples(st.integers(1, 420), st.integers(1, 420)), st.sampled_from([1, 2]), st.sampled_from([1.0, 0.4]))
@settings(max_examples=40, deadline=None)
def test_means_of_blocks_are_those_of_the_input(
    kind: tuple[type, int, Gamma | None], size: tuple[int, int], scale: int, strength: float
) -> None:
    dtype, channels, space = kind
    unit = np.random.default_rng(size[0] * size[1]).uniform(0.3, 0.7, (*size, channels))
    picture = picture_of(stored(unit, dtype), space=space)
    card = made_card(scale)
    got, report = restored(picture, fading, card=card, strength=strength)
    free, _ = restored(picture, fading, card=card, strength=strength, anchor=False)
    wanted = means(picture.pixels)
    # Rounding is off by half a level at most, and evens out over many pixels.
    rounding = (
        0 if dtype == np.float32 else 0.5 / full_scale(np.dtype(dtype)) * min(1, 4 * (min(*size, 128) * scale) ** -1)
    )
    reduced = free.reshape(size[0], scale, size[1], scale, channels).mean(axis=(1, 3)) / full_scale(free.dtype)
    doubt = 0.15 * 1.2 * spreads((to_unit(picture.pixels) - reduced).astype(np.float32))
    assert (np.abs(means(got, scale) - wanted) <= doubt + rounding + 2e-5).all()
    assert report.anchored is not None
    assert report.anchored <= 255 * np.abs(means(free, scale) - wanted).max() + 0.51


def test_detail_is_left_alone() -> None:
    picture = picture_of(np.random.default_rng(0).uniform(0.2, 0.8, (500, 600, 3)).astype(np.float32))
    held, _ = restored(picture, fading)
    free, _ = restored(picture, fading, anchor=False)
    added = held - free
    assert 0.01 < np.abs(added).max() < 0.2
    assert max(np.abs(np.diff(added, axis=axis)).max() for axis in (0, 1)) < 0.003


def test_what_noise_may_be_is_no_shift() -> None:
    """Clipped noise makes black grey; that a model makes it black again is right."""
    dark = stored(np.random.default_rng(5).normal(0, 0.1, (256, 300, 3)), np.uint8)
    assert dark.mean() > 8
    got, _report = restored(picture_of(dark), np.zeros_like)
    np.testing.assert_array_equal(got, 0)


def test_a_cast_goes_away_altogether(photo: Values) -> None:
    cast = np.array([0.05, -0.03, 0.01], np.float32).reshape(1, 3, 1, 1)
    picture = picture_of(photo * np.float32(0.6) + np.float32(0.2))
    got, report = restored(picture, lambda planes: planes + cast)
    np.testing.assert_allclose(got, picture.pixels, atol=1e-5)
    assert report.anchored == pytest.approx(0.05 * 255, abs=0.01)


def test_8_bits_are_rounded_once() -> None:
    pixels = stored(np.random.default_rng(1).uniform(0.3, 0.7, (300, 280, 3)), np.uint8)
    in_bits, _ = restored(picture_of(pixels), fading)
    in_floats, _ = restored(picture_of((pixels / 255).astype(np.float32)), fading)
    assert np.abs(in_bits - 255 * in_floats).max() < 0.51


def test_it_can_be_left_out(photo: Values) -> None:
    got, report = restored(picture_of(photo), lambda planes: planes * 0.5, anchor=False)
    np.testing.assert_allclose(got, photo / 2, atol=1e-6)
    assert report.anchored is None


def test_in_a_region_its_own_means_count_and_all_else_stays() -> None:
    pixels = np.random.default_rng(2).uniform(0.3, 0.7, (400, 300, 3)).astype(np.float32)
    got, _ = restored(picture_of(pixels), lambda planes: planes + np.float32(0.1), region=(20, 30, 200, 300))
    # what fades in is held too: nothing is left of a cast but for the edge
    assert np.abs(got - pixels)[50:310, 40:200].max() < 0.02
    assert np.abs(got - pixels).mean() < 0.004


@pytest.mark.parametrize("scale", [1, 2])
def test_what_is_hidden_does_not_count(scale: int) -> None:
    pixels = np.random.default_rng(3).uniform(0.3, 0.6, (300, 400, 3)).astype(np.float32)
    alpha = np.ones((300, 400, 1), np.float32)
    alpha[:, 200:] = 0

    def as_seen(planes: Values) -> Values:
        return np.where(planes > 0, planes + np.float32(0.1), np.float32(0))

    got, report = restored(picture_of(pixels, alpha), as_seen, card=made_card(scale))
    enlarged = pixels.repeat(scale, 0).repeat(scale, 1)
    assert np.abs(got - enlarged)[:, : 190 * scale].max() < 0.002 * scale
    assert report.anchored == pytest.approx(25.5, rel=0.02)
    if scale == 1:
        np.testing.assert_array_equal(got[:, 200:], pixels[:, 200:])


def test_strips_of_any_height_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    picture = picture_of(stored(np.random.default_rng(4).random((300, 290, 3)), np.uint8))
    wanted, _ = restored(picture, fading)
    monkeypatch.setattr(anchor, "_STRIP", 1000)
    monkeypatch.setattr(canvas, "_STRIP", 777)
    monkeypatch.setattr(canvas, "_SCRATCH_BYTES", 1000)
    got, _ = restored(picture, fading)
    assert isinstance(got, np.memmap)
    np.testing.assert_array_equal(got, wanted)


def test_16_bits_become_the_nearest_8() -> None:
    values = np.arange(65536, dtype=np.uint16).reshape(256, 256, 1)
    wanted = np.rint(values.astype(np.float64) / 257)
    got = canvas.rounded(values.copy(), np.dtype(np.uint8))
    assert got.dtype == np.uint8
    np.testing.assert_array_equal(got, wanted)
    eight = np.arange(256, dtype=np.uint8).reshape(16, 16, 1)
    lies = canvas.as_lies(eight, np.dtype(np.uint16))
    np.testing.assert_array_equal(canvas.rounded(lies, eight.dtype), eight)
    assert canvas.rounded(eight, eight.dtype) is eight
