"""``pixelmend compare``, as a user meets it: pages, pictures, numbers, and one line for every mistake."""

from __future__ import annotations

import json
import math
import re
import sys
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pytest
from PIL import Image

from pixelmend import cli
from pixelmend.cli import scores as measuring
from pixelmend.errors import MissingExtraError
from pixelmend.images import ArrayPicture, Upright, read_rgb8, save
from pixelmend.metrics import psnr, ssim

if TYPE_CHECKING:
    from pathlib import Path

Photo = np.ndarray[Any, Any]


class Run(Protocol):
    """Runs the command in this process: exit code, what it said, what it complained of."""

    def __call__(self, *arguments: object) -> tuple[int, str, str]:
        """Run it with these arguments."""


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    def call(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["pixelmend", "compare", *map(str, arguments)])
        with pytest.raises(SystemExit) as caught:
            cli.main()
        out, err = capfd.readouterr()
        return int(caught.value.code or 0), out, err

    return call


@pytest.fixture
def files(tmp_path: Path, photo: Photo) -> dict[str, Path]:
    """A clean picture, a noisy one, and one with less noise."""
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 0.1, photo.shape)
    pictures = {"clean": photo, "noisy": photo + noise, "better": photo + noise / 4}
    paths = {}
    for name, pixels in pictures.items():
        paths[name] = tmp_path / f"{name}.png"
        save(np.rint(np.clip(pixels, 0, 1) * 255).astype(np.uint8), paths[name])
    return paths


def unit(path: Path) -> Photo:
    return read_rgb8(path).astype(np.float64) / 255


def test_without_options_there_is_a_page_beside_the_second(run: Run, files: dict[str, Path]) -> None:
    code, out, err = run(files["noisy"], files["better"])
    page = files["better"].with_name("better_compare.html")
    assert (code, err) == (0, "")
    between = psnr(unit(files["noisy"]), unit(files["better"]), data_range=1.0)
    assert out.splitlines() == [
        f"compared  noisy.png and better.png, 128×96: PSNR between the two {between:.2f} dB",
        f"wrote     {page}",
    ]
    text = page.read_text(encoding="utf-8")
    assert "<h1>noisy.png and better.png</h1>" in text
    assert not re.search(r"(https?:)?//[a-z]", re.sub(r"data:[^\"]*", "", text.partition("<script")[0]))


def test_a_reference_measures_both(run: Run, files: dict[str, Path], tmp_path: Path) -> None:
    report = tmp_path / "r.json"
    code, out, _ = run(files["noisy"], files["better"], "--reference", files["clean"], "--json", report, "-o", tmp_path)
    told = json.loads(report.read_text())
    assert code == 0
    for name, path in (("before", files["noisy"]), ("after", files["better"])):
        wanted = {each.__name__: each(unit(path), unit(files["clean"]), data_range=1.0) for each in (psnr, ssim)}
        got = told["to_reference"][name]
        assert got["psnr"] == pytest.approx(wanted["psnr"], abs=1e-4)
        assert got["ssim"] == pytest.approx(wanted["ssim"], abs=1e-5)
    line = r"^measured  PSNR, dB to clean\.png: 20\.\d+ before, 32\.\d+ after \(\+1\d\.\d+\)$"
    assert re.search(line, out, re.MULTILINE)
    assert (told["width"], told["height"], told["scale"], told["equal"]) == (128, 96, 1, False)
    assert told["output"] == str(tmp_path / "better_compare.html")
    page = (tmp_path / "better_compare.html").read_text(encoding="utf-8")
    assert '<th scope="col">to clean.png</th>' in page


def test_a_report_on_standard_output_stands_alone(run: Run, files: dict[str, Path]) -> None:
    code, out, err = run(files["clean"], files["clean"], "--json", "-", "--lpips", "none")
    told = json.loads(out)
    assert (code, err, told["equal"], told["psnr_between"]) == (0, "", True, None)
    assert run(files["clean"], files["better"], "-q")[:2] == (0, "")


def test_a_picture_holds_both(run: Run, files: dict[str, Path], tmp_path: Path) -> None:
    code, out, _ = run(files["noisy"], files["better"], "-o", tmp_path / "both.png")
    assert code == 0
    assert out.endswith(f"wrote     {tmp_path / 'both.png'}\n")
    both = read_rgb8(tmp_path / "both.png")
    np.testing.assert_array_equal(both[:96, :128], read_rgb8(files["noisy"]))
    np.testing.assert_array_equal(both[:96, 136:264], read_rgb8(files["better"]))
    assert both.shape[0] > 96 + 2 * 96


def test_what_is_larger_is_compared_with_the_first_enlarged(run: Run, files: dict[str, Path], tmp_path: Path) -> None:
    large = read_rgb8(files["clean"]).repeat(2, axis=0).repeat(2, axis=1)
    save(large, tmp_path / "large.png")
    code, out, _ = run(files["clean"], tmp_path / "large.png", "--json", tmp_path / "r.json")
    assert code == 0
    assert "note      clean.png is shown and measured enlarged 2 times (bicubic)" in out
    told = json.loads((tmp_path / "r.json").read_text())
    assert (told["scale"], told["width"], told["height"]) == (2, 256, 192)
    assert told["psnr_between"] > 25


