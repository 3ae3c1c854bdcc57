"""Published sets are recognised as they unpack, told apart from plain folders, and what they lack is named."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pixelmend.data.layouts import recognise
from pixelmend.data.published import LAYOUTS
from pixelmend.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


def touch(root: Path, names: Iterable[str]) -> Path:
    """Empty files: recognition opens none."""
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return root


SCENE = "SIDD_Medium_Srgb/Data/0001_001_S6_00100_00060_3200_L/0001"
REAL = "RealBlur-J_ECC_IMCORR_centroid_itensity_ref/scene001"
# Each publisher's own paths: name, files, pairs, clean pictures in each split.
FORMS: dict[str, tuple[str, list[str], int, dict[str, int]]] = {
    "div2k": (
        "div2k",
        [
            *(f"DIV2K/DIV2K_train_HR/{n:04}.png" for n in range(1, 801)),
            *(f"DIV2K/DIV2K_valid_HR/{n:04}.png" for n in range(801, 901)),
            *(f"DIV2K/DIV2K_train_LR_bicubic/X2/{n:04}x2.png" for n in range(1, 801)),
            *(f"DIV2K/DIV2K_train_LR_bicubic/X4/{n:04}x4.png" for n in range(1, 801)),
        ],
        1600,
        {"train": 800, "val": 100},
    ),
    "flickr2k": (
        "flickr2k",
        [
            "Flickr2K/Flickr2K_HR/000001.png",
            "Flickr2K/Flickr2K_HR/002650.png",
            "Flickr2K/Flickr2K_LR_bicubic/X2/000001x2.png",
            "Flickr2K/Flickr2K_LR_bicubic/X2/002650x2.png",
        ],
        2,
        {"": 2},
    ),
    "bsds500": (
        "bsds500",
        [f"BSR/BSDS500/data/images/{split}/{n}.jpg" for split in ("train", "test", "val") for n in (100007, 2018)],
        0,
        {"test": 2, "train": 2, "val": 2},
    ),
    "bsd68": ("bsd68", [f"anything/test{n:03}.png" for n in range(1, 69)], 0, {"": 68}),
    "cbsd68": ("cbsd68", [f"CBSD68/original_png/{n:04}.png" for n in range(68)], 0, {"": 68}),
    "kodak24": ("kodak24", [f"x/kodim{n:02}.png" for n in range(1, 25)], 0, {"": 24}),
    "mcmaster": ("mcmaster", [f"McMaster/{n}.tif" for n in range(1, 19)], 0, {"": 18}),
    "set12": ("set12", [f"Set12/{n:02}.png" for n in range(1, 13)], 0, {"": 12}),
    "urban100 flat": ("urban100", [f"Urban100/img_{n:03}.png" for n in range(1, 101)], 0, {"": 100}),
    "urban100 srf": (
        "urban100",
        [
            f"Urban100/image_SRF_{s}/img_{n:03}_SRF_{s}_{k}.png"
            for s in (2, 4) for n in range(1, 101) for k in ("HR", "LR")
        ],
        200,
        {"": 100},
    ),
    "set5": ("set5", [f"Set5/original/{n}_GT.bmp" for n in ("baby", "bird", "butterfly", "head", "woman")], 0, {"": 5}),
    "set14": (
        "set14",
        [f"Set14/image_SRF_4/img_{n:03}_SRF_4_{k}.png" for n in range(1, 15) for k in ("HR", "LR")],
        14,
        {"": 14},
    ),
    "gopro": (
        "gopro",
        [
            f"GOPRO_Large/{split}/{scene}/{half}/000047.png"
            for split, scene in (("train", "GOPR0372_07_00"), ("train", "GOPR0374_11_00"), ("test", "GOPR0384_11_00"))
            for half in ("blur", "blur_gamma", "sharp")
        ],
        6,
        {"test": 1, "train": 2},
    ),
    "gopro flat": (
        "gopro",
        [f"GoPro/test/{half}/GOPR0384_11_00-00000{n}.png" for half in ("blur", "sharp") for n in (1, 2)],
        2,
        {"test": 2},
    ),
    "reds": (
        "reds",
        [f"REDS/train/train_{half}/000/{n:08}.png" for half in ("sharp", "blur") for n in range(100)]
        + [f"REDS/val/val_{half}/029/00000099.png" for half in ("sharp", "blur", "sharp_bicubic/X4")],
        102,
        {"train": 100, "val": 1},
    ),
    "realblur": (
        "realblur",
        [f"{REAL}/{half}/{half}_{n}.png" for half in ("blur", "gt") for n in (1, 2)],
        2,
        {"": 2},
    ),
    "sidd": ("sidd", [f"{SCENE}_{k}_SRGB_{n}.PNG" for k in ("NOISY", "GT") for n in ("010", "011")], 2, {"": 2}),
    "polyu": (
        "polyu",
        [f"CroppedImages/Canon5D2_5_160_3200_chair_{n}_{k}.JPG" for n in (5, 11) for k in ("Real", "mean")],
        2,
        {"": 2},
    ),
    "live1": ("live1", [f"refimgs/{n}.bmp" for n in LAYOUTS["live1"].stems[""][0]], 0, {"": 29}),
    "classic5": ("classic5", [f"Classic5/{n}.bmp" for n in LAYOUTS["classic5"].stems[""][0]], 0, {"": 5}),
    "levin09 mat": ("levin09", [f"x/im0{i}_flit0{k}.mat" for i in range(5, 9) for k in range(1, 9)], 32, {"": 4}),
    "levin09": (
        "levin09",
        [f"levin09/sharp/im{i}.png" for i in range(1, 5)]
        + [f"levin09/kernel/kernel{k}.png" for k in range(1, 9)]
        + [f"levin09/blur/im{i}_kernel{k}_img.png" for i in range(1, 5) for k in range(1, 9)],
        32,
        {"": 4},
    ),
    "fmdd": (
        "fmdd",
        [f"FMDD/Confocal_BPAE_B/gt/{n}/avg50.png" for n in (1, 2)]
        + [f"FMDD/Confocal_BPAE_B/raw/{n}/HV110_P05005100{s}.png" for n in (1, 2) for s in (10, 11, 12)],
        6,
        {"": 2},
    ),
    "masks": ("masks", [f"m/{kind}_00000{n}.png" for kind in ("thick", "thin") for n in range(3)], 0, {"": 6}),
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_a_published_form_is_recognised(form: str, tmp_path: Path) -> None:
    name, files, pairs, splits = FORMS[form]
    found = recognise(touch(tmp_path, files))
    assert (found.name, found.published) == (name, True)
    assert sum(item.degraded is not None for item in found.items) == pairs
    assert found.splits == splits
    assert (found.partnerless, found.extra) == ((), ())


def test_every_layout_has_a_form_here() -> None:
    assert {name for name, *_ in FORMS.values()} == set(LAYOUTS)


def test_halves_belong_together(tmp_path: Path) -> None:
    found = recognise(touch(tmp_path, FORMS["levin09"][1]))
    item = next(each for each in found.items if (each.stem, each.variant) == ("im2", "kernel7"))
    assert item.clean is not None
    assert item.degraded is not None
    assert item.kernel is not None
    assert (item.clean.name, item.degraded.name, item.kernel.name) == ("im2.png", "im2_kernel7_img.png", "kernel7.png")


def test_a_split_of_a_set_is_recognised_by_itself(tmp_path: Path) -> None:
    touch(tmp_path, FORMS["div2k"][1])
    found = recognise(tmp_path / "DIV2K" / "DIV2K_valid_HR")
    assert (found.name, found.splits, found.expected) == ("div2k", {"val": 100}, {"val": 100})


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    touch(tmp_path, FORMS["kodak24"][1])
    (tmp_path / "x" / "kodim07.png").unlink()
    (tmp_path / "x" / "notes.jpg").touch()
    found = recognise(tmp_path)
    assert found.missing == ("kodim07",)
    assert [path.name for path in found.extra] == ["notes.jpg"]


def test_a_half_without_the_other_is_named(tmp_path: Path) -> None:
    touch(tmp_path, FORMS["div2k"][1])
    (tmp_path / "DIV2K/DIV2K_train_HR/0005.png").unlink()
    found = recognise(tmp_path)
    assert found.missing == ("train/0005",)
    assert sorted(path.name for path in found.partnerless) == ["0005x2.png", "0005x4.png"]


@pytest.mark.parametrize(("bad", "good"), [("blur", "sharp"), ("noisy", "clean"), ("input", "target"), ("LQ", "GT")])
def test_two_folders_of_equal_names_are_pairs(bad: str, good: str, tmp_path: Path) -> None:
    files = [f"{half}/scene/{n}.png" for half in (bad, good) for n in ("a", "b")]
    found = recognise(touch(tmp_path, [*files, f"{bad}/scene/alone.png"]))
    assert (found.name, found.splits) == ("pairs", {"": 2})
    assert [path.name for path in found.partnerless] == ["alone.png"]
    item = found.items[0]
    assert item.degraded == tmp_path / bad / "scene" / "a.png"
    assert item.clean == tmp_path / good / "scene" / "a.png"


def test_frames_are_numbered_without_a_gap(tmp_path: Path) -> None:
    touch(tmp_path / "a", [f"clip/{n:06}.avif" for n in range(3, 15)])
    assert recognise(tmp_path / "a").name == "frames"
    (tmp_path / "a" / "clip" / "000007.avif").unlink()
    assert recognise(tmp_path / "a").name == "pictures"


def test_pairs_beside_pictures_are_both_kept(tmp_path: Path) -> None:
    found = recognise(touch(tmp_path, ["photos/a.jpg", "photos/b.jpg", "p/blur/1.png", "p/sharp/1.png"]))
    assert found.name == "mixed"
    assert [item.stem for item in found.items if item.degraded is None] == ["photos/a", "photos/b"]


def test_common_names_alone_are_no_published_set(tmp_path: Path) -> None:
    for files in ([f"x/{n:02}.png" for n in (1, 5, 9)], ["x/woman.png", "x/head.png"], ["x/0001.png", "x/0003.png"]):
        root = tmp_path / files[0].replace("/", "")
        assert recognise(touch(root, files)).name == "pictures"


def test_one_picture_of_a_set_does_not_make_a_folder_that_set(tmp_path: Path) -> None:
    assert recognise(touch(tmp_path, ["kodim01.png", "holiday.jpg", "dog.jpg", "cat.jpg"])).name == "pictures"


def test_a_folder_without_pictures_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "read.txt").touch()
    with pytest.raises(DataError, match="no picture: wanted files that end in"):
        recognise(tmp_path)
    with pytest.raises(DataError, match="not a folder"):
        recognise(tmp_path / "absent")


EXPECTED = {
    "bsd68": 68, "cbsd68": 68, "classic5": 5, "fmdd": 12, "gopro": 5, "kodak24": 24, "levin09": 4, "live1": 29,
    "polyu": 50, "set14": 14, "set5": 5, "sidd": 6,
}  # fmt: skip


@pytest.mark.shared
@pytest.mark.parametrize("name", EXPECTED)
def test_sets_as_they_lie_beside_the_checkout(shared: Path, name: str) -> None:
    found = recognise(shared / "data" / "test" / name)
    assert found.name == name
    assert sum(found.splits.values()) == EXPECTED[name]
    assert (found.missing, found.partnerless, found.extra) == ((), (), ())
