"""Tiling: pieces are aligned and cover all, every pixel is written once, and seams do not show."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pixelmend.inference.tiles import plan_side, run_tiles

if TYPE_CHECKING:
    from numpy.typing import NDArray

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
    assert all(0 < step <= tile - overlap for step in steps)
    # each piece holds what it contributes
    for index, origin in enumerate(side.origins):
        start, stop = side.owned(index)
        assert origin <= start < stop <= min(length, origin + side.tile)


@given(GRIDS, st.integers(1, 200))
@settings(max_examples=40, deadline=None)
def test_an_identity_comes_out_whole_and_once(grid: tuple[int, int, int, int], width: int) -> None:
    height, multiple, tile, overlap = grid[0], grid[1], grid[1] * grid[2], grid[1] * min(grid[3], grid[2] - 1)
    if (height // max(1, tile - overlap) + 1) * (width // max(1, tile - overlap) + 1) > 400:
        height, width = min(height, 40), min(width, 40)
    picture = np.random.default_rng(0).random((height + 800, width + 800, 1)).astype(np.float32)
    rows = plan_side(height, tile=tile, overlap=overlap, multiple_of=multiple, minimum=multiple)
    columns = plan_side(width, tile=tile, overlap=overlap, multiple_of=multiple, minimum=multiple)
    written = np.zeros((height, width, 1), np.float32)
    times = np.zeros((height, width), int)
    told: list[tuple[int, int]] = []

    def piece(top: int, left: int) -> NDArray[np.float32]:
        return picture[top : top + rows.tile, left : left + columns.tile]

    def store(top: int, left: int, part: NDArray[np.float32]) -> None:
        written[top : top + part.shape[0], left : left + part.shape[1]] = part
        times[top : top + part.shape[0], left : left + part.shape[1]] += 1

    run_tiles(rows, columns, piece, store, lambda done, total: told.append((done, total)))
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

    def piece(top: int, left: int) -> NDArray[np.float32]:
        return picture[top * scale : (top + rows.tile) * scale, left * scale : (left + columns.tile) * scale]

    def store(top: int, left: int, part: NDArray[np.float32]) -> None:
        written[top : top + part.shape[0], left : left + part.shape[1]] = part
        times[top : top + part.shape[0], left : left + part.shape[1]] += 1

    run_tiles(rows, columns, piece, store, lambda _done, _total: None, scale)
    assert times.min() == times.max() == 1
    np.testing.assert_allclose(written, picture[: height * scale, : width * scale], atol=1e-6)


@pytest.mark.parametrize("scale", [1, 3])
def test_a_step_between_pieces_becomes_a_ramp(scale: int) -> None:
    rows = plan_side(64, tile=64, overlap=32, multiple_of=8, minimum=8)
    columns = plan_side(96, tile=64, overlap=32, multiple_of=8, minimum=8)
    out = np.zeros((64 * scale, 96 * scale))

    def store(top: int, left: int, part: NDArray[np.float32]) -> None:
        out[top : top + part.shape[0], left : left + part.shape[1]] = part[:, :, 0]

    def piece(_top: int, left: int) -> NDArray[np.float32]:
        return np.full((64 * scale, 64 * scale, 1), 1.0 if left else 0.0, np.float32)

    run_tiles(rows, columns, piece, store, lambda _done, _total: None, scale)
    assert columns.origins == (0, 32)
    # the seam is in the middle of the overlap [32, 64), the ramp 8 pixels of the picture to each side
    np.testing.assert_array_equal(out[:, : 40 * scale], 0)
    np.testing.assert_array_equal(out[:, 56 * scale :], 1)
    np.testing.assert_allclose(np.diff(out[0, 40 * scale : 56 * scale]), 1 / (16 * scale), atol=1e-6)
