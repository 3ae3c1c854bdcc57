"""Benchmark sets are found under any spelling, described exactly, and refused where not to be trusted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import pyvips

from pixelmend.data.benchmarks import find_benchmark
from pixelmend.data.published import LAYOUTS
from pixelmend.errors import DataError, UnknownNameError, UnreadableError

if TYPE_CHECKING:
    from pathlib import Path


def put(folder: Path, *names: str, level: int = 0) -> None:
    """Write small pictures that differ by name; `level` changes one pixel of each."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        pixels = np.random.default_rng(sum(name.split(".")[0].encode())).integers(0, 255, (12, 14, 3), np.uint8)
        pixels[0, 0] = level
        pyvips.Image.new_from_array(pixels).write_to_file(str(folder / name), **_lossless(name))


def _lossless(name: str) -> dict[str, bool]:
    return {"lossless": True} if name.endswith(".webp") else {}


def test_a_set_is_described_as_it_lies_there(tmp_path: Path) -> None:
    put(tmp_path / "kodak24", "b.png", "a.png", "c.png")
    (tmp_path / "kodak24" / "SOURCES.txt").write_text("where from")
    found = find_benchmark(tmp_path, "kodak24")
    assert (found.name, found.title, found.color, found.expected) == ("kodak24", "Kodak24", "rgb", 24)
    assert [path.name for path in found.paths] == ["a.png", "b.png", "c.png"]
    assert found.load(found.paths[0]).shape == (12, 14, 3)


def test_a_gray_set_is_read_as_one_channel(tmp_path: Path) -> None:
    put(tmp_path / "bsd68", "a.png")
    found = find_benchmark(tmp_path, "bsd68")
    assert found.color == "gray"
    assert found.load(found.paths[0]).shape == (12, 14)


@pytest.mark.parametrize("folder", ["CBSD68", "cbsd-68", "Cbsd_68"])
def test_the_folders_spelling_does_not_matter(tmp_path: Path, folder: str) -> None:
    put(tmp_path / folder, "a.png")
    put(tmp_path / "BSD68", "b.png")
    assert find_benchmark(tmp_path, "CBSD68").paths[0].name == "a.png"


def test_lossless_copies_in_another_format_have_the_same_checksum(tmp_path: Path) -> None:
    put(tmp_path / "one" / "kodak24", "a.png", "b.png")
    put(tmp_path / "two" / "Kodak24", "a.webp", "b.tif")
    one, two = (find_benchmark(tmp_path / root, "kodak24") for root in ("one", "two"))
    assert one.checksum == two.checksum
    assert len(one.checksum) == 64


def test_any_change_shows_in_the_checksum(tmp_path: Path) -> None:
    put(tmp_path / "kodak24", "a.png", "b.png")
    sums = {find_benchmark(tmp_path, "kodak24").checksum}
    put(tmp_path / "kodak24", "b.png", level=1)
    sums.add(find_benchmark(tmp_path, "kodak24").checksum)
    (tmp_path / "kodak24" / "b.png").rename(tmp_path / "kodak24" / "c.png")
    sums.add(find_benchmark(tmp_path, "kodak24").checksum)
    (tmp_path / "kodak24" / "c.png").unlink()
    sums.add(find_benchmark(tmp_path, "kodak24").checksum)
    assert len(sums) == 4


def test_a_broken_picture_is_left_for_the_measurement_to_report(tmp_path: Path) -> None:
    put(tmp_path / "kodak24", "a.png")
    before = find_benchmark(tmp_path, "kodak24").checksum
    (tmp_path / "kodak24" / "b.png").write_bytes(b"no picture")
    found = find_benchmark(tmp_path, "kodak24")
    assert found.checksum != before
    with pytest.raises(UnreadableError):
        found.load(found.paths[1])


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    (tmp_path / "set5").mkdir()
    with pytest.raises(DataError, match=r"no folder kodak24.*found set5"):
        find_benchmark(tmp_path, "kodak24")
    with pytest.raises(DataError, match="not a folder"):
        find_benchmark(tmp_path / "absent", "kodak24")
    (tmp_path / "kodak24").mkdir()
    with pytest.raises(DataError, match="no picture: expected the 24"):
        find_benchmark(tmp_path, "kodak24")


def test_an_unknown_set_names_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'kodak24'"):
        find_benchmark(tmp_path, "kodak25")


def test_what_cannot_be_the_set_is_refused(tmp_path: Path) -> None:
    put(tmp_path / "kodak24", *(f"{i:02}.png" for i in range(24)))
    assert len(find_benchmark(tmp_path, "kodak24").paths) == 24
    put(tmp_path / "kodak24", "24.png")
    with pytest.raises(DataError, match="25 pictures: Kodak24 has 24"):
        find_benchmark(tmp_path, "kodak24")
    (tmp_path / "kodak24" / "24.png").rename(tmp_path / "kodak24" / "00.tif")
    with pytest.raises(DataError, match=r"00\.png and 00\.tif"):
        find_benchmark(tmp_path, "kodak24")


