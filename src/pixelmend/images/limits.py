"""What is refused before it is decoded: files that declare more than memory, disk or patience hold.

A few hundred bytes can declare a picture of gigapixels. What counts is what decoding it would take. Formats that are
decoded line by line need hardly any memory, so that an honest picture of a gigapixel is read; others are decoded whole,
and some files have rows that are longer than those of any picture. Where decoding would take more than `MEMORY` bytes,
or there are more than `MEGAPIXELS`, a file is refused: by what it declares, before a pixel is decoded. Who knows a file
sets `PIXELMEND_MAX_MEGAPIXELS`, which takes the place of both limits. A program that reads files of strangers says
itself how many megapixels it takes; then the variable counts for nothing, and the limit of memory stays.
"""

from __future__ import annotations

import math
import os
import shutil
import tempfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pixelmend.errors import TooLargeError, TooLargeResultError, UnreadableError, UsageError
from pixelmend.images.vips import pyvips

if TYPE_CHECKING:
    import mmap

    from pixelmend.images.picture import PictureLike

MEGAPIXELS = 2000.0
"""The largest picture that is read, and the largest result, where the variable says nothing else."""
MEMORY = 1e9
"""Bytes that decoding a picture whole may take."""
PAGES = 10_000
"""The longest document or animation of which the first page is read: the library looks at each of them."""
VARIABLE = "PIXELMEND_MAX_MEGAPIXELS"

_LOADERS = {f"VipsForeignLoad{each}Source" for each in ("Jpeg", "Uhdr", "Png", "Webp", "Tiff", "Nsgif", "Heif")}
_HEIF_SIDE = 16384  # what AVIF's own profiles hold, and other programs read
_SMALL = 24 * 2**20  # bytes; larger ones lie in a temporary file once they are decoded
_QUICK = 24.0  # megapixels that any format is decoded of within a second
_JPEG_PIXELS = 1024  # for each byte: a block of 8×8 takes a bit at least, twice that where colour has a quarter of them
_ROWS = 800  # that the library has in hand, with four threads, whatever it decodes
_NAMES = {"heif": "AVIF or HEIC", "webp": "WebP", "gif": "GIF", "png": "PNG", "uhdr": "JPEG", "jpeg": "JPEG",
          "tiff": "TIFF", "bmp": "BMP", "ppm": "PPM"}  # fmt: skip
_TOLD = ("tile-height", "n-pages", "interlaced", "jpeg-multiscan")
_TIFF = {b"II*\0": ("little", 2, 12, 4), b"MM\0*": ("big", 2, 12, 4),
         b"II+\0": ("little", 8, 20, 8), b"MM\0+": ("big", 8, 20, 8)}  # fmt: skip
"""By how a TIFF begins: its order of bytes, and how long are the count of a directory, an entry, and an address."""


@dataclass(frozen=True)
class Declared:
    """What a file says of itself.

    Attributes:
        width: In pixels.
        height: In pixels.
        format: "png", "jpeg", ...
        pixel: Bytes that a decoded pixel takes.
        held: Bytes of memory for each pixel while it is decoded; 0 where it is decoded line by line.
        tiles: Height in pixels of the tiles that it is cut into; 0 where it is not.
        pages: Pages or frames.
        size: Of the file, in bytes; 0 where that is not known.
    """

    width: int
    height: int
    format: str
    pixel: int
    held: float = 0.0
    tiles: int = 0
    pages: int = 1
    size: int = 0

    @property
    def megapixels(self) -> float:
        """Millions of pixels."""
        return self.width * self.height / 1e6


def is_read(stream: Any) -> bool | None:
    """Whether a libvips source is of a format that is read; None where libvips knows none that begins like that.

    It has loaders for drawings, tables and what other programs are called for; none of them sees a file.
    """
    found = pyvips.vips_lib.vips_foreign_find_load_source(stream.pointer)
    if found == pyvips.ffi.NULL:
        pyvips.Error("")  # takes the message away, which would else be that of the next error
        return None
    return pyvips.ffi.string(found).decode() in _LOADERS