def test_pictures_are_compared_upright_and_of_any_depth(run: Run, files: dict[str, Path], tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    stored = np.rot90(read_rgb8(files["clean"]), 1)
    Image.fromarray(np.ascontiguousarray(stored)).save(tmp_path / "turned.png", exif=exif)
    save(read_rgb8(files["clean"]).astype(np.uint16) * 257, tmp_path / "deep.tiff")
    for other in ("turned.png", "deep.tiff"):
        code, out, _ = run(files["clean"], tmp_path / other)
        assert code == 0
        assert "the two are the same, pixel for pixel" in out


def test_names_that_are_markup_stay_names(run: Run, files: dict[str, Path], tmp_path: Path) -> None:
    evil = tmp_path / '<script>alert(1)<&>".png'
    evil.write_bytes(files["noisy"].read_bytes())
    assert run(files["clean"], evil, "-o", tmp_path / "x.html")[0] == 0
    page = (tmp_path / "x.html").read_text(encoding="utf-8")
    assert page.count("<script") == 1
    assert "&lt;script&gt;alert(1)&lt;&amp;&gt;&quot;.png" in page


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        (["noisy", "odd"], "odd.png is 100×96 (upright): wanted two pictures of one size"),
        (["large", "clean"], "give the smaller one first"),
        (["noisy", "better", "--reference", "odd"], "give a reference of the size of B"),
        (["noisy", "better", "-o", "x.xyz"], "or .html or .htm for a page"),
        (["noisy", "better", "-o", "none/x.html"], "there is no folder none"),
        (["noisy", "better", "-o", "better"], "would be written over"),
        (["noisy", "better", "--json", "none/x.json"], "--json none/x.json: wanted a file in a folder that exists"),
        (["noisy", "missing"], "no such file: missing"),
    ],
)
def test_mistakes_are_one_line(
    arguments: list[str], wanted: str, run: Run, files: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = files["clean"].parent
    monkeypatch.chdir(folder)
    save(np.zeros((96, 100, 3), np.uint8), folder / "odd.png")
    save(np.zeros((192, 256, 3), np.uint8), folder / "large.png")
    before = sorted(path.name for path in folder.iterdir())
    named = [f"{each}.png" if (folder / f"{each}.png").is_file() else each for each in arguments]
    code, out, err = run(*named)
    assert (code, out) == (2, "")
    assert wanted in err
    assert err.count("\n") == 1
    assert sorted(path.name for path in folder.iterdir()) == before


def test_what_is_not_installed_is_left_out_and_told_once(
    run: Run, files: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(*_: object) -> float:
        raise MissingExtraError("scikit-image")

    monkeypatch.setattr(measuring, "whole_ssim", missing)
    monkeypatch.setitem(sys.modules, "torch", None)
    code, out, _ = run(files["noisy"], files["better"], "--reference", files["clean"])
    assert code == 0
    (note,) = [line for line in out.splitlines() if line.startswith("note")]
    assert note == "note      SSIM and LPIPS were left out: pip install 'pixelmend[train]' brings what is needed"
    assert "PSNR, dB to clean.png" in out
    code, _, err = run(files["noisy"], files["better"], "--reference", files["clean"], "--lpips", "hub")
    assert (code, err) == (2, "pixelmend: this needs lpips, which is not installed: pip install 'pixelmend[train]'\n")


@pytest.mark.shared
def test_lpips_is_measured_with_features_that_are_named(run: Run, files: dict[str, Path], shared: Path) -> None:
    if not (features := sorted((shared / "weights").rglob("alexnet_features.safetensors"))):
        pytest.skip("no AlexNet's features among the shared weights")
    code, out, _ = run(files["noisy"], files["better"], "--reference", files["clean"], "--lpips", features[0])
    assert code == 0
    found = re.search(r"LPIPS \(lower is nearer\) to clean\.png: (\S+) before, (\S+) after", out)
    assert found is not None
    assert 1 > float(found[1]) > float(found[2]) > 0


@pytest.mark.parametrize("height", [11, 256, 257, 266, 267, 600])
def test_strips_give_the_scores_of_the_whole(height: int) -> None:
    rng = np.random.default_rng(height)
    first, second = (rng.random((height, 24, 3)) for _ in range(2))
    pictures = [Upright.of(ArrayPicture(each.astype(np.float32), None, None)) for each in (first, second)]
    assert measuring.whole_psnr(*pictures) == pytest.approx(psnr(first, second, data_range=1.0), abs=1e-6)
    assert measuring.whole_ssim(pictures[0], pictures[1]) == pytest.approx(
        ssim(first, second, data_range=1.0), abs=1e-6
    )
    assert math.isinf(measuring.whole_psnr(pictures[0], pictures[0]))
    assert measuring.whole_ssim(pictures[0], pictures[0]) == pytest.approx(1)
