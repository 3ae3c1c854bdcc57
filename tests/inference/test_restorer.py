"""``restore``: same kind back, any size, tiled as whole, levels and notes as told."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from pixelmend import catalog, restore
from pixelmend.errors import ModelError, UnreadableError, UnwritableError, UsageError
from pixelmend.images import decode, encode, open_image
from pixelmend.inference import Options, Report, cached_engine, canvas, restore_picture

if TYPE_CHECKING:
    from pathlib import Path

Photo = NDArray[np.float32]


@pytest.fixture
def card(tiny_card: Path) -> catalog.Card:
    return catalog.load(tiny_card)


def eight(photo: Photo) -> NDArray[np.uint8]:
    return np.rint(photo * 255).astype(np.uint8)


def run(image: Any, card: catalog.Card, **options: Any) -> tuple[NDArray[Any], Report]:
    return restore_picture(open_image(image), card, cached_engine(card), Options(**options))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("shape", [(1, 1, 3), (7, 300, 3), (96, 128), (65, 63, 1), (20, 30, 4)])
def test_arrays_of_any_size_come_back_alike(card: catalog.Card, dtype: type, shape: tuple[int, ...]) -> None:
    white = {"uint8": 255, "uint16": 65535, "float32": 1}[np.dtype(dtype).name]
    array: NDArray[Any] = (np.random.default_rng(0).random(shape) * white).astype(dtype)
    before = array.copy()
    same = restore(array, card, sigma=0)
    assert (same.shape, same.dtype) == (array.shape, array.dtype)
    # at level 0 this model changes nothing, so nothing in the whole way may
    np.testing.assert_allclose(same.astype(float) / white, array / white, atol=2e-7)
    assert np.any(restore(array, card, sigma=75) != array) or array.size == 3
    np.testing.assert_array_equal(array, before)


def test_an_engine_and_a_precision_may_be_asked_for(card: catalog.Card, photo: Photo) -> None:
    pytest.importorskip("openvino")
    wanted = restore(photo, card, sigma=50, engine="onnxruntime")
    np.testing.assert_allclose(
        restore(photo, card, sigma=50, engine="openvino", precision="float32"), wanted, atol=1e-5
    )
    np.testing.assert_array_equal(restore(photo, card, sigma=50, device="cpu"), wanted)  # the environment names it
    with pytest.raises(UsageError, match="unknown engine 'onnx': choose one of"):
        restore(photo, card, engine="onnx")
    with pytest.raises(UsageError, match="leave precision at 'auto'"):
        restore(photo, card, precision="int8")


def test_a_result_of_another_size_than_the_card_says_is_refused(card: catalog.Card, photo: Photo) -> None:
    with pytest.raises(ModelError, match=r"gave a piece of \(56, 56, 3\), wanted \(112, 112, 3\)"):
        run(photo, replace(card, scale=2))


def test_tiled_and_whole_differ_by_less_than_a_level(card: catalog.Card, photo: Photo) -> None:
    whole, one = run(photo, card, sigma=75, tile=1000)
    tiled, many = run(photo, card, sigma=75, tile=32)
    assert (one.tiles, many.tiles > 8) == (1, True)
    assert np.abs(whole - tiled).max() < 1e-6


def test_the_model_was_told_the_level(card: catalog.Card, photo: Photo) -> None:
    rough = np.clip(photo + np.random.default_rng(0).normal(0, 0.1, photo.shape), 0.1, 0.9).astype(np.float32)
    smooth = np.pad(rough, ((1, 1), (1, 1), (0, 0)))
    mean = sum(smooth[y : y + 96, x : x + 128] for y in range(3) for x in range(3)) / 9
    restored, _ = run(rough, card, sigma=51, anchor=False)
    inner = (slice(1, -1), slice(1, -1))
    np.testing.assert_allclose(restored[inner], (rough + (mean - rough) * 0.2)[inner], atol=1e-5)


def test_float_noise_comes_in_unclipped_and_goes_out_clamped(card: catalog.Card) -> None:
    array = np.full((32, 32, 3), 0.5, np.float32)
    array[16, 16] = 2.0
    restored, _ = run(array, card, sigma=75, anchor=False)
    assert restored.max() == 1.0
    # the neighbours see the 2, not a 1: 0.5 + (75 / 255) · (1.5 / 9)
    assert restored[16, 17, 0] == pytest.approx(0.5 + 75 / 255 * 1.5 / 9, abs=1e-5)


def test_the_level_is_estimated_when_it_is_not_given(card: catalog.Card) -> None:
    noise = np.random.default_rng(0).normal(0, 25 / 255, (128, 128, 3))
    _, report = run((0.5 + noise).astype(np.float32), card)
    assert report.sigma_estimated
    assert report.sigma == pytest.approx(25, rel=0.05)


@pytest.mark.parametrize("sigma", [-1, 256, float("nan"), float("inf")])
def test_impossible_levels(card: catalog.Card, sigma: float) -> None:
    with pytest.raises(UsageError, match="wanted a noise level from 0 to 255"):
        restore(np.zeros((8, 8, 3), np.uint8), card, sigma=sigma)


def test_levels_beyond_the_model_are_reduced_and_it_is_said(card: catalog.Card, photo: Photo) -> None:
    _, report = run(photo, card, sigma=100)
    assert report.sigma == 75
    assert any("100.0 was given" in note for note in report.notes)


@pytest.mark.parametrize("side", [(20, 500), (32, 64), (96, 128)])
def test_a_model_of_one_size_is_fed_that_size(side: tuple[int, int], card: catalog.Card, photo: Photo) -> None:
    fixed = replace(card, fixed=(32, 64), tile=64, minimum=32)
    picture = np.resize(photo, (*side, 3))
    got, report = run(picture, fixed, sigma=75)
    assert report.tile == (32, 64)
    np.testing.assert_allclose(got, run(picture, card, sigma=75, tile=1000)[0], atol=1e-6)
    with pytest.raises(UsageError, match="got tile 64, but denoise-tiny takes pieces of 32×64 only: leave it out"):
        run(picture, fixed, sigma=75, tile=64)


@pytest.mark.parametrize("tile", [0, -5])
def test_impossible_tiles(tile: int) -> None:
    with pytest.raises(UsageError, match="tile"):
        Options(tile=tile)


def test_a_path_gives_a_path_and_keeps_the_input(card: catalog.Card, tmp_path: Path, photo: Photo) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(encode(eight(photo), "jpeg"))
    before = path.read_bytes()
    assert restore(path, card, sigma=10) == tmp_path / "a_restored.jpg"
    assert restore(str(path), card, sigma=10, output=tmp_path / "b.png") == tmp_path / "b.png"
    assert decode(tmp_path / "b.png").width == photo.shape[1]
    assert path.read_bytes() == before
    with pytest.raises(UsageError, match="the input itself"):
        restore(path, card, output=path)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["a.jpg", "a_restored.jpg", "b.png"]


def test_bytes_and_pil_images_come_back_alike(card: catalog.Card, photo: Photo) -> None:
    data = restore(encode(eight(photo), "png"), card, sigma=0)
    assert isinstance(data, bytes)
    with Image.open(io.BytesIO(data)) as image:
        np.testing.assert_array_equal(np.asarray(image), eight(photo))
    for mode in ("L", "RGB", "RGBA"):
        given = Image.fromarray(eight(photo)).convert(mode)
        result = restore(given, card, sigma=0)
        assert result.mode == mode
        assert result.tobytes() == given.tobytes()


def test_output_is_for_paths_only(card: catalog.Card) -> None:
    with pytest.raises(UsageError, match="output="):
        restore(np.zeros((8, 8, 3), np.uint8), card, output="a.png")


def test_a_large_result_is_mapped_to_a_file(card: catalog.Card, photo: Photo, monkeypatch: pytest.MonkeyPatch) -> None:
    plain, _ = run(photo, card, sigma=30)
    monkeypatch.setattr(canvas, "_SCRATCH_BYTES", 1000)
    mapped, _ = run(photo, card, sigma=30)
    assert isinstance(mapped, np.memmap)
    np.testing.assert_array_equal(mapped, plain)
    assert type(restore(photo, card, sigma=30)) is np.ndarray


def test_a_damaged_file_leaves_nothing(card: catalog.Card, tmp_path: Path) -> None:
    rough = np.random.default_rng(0).integers(0, 255, (200, 200, 3), dtype=np.uint8)
    path = tmp_path / "a.jpg"
    path.write_bytes(encode(rough, "jpeg")[:9000])
    with pytest.raises(UnreadableError):
        restore(path, card, sigma=10)
    assert [each.name for each in tmp_path.iterdir()] == ["a.jpg"]


def test_a_result_that_would_be_too_large_is_refused_before_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIXELMEND_MAX_MEGAPIXELS", "0.05")
    picture = np.zeros((200, 200, 3), np.uint8)
    with pytest.raises(UnwritableError, match="would become 800×800 pixels"):
        restore(picture, "super-resolve", scale=4)
    assert restore(picture, strength=0).shape == (200, 200, 3)
