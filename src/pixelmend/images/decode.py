"""Reading pictures: files and encoded bytes to something whose pixels are fetched on demand.

libvips decodes lazily, and keeps what it decoded in memory or, above 24 MB, in a temporary file; so a
picture of any size can be restored piece by piece. The file itself is never in memory as a whole.

Orientation: pixels stay as they are stored, and the EXIF tag that tells a viewer how to turn them stays with them.
What goes out is therefore shown the same way up as what came in, and sizes and arrays agree with those of other
programs that do not turn either.
"""

from __future__ import annotations

import mmap
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from pixelmend.errors import UnreadableError, UsageError
from pixelmend.images.bands import DTYPES, left_behind, normalised
from pixelmend.images.foreign import Foreign, open_foreign, open_heic
from pixelmend.images.limits import begins_as_tiff, check_container, check_declared, declared, is_read
from pixelmend.images.metadata import PROFILE, read_metadata
from pixelmend.images.profiles import space_for
from pixelmend.images.values import LUMA, float_fault, to_unit
from pixelmend.images.vips import nameable, pyvips, reason
from pixelmend.memory import forget

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pixelmend.images.picture import ColourSpace, Pixels

READABLE = "PNG, JPEG, TIFF, WebP, AVIF, GIF, HEIC, BMP, PPM, PGM or PFM"
_PNG = b"\x89PNG"
"""What a PNG begins with."""
_AGAIN = "wanted a whole picture: copy or download it again"

_FORMATS = {"jpeg": "jpeg", "uhdr": "jpeg", "png": "png", "webp": "webp", "tiff": "tiff", "gif": "gif", "heif": "avif"}
"""Formats by the loaders of libvips that are used."""
_UNKNOWN_KIND = ("samples out of range", "bad labq format", "not supported", "unsupported")
"""What libvips says of pixels that are whole, but of a kind that it does not read."""

_LUMA = np.array(LUMA, dtype=np.float32)


@dataclass(frozen=True, eq=False)
class Picture:
    """A decoded file: colour, transparency and everything else that came with it. Made by `decode`.

    Attributes:
        colour: libvips image of 1 or 3 bands.
        alpha: libvips image of 1 band, or None.
        header: libvips image whose fields hold profile, EXIF, XMP, resolution and orientation.
        path: The file it came from, or None for bytes.
        format: "jpeg", "png", "tiff", "webp", "avif", "gif", "heic", "bmp", "ppm", "pgm" or "pfm".
        notes: What could not be kept.
        mapped: The file, where it is one and can be mapped.
        space: What the numbers mean; None where that is sRGB, or no profile says otherwise.
    """

    colour: Any
    alpha: Any
    header: Any
    path: Path | None
    format: str
    notes: tuple[str, ...]
    mapped: mmap.mmap | None = None
    space: ColourSpace | None = None

    @property
    def name(self) -> str:
        """How a message names it: the path, or "the picture given as bytes"."""
        return str(self.path) if self.path else "the picture given as bytes"

    @property
    def height(self) -> int:
        """Rows as stored."""
        return int(self.colour.height)

    @property
    def width(self) -> int:
        """Columns as stored."""
        return int(self.colour.width)

    @property
    def channels(self) -> int:
        """1 or 3."""
        return int(self.colour.bands)

    @property
    def dtype(self) -> np.dtype[Any]:
        """uint8, uint16 or float32."""
        return np.dtype(DTYPES[self.colour.format])

    @property
    def has_alpha(self) -> bool:
        """Whether transparency came with it."""
        return self.alpha is not None

    def region(self, top: int, left: int, height: int, width: int) -> Pixels:
        """A piece, (height, width, channels), in `dtype`, read-only. The first call decodes the file.

        Raises:
            UnreadableError: The file is truncated or damaged, or holds values that are not a picture's.
        """
        pixels = self._fetch(self.colour, (top, left, height, width))
        if self.dtype == np.float32 and (fault := float_fault(pixels)):
            raise UnreadableError(f"cannot read {self.name}: {fault}")
        return pixels

    def opacity(self, top: int, left: int, height: int, width: int) -> Pixels | None:
        """Transparency of a piece, (height, width, 1), in `dtype`, full scale where opaque; None where there is none.

        Raises:
            UnreadableError: The file is truncated or damaged.
        """
        return None if self.alpha is None else self._fetch(self.alpha, (top, left, height, width))

    def _fetch(self, image: Any, where: tuple[int, int, int, int]) -> Pixels:
        top, left, height, width = where
        try:
            data = pyvips.Region.new(image).fetch(left, top, width, height)
        except pyvips.Error as error:
            raise UnreadableError(
                f"cannot read {self.name}: the file is damaged or cut short ({reason(error)}), {_AGAIN}"
            ) from None
        if self.mapped is not None:
            forget(self.mapped)
        return np.frombuffer(data, dtype=self.dtype).reshape(height, width, image.bands)


