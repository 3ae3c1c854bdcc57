"""The input at the size of the result: the bicubic of the textbooks, whole or strip by strip."""

from __future__ import annotations

import numpy as np
import pytest

from pixelmend.inference.enlarge import as_given, at_scale, divided, enlarged
from tests.inference.made_up import picture_of, stored

RNG = np.random.default_rng(0)


def keys(distance: float) -> float:
    """The kernel of Keys (1981), a = -0.5."""
    d, a = abs(distance), -0.5
    if d < 1:
        return (a + 2) * d**3 - (a + 3) * d**2 + 1
    return a * d**3 - 5 * a * d**2 + 8 * a * d - 4 * a if d < 2 else 0.0


def by_the_formula(line: np.ndarray, scale: int) -> np.ndarray:
    """One line, pixel by pixel."""
    last, result = len(line) - 1, []
    for index in range(len(line) * scale):
        place = (index + 0.5) / scale - 0.5
        taps = range(int(np.floor(place)) - 1, int(np.floor(place)) + 3)
        result.append(sum(keys(place - tap) * line[min(max(tap, 0), last)] for tap in taps))
    return np.array(result)


@pytest.mark.parametrize("scale", [1, 2, 3, 4])
@pytest.mark.parametrize("length", [1, 2, 17])
def test_a_line_is_that_of_the_formula(scale: int, length: int) -> None:
    line = RNG.random(length).astype(np.float32)
    wanted = by_the_formula(line, scale)
    np.testing.assert_allclose(enlarged(line[None, :, None], scale)[0, :, 0], wanted, atol=1e-6)
    np.testing.assert_allclose(enlarged(line[:, None, None], scale)[:, 0, 0], wanted, atol=1e-6)


def test_it_is_matlabs_inside() -> None:
    torch = pytest.importorskip("torch")
    from pixelmend.degradations.resample import resize

    picture = RNG.random((20, 30, 3)).astype(np.float32)
    wanted = resize(torch.from_numpy(picture.transpose(2, 0, 1)), 60, 90).numpy().transpose(1, 2, 0)
    np.testing.assert_allclose(enlarged(picture, 3)[6:-6, 6:-6], wanted[6:-6, 6:-6], atol=1e-5)


@pytest.mark.parametrize("scale", [1, 2, 3])
@pytest.mark.parametrize("alpha", [False, True])
def test_parts_are_parts_of_the_whole(scale: int, alpha: bool) -> None:  # noqa: FBT001
    opacity = stored(RNG.random((31, 23, 1)), np.uint16) if alpha else None
    picture = picture_of(stored(RNG.random((31, 23, 3)), np.uint16), opacity)
    whole = as_given(picture, (0, 0, 31, 23), scale)
    assert whole.shape == (31 * scale, 23 * scale, 3)
    for top, left, height, width in [(0, 0, 1, 1), (5, 7, 9, 3), (30, 0, 1, 23), (2, 20, 29, 3)]:
        place = (slice(top * scale, (top + height) * scale), slice(left * scale, (left + width) * scale))
        np.testing.assert_array_equal(as_given(picture, (top, left, height, width), scale), whole[place])


def test_hidden_colours_do_not_bleed_into_what_is_seen() -> None:
    unit = np.full((20, 20, 3), 0.5, np.float32)
    alpha = np.ones((20, 20, 1), np.float32)
    alpha[:, 10:] = 0
    unit[:, 10:] = 1
    colour, opacity = at_scale(unit, alpha, 2)
    assert opacity is not None
    seen = opacity[..., 0] > 0.2
    np.testing.assert_allclose(colour[seen], 0.5, atol=1e-5)
    assert ((opacity >= 0) & (opacity <= 1)).all()


def test_division_gives_what_was_multiplied() -> None:
    unit = RNG.random((9, 50, 3)).astype(np.float32)
    alpha = np.linspace(0, 1, 50, dtype=np.float32)[None, :, None].repeat(9, 0)
    np.testing.assert_allclose(divided(unit * alpha, alpha, unit), unit, rtol=1e-5)
    opaque = np.ones_like(alpha)
    np.testing.assert_array_equal(divided(unit, opaque, unit[::-1]), unit)
