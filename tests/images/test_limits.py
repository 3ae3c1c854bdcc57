"""Limits: what declares too much is refused before it is decoded, and honest pictures of any size are read."""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
import sys
import zlib
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from pixelmend.errors import TooLargeError, TooLargeResultError, UnreadableError, UnwritableError, UsageError
from pixelmend.images import decode, limits
from pixelmend.images.limits import VARIABLE, check_output
from pixelmend.images.picture import ArrayPicture
from pixelmend.images.vips import pyvips
from tests.images import bombs, samples

if TYPE_CHECKING:
    from collections.abc import Callable

STATUS = Path("/proc/self/status")


def avif(width: int, height: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (width, height)).save(buffer, "AVIF", speed=10)
    return buffer.getvalue()


def bmp(width: int, height: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (1, 1)).save(buffer, "BMP")
    data = bytearray(buffer.getvalue())
    data[18:26] = width.to_bytes(4, "little") + height.to_bytes(4, "little")
    return bytes(data)


BOMBS: dict[str, tuple[Callable[[], bytes], str]] = {
    "an AVIF of 16×17000": (lambda: avif(16, 17000), "16×17000 .* at most 16384"),
    "an AVIF of another size": (lambda: bombs.resized_avif(avif(16, 16), 16000, 16000), "AVIF or HEIC, whose"),
    "a PNG of 60000×60000": (lambda: bombs.png(60000, 60000), "3600 megapixels.*at most 2000"),
    "a PNG of zeros": (lambda: bombs.png(60000, 60000, bytes(10**7)), "3600 megapixels.*at most 2000"),
    "an interlaced PNG": (lambda: bombs.png(20000, 20000, interlaced=True), "about 1.2 GB .* at most 1 GB"),
    "a PNG of rows without end": (lambda: bombs.png(30_000_000, 24), "about 4.3 GB"),
    "a JPEG": (lambda: bombs.jpeg(65000, 65000), "4225 megapixels"),
    "a JPEG without data": (lambda: bombs.jpeg(20000, 20000), "bytes of JPEG cannot hold"),
    "a progressive JPEG": (lambda: bombs.jpeg(20000, 20000, progressive=True), "as JPEG, whose decoding"),
    "a WebP": (lambda: bombs.webp(16383, 16383), "as WebP, whose decoding"),
    "a GIF": (lambda: bombs.gif(40000), "as GIF, whose decoding"),
    "a GIF of 20000 frames": (lambda: bombs.gif(100, 20000), "20000 pages or frames"),
    "a TIFF in one strip": (lambda: bombs.tiff([bombs.page(60000, 60000)]), "3600 megapixels"),
    "a TIFF in tiles": (lambda: bombs.tiff([bombs.page(200000, 8000, tile=(4096, 4096))]), "as TIFF, whose decoding"),
    "a chain of 20000 pages": (lambda: bombs.tiff([bombs.page(8, 8)] * 20000), "more than 10000 pages"),
    "the same in a BigTIFF": (lambda: bombs.tiff([bombs.page(8, 8)] * 20000, big=True), "more than 10000 pages"),
    "a chain of pages that is a loop": (lambda: bombs.tiff([bombs.page(8, 8)] * 3, loop=True), "is a loop"),
    "a drawing": (lambda: b"<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'/>", "no picture of pixels"),
    "a BMP": (lambda: bmp(60000, 60000), "3600 megapixels"),
    "a PPM": (lambda: b"P6 60000 60000 255\n" + bytes(99), "3600 megapixels"),
}  # fmt: skip


def peak() -> float:
    """Resident memory of this process at its peak, MB."""
    found = re.search(r"^VmHWM:\s+(\d+)", STATUS.read_text(), re.MULTILINE)
    return int(found[1]) / 1024 if found else 0.0


@pytest.mark.parametrize("name", BOMBS)
def test_bombs_are_refused_before_they_are_decoded(name: str, tmp_path: Path) -> None:
    make, why = BOMBS[name]
    data = make()
    before = peak() if STATUS.exists() else 0.0
    with pytest.raises(UnreadableError, match=why) as caught:
        decode(data)
    assert "\n" not in str(caught.value)
    path = tmp_path / "bomb"
    path.write_bytes(data)
    with pytest.raises(UnreadableError, match=why):
        decode(path)
    if STATUS.exists():
        assert peak() < before + 30


