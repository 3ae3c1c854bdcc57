"""Models that enlarge, that are told a mask, or that are told nothing; and two that restore together."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from pixelmend import restore
from pixelmend.errors import ModelError, UnknownNameError, UnwritableError, UsageError
from pixelmend.images import decode, encode, open_image, save
from pixelmend.inference import Options, Report, cached_engine, canvas, find_weights, restore_picture
from pixelmend.inference.weights import MixedEngine
from tests.small_models import SHIPPING, make_model, make_shelf

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pixelmend.catalog import Card
    from pixelmend.inference import Engine

Photo = NDArray[np.float32]
ENLARGING = {2: "super-resolve-small-x2", 3: "super-resolve-small-x3", 4: "super-resolve-small-x4"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Models of every kind."""
    folder = tmp_path_factory.mktemp("shelf")
    make_shelf(folder)
    return folder


@pytest.fixture
def _shelf(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are what ships."""
    monkeypatch.setattr("pixelmend.catalog.shelf.FOLDER", folder)


def stored(photo: NDArray[Any], dtype: Any) -> NDArray[Any]:
    white = {"uint8": 255, "uint16": 65535, "float32": 1}[np.dtype(dtype).name]
    return photo.astype(np.float32) if white == 1 else np.rint(photo * white).astype(dtype)


def run(image: Any, card: Card, **options: Any) -> tuple[NDArray[Any], Report]:
    return restore_picture(open_image(image), card, cached_engine(card), Options(**options))


class Watched:
    """An engine that keeps what it was given."""

    title, device, precision, lanes = "watched", "cpu", "float32", 2

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.calls: list[tuple[Photo, dict[str, Photo]]] = []
        self.left: list[int] = []

    def run(self, degraded: Photo, conditions: Mapping[str, Photo], *, left: int = 0) -> Photo:
        """See ``Engine.run``."""
        self.calls.append((degraded.copy(), dict(conditions)))
        self.left.append(left)
        return self.engine.run(degraded, conditions, left=left)


@pytest.mark.parametrize("scale", [2, 4])
def test_enlarged_in_pieces_is_enlarged_whole(folder: Path, scale: int) -> None:
    picture = np.random.default_rng(1).random((150, 211, 3), dtype=np.float32)
    card = make_model(folder, ENLARGING[scale])
    whole, one = run(picture, replace(card, tile=512))
    pieces, many = run(picture, card)
    assert (one.tiles, many.tiles) == (1, 15)
    assert whole.shape == (150 * scale, 211 * scale, 3)
    assert np.ptp(whole) > 0.5
    np.testing.assert_allclose(pieces, whole, atol=1e-5)


@pytest.mark.usefixtures("_shelf")
@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("shape", [(1, 1, 3), (7, 13, 3), (7, 13), (20, 9, 1), (13, 7, 4), (9, 30, 2)])
def test_arrays_of_any_size_come_back_enlarged(scale: int, dtype: type, shape: tuple[int, ...]) -> None:
    given = stored(np.random.default_rng(2).random(shape), dtype)
    before = given.copy()
    larger = restore(given, "super-resolve", scale=scale)
    assert (larger.shape, larger.dtype) == ((shape[0] * scale, shape[1] * scale, *shape[2:]), given.dtype)
    np.testing.assert_array_equal(given, before)


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_the_whole_network_is_what_the_pixels_are(folder: Path, scale: int) -> None:
    card = make_model(folder, ENLARGING[scale])
    picture = np.random.default_rng(3).random((32, 40, 3), dtype=np.float32)
    larger, report = run(picture, card, anchor=False)
    wanted = cached_engine(card).run(np.ascontiguousarray(picture.transpose(2, 0, 1)[None]), {})[0]
    np.testing.assert_allclose(larger, np.clip(wanted.transpose(1, 2, 0), 0, 1), atol=1e-6)
    assert (report.width, report.height) == (40, 32)
    assert (report.output_width, report.output_height) == (40 * scale, 32 * scale)


def test_a_large_enlargement_is_mapped_to_a_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    card = make_model(folder, ENLARGING[4])
    picture = np.random.default_rng(4).integers(0, 255, (20, 30, 3), dtype=np.uint8)
    monkeypatch.setattr(canvas, "_SCRATCH_BYTES", picture.nbytes * 16)
    plain, _ = run(picture, card, anchor=False)
    monkeypatch.setattr(canvas, "_SCRATCH_BYTES", picture.nbytes * 16 - 1)
    mapped, _ = run(picture, card, anchor=False)
    assert isinstance(mapped, np.memmap)
    assert not isinstance(plain, np.memmap)
    np.testing.assert_array_equal(mapped, plain)


@pytest.mark.usefixtures("_shelf")
def test_files_bytes_and_pil_images_come_back_enlarged(photo: Photo, tmp_path: Path) -> None:
    pixels = np.dstack([stored(photo, np.uint8), stored(photo[:, :, :1], np.uint8)])
    Image.fromarray(pixels).save(tmp_path / "a.png")
    larger = decode(restore(tmp_path / "a.png", "super-resolve"))
    assert (larger.height, larger.width) == (96 * 4, 128 * 4)
    assert (larger.alpha.height, larger.alpha.width) == (96 * 4, 128 * 4)
    from_bytes = decode(restore((tmp_path / "a.png").read_bytes(), "super-resolve", scale=2))
    assert (from_bytes.height, from_bytes.alpha.width) == (96 * 2, 128 * 2)
    from_pil = restore(Image.fromarray(pixels), "super-resolve", scale=3)
    assert (from_pil.mode, from_pil.size) == ("RGBA", (128 * 3, 96 * 3))
    # alpha is enlarged in the same way whatever kind came in
    again = decode(restore((tmp_path / "a.png").read_bytes(), "super-resolve", scale=3)).alpha.numpy()
    np.testing.assert_array_equal(np.asarray(from_pil)[:, :, 3], again.reshape(96 * 3, 128 * 3))


@pytest.mark.usefixtures("_shelf")
def test_a_format_that_cannot_hold_the_result_is_told_before_the_work(tmp_path: Path) -> None:
    path = tmp_path / "a.webp"
    save(np.zeros((2, 5000, 3), np.uint8), path)
    with pytest.raises(UnwritableError, match="got 20000×8, WebP holds at most 16383 a side"):
        restore(path, "super-resolve")
    assert [each.name for each in tmp_path.iterdir()] == ["a.webp"]


def test_a_model_that_is_told_no_level_gets_none_and_none_is_estimated(folder: Path, photo: Photo) -> None:
    _, report = run(photo, make_model(folder, "deblur-small"))
    assert (report.sigma, report.sigma_estimated, report.notes) == (None, False, ())
    _, report = run(photo, make_model(folder, "deblur-small"), sigma=25)
    assert report.sigma is None
    assert report.notes == ("noise level 25 was given, deblur-small is told none: it was not used",)


def holes(height: int, width: int) -> NDArray[np.bool_]:
    """A box, strokes and single pixels; one in twenty in all, none in the last rows."""
    lost: NDArray[np.bool_] = np.random.default_rng(5).random((height, width)) < 0.03
    lost[:, width // 2] = True
    lost[height // 3 : height // 3 + 4, : width // 4 + 1] = True
    lost[height - height // 3 :] = False
    return lost


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("shape", [(96, 128, 3), (96, 128, 1), (7, 13, 3), (96, 128, 4)])
def test_what_is_known_stays_bit_for_bit(folder: Path, dtype: type, shape: tuple[int, ...]) -> None:
    card = make_model(folder, "inpaint-small")
    given = stored(np.random.default_rng(6).random(shape), dtype)
    if given.dtype == np.float32:
        given = given * 3 - 1  # also beyond [0, 1]
    lost = holes(*shape[:2])
    filled = restore(given, card, mask=lost)
    np.testing.assert_array_equal(filled[~lost], given[~lost])
    colours = slice(0, min(shape[2], 3))
    assert np.mean(filled[lost][:, colours] != given[lost][:, colours]) > 0.9
    np.testing.assert_array_equal(filled[..., colours.stop :], given[..., colours.stop :])


def test_the_network_gets_black_where_pixels_are_lost_and_is_told_where(folder: Path, photo: Photo) -> None:
    card = make_model(folder, "inpaint-small")
    engine = Watched(cached_engine(card))
    lost = holes(61, 50)
    picture = open_image(photo[:61, :50] + 0.1)
    filled, report = restore_picture(picture, card, engine, Options(mask=lost))
    ((degraded, conditions),) = engine.calls
    assert degraded.shape == (1, 3, 64, 56)
    assert list(conditions) == ["mask"]
    mask = conditions["mask"][0, 0]
    assert set(np.unique(mask)) == {0, 1}
    np.testing.assert_array_equal(mask[:61, :50] == 1, lost)
    np.testing.assert_array_equal(degraded[0].max(axis=0) == 0, mask == 1)  # in the padding too
    wanted = engine.engine.run(degraded, conditions)[0].transpose(1, 2, 0)[:61, :50]
    np.testing.assert_allclose(filled[lost], np.clip(wanted, 0, 1)[lost], atol=1e-6)
    assert report.lost == pytest.approx(lost.mean())
    assert report.sigma is None


def test_filled_in_pieces_is_filled_whole_and_pieces_without_holes_are_not_run(folder: Path) -> None:
    card = make_model(folder, "inpaint-small")
    picture = open_image(np.random.default_rng(7).random((200, 150, 3), dtype=np.float32))
    lost = holes(200, 150)
    engine = Watched(cached_engine(card))
    told: list[int] = []
    pieces, report = restore_picture(
        picture, card, engine, Options(mask=lost), lambda done, _total: told.append(done)
    )  # fmt: skip
    whole, one = restore_picture(picture, replace(card, tile=512), engine.engine, Options(mask=lost))
    assert (one.tiles, report.tiles) == (1, len(told))
    assert 1 < len(engine.calls) < report.tiles
    # engines are told how many are still to come
    assert len(set(engine.left)) == len(engine.calls)
    assert set(engine.left) < set(range(report.tiles))
    np.testing.assert_allclose(pieces, whole, atol=1e-5)


def test_a_mask_may_be_a_file_a_picture_or_an_array(folder: Path, photo: Photo, tmp_path: Path) -> None:
    card = make_model(folder, "inpaint-small")
    lost = holes(96, 128)
    wanted = restore(photo, card, mask=lost)
    gray = np.where(lost, 128, 127).astype(np.uint8)
    save(gray, tmp_path / "mask.png")
    alpha = np.dstack([np.full((96, 128, 3), 255, np.uint8), lost.astype(np.uint8) * 255])
    masks = [
        tmp_path / "mask.png", str(tmp_path / "mask.png"), encode(gray, "png"), Image.fromarray(gray), gray,
        np.repeat(gray[:, :, None], 3, axis=2), lost.astype(np.float32), (lost * 65535).astype(np.uint16),
        Image.fromarray(alpha), alpha, encode_with_alpha(alpha),
    ]  # fmt: skip
    for mask in masks:
        np.testing.assert_array_equal(restore(photo, card, mask=mask), wanted)


def encode_with_alpha(pixels: NDArray[np.uint8]) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def test_a_mask_without_white_changes_nothing_and_it_is_said(folder: Path, photo: Photo) -> None:
    same, report = run(photo, make_model(folder, "inpaint-small"), mask=np.zeros((96, 128), bool))
    np.testing.assert_array_equal(same, photo)
    assert report.notes == ("the mask has no white: nothing is lost, and nothing was changed",)


def test_masks_that_do_not_fit_are_told(folder: Path, photo: Photo, tmp_path: Path) -> None:
    card = make_model(folder, "inpaint-small")
    with pytest.raises(UsageError, match=r"inpaint-small has to be told what is lost: give a mask.*--mask FILE"):
        restore(photo, card)
    for mask in (np.zeros((96, 127), bool), np.zeros((96, 127, 3), np.uint8)):
        with pytest.raises(UsageError, match="got a mask of 127×96 pixels, wanted 128×96"):
            restore(photo, card, mask=mask)
    with pytest.raises(UsageError, match="wanted \\(height, width\\)"):
        restore(photo, card, mask=np.zeros((96, 128, 1), bool))
    with pytest.raises(UsageError, match="no such file"):
        restore(photo, card, mask=tmp_path / "none.png")
    with pytest.raises(UsageError, match="got a mask, but deblur-small fills nothing in"):
        restore(photo, make_model(folder, "deblur-small"), mask=np.zeros((96, 128), bool))
    with pytest.raises(UsageError, match="fills in and enlarges at once"):
        restore(photo, replace(card, scale=2), mask=np.zeros((96, 128), bool))


def test_what_a_format_cannot_hold_is_told_before_the_work(
    folder: Path, photo: Photo, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object, **__: object) -> None:
        raise AssertionError("worked before it looked")

    monkeypatch.setattr("pixelmend.inference.work.restore_picture", never)
    wide = encode(np.zeros((1, 5000, 3), np.uint8), "webp")
    with pytest.raises(UnwritableError, match="got 20000×4, WebP holds at most 16383 a side"):
        restore(wide, make_model(folder, "super-resolve-small-x4"))


@pytest.mark.usefixtures("_shelf")
def test_a_size_must_be_that_of_the_weights_that_were_named() -> None:
    assert find_weights("denoise-base", size="base").card.name == "denoise-base"
    with pytest.raises(UsageError, match="got size nano for denoise-base, wanted base"):
        find_weights("denoise-base", size="nano")


def test_the_mask_is_never_written_over(folder: Path, photo: Photo, tmp_path: Path) -> None:
    save(stored(photo, np.uint8), tmp_path / "a.png")
    save(np.zeros((96, 128), np.uint8), tmp_path / "mask.png")
    before = (tmp_path / "mask.png").read_bytes()
    with pytest.raises(UsageError, match="is the mask, which is never written over"):
        restore(
            tmp_path / "a.png",
            make_model(folder, "inpaint-small"),
            mask=tmp_path / "mask.png",
            output=tmp_path / "mask.png",
        )
    assert (tmp_path / "mask.png").read_bytes() == before


@pytest.mark.usefixtures("_shelf")
@pytest.mark.parametrize("task", ["deblur", "photo", "super-resolve"])
def test_fidelity_goes_from_one_model_to_the_other(photo: Photo, task: str) -> None:
    name = {"super-resolve": "super-resolve-small-x4"}.get(task, f"{task}-small")
    faithful, perceptual = restore(photo, name), restore(photo, f"{name}-perceptual")
    assert np.abs(faithful - perceptual).max() > 0.1
    np.testing.assert_array_equal(restore(photo, task), faithful)
    np.testing.assert_array_equal(restore(photo, task, fidelity=1), faithful)
    np.testing.assert_array_equal(restore(photo, task, fidelity=0), perceptual)


@pytest.mark.usefixtures("_shelf")
def test_between_both_is_their_weighted_mean(photo: Photo) -> None:
    picture = photo * 0.2 + 0.4  # so that little is clamped
    options = Options(anchor=False)

    def restored(task: str, fidelity: float = 1) -> Photo:
        weights = find_weights(task, fidelity=fidelity)
        return restore_picture(open_image(picture), weights.card, weights.engine(), options)[0]

    faithful, perceptual = restored("deblur-small"), restored("deblur-small-perceptual")
    mixed = restored("deblur", 0.25)
    inside = (perceptual > 0) & (perceptual < 1) & (faithful > 0) & (faithful < 1)
    assert inside.mean() > 0.9
    np.testing.assert_allclose(mixed[inside], (0.25 * faithful + 0.75 * perceptual)[inside], atol=1e-5)
    weights = find_weights("deblur", fidelity=0.25)
    assert weights.card.name == "0.25 × deblur-small + 0.75 × deblur-small-perceptual"
    tiled, report = restore_picture(open_image(picture), weights.card, weights.engine(), replace(options, tile=32))
    assert report.tiles > 1
    assert (report.engine, report.device, report.precision) == ("ONNX Runtime", "cpu", "float32")
    np.testing.assert_allclose(tiled, mixed, atol=1e-5)


def test_two_models_are_asked_for_as_many_pieces_as_both_take(folder: Path, photo: Photo) -> None:
    first, second = (Watched(cached_engine(make_model(folder, "deblur-small"))) for _ in range(2))
    second.lanes = 1
    mixed = MixedEngine([(0.5, first), (0.5, second)])
    assert mixed.lanes == 1
    mixed.run(np.ascontiguousarray(photo[:64, :64].transpose(2, 0, 1)[np.newaxis]), {}, left=3)
    assert first.left == second.left == [3]


def test_what_two_models_need_is_what_either_needs(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    faithful, perceptual = make_model(folder, "deblur-small"), make_model(folder, "deblur-small-perceptual")
    cards = {
        "faithful": replace(faithful, sigma_range=(0.0, 50.0)),
        "perceptual": replace(perceptual, minimum=32, tile=128, overlap=64, sigma_range=(5.0, 75.0)),
    }
    monkeypatch.setattr("pixelmend.catalog.find", lambda *given: cards[given[3] if len(given) > 3 else "faithful"])
    card = find_weights("denoise", fidelity=0.5).card
    assert (card.minimum, card.tile, card.overlap, card.sigma_range) == (32, 128, 64, (5.0, 50.0))
    cards["perceptual"] = replace(perceptual, scale=2)
    with pytest.raises(ModelError, match="deblur-small and deblur-small-perceptual do not fit together"):
        find_weights("denoise", fidelity=0.5)


@pytest.mark.usefixtures("_shelf")
def test_a_name_a_task_or_a_card_says_which_weights(folder: Path) -> None:
    assert [find_weights(name).card.name for name in SHIPPING] == list(SHIPPING)
    assert find_weights("super-resolve-real").card.name == "super-resolve-real-small-x4"
    assert find_weights("denoise", size="base").card.name == "denoise-base"
    assert find_weights("super-resolve-small-x3", scale=3).card.scale == 3
    own = make_model(folder, "denoise-nano")
    assert find_weights(own).card is own


@pytest.mark.usefixtures("_shelf")
@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"task": "denoise", "fidelity": 0.5}, "denoise has no perceptual weights of size small .*fidelity below 1"),
        ({"task": "deblur", "size": "base", "fidelity": 0}, "deblur has no perceptual weights of size base"),
        ({"task": "super-resolve-real", "fidelity": 0.5}, "super-resolve-real has no perceptual weights"),
        ({"task": "deblur-small", "fidelity": 0.5}, "got fidelity 0.5 for deblur-small, which is one set of weights"),
        ({"task": "deblur", "fidelity": 1.5}, r"got fidelity 1.5, wanted 0 \(looks real\) to 1"),
        ({"task": "deblur", "fidelity": float("nan")}, "got fidelity nan"),
        ({"task": "super-resolve-small-x3", "scale": 4}, "got scale 4 for super-resolve-small-x3, wanted 3"),
        ({"task": "super-resolve", "scale": 5}, "choose one of: 2, 3, 4"),
        ({"task": "denoise", "size": "smal"}, "did you mean 'small'"),
    ],
)
def test_weights_that_are_not_there_are_told(wanted: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        restore(np.zeros((8, 8, 3), np.uint8), **wanted)
    assert "\n" not in str(caught.value)


@pytest.mark.usefixtures("_shelf")
def test_an_unknown_name_is_told_with_the_nearest_task_or_model() -> None:
    for got, near in (("deblur-bse", "deblur-base"), ("denoize", "denoise"), ("superresolve", "super-resolve")):
        with pytest.raises(UnknownNameError, match=f"unknown task '{got}': did you mean '{near}'"):
            find_weights(got)
