"""examples/browser: the page restores in a headless browser what the package restores, to one level of 8 bits."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pyvips
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, quantize_static

import pixelmend
from pixelmend import catalog
from pixelmend.diagnosis import estimate_sigma
from pixelmend.export import write_card, write_variant
from pixelmend.images import read_rgb8
from pixelmend.inference.tiles import plan_side
from tests.examples.driving import NotThereError, drive

ROOT = Path(__file__).resolve().parents[2]
NOISY = ROOT / "examples" / "lighthouse_noisy.png"


class Pieces(CalibrationDataReader):  # type: ignore[misc]
    """One piece of a noisy picture and its level."""

    def __init__(self, picture: np.ndarray) -> None:
        piece = np.ascontiguousarray(picture[:128, :128].transpose(2, 0, 1)[None] / np.float32(255))
        level = np.full((1, 1, 128, 128), 25 / 255, np.float32)
        self._feeds = iter([{"degraded": piece.astype(np.float32), "noise_level": level}])

    def get_next(self) -> Any:
        """It, once."""
        return next(self._feeds, None)


def make_variants(folder: Path) -> None:
    """The smallest denoiser for pieces of 128×128, and once more with its convolutions in whole numbers (QDQ)."""
    plain = write_variant(catalog.by_name("denoise-nano"), folder, size=(128, 128), overlap=64).card
    path = folder / "denoise-whole.onnx"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        quantize_static(
            plain.path,
            path,
            Pieces(read_rgb8(NOISY)),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            op_types_to_quantize=["Conv"],
        )
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    write_card(replace(plain, name="denoise-whole", file=path.name, sha256=sha256, storage="int8", folder=folder))


@dataclass(frozen=True)
class Seen:
    """What the browser showed.

    Attributes:
        report: What the driver saw.
        pixels: Of each restored picture, RGBA, by the name of its job.
        folder: With the models.
    """

    report: dict[str, Any]
    pixels: dict[str, np.ndarray]
    folder: Path


JOBS = {
    "told": ("denoise-nano", 25),
    "measured": ("denoise-nano", None),
    "small": ("denoise-small", 25),
    "pieces": ("denoise-nano-128x128", 25),
    "whole": ("denoise-whole", 25),
}
SIDES = {"told": (256, 256), "measured": (256, 256), "small": (64, 100), "pieces": (150, 200), "whole": (100, 128)}


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Seen:
    """Install, serve, open, restore every picture."""
    place = tmp_path_factory.mktemp("browser")
    models = place / "models"
    models.mkdir()
    make_variants(models)
    for name in ("denoise-nano", "denoise-small"):
        for suffix in ("json", "onnx"):
            shutil.copy(catalog.by_name(name).path.with_suffix(f".{suffix}"), models)
    pictures = []
    for name, (model, sigma) in JOBS.items():
        height, width = SIDES[name]
        path = place / f"{name}.png"
        pyvips.Image.new_from_array(np.ascontiguousarray(read_rgb8(NOISY)[:height, :width])).pngsave(str(path))
        pictures.append({"model": model, "sigma": sigma, "picture": str(path), "output": str(place / f"{name}.rgba")})
    try:
        report = drive(place, models, pictures)
    except NotThereError as error:
        pytest.skip(str(error))
    pixels = {
        name: np.frombuffer((place / f"{name}.rgba").read_bytes(), np.uint8).reshape(*SIDES[name], 4) for name in JOBS
    }
    return Seen(report, pixels, models)


def test_nothing_fails_and_nothing_comes_from_elsewhere(seen: Seen) -> None:
    assert seen.report["errors"] == []
    assert seen.report["isolated"] is True
    assert set(seen.report["models"]) == {model for model, _ in JOBS.values()}
    assert {address.split("/")[2].split(":")[0] for address in seen.report["addresses"] if address[:4] == "http"} == {
        "localhost"
    }
    assert [each["file"] for each in seen.report["results"]] == [f"{name}_restored.png" for name in JOBS]


@pytest.mark.parametrize("name", JOBS)
def test_the_browser_restores_what_the_package_restores(name: str, seen: Seen) -> None:
    model, sigma = JOBS[name]
    height, width = SIDES[name]
    noisy = np.ascontiguousarray(read_rgb8(NOISY)[:height, :width])
    wanted = pixelmend.restore(noisy, task=catalog.load(seen.folder / f"{model}.json"), sigma=sigma)
    got = seen.pixels[name]
    assert np.abs(wanted.astype(int) - noisy).mean() > 5
    apart = np.abs(got[..., :3].astype(int) - wanted)
    if name == "whole":  # a last digit may round whole numbers to their neighbours, and that goes on
        assert 10 * np.log10(255**2 / np.square(apart).mean()) > 45
    else:
        assert apart.max() <= 1
        assert (apart > 0).mean() < 0.01
    assert (got[..., 3] == 255).all()


def test_the_noise_that_is_measured_is_what_the_package_measures(seen: Seen) -> None:
    result = seen.report["results"][list(JOBS).index("measured")]
    wanted = estimate_sigma(np.ascontiguousarray(read_rgb8(NOISY)[:256, :256]))
    assert float(result["level"]) == pytest.approx(wanted, abs=0.11)
    assert f"noise level {result['level']}." in result["text"]


def test_pictures_are_cut_as_the_package_cuts_them() -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed")
    grids = [(704, 128, 64, 64), (384, 96, 32, 32), (512, 64, 64, 128), (64, 0, 8, 8)]
    cases = [(length, *grid) for grid in grids for length in (1, 63, 64, 65, 500, 704, 705, 1000, 2999, 4000)]
    script = (
        f'import {{ planSide }} from "{(ROOT / "examples/browser/tiles.js").as_uri()}";'
        f"const cases = {json.dumps(cases)};"
        "const plan = ([length, tile, overlap, multiple, minimum]) =>"
        " planSide(length, { tile, overlap, multiple, minimum });"
        "console.log(JSON.stringify(cases.map(plan)));"
    )
    done = subprocess.run([node, "--input-type=module", "-e", script], capture_output=True, text=True, check=True)
    for (length, tile, overlap, multiple, minimum), got in zip(cases, json.loads(done.stdout), strict=True):
        wanted = plan_side(length, tile=tile, overlap=overlap, multiple_of=multiple, minimum=minimum)
        assert (got["length"], got["tile"], tuple(got["origins"])) == (wanted.length, wanted.tile, wanted.origins)