def test_a_tiff_whose_end_is_missing_is_a_picture_cut_short() -> None:
    """The list of what it holds often lies at its end."""
    buffer = io.BytesIO()
    Image.new("RGB", (99, 99)).save(buffer, "TIFF", compression="tiff_lzw")
    with pytest.raises(UnreadableError, match="damaged or cut short"):
        decode(buffer.getvalue()[:-200])


@pytest.mark.parametrize("kind", [b"zTXt", b"iTXt", b"iCCP"])
def test_what_came_with_a_picture_is_not_blown_up(kind: bytes) -> None:
    """Compressed text and profiles of 200 MB in a PNG of 8×8."""
    packed = zlib.compressobj(1)
    data = b"".join(packed.compress(bytes(2**20)) for _ in range(200)) + packed.flush()
    extra = bombs.chunk(kind, {b"iTXt": b"k\0\1\0\0\0"}.get(kind, b"k\0\0") + data)
    before = peak() if STATUS.exists() else 0.0
    picture = decode(bombs.png(8, 8, (b"\0" + b"\1" * 24) * 8, extra=extra))
    assert (picture.region(0, 0, 8, 8) == 1).all()
    if STATUS.exists():
        assert peak() < before + 150


def test_who_knows_a_file_raises_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    tall = avif(16, 17000)
    monkeypatch.setenv(VARIABLE, "1")
    assert decode(tall).region(16990, 0, 10, 16).shape == (10, 16, 3)
    monkeypatch.setenv(VARIABLE, "0.2")
    with pytest.raises(UnreadableError, match=r"0\.27 megapixels\), wanted at most 0\.2: .*PIXELMEND_MAX_MEGAPIXELS=1"):
        decode(tall)
    monkeypatch.setenv(VARIABLE, "many")
    with pytest.raises(UsageError, match="PIXELMEND_MAX_MEGAPIXELS='many', wanted a number"):
        decode(tall)


def test_the_number_that_an_error_names_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    data = bombs.png(50001, 50001)
    with pytest.raises(UnreadableError) as caught:
        decode(data)
    found = re.search(rf"{VARIABLE}=(\d+)", str(caught.value))
    assert found
    monkeypatch.setenv(VARIABLE, found[1])
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=10**12))
    assert decode(data).width == 50001


def test_a_flat_picture_is_no_bomb(tmp_path: Path) -> None:
    """24 megapixels of white are 70 kB."""
    path = tmp_path / "white.png"
    pyvips.Image.black(6000, 4000, bands=3).linear(0, 255).cast("uchar").copy(interpretation="srgb").pngsave(str(path))
    assert path.stat().st_size < 100_000
    assert (decode(path).region(3990, 5990, 10, 10) == 255).all()


@pytest.mark.parametrize("tile", [None, (1024, 1024)])
def test_a_gigapixel_is_no_bomb(tile: tuple[int, int] | None) -> None:
    picture = decode(bombs.tiff([bombs.page(32768, 32768, tile=tile)]))
    assert (picture.width, picture.height) == (32768, 32768)


def test_what_does_not_fit_on_the_disk_is_told_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=10**9))
    with pytest.raises(UnreadableError, match=r"decoded takes 1\.9 GB for a while, and .* has 1 GB left: .*TMPDIR"):
        decode(bombs.png(25000, 25000))
    huge = ArrayPicture(np.broadcast_to(np.uint8(0), (10000, 10000, 3)), None, None)
    check_output(huge, 1)
    with pytest.raises(UnwritableError, match=r"the result takes 2\.4 GB for a while"):
        check_output(huge, 2)