def begins_as_tiff(data: bytes | mmap.mmap) -> bool:
    """Whether a file says that it is a TIFF; libvips takes it for none where its first page cannot be found."""
    return bytes(data[:4]) in _TIFF


def declared(image: Any, size: int) -> Declared:
    """What a file of `size` bytes says of itself, from what libvips read of its head; nothing is decoded."""
    fields = {each: image.get(each) for each in _TOLD if each in image.get_fields()}
    form = str(image.get("vips-loader")).removesuffix("_source").removesuffix("_buffer").removesuffix("load")
    pixel = image.bands * {"uchar": 1, "ushort": 2, "double": 8}.get(image.format, 4)
    # A tile of TIFF is decoded whole, and with it all that lie beside it.
    tiles = fields.get("tile-height", 0) if form == "tiff" else 0
    held = _held(image, form, pixel, several=any(fields.get(each) for each in ("interlaced", "jpeg-multiscan")))
    return Declared(image.width, image.height, form, pixel, held, tiles, fields.get("n-pages", 1), size)


def _held(image: Any, form: str, pixel: int, *, several: bool) -> float:
    """Bytes of memory for each pixel of a format that is decoded whole, as measured; 0 for others.

    Args:
        image: See `declared`.
        form: Its format.
        pixel: Bytes that a decoded pixel takes.
        several: Whether its rows come in several passes, each of which goes over all of the picture.
    """
    if form == "heif":
        return 15.0 if image.format == "uchar" else 20.0
    if form in {"webp", "gif", "uhdr"}:
        return 8.5
    if not several:
        return 0.0
    # of a progressive JPEG every coefficient is kept, in 16 bits
    return 2.2 * int(image.bands) if form == "jpeg" else float(pixel)


def check_declared(what: Declared, name: str, max_megapixels: float | None = None) -> None:
    """Refuse a picture whose decoding would take too much.

    Args:
        what: What its file says.
        name: How a message names it.
        max_megapixels: That are allowed, whatever the variable says; None goes by that.

    Raises:
        UsageError: The variable holds no number.
        TooLargeError: It is too large, in pixels, in memory, or for the disk.
        UnreadableError: It has too many pages, or declares more than it can hold.
    """
    allowed = _allowed() if max_megapixels is None else None
    most = max_megapixels or allowed or MEGAPIXELS
    got = f"cannot read {name}: got {what.width}×{what.height} pixels ({_figure(what.megapixels)} megapixels)"
    trust = f"if the file can be trusted, set {VARIABLE}={math.ceil(what.megapixels)}"
    if max_megapixels is not None:
        trust = "give a smaller picture"
    if what.megapixels > most:
        raise TooLargeError(f"{got}, wanted at most {_figure(most)}: {trust}")
    if allowed is None:
        if what.format == "heif" and max(what.width, what.height) > _HEIF_SIDE:
            raise TooLargeError(f"{got}, wanted sides of at most {_HEIF_SIDE} in AVIF and HEIC: {trust}")
        if (takes := _memory(what)) > MEMORY:
            raise TooLargeError(
                f"{got} as {_NAMES[what.format]}, whose decoding takes about {_gigabytes(takes)} of memory, "
                f"wanted at most {_gigabytes(MEMORY)}: {trust}"
            )
    if what.format == "jpeg" and what.megapixels > _QUICK and what.megapixels * 1e6 > _JPEG_PIXELS * what.size:
        # libjpeg only warns where data end early, and would make up the rest
        raise UnreadableError(f"{got}, which {what.size} bytes of JPEG cannot hold: copy or download it again")
    if what.pages > PAGES:
        raise UnreadableError(
            f"cannot read {name}: got {what.pages} pages or frames, wanted at most {PAGES}: give the first as a file"
        )
    if not what.tiles:  # a picture in tiles is read where it lies
        check_room(what.width * what.height * what.pixel, f"cannot read {name}: decoded")


