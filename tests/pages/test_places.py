"""Where two pictures differ most: sums are right at every edge, and pieces lie where something changed."""

from __future__ import annotations

import numpy as np
import pytest

from pixelmend.images import ArrayPicture, Upright
from pixelmend.pages import Place, cells, places_of_change, window_sums


def upright(pixels: np.ndarray) -> Upright:
    return Upright.of(ArrayPicture(pixels, None, pixels))


def places(before: np.ndarray, after: np.ndarray, *, side: int = 160, most: int = 1) -> list[Place]:
    return places_of_change(upright(before), upright(after), side=side, most=most)


@pytest.mark.parametrize("size", [(64, 64), (75, 40), (300, 17), (16, 16), (5, 7), (160, 175)])
@pytest.mark.parametrize("side", [32, 160])
def test_sums_are_those_of_the_pieces(size: tuple[int, int], side: int) -> None:
    values = np.random.default_rng(1).random(size, np.float32)
    found = window_sums(cells(values), side, size)
    height, width = (min(side, length) for length in size)
    tops = range(0, size[0] - height + 1, 16)
    lefts = range(0, size[1] - width + 1, 16)
    wanted = [[values[t : t + height, le : le + width].sum() for le in lefts] for t in tops]
    np.testing.assert_allclose(found, wanted, rtol=1e-5)


def test_pieces_are_where_structure_changed_and_do_not_overlap() -> None:
    rng = np.random.default_rng(0)
    clean = np.full((700, 600, 3), 0.5, np.float32)
    clean[100:180:8, 40:120] = 0.9
    clean[500:620:8, 400:520] = 0.9
    # noise everywhere, and twice a whole change of structure, the second one stronger
    noisy = np.clip(clean + rng.normal(0, 0.1, clean.shape), 0, 1).astype(np.float32)
    after = clean.copy()
    after[100:180, 40:120] = 0.6
    after[500:620, 400:520] = 0.5
    found = places(noisy, after, side=160, most=4)
    assert len(found) == 4
    middles = [(place.top + place.height / 2, place.left + place.width / 2) for place in found[:2]]
    assert np.abs(np.subtract(middles[0], (560, 460))).max() <= 48
    assert np.abs(np.subtract(middles[1], (140, 80))).max() <= 48
    for i, one in enumerate(found):
        assert 0 <= one.top <= 700 - 160
        assert 0 <= one.left <= 600 - 160
        assert all(abs(one.top - other.top) >= 160 or abs(one.left - other.left) >= 160 for other in found[:i])


def test_what_is_told_is_the_mean_distance() -> None:
    before = np.zeros((40, 50, 3), np.uint8)
    (place,) = places(before, before + np.uint8(10), most=3)
    assert (place.top, place.left, place.height, place.width) == (0, 0, 40, 50)
    assert place.change == pytest.approx(10, abs=1e-4)


def test_a_change_of_what_is_flat_is_found() -> None:
    before = np.full((400, 400, 3), 128, np.uint8)
    after = before.copy()
    after[300:310, 300:310] = 140
    (first, *others) = places(before, after, side=64, most=3)
    assert first.top <= 300 <= first.top + 64
    assert first.left <= 300 <= first.left + 64
    assert others == []


def test_one_piece_where_nothing_differs() -> None:
    same = np.full((200, 200, 3), 7, np.uint8)
    assert [place.change for place in places(same, same, most=5)] == [0.0]
