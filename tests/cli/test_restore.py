"""``pixelmend restore``, as a user meets it: results, and one line for every mistake."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from pixelmend.errors import UnwritableError
from pixelmend.images import decode, encode, save
from pixelmend.inference.engines.table import KINDS
from tests.quantized_model import make_quantized
from tests.small_models import make_shelf

if TYPE_CHECKING:
    from tests.cli.running import Run

Photo = NDArray[np.float32]


def test_it_says_what_it_found_and_did(run: Run, picture: Path, tiny_card: Path) -> None:
    before = picture.read_bytes()
    ran = run("restore", picture, "--task", tiny_card)
    result = picture.parent / "a_restored.jpg"
    assert (ran.code, ran.err) == (0, "")
    lines = ran.out.splitlines()
    assert len(lines) == 3
    assert "128×96 colour, 8 bits (jpeg), noise level" in lines[0]
    assert "estimated" in lines[0]
    assert str(result) in lines[2]
    assert decode(result).width == 128
    assert picture.read_bytes() == before


def test_all_outputs(run: Run, picture: Path, tiny_card: Path, tmp_path: Path) -> None:
    both, report = tmp_path / "both.png", tmp_path / "report.json"
    ran = run(
        "restore", picture, "-o", tmp_path / "b.png", "--task", tiny_card, "--sigma", "25", "--tile", "32",
        "--device", "cpu", "--compare", both, "--json", report, "--quiet",
    )  # fmt: skip
    assert (ran.code, ran.out, ran.err) == (0, "", "")
    assert (decode(both).height, decode(both).width) == (96, 2 * 128 + 8)
    told = json.loads(report.read_text())
    assert (told["sigma"], told["sigma_estimated"], told["tile"]) == (25, False, [32, 32])
    assert told["output"] == str(tmp_path / "b.png")
    assert told["tiles"] > 1


@pytest.fixture
def shelf(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """What ships is small and of every kind."""
    folder = tmp_path_factory.mktemp("shelf")
    make_shelf(folder)
    monkeypatch.setattr("pixelmend.catalog.shelf.FOLDER", folder)


@pytest.mark.usefixtures("shelf")
@pytest.mark.parametrize(("options", "scale"), [([], 4), (["--scale", "2"], 2)])
def test_a_larger_picture_with_a_before_half_as_large(
    run: Run, picture: Path, tmp_path: Path, options: list[str], scale: int
) -> None:
    both, report = tmp_path / "both.png", tmp_path / "report.json"
    ran = run("restore", picture, "--task", "super-resolve", *options, "--compare", both, "--json", report)
    assert (ran.code, ran.err) == (0, "")
    found, restored = ran.out.splitlines()[:2]
    assert found == "found     128×96 colour, 8 bits (jpeg)"
    assert f"with super-resolve-small-x{scale} to {128 * scale}×{96 * scale} in " in restored
    result = decode(picture.parent / "a_restored.jpg")
    assert (result.width, result.height) == (128 * scale, 96 * scale)
    assert (decode(both).width, decode(both).height) == (2 * 128 * scale + 8, 96 * scale)
    told = json.loads(report.read_text())
    assert (told["width"], told["output_width"], told["output_height"]) == (128, 128 * scale, 96 * scale)
    assert told["sigma"] is None


@pytest.mark.usefixtures("shelf")
def test_a_mask_is_filled_and_the_rest_kept(run: Run, tmp_path: Path, photo: Photo) -> None:
    pixels = np.rint(photo * 255).astype(np.uint8)
    lost = np.zeros((96, 128), bool)
    lost[20:44, 30:62] = True
    save(pixels, tmp_path / "a.png")
    save(np.where(lost, 255, 0).astype(np.uint8), tmp_path / "mask.png")
    ran = run("restore", tmp_path / "a.png", "--task", "inpaint", "--mask", tmp_path / "mask.png")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.splitlines()[0] == "found     128×96 colour, 8 bits (png), 6.2 % lost"
    filled = decode(tmp_path / "a_restored.png").region(0, 0, 96, 128)
    np.testing.assert_array_equal(filled[~lost], pixels[~lost])
    assert np.any(filled[lost] != pixels[lost])


@pytest.mark.usefixtures("shelf")
def test_sizes_names_and_fidelity_choose_the_weights(run: Run, picture: Path) -> None:
    chosen = {
        ("--size", "nano"): "denoise-nano",
        ("--task", "deblur-base"): "deblur-base",
        ("--task", "super-resolve-real"): "super-resolve-real-small-x4",
        ("--task", "photo", "--fidelity", "0"): "photo-small-perceptual",
        ("--task", "photo", "--fidelity", "0.25"): "0.25 × photo-small + 0.75 × photo-small-perceptual",
    }
    for options, name in chosen.items():
        ran = run("restore", picture, *options)
        assert (ran.code, ran.err) == (0, "")
        assert f"restored  with {name} " in ran.out


# Options, a word of the line.
WRONG_WEIGHTS = {
    "no mask": (["--task", "inpaint"], "--mask FILE"),
    "a mask for nothing": (["--mask", "mask.png"], "denoise-small fills nothing in"),
    "mask of another size": (["--task", "inpaint", "--mask", "mask.png"], "got a mask of 4×4 pixels, wanted 128×96"),
    "no such mask": (["--task", "inpaint", "--mask", "none.png"], "no such file"),
    "over the mask": (
        ["--task", "inpaint", "--mask", "mask.png", "-o", "mask.png"],
        "never written over",
    ),
    "no such size": (["--task", "deblur", "--size", "nano"], "choose one of: base, small"),
    "no such scale": (["--task", "super-resolve", "--scale", "5"], "choose one of: 2, 3, 4"),
    "scale in words": (["--task", "super-resolve", "--scale", "big"], "wanted a number or 'auto'"),
    "scale for what does not enlarge": (["--scale", "2"], "no weights for denoise at scale 2"),
    "fidelity without perceptual weights": (["--fidelity", "0.5"], "denoise has no perceptual weights"),
    "fidelity above 1": (["--task", "photo", "--fidelity", "2"], "wanted 0 (looks real) to 1"),
    "fidelity in words": (["--task", "photo", "--fidelity", "high"], "wanted a number from 0 to 1"),
    "unknown model": (["--task", "deblur-bas"], "did you mean 'deblur-base'"),
}


@pytest.mark.usefixtures("shelf")
@pytest.mark.parametrize("mistake", WRONG_WEIGHTS)
def test_weights_that_do_not_fit_are_one_line(
    run: Run, picture: Path, monkeypatch: pytest.MonkeyPatch, mistake: str
) -> None:
    options, word = WRONG_WEIGHTS[mistake]
    monkeypatch.chdir(picture.parent)
    save(np.zeros((4, 4), np.uint8), "mask.png")
    before = {each: each.read_bytes() for each in Path().iterdir()}
    ran = run("restore", "a.jpg", *options)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("pixelmend: ")
    assert ran.err.count("\n") == 1
    assert word in ran.err
    assert {each: each.read_bytes() for each in Path().iterdir()} == before


def test_a_folder_as_output(run: Run, picture: Path, tiny_card: Path, tmp_path: Path) -> None:
    assert run("restore", picture, "-o", tmp_path, "--task", tiny_card).code == 0
    assert (tmp_path / "a_restored.jpg").is_file()


def test_it_says_what_ran_and_on_what(run: Run, picture: Path, tiny_card: Path, tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    ran = run("restore", picture, "--task", tiny_card, "--engine", "onnxruntime", "--device", "cpu", "--json", report)
    assert re.search(
        r"^restored  with denoise-tiny in 6 pieces, \d+\.\d s \(ONNX Runtime, float32\)$", ran.out, re.MULTILINE
    )
    told = json.loads(report.read_text())
    assert (told["engine"], told["device"], told["precision"]) == ("ONNX Runtime", "cpu", "float32")


def test_an_int8_model_runs_as_it_is_and_in_float32(run: Run, picture: Path, tmp_path: Path) -> None:
    card = make_quantized(tmp_path).path.with_suffix(".json")
    for options, precision in ((), "int8"), (("--precision", "int8"), "int8"), (("--precision", "float32"), "float32"):
        ran = run("restore", picture, "--task", card, "--device", "cpu", *options)
        assert (ran.code, ran.err) == (0, "")
        assert f"(ONNX Runtime, {precision})" in ran.out


def test_a_gpu_that_is_not_used_is_told(
    run: Run, picture: Path, tiny_card: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PIXELMEND_ENGINE")
    monkeypatch.setattr("pixelmend.inference.engines.choice.installed", lambda: (KINDS["onnxruntime"],))
    monkeypatch.setattr("pixelmend.inference.engines.choice.find_gpu", lambda: "NVIDIA")
    report = tmp_path / "report.json"
    ran = run("restore", picture, "--task", tiny_card, "--json", report)
    assert "note      an NVIDIA GPU is there, but no installed engine can use it" in ran.out
    assert "an NVIDIA GPU is there" in json.loads(report.read_text())["notes"][-1]
    assert "GPU" not in run("restore", picture, "--task", tiny_card, "--device", "cpu").out


def test_what_could_not_be_kept_is_told(run: Run, tmp_path: Path, photo: Photo, tiny_card: Path) -> None:
    save((photo * 65535).astype(np.uint16), tmp_path / "a.png")
    ran = run("restore", tmp_path / "a.png", "-o", tmp_path / "b.jpg", "--task", tiny_card)
    assert "note      uint16 became uint8: JPEG holds no more" in ran.out


def test_a_format_that_is_only_read_is_written_as_png(run: Run, tmp_path: Path, photo: Photo, tiny_card: Path) -> None:
    Image.fromarray(np.rint(photo * 255).astype(np.uint8)).save(tmp_path / "a.gif")
    assert run("restore", tmp_path / "a.gif", "--task", tiny_card).code == 0
    assert decode(tmp_path / "a_restored.png").width == 128


def truncated() -> bytes:
    rough = np.random.default_rng(0).integers(0, 255, (200, 200, 3), dtype=np.uint8)
    return encode(rough, "jpeg")[:20000]


# Name, what is in the file (None: it does not exist), options, exit code, a word of the line.
MISTAKES = {
    "missing file": ("b.png", None, [], 2, "no such file"),
    "folder and no other": ("", None, [], 2, "give one with -o"),
    "zero bytes": ("b.png", b"", [], 1, "0 bytes"),
    "text named png": ("b.png", b"this is a letter, not a picture\n", [], 1, "not a picture"),
    "truncated jpeg": ("b.jpg", truncated(), [], 1, "cut short"),
    "unknown task": ("a.jpg", None, ["--task", "denoize"], 2, "did you mean 'denoise'"),
    "no such card": ("a.jpg", None, ["--task", "none.json"], 1, "No such file"),
    "negative sigma": ("a.jpg", None, ["--sigma", "-1"], 2, "0 to 255"),
    "sigma in words": ("a.jpg", None, ["--sigma", "abc"], 2, "wanted a number or 'auto'"),
    "sigma nan": ("a.jpg", None, ["--sigma", "nan"], 2, "0 to 255"),
    "tile in words": ("a.jpg", None, ["--tile", "big"], 2, "wanted a number or 'auto'"),
    "tile in parts": ("a.jpg", None, ["--tile", "1.5"], 2, "whole number"),
    "tile infinite": ("a.jpg", None, ["--tile", "inf"], 2, "whole number"),
    "unknown device": ("a.jpg", None, ["--device", "tpu"], 2, "choose one of: auto"),
    "unknown engine": ("a.jpg", None, ["--engine", "openvin"], 2, "did you mean 'openvino'"),
    "unknown precision": ("a.jpg", None, ["--precision", "int4"], 2, "did you mean 'int8'"),
    "int8 where there is none": ("a.jpg", None, ["--precision", "int8"], 2, "leave precision at 'auto'"),
    "unknown suffix": ("a.jpg", None, ["-o", "b.xyz"], 2, "wanted one of: .png"),
    "no such output folder": ("a.jpg", None, ["-o", "none/b.png"], 2, "no folder"),
    "over the input": ("a.jpg", None, ["-o", "a.jpg"], 2, "the input itself"),
    "two outputs in one": ("a.jpg", None, ["-o", "b.png", "--compare", "b.png"], 2, "same file"),
    "report into nowhere": ("a.jpg", None, ["--json", "none/r.json"], 2, "folder that exists"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_line(
    run: Run, picture: Path, tiny_card: Path, monkeypatch: pytest.MonkeyPatch, mistake: str
) -> None:
    name, data, options, code, word = MISTAKES[mistake]
    monkeypatch.chdir(picture.parent)
    if data is not None:
        Path(name).write_bytes(data)
    before = {each: each.read_bytes() for each in Path().iterdir()}
    task = [] if "--task" in options else ["--task", tiny_card]
    ran = run("restore", Path(name), *task, *options)
    assert ran.code == code
    assert ran.out == ""
    assert ran.err.startswith("pixelmend: ")
    assert ran.err.count("\n") == 1
    assert word in ran.err
    assert {each: each.read_bytes() for each in Path().iterdir()} == before


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="wants a folder that nobody, not even root, may write to")
def test_a_folder_that_is_not_writable(run: Run, picture: Path, tiny_card: Path) -> None:
    ran = run("restore", picture, "-o", "/proc/self/b.png", "--task", tiny_card)
    assert ran.code == 1
    assert ran.err.startswith("pixelmend: cannot write into /proc/self")
    assert ran.err.count("\n") == 1


@pytest.mark.parametrize(
    "failure",
    [
        (UnwritableError("cannot write x"), 1, "cannot write x"),
        (OSError(28, "No space left on device"), 1, "no space left"),
        (MemoryError("no room"), 1, "smaller --tile"),
        (KeyboardInterrupt(), 130, ""),
    ],
)
def test_failures_on_the_way_leave_nothing(
    run: Run,
    picture: Path,
    tiny_card: Path,
    monkeypatch: pytest.MonkeyPatch,
    failure: tuple[BaseException, int, str],
) -> None:
    error, code, word = failure

    def fail(*_args: object, **_options: object) -> None:
        raise error

    monkeypatch.setattr("pixelmend.inference.work.restore_picture", fail)
    ran = run("restore", picture, "--task", tiny_card)
    assert ran.code == code
    assert word in ran.err
    assert ran.err.count("\n") == bool(word)
    assert [each.name for each in picture.parent.iterdir()] == ["a.jpg"]


def test_a_full_disk(picture: Path, tiny_card: Path, tmp_path: Path) -> None:
    """A limit on the size of files stops the writing halfway, as a full disk does."""
    code = (
        "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000));"
        "from pixelmend.cli import main; main()"
    )
    arguments = ["restore", picture, "-o", tmp_path / "b.png", "--task", tiny_card]
    ran = subprocess.run(
        [sys.executable, "-B", "-c", code, *map(str, arguments)], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 1
    assert ran.stderr.startswith(f"pixelmend: cannot write {tmp_path / 'b.png'}")
    assert ran.stderr.count("\n") == 1
    assert sorted(each.name for each in tmp_path.iterdir()) == ["in"]


def test_a_truncated_picture_in_a_process_of_its_own(tmp_path: Path, tiny_card: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(truncated())
    ran = subprocess.run(
        [sys.executable, "-m", "pixelmend", "restore", str(tmp_path / "a.jpg"), "--task", str(tiny_card)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr.count("\n") == 1
    assert "Traceback" not in ran.stderr
    assert [each.name for each in tmp_path.iterdir()] == ["a.jpg"]


def test_a_reader_that_went_away_is_no_error(picture: Path, tiny_card: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        ran = subprocess.run(
            [sys.executable, "-m", "pixelmend", "restore", str(picture), "--task", str(tiny_card)],
            stdout=writing, stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
    finally:
        os.close(writing)
    assert ran.stderr == ""