def decode(source: str | Path | bytes, *, max_megapixels: float | None = None) -> Picture:
    """Open a picture; its pixels are decoded when they are asked for.

    Palettes, CMYK and CIELAB become RGB, grey stays one channel, 8 and 16 bits and float stay what they are,
    transparency is set apart, and of an animation or a document the first page is taken.

    Args:
        source: A path, or the encoded bytes of a file (PNG, JPEG, TIFF, WebP, AVIF, GIF, PPM, PGM, PFM; HEIC and BMP
            with the extras that read them).
        max_megapixels: That it may have by its header, which is looked at before a pixel is decoded; None goes by
            `PIXELMEND_MAX_MEGAPIXELS`.

    Raises:
        UsageError: There is no such file, or it is a folder.
        TooLargeError: It has more pixels, or its decoding would take more memory or room, than is allowed.
        UnreadableError: It is empty, not a picture, damaged, or of a kind that is not read.
    """
    if isinstance(source, bytes):
        return _picture(_opened(source, "the picture given as bytes", None, max_megapixels), None, None)
    path = Path(source)
    _check_file(path)
    mapped = _map(path)
    picture = _picture(_opened(mapped, str(path), path, max_megapixels), path, mapped)
    if mapped is not None:
        forget(mapped)  # looking for metadata and for the end of a JPEG goes through all of it
    return picture


def read_float(path: str | Path, *, color: Literal["rgb", "gray"]) -> NDArray[np.float32]:
    """A whole picture in memory, float32 in [0, 1]; transparency is left out.

    Args:
        path: The file.
        color: "rgb" gives (H, W, 3), a grey file replicated; "gray" gives (H, W), a colour file by BT.601
            luma.

    Raises:
        UsageError: There is no such file.
        UnreadableError: It could not be decoded.
    """
    picture = decode(path)
    unit = to_unit(picture.region(0, 0, picture.height, picture.width))
    if color == "rgb":
        return np.repeat(unit, 3, axis=2) if picture.channels == 1 else unit
    return unit[:, :, 0] if picture.channels == 1 else unit @ _LUMA


def read_rgb8(path: str | Path) -> NDArray[np.uint8]:
    """A whole picture in memory as uint8 (H, W, 3), writable; 16 bits are rounded, grey is replicated.

    Raises:
        UsageError: There is no such file.
        UnreadableError: It could not be decoded.
    """
    picture = decode(path)
    pixels = picture.region(0, 0, picture.height, picture.width)
    if pixels.dtype != np.uint8:
        pixels = np.rint(np.clip(to_unit(pixels), 0, 1) * 255).astype(np.uint8)
    return np.repeat(pixels, 3, axis=2) if picture.channels == 1 else pixels.copy()


def _map(path: Path) -> mmap.mmap | None:
    """A file, mapped; None where the file system has no such thing, which libvips then reads by itself."""
    try:
        with path.open("rb") as file:
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except (OSError, ValueError):
        return None


