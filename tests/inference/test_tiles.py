"""Tiling: pieces are aligned and cover all, every pixel is written once, and seams do not show."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pixelmend.inference.tiles import Side, plan_side, run_tiles

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Computed = Callable[[int], NDArray[np.float32]]

GRIDS = st.tuples(st.integers(1, 700), st.sampled_from([1, 8, 16]), st.integers(2, 9), st.integers(0, 8))


@given(GRIDS)
@settings(max_examples=300)
def test_a_side_is_covered_and_aligned(grid: tuple[int, int, int, int]) -> None:
    length, multiple, tile, overlap = grid[0], grid[1], grid[1] * grid[2], grid[1] * min(grid[3], grid[2] - 1)
    side = plan_side(length, tile=tile, overlap=overlap, multiple_of=multiple, minimum=multiple)
    assert all(origin % multiple == 0 for origin in side.origins)
    assert side.tile % multiple == 0
    assert side.origins[0] == 0
    assert side.origins[-1] + side.tile >= length
    steps = np.diff(side.origins)
    assert all(0 < step <= side.tile - overlap for step in steps)
    # as few pieces as can be, and none larger than so many have to be
    count = len(side.origins)
    assert side.tile <= tile
    assert count == 1 or tile + (count - 2) * (tile - overlap) < length
    assert side.tile - multiple + (count - 1) * (side.tile - multiple - overlap) < length or side.tile == multiple
    # each piece holds what it contributes
    for index, origin in enumerate(side.origins):
        start, stop = side.owned(index)
        assert origin <= start < stop <= min(length, origin + side.tile)


@given(GRIDS, st.integers(1, 200), st.integers(1, 5))
@settings(max_examples=40, deadline=None)
def test_an_identity_comes_out_whole_and_once(grid: tuple[int, int, int, int], width: int, lanes: int) -> None:
    height, multiple, tile, overlap = grid[0], grid[1], grid[1] * grid[2], grid[1] * min(grid[3], grid[2] - 1)
    if (height // max(1, tile - overlap) + 1) * (width // max(1, tile - overlap) + 1) > 400:
        height, width = min(height, 40), min(width, 40)
    picture = np.random.default_rng(0).random((height + 800, width + 800, 1)).astype(np.float32)
    rows = plan_side(height, tile=tile, overlap=overlap, multiple_of=multiple, minimum=multiple)
    columns = plan_side(width, tile=tile, overlap=overlap, multiple_of=multiple, minimum=multiple)
    written = np.zeros((height, width, 1), np.float32)
    times = np.zeros((height, width), int)
    told: list[tuple[int, int]] = []

    def piece(top: int, left: int) -> Computed:
        return lambda _left_over: picture[top : top + rows.tile, left : left + columns.tile]

    def store(top: int, left: int, part: NDArray[np.float32]) -> None:
        written[top : top + part.shape[0], left : left + part.shape[1]] = part
        times[top : top + part.shape[0], left : left + part.shape[1]] += 1

    run_tiles((rows, columns), piece, store, lambda done, total: told.append((done, total)), lanes=lanes)
    assert times.min() == times.max() == 1
    np.testing.assert_allclose(written, picture[:height, :width], atol=1e-6)
    count = len(rows.origins) * len(columns.origins)
    assert told == [(k + 1, count) for k in range(count)]


@given(GRIDS, st.integers(1, 60), st.integers(2, 4))
@settings(max_examples=40, deadline=None)
def test_what_is_enlarged_comes_out_whole_and_once(grid: tuple[int, int, int, int], width: int, scale: int) -> None:
    height, multiple, tile, overlap = min(grid[0], 60), grid[1], grid[1] * grid[2], grid[1] * min(grid[3], grid[2] - 1)
    rows = plan_side(height, tile=tile, overlap=overlap, multiple_of=multiple, minimum=multiple)
    columns = plan_side(width, tile=tile, overlap=overlap, multiple_of=multiple, minimum=multiple)
    picture = np.random.default_rng(0).random(((height + 150) * scale, (width + 150) * scale, 1)).astype(np.float32)
    written = np.zeros((height * scale, width * scale, 1), np.float32)
    times = np.zeros(written.shape[:2], int)

    def piece(top: int, left: int) -> Computed:
        place = (slice(top * scale, (top + rows.tile) * scale), slice(left * scale, (left + columns.tile) * scale))
        return lambda _left_over: picture[place]

    def store(top: int, left: int, part: NDArray[np.float32]) -> None:
        written[top : top + part.shape[0], left : left + part.shape[1]] = part
        times[top : top + part.shape[0], left : left + part.shape[1]] += 1

    run_tiles((rows, columns), piece, store, lambda _done, _total: None, scale=scale)
    assert times.min() == times.max() == 1
    np.testing.assert_allclose(written, picture[: height * scale, : width * scale], atol=1e-6)


@pytest.mark.parametrize("scale", [1, 3])
def test_a_step_between_pieces_becomes_a_ramp(scale: int) -> None:
    rows = plan_side(64, tile=64, overlap=32, multiple_of=8, minimum=8)
    columns = plan_side(96, tile=64, overlap=32, multiple_of=8, minimum=8)
    out = np.zeros((64 * scale, 96 * scale))

    def store(top: int, left: int, part: NDArray[np.float32]) -> None:
        out[top : top + part.shape[0], left : left + part.shape[1]] = part[:, :, 0]

    def piece(_top: int, left: int) -> Computed:
        return lambda _left_over: np.full((64 * scale, 64 * scale, 1), 1.0 if left else 0.0, np.float32)

    run_tiles((rows, columns), piece, store, lambda _done, _total: None, scale=scale)
    assert columns.origins == (0, 32)
    # the seam is in the middle of the overlap [32, 64), the ramp 8 pixels of the picture to each side
    np.testing.assert_array_equal(out[:, : 40 * scale], 0)
    np.testing.assert_array_equal(out[:, 56 * scale :], 1)
    np.testing.assert_allclose(np.diff(out[0, 40 * scale : 56 * scale]), 1 / (16 * scale), atol=1e-6)


def cut(count: int, side: int = 32) -> tuple[Side, Side]:
    """A row of so many pieces."""
    return (
        plan_side(side, tile=side, overlap=8, multiple_of=8, minimum=8),
        plan_side(side + (count - 1) * (side - 8), tile=side, overlap=8, multiple_of=8, minimum=8),
    )


def test_pieces_are_read_in_order_by_the_caller_and_computed_side_by_side_but_not_far_ahead() -> None:
    rows, columns = cut(9)
    both, caller = threading.Barrier(2, timeout=10), threading.get_ident()
    read: list[int] = []
    threads: set[int] = set()
    left_over: list[int] = []
    stored = 0

    def piece(_top: int, left: int) -> Computed:
        assert threading.get_ident() == caller
        read.append(left)
        # in hand: what is stored now, and at most one more than there are lanes
        assert len(read) <= stored + 3

        def compute(later: int) -> NDArray[np.float32]:
            if later > 0:  # of nine, the last is alone
                both.wait()  # never comes where pieces are computed one after the other
            threads.add(threading.get_ident())
            left_over.append(later)
            return np.full((32, 32, 1), left, np.float32)

        return compute

    def store(_top: int, _left: int, _part: NDArray[np.float32]) -> None:
        nonlocal stored
        stored += 1

    run_tiles((rows, columns), piece, store, lambda _done, _total: None, lanes=2)
    assert read == list(columns.origins)
    assert sorted(left_over) == list(range(9))
    assert len(threads) == 2
    assert caller not in threads


@pytest.mark.parametrize("where", ["compute", "read", "store"])
def test_what_fails_ends_the_rest(where: str) -> None:
    rows, columns = cut(50)
    begun: list[int] = []

    def fail(here: str, index: int) -> None:
        if here == where and index == 3:
            raise MemoryError(here)

    def piece(_top: int, left: int) -> Computed:
        index = columns.origins.index(left)
        fail("read", index)

        def compute(_left_over: int) -> NDArray[np.float32]:
            begun.append(index)
            fail("compute", index)
            return np.zeros((32, 32, 1), np.float32)

        return compute

    before = threading.active_count()
    with pytest.raises(MemoryError, match=where):
        run_tiles((rows, columns), piece, lambda *_: fail("store", 3), lambda _done, _total: None, lanes=2)
    assert len(begun) <= 3 + 4
    assert threading.active_count() == before


def test_a_picture_of_one_piece_is_restored_where_it_is_asked_for() -> None:
    rows, columns = cut(1)
    where: list[tuple[int, int]] = []

    def piece(_top: int, _left: int) -> Computed:
        def compute(left_over: int) -> NDArray[np.float32]:
            where.append((threading.get_ident(), left_over))
            return np.zeros((32, 32, 1), np.float32)

        return compute

    run_tiles((rows, columns), piece, lambda *_: None, lambda _done, _total: None, lanes=4)
    assert where == [(threading.get_ident(), 0)]
