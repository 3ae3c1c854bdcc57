"""JPEG without a file: what libjpeg makes of the same pictures, through Pillow."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from PIL import Image

from pixelmend.degradations.jpeg import Jpeg, compress, quantization_table
from pixelmend.images import read_rgb8
from pixelmend.images.jpeg_tables import CHROMA_TABLE, LUMA_TABLE

SUBSAMPLINGS = {"444": 0, "420": 2}  # ours to Pillow's
SAME = 45.0
"""PSNR in dB to the library: in a few blocks a value at the edge of a quantization step falls to the other side."""


def _tensor(pixels: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(pixels.astype(np.float32) / 255).permute(2, 0, 1)[None]


def _levels(pictures: torch.Tensor) -> np.ndarray:
    levels: np.ndarray = (pictures[0] * 255).round().permute(1, 2, 0).numpy()
    return levels


def _libjpeg(pixels: np.ndarray, quality: int, subsampling: str) -> np.ndarray:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=quality, subsampling=SUBSAMPLINGS[subsampling])
    return np.asarray(Image.open(file)).astype(np.float64)


def _psnr(one: np.ndarray, other: np.ndarray) -> float:
    return float(10 * np.log10(255**2 / max(1e-9, np.mean((one.astype(np.float64) - other) ** 2))))


def _textured(photo: np.ndarray) -> np.ndarray:
    noise = np.random.default_rng(0).normal(0, 6, photo.shape)
    pixels: np.ndarray = np.clip(photo * 255 + noise, 0, 255).astype(np.uint8)[:91, :121]  # not a multiple of 8
    return pixels


@pytest.mark.parametrize("subsampling", SUBSAMPLINGS)
@pytest.mark.parametrize("quality", [1, 5, 10, 25, 49, 50, 75, 90, 95, 100])
def test_it_is_what_libjpeg_gives(photo: np.ndarray, quality: int, subsampling: str) -> None:
    pixels = _textured(photo)
    reference = _libjpeg(pixels, quality, subsampling)
    ours = _levels(compress(_tensor(pixels), torch.tensor([quality]), halve_colour=subsampling == "420"))
    assert _psnr(ours, reference) > SAME
    assert _psnr(ours, pixels) == pytest.approx(_psnr(reference, pixels), abs=0.1)


@pytest.mark.shared
@pytest.mark.parametrize("subsampling", SUBSAMPLINGS)
def test_photographs_lose_as_much_as_in_libjpeg(shared: object, subsampling: str) -> None:
    paths = sorted((shared / "data/test/kodak24").iterdir())[::6]  # type: ignore[operator]
    for path in paths:
        pixels = read_rgb8(path)
        for quality in (5, 10, 30, 60, 95):
            reference = _libjpeg(pixels, quality, subsampling)
            ours = _levels(compress(_tensor(pixels), torch.tensor([quality]), halve_colour=subsampling == "420"))
            assert _psnr(ours, pixels) == pytest.approx(_psnr(reference, pixels), abs=0.1), (path.name, quality)
            assert _psnr(ours, reference) > SAME


def test_the_tables_are_those_of_the_library() -> None:
    for quality in (1, 7, 49, 50, 51, 88, 100):
        file = io.BytesIO()
        Image.new("RGB", (8, 8)).save(file, "JPEG", quality=quality)
        written = Image.open(file).quantization  # type: ignore[attr-defined] # of the JPEG plugin's class
        for table, number in ((LUMA_TABLE, 0), (CHROMA_TABLE, 1)):
            assert quantization_table(table, torch.tensor([quality]))[0].tolist() == list(written[number])


def test_grey_pictures_stay_grey_and_lose_what_a_grey_file_loses(photo: np.ndarray) -> None:
    grey = _textured(photo)[..., 1]
    file = io.BytesIO()
    Image.fromarray(grey).save(file, "JPEG", quality=20)
    reference = np.asarray(Image.open(file))
    for halve in (True, False):
        ours = compress(_tensor(np.stack([grey] * 3, axis=-1)), torch.tensor([20]), halve_colour=halve)
        assert torch.equal(ours[:, 0], ours[:, 1])
        assert torch.equal(ours[:, 0], ours[:, 2])
        assert _psnr(_levels(ours)[..., 0], reference) > SAME


@pytest.mark.parametrize("subsampling", SUBSAMPLINGS)
def test_a_shift_moves_the_block_grid(photo: np.ndarray, subsampling: str) -> None:
    pixels = _textured(photo)
    down, right = 3, 5
    params = {
        "quality": torch.tensor([15]),
        "subsampling": torch.tensor([["420", "444"].index(subsampling)]),
        "shift_x": torch.tensor([right]),
        "shift_y": torch.tensor([down]),
    }
    ours = _levels(Jpeg.apply(_tensor(pixels), params))
    assert ours.shape == pixels.shape
    height, width = pixels.shape[:2]
    # The edge beyond the picture only has to repeat it as far as blocks reach.
    framed = np.pad(pixels, ((down, 15 - down), (right, 15 - right), (0, 0)), mode="edge")
    reference = _libjpeg(framed, 15, subsampling)[down : down + height, right : right + width]
    assert _psnr(ours, reference) > SAME
    unmoved = _libjpeg(pixels, 15, subsampling)
    assert _psnr(ours, unmoved) < 40


def test_a_second_compression_on_the_same_grid_takes_little_and_off_the_grid_takes_more(photo: np.ndarray) -> None:
    clean = _tensor(_textured(photo))
    quality = torch.tensor([30])
    once = compress(clean, quality, halve_colour=False)
    same = Jpeg(quality=30, subsampling="444")
    moved = Jpeg(quality=30, subsampling="444", shift_x=4, shift_y=4)
    generator = torch.Generator().manual_seed(0)
    again, off = (_levels(k.apply(once, k.sample(1, generator))) for k in (same, moved))
    assert _psnr(again, _levels(once)) > _psnr(off, _levels(once)) + 5


def test_pictures_of_one_batch_may_differ_in_everything(photo: np.ndarray) -> None:
    clean = _tensor(_textured(photo)).expand(4, -1, -1, -1)
    params = {
        "quality": torch.tensor([5, 50, 95, 20]),
        "subsampling": torch.tensor([0, 1, 0, 1]),
        "shift_x": torch.tensor([0, 3, 0, 0]),
        "shift_y": torch.tensor([0, 0, 7, 0]),
    }
    together = Jpeg.apply(clean, params)
    for row in range(4):
        alone = Jpeg.apply(clean[:1], {key: value[row : row + 1] for key, value in params.items()})
        assert ((together[row] - alone[0]).abs() > 1e-6).float().mean() < 0.01


def test_values_outside_the_range_are_clipped_and_levels_come_out() -> None:
    wild = torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(0)) * 4 - 2
    out = compress(wild, torch.tensor([90]), halve_colour=False)
    assert 0 <= float(out.min()) <= float(out.max()) <= 1
    assert torch.equal(out * 255, (out * 255).round())
