"""Missing parts: lost pixels are black and told; shares, counts and sizes are those asked for."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from scipy import ndimage

from pixelmend.degradations.glyphs import GLYPHS, HEIGHT, WIDTH, segments
from pixelmend.degradations.missing import Blobs, Lost, MissingBoxes, MissingPixels
from pixelmend.degradations.strokes import Scratches, Strokes
from pixelmend.degradations.text import Text

every_mask = pytest.mark.parametrize("kind", [MissingPixels, MissingBoxes, Blobs, Strokes, Scratches, Text])


def _drawn(kind: Lost, pictures: int, seed: int = 0) -> dict[str, torch.Tensor]:
    return kind.sample(pictures, torch.Generator().manual_seed(seed))


def _mask(kind: Lost, pictures: int, size: tuple[int, int], seed: int = 0) -> torch.Tensor:
    return kind.missing(torch.zeros(pictures, 3, *size), _drawn(kind, pictures, seed))


@every_mask
def test_lost_pixels_are_black_and_the_others_as_they_were(kind: type[Lost]) -> None:
    pictures = torch.rand(4, 3, 40, 57, generator=torch.Generator().manual_seed(0)) + 0.1
    params = _drawn(kind(), 4)
    mask, result = kind.missing(pictures, params), kind.apply(pictures, params)
    assert mask.shape == (4, 1, 40, 57)
    assert set(mask.flatten().tolist()) == {0.0, 1.0}
    assert torch.equal(result, torch.where(mask > 0, 0, pictures))


@every_mask
def test_something_is_lost_whatever_the_size_and_the_seed(kind: type[Lost]) -> None:
    for size in ((1, 1), (1, 12), (9, 1), (16, 16)):
        assert _mask(kind(), 60, size).amax(dim=(1, 2, 3)).min() == 1, size


@every_mask
def test_the_mask_is_that_of_the_picture_alone(kind: type[Lost]) -> None:
    params = _drawn(kind(), 5)
    pictures = torch.zeros(5, 3, 48, 33)
    together = kind.missing(pictures, params)
    for row in range(5):
        alone = kind.missing(pictures[:1], {name: values[row : row + 1] for name, values in params.items()})
        assert torch.equal(alone[0], together[row])


@pytest.mark.parametrize("share", [0.01, 0.5, 0.95])
def test_the_share_of_missing_pixels(share: float) -> None:
    found = _mask(MissingPixels(share=share), 2, (200, 250)).mean(dim=(1, 2, 3))
    assert found.tolist() == pytest.approx([share] * 2, abs=4 * (share * (1 - share) / 50_000) ** 0.5)


@pytest.mark.parametrize("kind", [MissingPixels, Blobs])
def test_a_share_of_nothing_and_of_everything(kind: type[MissingPixels | Blobs]) -> None:
    assert not _mask(kind(share=0), 3, (20, 30)).any()
    assert _mask(kind(share=1), 3, (20, 30)).all()


@pytest.mark.parametrize("size", [(128, 128), (400, 700)])
def test_the_share_of_blobs(size: tuple[int, int]) -> None:
    found = _mask(Blobs(share=0.3, size=0.1), 4, size).mean(dim=(1, 2, 3))
    assert found.tolist() == pytest.approx([0.3] * 4, abs=0.03)


def test_boxes_have_the_size_and_lie_within() -> None:
    masks = _mask(MissingBoxes(count=1, size=0.25), 300, (80, 160)).bool()
    rows, columns = masks.any(dim=3).sum(dim=(1, 2)), masks.any(dim=2).sum(dim=(1, 2))
    assert torch.equal(masks.sum(dim=(1, 2, 3)), rows * columns)  # whole rectangles
    assert ((rows * columns).double() / 400 - 1).abs().max() < 0.08  # 20 × 20
    assert (rows / columns).log2().abs().max() <= 1.1
    assert masks.any(dim=0).float().mean() > 0.9  # they lie anywhere; few reach into a corner


def test_so_many_boxes() -> None:
    masks = _mask(MissingBoxes(count=3, size=0.03), 50, (300, 300))
    counts = [ndimage.label(mask[0].numpy())[1] for mask in masks]
    assert max(counts) == 3
    assert sum(counts) > 140  # some touch


def test_masks_look_alike_on_a_crop_and_on_a_photograph() -> None:
    """Twice the picture: the same strokes, twice as large."""
    for kind in (Strokes(thickness=0.1), Text(height=0.2, lines=3), MissingBoxes(size=0.3)):
        small, large = _mask(kind, 6, (100, 120)), _mask(kind, 6, (200, 240))
        again = torch.nn.functional.avg_pool2d(large, 2).round()
        assert (again - small).abs().mean() < 0.03, type(kind).__name__


def test_strokes_are_as_thick_as_asked() -> None:
    """Dots of a brush, which is from half as thick as asked to all of it: a radius of 10 to 20 pixels."""
    masks = _mask(Strokes(count=1, thickness=0.1, length=0.01), 60, (400, 400))
    half = torch.tensor([ndimage.distance_transform_edt(mask[0].numpy()).max() for mask in masks])
    inner = half[masks[:, 0, [0, -1]].sum(dim=(1, 2)) + masks[:, 0, :, [0, -1]].sum(dim=(1, 2)) == 0]
    assert len(inner) > 30
    assert inner.min() >= 9.5
    assert inner.max() <= 22
    assert inner.max() - inner.min() > 7


def test_scratches_are_upright_thin_and_long() -> None:
    masks = _mask(Scratches(count=1, thickness=2, length=1, tilt=5), 60, (200, 300))
    for mask in masks:
        rows, columns = torch.nonzero(mask[0]).unbind(1)
        high, wide = int(rows.max() - rows.min()) + 1, int(columns.max() - columns.min()) + 1
        assert wide < 0.3 * 200
        assert float(mask.sum()) <= 3.2 * high
    assert masks.any(dim=3).float().mean() > 0.4


def test_scratches_that_may_lie_do_lie() -> None:
    masks = _mask(Scratches(count=1, length=2, tilt=90), 60, (200, 200))
    assert (masks.amax(dim=2).sum(dim=(1, 2)) > 100).float().mean() > 0.2


def test_every_glyph_is_drawn_within_its_grid_and_none_like_another() -> None:
    assert "".join(GLYPHS) == "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
    forms = set()
    for strokes in GLYPHS.values():
        points = [(int(x), int(y)) for stroke in strokes.split() for x, y in pairwise(stroke)]
        assert all(len(stroke) % 2 == 0 and len(stroke) >= 4 for stroke in strokes.split())
        forms.add(tuple(points))
        for stroke in strokes.split():
            assert all(int(x) <= WIDTH for x in stroke[::2])
            assert all(int(y) <= HEIGHT for y in stroke[1::2])
    assert len(forms) == 36
    ends, there = segments()
    assert ends.shape[:2] == there.shape
    assert ends.max() == 1


def test_text_has_rows_of_the_height_asked_for() -> None:
    mask = _mask(Text(height=0.1, lines=4, weight=0.1, tilt=0), 1, (300, 500))[0, 0]
    inked = mask.any(dim=1).int().tolist()
    starts = [row for row in range(1, 300) if inked[row] and not inked[row - 1]]
    ends = [row for row in range(1, 300) if inked[row - 1] and not inked[row]]
    assert len(starts) == len(ends) == 4
    assert [end - start for start, end in zip(starts, ends, strict=True)] == pytest.approx([33] * 4, abs=2)
    letters = ndimage.label(mask.numpy())[1]
    assert 20 < letters < 4 * 18


def test_steep_text_still_reaches_the_picture() -> None:
    assert _mask(Text(tilt=90, lines=1), 20, (20, 300)).amax(dim=(1, 2, 3)).min() == 1
