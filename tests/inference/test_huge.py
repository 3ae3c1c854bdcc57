"""Memory does not grow: not with the picture, and not with the number of pictures."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pixelmend.images import decode, save
from pixelmend.images.vips import pyvips

pytestmark = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")

HEAD = """
import json, os, re, sys
from pathlib import Path
from pixelmend import catalog
from pixelmend.images import decode, save
from pixelmend.inference import OnnxEngine, Options, restore_picture

def megabytes(what):
    return int(re.search(rf"^{what}:\\s+(\\d+)", Path("/proc/self/status").read_text(), re.MULTILINE)[1]) / 1024

card = catalog.load(sys.argv[1])
engine = OnnxEngine(card.path, "cpu", 1)
"""
LARGE = """
picture = decode(sys.argv[2])
pixels, _ = restore_picture(picture, card, engine, Options(tile=512))
save(pixels, sys.argv[3], like=picture)
print(megabytes("VmHWM"))
"""
MANY = """
told = []
for number in range(1000):
    picture = decode(Path(sys.argv[2]) / f"{number % 4}.tif")
    pixels, _ = restore_picture(picture, card, engine, Options(sigma=5))
    if number % 20 == 0:
        save(pixels, sys.argv[3], like=picture)
    if number in (199, 999):
        maps = Path("/proc/self/maps").read_text()
        files = [len(os.listdir("/proc/self/fd")), maps.count(sys.argv[2]), maps.count("(deleted)")]
        told.append([megabytes("VmRSS"), *files])
print(json.dumps(told))
"""


def alone(code: str, *arguments: Path) -> str:
    """What such a program prints in a process of its own."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", HEAD + code, *map(str, arguments)]
    return subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout


def drawn(path: Path, side: int) -> Path:
    """A picture of squares and slopes, written strip by strip."""
    x, y = pyvips.Image.xyz(side, side)
    squares = (x / 97).floor() % 2 * 90 + (y / 61).floor() % 2 * 60
    slopes = (x * (255 / side)).bandjoin(y * (255 / side))
    squares.bandjoin(slopes).cast("uchar").copy(interpretation="srgb").tiffsave(str(path))
    return path


def test_a_picture_of_100_megapixels_takes_little_more_than_one_of_4(unchanging_card: Path, tmp_path: Path) -> None:
    small, large = drawn(tmp_path / "small.tif", 2000), drawn(tmp_path / "large.tif", 10000)
    least = float(alone(LARGE, unchanging_card, small, tmp_path / "a.tif"))
    most = float(alone(LARGE, unchanging_card, large, tmp_path / "b.tif"))
    assert most < least + 150  # its pixels are 300 MB
    assert most < 600
    before, after = decode(large), decode(tmp_path / "b.tif")
    for top, left in ((0, 0), (5000, 4990), (9900, 9900)):
        where = (top, left, 100, 100)
        np.testing.assert_array_equal(after.region(*where), before.region(*where))


def test_a_thousand_pictures_take_no_more_than_the_first(unchanging_card: Path, tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    source = np.random.default_rng(0)
    for number in range(4):
        save(source.integers(0, 256, (40 + number, 50, 3), np.uint8), folder / f"{number}.tif")
    first, last = json.loads(alone(MANY, unchanging_card, folder, tmp_path / "out.png"))
    assert last[0] < first[0] + 15  # what a picture leaves behind would be there 800 times
    assert last[1:] == first[1:]


@pytest.fixture(scope="session")
def unchanging_card(tiny_card: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The card of a model that gives back what it is given, told a level of noise."""
    import hashlib

    from onnx import TensorProto, helper

    folder = tmp_path_factory.mktemp("unchanging")
    shapes = {"degraded": 3, "noise_level": 1, "restored": 3}
    ports = {
        name: helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", channels, "h", "w"])
        for name, channels in shapes.items()
    }
    node = helper.make_node("Identity", ["degraded"], ["restored"])
    graph = helper.make_graph([node], "none", [ports["degraded"], ports["noise_level"]], [ports["restored"]])
    data = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString()
    (folder / "denoise-none.onnx").write_bytes(data)
    card = json.loads(tiny_card.read_text())
    card |= {"name": "denoise-none", "file": "denoise-none.onnx", "sha256": hashlib.sha256(data).hexdigest()}
    path = folder / "denoise-none.json"
    path.write_text(json.dumps(card))
    return path