def _memory(what: Declared) -> float:
    """Bytes of memory that decoding takes, about."""
    # Few rows are held twice: on the way, and where they go.
    rows = min(2 * what.tiles, what.height) if what.tiles else min(_ROWS, 2 * what.height)
    return max(rows * what.width * what.pixel, what.width * what.height * what.held)


def check_container(data: bytes | mmap.mmap, name: str) -> None:
    """Refuse a TIFF whose chain of pages is a loop or has no end in sight; the library would follow it.

    Args:
        data: The whole file.
        name: How a message names it.

    Raises:
        UnreadableError: It is such a file.
    """
    form = _TIFF.get(bytes(data[:4]))
    if form is None:
        return
    order, count, entry, address = form
    start = 4 if address == 4 else 8
    seen: set[int] = set()
    place = int.from_bytes(data[start : start + address], order)  # type: ignore[arg-type]  # "little" or "big"
    while 0 < place < len(data) - count:
        if place in seen:
            raise UnreadableError(f"cannot read {name}: its chain of pages is a loop: copy or download it again")
        seen.add(place)
        if len(seen) > PAGES:
            raise UnreadableError(f"cannot read {name}: got more than {PAGES} pages: give the first as a file")
        after = place + count + entry * int.from_bytes(data[place : place + count], order)  # type: ignore[arg-type]
        place = int.from_bytes(data[after : after + address], order)  # type: ignore[arg-type]


def check_output(
    picture: PictureLike, scale: int, name: str = "the picture", *, max_megapixels: float | None = None
) -> None:
    """Fail before the work where the result would be too large, or would not fit on the disk on the way.

    Args:
        picture: What goes in.
        scale: Height and width of the result over those of the picture.
        name: How a message names it.
        max_megapixels: As for `check_declared`.

    Raises:
        UsageError: The variable holds no number.
        TooLargeResultError: More megapixels than are allowed, or no room for them.
    """
    width, height = picture.width * scale, picture.height * scale
    megapixels = width * height / 1e6
    allowed = max_megapixels or _allowed() or MEGAPIXELS
    if megapixels > allowed:
        more = "" if max_megapixels is not None else f", or set {VARIABLE}={math.ceil(megapixels)}"
        raise TooLargeResultError(
            f"{name} would become {width}×{height} pixels ({_figure(megapixels)} megapixels), wanted at most "
            f"{_figure(allowed)}: enlarge less{',' if more else ' or'} give a part of it{more}"
        )
    # 8 bits lie there as 16 until colours were held
    size = width * height * picture.channels * max(2, picture.dtype.itemsize)
    check_room(size, f"{name} cannot be restored: the result", TooLargeResultError)


def check_room(size: int, what: str, error: type[TooLargeError | TooLargeResultError] = TooLargeError) -> None:
    """Refuse what has to lie in a temporary file and does not fit.

    Args:
        size: Bytes.
        what: What takes them, as the beginning of a message.
        error: What to raise.

    Raises:
        TooLargeError: There is not enough room; or what `error` says.
    """
    if size <= _SMALL:
        return
    folder = tempfile.gettempdir()
    free = shutil.disk_usage(folder).free
    if size > free:
        raise error(
            f"{what} takes {_gigabytes(size)} for a while, and {folder} has {_gigabytes(free)} left: make room, "
            "or set TMPDIR to a folder that has"
        )


def _allowed() -> float | None:
    """What the user allows, in megapixels; None where nothing was said."""
    text = os.environ.get(VARIABLE, "").strip()
    if not text:
        return None
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not number > 0:  # NaN compares false
        raise UsageError(f"got {VARIABLE}={text!r}, wanted a number of megapixels, such as {MEGAPIXELS:g}")
    return number


def _figure(megapixels: float) -> str:
    return f"{megapixels:.0f}" if megapixels >= 10 else f"{megapixels:.2g}"


def _gigabytes(size: float) -> str:
    return f"{size / 1e9:.2g} GB"