def test_two_folders_of_one_set_are_refused(tmp_path: Path) -> None:
    put(tmp_path / "kodak24", "a.png")
    put(tmp_path / "Kodak-24", "a.png")
    with pytest.raises(DataError, match="keep one"):
        find_benchmark(tmp_path, "kodak24")


@pytest.mark.shared
@pytest.mark.parametrize("name", ["bsd68", "cbsd68", "kodak24"])
def test_the_published_sets_are_whole(shared: Path, name: str) -> None:
    found = find_benchmark(shared / "data" / "test", name)
    assert len(found.paths) == LAYOUTS[name].count
    assert found.load(found.paths[0]).ndim == (2 if name == "bsd68" else 3)


def test_pairs_are_loaded_with_their_kernel(tmp_path: Path) -> None:
    put(tmp_path / "levin09" / "sharp", "im1.png")
    put(tmp_path / "levin09" / "kernel", "kernel1.png", "kernel2.png")
    put(tmp_path / "levin09" / "blur", "im1_kernel1_img.png", "im1_kernel2_img.png", level=9)
    found = find_benchmark(tmp_path, "levin09")
    assert [item.variant for item in found.items] == ["kernel1", "kernel2"]
    assert [path.name for path in found.paths] == ["im1.png"]
    pair = found.load_pair(found.items[1])
    assert pair.kernel is not None
    assert pair.kernel.sum() == pytest.approx(1)
    assert pair.degraded.shape == pair.clean.shape == (12, 14)
    assert not np.array_equal(pair.degraded, pair.clean)


def test_levins_own_files_are_read(tmp_path: Path) -> None:
    from scipy.io import savemat

    (tmp_path / "Levin").mkdir()
    rng = np.random.default_rng(0)
    clean, blurred, kernel = rng.random((9, 8)), rng.random((9, 8)), rng.random((5, 5))
    savemat(tmp_path / "Levin" / "im05_flit01.mat", {"x": clean, "y": blurred, "f": kernel})
    found = find_benchmark(tmp_path, "levin09")
    pair = found.load_pair(found.items[0])
    np.testing.assert_allclose(pair.clean, clean, rtol=1e-6)
    np.testing.assert_allclose(pair.degraded, blurred, rtol=1e-6)
    assert pair.kernel is not None
    np.testing.assert_allclose(pair.kernel, kernel / kernel.sum(), rtol=1e-5)
    np.testing.assert_allclose(found.load(found.paths[0]), clean, rtol=1e-6)
    (tmp_path / "Levin" / "im05_flit01.mat").write_bytes(b"no matrix")
    with pytest.raises(UnreadableError, match="wanted a MATLAB file with x, y and f"):
        found.load_pair(found.items[0])


def test_a_split_and_a_kind_of_damage_are_chosen(tmp_path: Path) -> None:
    for split, scene in (("train", "GOPR0372_07_00"), ("test", "GOPR0384_11_00")):
        for half in ("blur", "blur_gamma", "sharp"):
            put(tmp_path / "GOPRO_Large" / split / scene / half, "000047.png")
    found = find_benchmark(tmp_path, "gopro")
    assert (found.expected, [item.stem for item in found.items]) == (1111, ["test/gopr0384_11_00/000047"])
    assert [item.degraded.parent.name for item in found.items if item.degraded] == ["blur"]
    train = find_benchmark(tmp_path, "gopro", split="train", variant="_gamma")
    assert (train.expected, [item.degraded.parent.name for item in train.items if item.degraded]) == (
        2103,
        ["blur_gamma"],
    )
    with pytest.raises(UnknownNameError, match="split of GoPro 'val'"):
        find_benchmark(tmp_path, "gopro", split="val")
    with pytest.raises(UnknownNameError, match="kind of damage"):
        find_benchmark(tmp_path, "gopro", variant="x4")


def test_what_is_none_of_the_set_is_refused(tmp_path: Path) -> None:
    put(tmp_path / "kodak24", "kodim01.png", "kodim02.png", "montage.png")
    with pytest.raises(DataError, match=r"montage\.png, none of Kodak24: move away"):
        find_benchmark(tmp_path, "kodak24")


def test_a_clean_set_has_no_pairs(tmp_path: Path) -> None:
    put(tmp_path / "set5", "baby.png")
    found = find_benchmark(tmp_path, "set5")
    with pytest.raises(DataError, match="no damaged picture for baby"):
        found.load_pair(found.items[0])


@pytest.mark.shared
@pytest.mark.parametrize(("name", "pairs", "pictures"), [("gopro", 5, 5), ("levin09", 32, 4), ("polyu", 50, 50)])
def test_pairs_beside_the_checkout_are_loaded(shared: Path, name: str, pairs: int, pictures: int) -> None:
    found = find_benchmark(shared / "data" / "test", name)
    assert (len(found.items), len(found.paths)) == (pairs, pictures)
    pair = found.load_pair(found.items[0])
    assert pair.degraded.shape == pair.clean.shape