def _open(buffer: bytes | mmap.mmap | None, name: str, path: Path | None) -> Any:
    if buffer is not None and not len(buffer):
        raise UnreadableError(f"cannot read {name}: it is empty (0 bytes), {_AGAIN}")
    try:
        # A source, not a file name: libvips takes "[...]" at the end of a name for options. TIFF and PNG are read from
        # the file as they are unpacked; of a map, all that was read would count as memory until the end of that. All
        # others libvips maps as a whole; so it is given our map, which can be let go of.
        if path is not None and (buffer is None or begins_as_tiff(buffer) or buffer[: len(_PNG)] == _PNG):
            stream = pyvips.Source.new_from_file(os.fsencode(path))
        else:
            stream = pyvips.Source.new_from_memory(buffer)
        known = is_read(stream)
        if known is None and buffer and begins_as_tiff(buffer):
            raise UnreadableError(f"cannot read {name}: the file is damaged or cut short (no page is found), {_AGAIN}")
        if known is None:
            raise UnreadableError(f"cannot read {name}: it is not a picture, wanted {READABLE}: give another file")
        if not known:
            raise UnreadableError(
                f"cannot read {name}: it is no picture of pixels, wanted {READABLE}: convert it first"
            )
        return pyvips.Image.new_from_source(stream, "", access="random", fail_on="error")
    except pyvips.Error as error:
        if any(words in str(error) for words in _UNKNOWN_KIND):
            raise UnreadableError(
                f"cannot read {name}: its pixels are of a kind that is not read ({reason(error)}), wanted 8 or 16 bits "
                "or float32, grey or RGB: convert it first"
            ) from None
        raise UnreadableError(
            f"cannot read {name}: the file is damaged or cut short ({reason(error)}), {_AGAIN}"
        ) from None


def _check_file(path: Path) -> None:
    try:
        size = path.stat().st_size
    except FileNotFoundError:
        raise UsageError(f"no such file: {path}: give the path of a picture ({READABLE})") from None
    except OSError as error:
        raise UnreadableError(f"cannot read {path}: {error.strerror}") from None
    if path.is_dir():
        raise UsageError(f"{path} is a folder: give one picture ({READABLE})")
    if not path.is_file():
        raise UsageError(f"{path} is not a regular file: give one picture ({READABLE})")
    if size == 0:
        raise UnreadableError(f"cannot read {path}: it is empty (0 bytes), {_AGAIN}")


def _opened(buffer: bytes | mmap.mmap | None, name: str, path: Path | None, max_megapixels: float | None) -> Foreign:
    """A file as grey or RGB and what came with it, whichever library reads it.

    Args:
        buffer: All of it; None where it could not be mapped.
        name: How a message names it.
        path: Where it is; None where it was given as bytes.
        max_megapixels: See `decode`.
    """
    found = open_foreign(buffer, name, max_megapixels) if buffer else None
    if found is not None:
        return found
    if buffer:
        check_container(buffer, name)
    image, unnamed = nameable(_open(buffer, name, path))
    form = _FORMATS[str(image.get("vips-loader")).removesuffix("_source").removesuffix("load")]
    size = len(buffer or b"") if path is None else path.stat().st_size
    check_declared(declared(image, size), name, max_megapixels)
    if form == "avif" and image.get("heif-compression") != "av1":
        return open_heic(path.read_bytes() if buffer is None and path is not None else buffer or b"", name)
    left = left_behind(image, buffer)
    header, lost = read_metadata(image, buffer)
    image, changed = normalised(header, name)
    return Foreign(image, image, form, (*left, *unnamed, *lost, *changed))


def _picture(found: Foreign, path: Path | None, mapped: mmap.mmap | None) -> Picture:
    """Set transparency apart, and find out what the numbers mean."""
    image = found.image
    colours = 3 if image.bands >= 3 else 1
    alpha = image.extract_band(colours) if image.bands > colours else None
    colour = image.extract_band(0, n=colours) if alpha is not None else image
    profile = found.header.get(PROFILE) if PROFILE in found.header.get_fields() else None
    space, notes = space_for(profile, colours)
    return Picture(colour, alpha, found.header, path, found.format, (*found.notes, *notes), mapped, space)
