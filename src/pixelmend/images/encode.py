"""Writing pictures: format by suffix, with all that the original came with, and never half a file.

A result is written to a temporary file beside its target and renamed when complete, so a full disk or an
interruption leaves what was there before.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pixelmend.errors import UnwritableError, UsageError
from pixelmend.files import create_beside, replacing
from pixelmend.images.values import DTYPES, full_scale
from pixelmend.images.vips import pyvips, reason
from pixelmend.memory import is_mapped, let_go

if TYPE_CHECKING:
    from pixelmend.images.decode import Picture
    from pixelmend.images.picture import Pixels

_PERCENT = 4
"""So much of a picture that lies in a file is in memory while it is written."""
_BANDS = {"uint8": "uchar", "uint16": "ushort", "float32": "float"}


@dataclass(frozen=True)
class _Format:
    """What a format can hold, and how we write it."""

    name: str
    depths: tuple[str, ...]
    alpha: bool = True
    exif: bool = True
    max_side: int = 2**31 - 1
    options: dict[str, Any] = field(default_factory=dict)


_FORMATS = {
    "png": _Format("PNG", ("uint8", "uint16"), options={"compression": 6}),
    # 4:4:4: colour at half resolution would undo part of what was restored.
    "jpeg": _Format(
        "JPEG", ("uint8",), alpha=False, max_side=65535, options={"Q": 95, "subsample_mode": "off"}
    ),
    "tiff": _Format(
        "TIFF", ("uint8", "uint16", "float32"), exif=False, options={"compression": "deflate"}
    ),
    # Lossy WebP halves the resolution of colour, always; lossless costs little time at effort 2.
    "webp": _Format(
        "WebP", ("uint8",), max_side=16383, options={"lossless": True, "exact": True, "effort": 2}
    ),
    "avif": _Format(
        "AVIF", ("uint8", "uint16"), max_side=16384,
        options={"Q": 90, "subsample_mode": "off", "effort": 3, "compression": "av1"},
    ),
}  # fmt: skip
_SAVERS = {"png": "pngsave", "jpeg": "jpegsave", "tiff": "tiffsave", "webp": "webpsave", "avif": "heifsave"}
_SUFFIXES = {
    ".png": "png", ".jpg": "jpeg", ".jpeg": "jpeg", ".jpe": "jpeg", ".jfif": "jpeg",
    ".tif": "tiff", ".tiff": "tiff", ".webp": "webp", ".avif": "avif",
}  # fmt: skip

# Fields of a libvips image that belong to the picture and not to the file it was in.
_KEPT = ("icc-profile-data", "xmp-data", "iptc-data", "orientation", "resolution-unit", "image-description")


def save(
    pixels: Pixels, path: str | Path, *, like: Picture | None = None, depth: np.dtype[Any] | None = None
) -> tuple[str, ...]:
    """Store a picture; the format follows the suffix of the path.

    With `like`, the colour profile, EXIF, XMP, IPTC, resolution, orientation, transparency and bit depth of
    that picture are kept where the format can hold them.

    Args:
        pixels: (H, W) or (H, W, C), C in {1, 3}, uint8, uint16 or float32 in [0, 1]; a memory-mapped array is
            streamed.
        path: Where to; an existing file is replaced in one step.
        like: The picture that these pixels were made from; where it is transparent, of the same height and width, or
            of both divided by the same whole number.
        depth: uint8, uint16 or float32, instead of that of `like` or of the pixels.

    Returns:
        What could not be kept, one sentence each.

    Raises:
        UsageError: Unknown suffix, a folder, a folder that does not exist, or the very file that `like` came
            from.
        UnwritableError: The folder is not writable, the disk is full, or the format cannot hold the picture.
    """
    path = Path(path)
    image, name, options, notes = _prepare(pixels, _format_of(path), like, depth)
    _check_path(path, like)
    with replacing(path) as temporary:
        try:
            getattr(image, _SAVERS[name])(os.fsencode(temporary), **options)
        except pyvips.Error as error:
            raise UnwritableError(
                f"cannot write {path}: {_cause(error, temporary)}; what was there is unchanged"
            ) from None
    return notes


def encode(pixels: Pixels, format: str, *, like: Picture | None = None) -> bytes:  # noqa: A002  (the word for it)
    """Like `save`, to bytes.

    Args:
        pixels: As for `save`.
        format: "png", "jpeg", "tiff", "webp" or "avif".
        like: As for `save`.

    Raises:
        UsageError: A format that is not written.
        UnwritableError: The format cannot hold the picture.
    """
    if format not in _FORMATS:
        raise UsageError(f"got format {format!r}, wanted one of: {', '.join(sorted(_FORMATS))}")
    image, name, options, _ = _prepare(pixels, format, like, None)
    try:
        data: bytes = getattr(image, f"{_SAVERS[name]}_buffer")(**options)
    except pyvips.Error as error:
        raise UnwritableError(f"cannot encode as {_FORMATS[name].name}: {reason(error)}") from None
    return data


def check_target(path: str | Path, *, like: Picture | None = None, scale: int | None = None) -> None:
    """Fail now, before the work, where `save` would fail afterwards.

    Looks at the suffix, the folder, the permission to write there, whether it is the input itself, and at the size.

    Args:
        path: Where to.
        like: The picture that the pixels are made from.
        scale: Their height and width over those of `like`; None where the size is not known.

    Raises:
        UsageError: As `save`.
        UnwritableError: The folder is not writable, or the format cannot hold so large a picture.
    """
    path = Path(path)
    form = _FORMATS[_format_of(path)]
    _check_path(path, like)
    if like is not None and scale is not None:
        _check_size(like.width * scale, like.height * scale, form)
    create_beside(path).unlink()


def default_suffix(picture: Picture) -> str:
    """The suffix for a result: that of the file, or ".png" where its format is not written."""
    if picture.path is not None and picture.path.suffix.lower() in _SUFFIXES:
        return picture.path.suffix
    return ".png"


def _format_of(path: Path) -> str:
    name = _SUFFIXES.get(path.suffix.lower())
    if name is None:
        got = f"the suffix {path.suffix!r}" if path.suffix else "no suffix"
        raise UsageError(f"cannot tell the format of {path}: got {got}, wanted one of: {', '.join(_SUFFIXES)}")
    return name


def _check_path(path: Path, like: Picture | None) -> None:
    if path.is_dir():
        raise UsageError(f"{path} is a folder: give a file name inside it")
    if not path.parent.is_dir():
        raise UsageError(f"there is no folder {path.parent}: create it first, or choose another output")
    if like is not None and like.path is not None and path.exists() and path.samefile(like.path):
        raise UsageError(f"{path} is the input itself, which is never written over: choose another output")


def _cause(error: pyvips.Error, temporary: Path) -> str:
    """The cause in words, without the name of a file that the reader never asked for."""
    text = str(error)
    if "No space left" in text or "write error" in text or "unable to write" in text:
        free = os.statvfs(temporary.parent)
        if free.f_bavail * free.f_frsize < 2**20:
            return "No space left on device"
    return reason(error).replace(str(temporary), "the file")


def _prepare(
    pixels: Pixels, name: str, like: Picture | None, wanted: np.dtype[Any] | None
) -> tuple[Any, str, dict[str, Any], tuple[str, ...]]:
    """The libvips image to write, the format, the options of its saver, and what could not be kept."""
    form = _FORMATS[name]
    image = _to_vips(pixels)
    _check_size(image.width, image.height, form)
    if wanted is None:
        wanted = like.dtype if like is not None else pixels.dtype
    depth, notes = _depth(wanted, form)
    image = _convert(image, pixels.dtype, depth)
    if like is not None:
        image, more = _with_alpha(image, like, depth, form)
        notes += more
        image, more = _with_metadata(image, like, form)
        notes += more
    if is_mapped(pixels):
        image = _letting_go(image, pixels)
    return image, name, _options(image, name, form, depth), tuple(notes)


def _letting_go(image: Any, pixels: Pixels) -> Any:
    """An image during whose writing the pixels behind it leave memory, some percent at a time."""
    gone = 0

    def tell(_: Any, progress: Any) -> None:
        nonlocal gone
        if progress.percent >= gone + _PERCENT:
            gone = progress.percent
            let_go(pixels)

    image = image.copy()
    image.set_progress(True)
    image.signal_connect("eval", tell)
    return image


def _check_size(width: int, height: int, form: _Format) -> None:
    if max(width, height) > form.max_side:
        raise UnwritableError(f"got {width}×{height}, {form.name} holds at most {form.max_side} a side: choose TIFF")


def _to_vips(pixels: Pixels) -> Any:
    if pixels.ndim == 2:
        pixels = pixels[:, :, None]
    if pixels.ndim != 3 or pixels.shape[2] not in {1, 3} or pixels.size == 0 or pixels.dtype not in DTYPES:
        got = f"got shape {pixels.shape} of {pixels.dtype}"
        raise UsageError(f"{got}, wanted (H, W), (H, W, 1) or (H, W, 3) of uint8, uint16 or float32")
    height, width, bands = pixels.shape
    # A memory-mapped array is contiguous, so nothing is copied and libvips reads it from the disk as it
    # writes.
    data = np.ascontiguousarray(pixels)
    return pyvips.Image.new_from_memory(data, width, height, bands, _BANDS[pixels.dtype.name])


def _depth(wanted: np.dtype[Any], form: _Format) -> tuple[np.dtype[Any], list[str]]:
    if wanted.name in form.depths:
        note = (
            [f"16 bits became 12: {form.name} holds no more"] if (form.name, wanted.name) == ("AVIF", "uint16") else []
        )
        return wanted, note
    best = np.dtype(form.depths[-1])
    return best, [f"{wanted.name} became {best.name}: {form.name} holds no more"]


def _convert(image: Any, have: np.dtype[Any], depth: np.dtype[Any]) -> Any:
    if have != depth:
        image = image.linear(full_scale(depth) / full_scale(have), 0)
        # cast cuts the fraction off, and clamps
        image = image.cast("float") if depth == np.float32 else image.rint().cast(_BANDS[depth.name])
    names = {"uint8": ("b-w", "srgb"), "uint16": ("grey16", "rgb16"), "float32": ("b-w", "scrgb")}[depth.name]
    return image.copy(interpretation=names[image.bands == 3])


def _with_alpha(image: Any, like: Picture, depth: np.dtype[Any], form: _Format) -> tuple[Any, list[str]]:
    if like.alpha is None:
        return image, []
    alpha = _enlarged(like.alpha.cast(_BANDS[like.dtype.name]), like.dtype, image.width, image.height)
    if form.alpha:
        return image.bandjoin(_convert(alpha, like.dtype, depth)), []
    # On white, as viewers show it; left out, hidden colours would come to light.
    opaque = image.bandjoin(_convert(alpha, like.dtype, depth)).flatten(
        background=full_scale(depth), max_alpha=full_scale(depth)
    )
    return opaque.cast(_BANDS[depth.name]), [f"transparency became white: {form.name} holds none"]


def _enlarged(image: Any, dtype: np.dtype[Any], width: int, height: int) -> Any:
    """A libvips image at a whole multiple of its size, bicubic, within the range of its type."""
    scale = width // image.width
    if scale < 1 or (width, height) != (image.width * scale, image.height * scale):
        raise UsageError(f"got {width}×{height} pixels, wanted {image.width}×{image.height} or a whole multiple of it")
    if scale == 1:
        return image
    # Not resize: it moves what it enlarges by half a pixel of the result.
    shift, bicubic = 0.5 - 0.5 / scale, pyvips.Interpolate.new("bicubic")
    larger = image.affine(
        [scale, 0, 0, scale], idx=shift, idy=shift, oarea=[0, 0, width, height], interpolate=bicubic,
        extend="copy", premultiplied=True,
    )  # fmt: skip
    # whole numbers are clamped by the type itself
    return larger.clamp(min=0, max=full_scale(dtype)) if dtype == np.float32 else larger


def _with_metadata(image: Any, like: Picture, form: _Format) -> tuple[Any, list[str]]:
    """Copy what belongs to the picture; libvips holds EXIF twice, as a block and as fields: both must go."""
    header, notes = like.header, []
    image = image.copy(xres=header.xres, yres=header.yres)
    for key in header.get_fields():
        if key in _KEPT or key.startswith(("exif-", "png-comment-")):
            image.set_type(header.get_typeof(key), key, header.get(key))
    colours = image.bands - image.hasalpha()
    if "icc-profile-data" in image.get_fields() and colours != like.channels:
        image.remove("icc-profile-data")
        notes.append("the colour profile was left out: it does not fit the number of channels")
    if not form.exif and "exif-data" in header.get_fields():
        notes.append(f"EXIF was left out (orientation and resolution are kept): {form.name} is written without")
    return image, notes


def _options(image: Any, name: str, form: _Format, depth: np.dtype[Any]) -> dict[str, Any]:
    options = dict(form.options)
    if name == "tiff":
        # The float predictor exists, but few other programs read it.
        options["predictor"] = "none" if depth == np.float32 else "horizontal"
        options["bigtiff"] = image.width * image.height * image.bands * depth.itemsize > 2**31
    if name == "avif":
        options["bitdepth"] = 8 if depth == np.uint8 else 12
    return options
