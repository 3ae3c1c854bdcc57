"""Fingerprints: the same for a picture and its altered copies, far for others, and true of shared parts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import pyvips
from scipy.fft import dctn
from scipy.ndimage import gaussian_filter

from pixelmend.data.fingerprint_file import SHIPPED, fingerprint_folder, read_fingerprints, write_fingerprints
from pixelmend.data.fingerprints import fingerprint, luma_of, reduce_to, whole_hashes
from pixelmend.data.overlap import WHOLE_LIMIT, Known, Library
from pixelmend.errors import DataError
from pixelmend.images import read_rgb8

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    Pixels = NDArray[np.uint8]


def scene(seed: int, height: int = 420, width: int = 520) -> Pixels:
    """A picture with detail at every scale, as photographs have: a sum of smoothed noises, some of it in blobs."""
    rng = np.random.default_rng(seed)
    total = np.zeros((height, width), np.float32)
    for sigma in (2, 4, 8, 16, 32, 64):
        layer = gaussian_filter(rng.standard_normal((height, width)).astype(np.float32), sigma)
        total += layer / layer.std() * np.float32(sigma) ** 0.6
    total = (total - total.min()) / np.ptp(total)
    return np.repeat((total * 255).astype(np.uint8)[:, :, None], 3, axis=2)


def through_vips(change: Callable[[pyvips.Image], pyvips.Image]) -> Callable[[Pixels], Pixels]:
    def altered(pixels: Pixels) -> Pixels:
        changed: Pixels = change(pyvips.Image.new_from_array(pixels)).numpy()
        return changed

    return altered


def jpeg(quality: int) -> Callable[[Pixels], Pixels]:
    return through_vips(lambda image: pyvips.Image.new_from_buffer(image.write_to_buffer(".jpg", Q=quality), ""))


ALTERED: dict[str, Callable[[Pixels], Pixels]] = {
    "compressed": jpeg(30),
    "a quarter": through_vips(lambda image: image.resize(0.25)),
    "twice": through_vips(lambda image: image.resize(2)),
    "brighter": lambda pixels: np.clip(pixels * 1.1 + 8, 0, 255).astype(np.uint8),
    "grey": lambda pixels: pixels[:, :, :1],
    "turned": lambda pixels: np.ascontiguousarray(np.rot90(pixels)),
    "turned back and mirrored": lambda pixels: np.ascontiguousarray(np.rot90(pixels, 3)[:, ::-1]),
    "upside down": lambda pixels: np.ascontiguousarray(pixels[::-1]),
}

CUT: dict[str, Callable[[Pixels], Pixels]] = {
    "cut": lambda pixels: pixels[90:390, 120:460],
    "cut and mirrored": lambda pixels: np.ascontiguousarray(pixels[90:390, 120:460][:, ::-1]),
    "cut and turned": lambda pixels: np.ascontiguousarray(np.rot90(pixels[60:400, 100:480])),
    "cut and compressed": lambda pixels: jpeg(60)(np.ascontiguousarray(pixels[90:390, 120:460])),
    "cut and smaller": lambda pixels: through_vips(lambda i: i.resize(0.75))(
        np.ascontiguousarray(pixels[40:400, 60:500])
    ),
}


@pytest.fixture(scope="module")
def library() -> Library:
    known = []
    for seed in range(6):
        found = fingerprint(scene(seed), points=128)
        assert found.whole is not None
        known.append(Known("made", str(seed), found.whole[0], found.points))
    return Library(known)


def test_the_hash_is_the_sign_of_scipys_dct() -> None:
    luma = luma_of(scene(0))
    hashes = whole_hashes(luma)
    assert hashes is not None
    small = reduce_to(luma, 64, 64).astype(np.float64)
    for symmetry, turned in enumerate((small, small[:, ::-1], small[::-1], small[::-1, ::-1], small.T)):
        wanted = dctn(turned, norm="ortho")[:16, :16].ravel()[1:] > 0
        # A frequency of almost no strength may fall on either side.
        assert np.count_nonzero(hashes[symmetry] != wanted) <= 1


def test_reduction_is_the_mean_of_each_cell() -> None:
    luma = np.arange(48, dtype=np.float32).reshape(6, 8)
    np.testing.assert_allclose(reduce_to(luma, 3, 4), luma.reshape(3, 2, 4, 2).mean(axis=(1, 3)), rtol=1e-6)
    np.testing.assert_allclose(reduce_to(luma, 4, 4).mean(), luma.mean(), rtol=1e-6)
    np.testing.assert_allclose(reduce_to(luma[:1, :1] + 7, 5, 5), np.full((5, 5), 7), rtol=1e-6)


@pytest.mark.parametrize("change", ALTERED)
def test_an_altered_copy_is_found_as_a_whole(change: str, library: Library) -> None:
    found = library.find(fingerprint(ALTERED[change](scene(2)), points=0))
    assert [(match.picture, match.part) for match in found] == [("2", False)]
    assert found[0].distance < WHOLE_LIMIT / 2


@pytest.mark.parametrize("change", CUT)
def test_a_part_is_found(change: str, library: Library) -> None:
    found = library.find(fingerprint(CUT[change](scene(3))))
    assert [(match.picture, match.part) for match in found] == [("3", True)]


def test_others_are_not_found(library: Library) -> None:
    assert all(library.find(fingerprint(scene(seed, 300, 400))) == [] for seed in range(20, 30))


def test_stripes_and_plain_pictures_show_nothing(library: Library) -> None:
    stripes = np.zeros((300, 300, 1), np.uint8)
    stripes[:, ::20] = 255
    found = fingerprint(stripes)
    assert Library([Known("s", "s", None, found.points)]).find(fingerprint(np.roll(stripes, 7, axis=1))) == []
    plain = fingerprint(np.full((300, 300, 3), 90, np.uint8))
    assert plain.whole is None
    assert len(plain.points) == 0
    assert library.find(plain) == []


@pytest.mark.parametrize("shape", [(1, 1, 3), (3, 900, 1), (40, 40, 3)])
def test_any_size_has_a_fingerprint(shape: tuple[int, int, int], library: Library) -> None:
    pixels = np.random.default_rng(0).integers(0, 65535, shape, dtype=np.uint16)
    assert library.find(fingerprint(pixels)) == []


def test_an_empty_library_finds_nothing() -> None:
    assert Library([]).find(fingerprint(scene(0))) == []


def test_a_file_gives_back_what_was_written(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    folder.mkdir()
    for seed in range(2):
        pyvips.Image.new_from_array(scene(seed)).write_to_file(str(folder / f"{seed}.png"))
    known = fingerprint_folder(folder, "mine")
    file = tmp_path / "prints.json"
    write_fingerprints(file, known)
    write_fingerprints(file, [Known("other", "x", None, known[0].points)])
    back = read_fingerprints(file)
    assert [(each.set_name, each.picture) for each in back] == [("mine", "0"), ("mine", "1"), ("other", "x")]
    assert back[2].whole is None
    for before, after in zip(known, back, strict=False):
        assert before.whole is not None
        assert after.whole is not None
        np.testing.assert_array_equal(before.whole, after.whole)
        np.testing.assert_array_equal(before.points.bits, after.points.bits)
        np.testing.assert_array_equal(before.points.symmetry, after.points.symmetry)
        np.testing.assert_allclose(before.points.place, after.points.place, atol=0.5)
        np.testing.assert_allclose(before.points.size, after.points.size, atol=0.01)
    assert Library(back).find(fingerprint(CUT["cut"](scene(1))))[0].picture == "1"


@pytest.mark.parametrize(
    "text", ["", "[]", '{"format": 9, "sets": {}}', '{"format": 1, "sets": {"a": {"b": ["?", 1]}}}']
)
def test_another_file_is_refused(text: str, tmp_path: Path) -> None:
    file = tmp_path / "prints.json"
    file.write_text(text)
    with pytest.raises(DataError, match=r"prints\.json"):
        read_fingerprints(file)
    with pytest.raises(DataError, match="cannot read"):
        read_fingerprints(tmp_path / "absent.json")


def test_the_shipped_file_holds_the_benchmarks() -> None:
    known = read_fingerprints(SHIPPED)
    names = {each.set_name for each in known}
    assert names >= {"bsd68", "cbsd68", "kodak24", "set5", "set14", "live1", "classic5", "levin09"}
    assert sum(each.set_name == "kodak24" for each in known) == 24


@pytest.mark.shared
def test_shipped_fingerprints_know_benchmarks_from_training_pictures(shared: Path) -> None:
    library = Library(read_fingerprints(SHIPPED))
    data = shared / "data"
    crop = np.ascontiguousarray(read_rgb8(data / "test/kodak24/kodim19.webp")[60:460, 80:410])
    assert [match.picture for match in library.find(fingerprint(crop))] == ["kodim19", "lighthouse3"]
    for path in sorted((data / "train" / "clic").iterdir())[:4]:
        assert library.find(fingerprint(read_rgb8(path))) == []
