"""Lanes that are asked for: each piece in one thread, and results that do not depend on how many there are."""

from __future__ import annotations

import numpy as np
import pytest

from pixelmend import catalog
from pixelmend.errors import UsageError
from pixelmend.images import open_image
from pixelmend.inference import OnnxEngine, Options, Wish, cached_engine, restore_picture
from pixelmend.inference.engines.table import KINDS


def test_fewer_than_none_are_refused() -> None:
    with pytest.raises(UsageError, match="got -1 lanes, wanted 0"):
        Wish(lanes=-1)


@pytest.mark.parametrize("engine", ["onnxruntime", "openvino"])  # the threads of PyTorch are those of all tests
def test_the_result_is_the_same_by_any_number(engine: str, photo: np.ndarray) -> None:
    if not KINDS[engine].is_installed():
        pytest.skip(f"{engine} is not installed")
    card = catalog.by_name("denoise-nano")
    picture = open_image(np.tile(photo, (3, 3, 1)))  # 288×384, in several pieces
    results = []
    for lanes in (1, 2, 3):
        running = cached_engine(card, Wish(engine=engine, device="cpu", lanes=lanes))
        pixels, report = restore_picture(picture, card, running, Options(sigma=20, tile=128))
        results.append(pixels)
        assert report.tiles >= 4
    np.testing.assert_array_equal(results[0], results[1])
    np.testing.assert_array_equal(results[0], results[2])


def test_onnx_runtime_has_as_many_as_are_asked_for_up_to_four() -> None:
    path = catalog.by_name("denoise-nano").path
    assert [OnnxEngine(path, "cpu", lanes=lanes).lanes for lanes in (1, 3, 9)] == [1, 3, 4]