def test_results_have_the_same_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=10**12))
    picture = ArrayPicture(np.broadcast_to(np.uint8(0), (12000, 16000, 3)), None, None)
    check_output(picture, 3)
    with pytest.raises(UnwritableError, match=r"a.png would become 64000×48000 .*3072 megapixels.*at most 2000"):
        check_output(picture, 4, "a.png")
    monkeypatch.setenv(VARIABLE, "3072")
    check_output(picture, 4, "a.png")


@pytest.mark.skipif(not STATUS.exists(), reason="memory is read from /proc")
def test_memory_is_what_was_measured(tmp_path: Path) -> None:
    """A format that is decoded whole takes no more than is reckoned with: measured in a process of its own."""
    grey = pyvips.Image.black(2500, 2500, bands=3).copy(interpretation="srgb")
    grey.jpegsave(str(tmp_path / "a.jpg"), interlace=True, subsample_mode="off")
    grey.pngsave(str(tmp_path / "a.png"), interlace=True, compression=1)
    grey.webpsave(str(tmp_path / "a.webp"), lossless=True, effort=0)
    grey.gifsave(str(tmp_path / "a.gif"), effort=1)
    (tmp_path / "a.avif").write_bytes(avif(2500, 2500))
    code = (
        "import re, sys; from pathlib import Path; from pixelmend.images import decode\n"
        "from pixelmend.images.limits import declared\n"
        "def peak(): return int(re.search(r'VmHWM:\\s+(\\d+)', Path('/proc/self/status').read_text())[1]) * 1024\n"
        "picture = decode(sys.argv[1]); before = peak(); picture.region(0, 0, 8, 8)\n"
        "print((peak() - before) / 6.25e6, declared(picture.header, 0).held)"
    )
    for path in sorted(tmp_path.iterdir()):
        done = subprocess.run(
            [sys.executable, "-c", code, str(path)], check=True, capture_output=True, text=True, env=os.environ.copy()
        )
        took, reckoned = map(float, done.stdout.split())
        assert took < reckoned + 4, path.suffix  # and 25 MB for all else
    assert limits.MEMORY == 1e9


SMALL: dict[str, Callable[[], bytes]] = {
    **{form: next(iter(cases.values())) for form, cases in samples.FILES.items()},
    "PPM": lambda: b"P6\n60 40\n255\n" + bytes(60 * 40 * 3),
    "PFM": lambda: b"Pf\n60 40\n-1\n" + bytes(60 * 40 * 4),
}


@pytest.mark.parametrize("form", SMALL)
def test_a_caller_may_name_the_limit(form: str, tmp_path: Path) -> None:
    data, path = SMALL[form](), tmp_path / "picture"
    path.write_bytes(data)
    for source in (data, path):
        with pytest.raises(TooLargeError, match=r"megapixels.*: give a smaller picture") as caught:
            decode(source, max_megapixels=0.0001)
        assert VARIABLE not in str(caught.value)
        assert decode(source, max_megapixels=1.0).width > 0


def test_a_limit_that_is_named_takes_the_place_of_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    small, large = bombs.png(100, 100), bombs.png(3000, 3000)
    monkeypatch.setenv(VARIABLE, "0.001")
    assert decode(small, max_megapixels=1.0).width == 100
    monkeypatch.setenv(VARIABLE, "100000")
    with pytest.raises(TooLargeError, match=r"9 megapixels.*at most 1"):
        decode(large, max_megapixels=1.0)


def test_the_limit_of_memory_stays_beside_one_that_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "100000")
    for bomb in (bombs.png(20000, 20000, interlaced=True), bombs.webp(16383, 16383), bombs.gif(40000)):
        with pytest.raises(TooLargeError, match="of memory, wanted at most 1 GB: give a smaller picture"):
            decode(bomb, max_megapixels=10_000.0)


def test_the_limit_of_a_result_may_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    picture = ArrayPicture(np.zeros((100, 100, 3), np.uint8), None, None)
    monkeypatch.setenv(VARIABLE, "100000")
    check_output(picture, 4, max_megapixels=0.16)
    with pytest.raises(TooLargeResultError, match=r"400×400 .* enlarge less or give a part of it") as caught:
        check_output(picture, 4, max_megapixels=0.15)
    assert VARIABLE not in str(caught.value)
