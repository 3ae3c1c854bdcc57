"""The formats that are written: what each can hold, the suffixes that name it, and how it is written."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from pixelmend.errors import UnknownNameError, UnwritableError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from pixelmend.images.decode import Picture


@dataclass(frozen=True)
class Format:
    """What a format can hold, and how it is written.

    Attributes:
        name: As a reader would say it.
        saver: Of libvips.
        depths: Types of pixels that it holds, the best last.
        alpha: Whether it holds transparency.
        gray: Whether it holds pictures of one channel; where not, they become colour.
        iptc: Whether it holds IPTC.
        density: Whether it tells pixels per length without EXIF.
        max_side: The longest side, in pixels.
        options: How it is written where no quality is asked for.
        lossy: How it is written where one is; None where there is nothing to choose.
    """

    name: str
    saver: str
    depths: tuple[str, ...]
    alpha: bool = True
    gray: bool = True
    iptc: bool = False
    density: bool = False
    max_side: int = 2**31 - 1
    options: dict[str, Any] = field(default_factory=dict)
    lossy: dict[str, Any] | None = None


# 4:4:4: colour at half resolution would undo part of what was restored.
_JPEG = {"subsample_mode": "off"}
_AVIF = {"subsample_mode": "off", "effort": 3, "compression": "av1"}

FORMATS = {
    "png": Format("PNG", "pngsave", ("uint8", "uint16"), density=True, options={"compression": 6}),
    "jpeg": Format(
        "JPEG", "jpegsave", ("uint8",), alpha=False, iptc=True, max_side=65535,
        options={"Q": 95, **_JPEG}, lossy=_JPEG,
    ),
    "tiff": Format(
        "TIFF", "tiffsave", ("uint8", "uint16", "float32"), iptc=True, density=True,
        options={"compression": "deflate"},
    ),
    # Lossy WebP halves the resolution of colour, always; lossless costs little time at effort 2.
    "webp": Format(
        "WebP", "webpsave", ("uint8",), gray=False, max_side=16383,
        options={"lossless": True, "exact": True, "effort": 2}, lossy={"effort": 4, "smart_subsample": True},
    ),
    "avif": Format(
        "AVIF", "heifsave", ("uint8", "uint16"), gray=False, max_side=16384, options={"Q": 90, **_AVIF}, lossy=_AVIF,
    ),
}  # fmt: skip
_SUFFIXES = {
    ".png": "png", ".jpg": "jpeg", ".jpeg": "jpeg", ".jpe": "jpeg", ".jfif": "jpeg",
    ".tif": "tiff", ".tiff": "tiff", ".webp": "webp", ".avif": "avif",
}  # fmt: skip


def formats() -> tuple[str, ...]:
    """The names of the formats that are written."""
    return tuple(FORMATS)


def format_named(name: str) -> str:
    """The format that a user names, by its name or by a suffix with or without its dot ("png", "jpg", ".tif").

    Raises:
        UnknownNameError: It is not written.
    """
    found = _SUFFIXES.get(f".{name.strip().lower().removeprefix('.')}")
    if found is None:
        raise UnknownNameError("format", name, FORMATS)
    return found


def suffix_for(name: str) -> str:
    """The usual suffix of a format, with its dot, by any name that `format_named` knows.

    Raises:
        UnknownNameError: It is not written.
    """
    form = format_named(name)
    return {"jpeg": ".jpg", "tiff": ".tif"}.get(form, f".{form}")


def format_of(path: Path) -> str:
    """The format that the suffix of a path names.

    Raises:
        UsageError: None, or one that is not written.
    """
    name = _SUFFIXES.get(path.suffix.lower())
    if name is None:
        got = f"the suffix {path.suffix!r}" if path.suffix else "no suffix"
        raise UsageError(f"cannot tell the format of {path}: got {got}, wanted one of: {', '.join(_SUFFIXES)}")
    return name


def default_format(picture: Picture) -> str:
    """The format for a result: that of the picture; where it is not written, one that everybody opens.

    HEIC of 8 bits becomes JPEG, as telephones themselves hand it on; floating-point numbers become TIFF, all else, and
    all that JPEG does not hold, PNG.
    """
    if picture.format in FORMATS:
        return picture.format
    if picture.dtype == np.float32:
        return "tiff"
    holds = picture.dtype.name in FORMATS["jpeg"].depths and not picture.has_alpha
    return "jpeg" if picture.format == "heic" and holds else "png"


def default_suffix(picture: Picture) -> str:
    """The suffix for a result: that of the file, or that of `default_format` where it names none that is written."""
    if picture.path is not None and picture.path.suffix.lower() in _SUFFIXES:
        return picture.path.suffix
    return suffix_for(default_format(picture))


def check_size(width: int, height: int, name: str) -> None:
    """Refuse a picture that a format cannot hold.

    Raises:
        UnwritableError: A side is too long.
    """
    form = FORMATS[name]
    if max(width, height) > form.max_side:
        raise UnwritableError(f"got {width}×{height}, {form.name} holds at most {form.max_side} a side: choose TIFF")


def check_quality(quality: int | None, name: str) -> None:
    """Refuse a quality that cannot be: out of range, or of a format that loses nothing.

    Raises:
        UsageError: So it is.
    """
    if quality is None:
        return
    form = FORMATS[name]
    if form.lossy is None:
        some = ", ".join(each.name for each in FORMATS.values() if each.lossy is not None)
        raise UsageError(f"got quality {quality} for {form.name}, which loses nothing: leave it out, or choose {some}")
    if not 1 <= quality <= 100:
        raise UsageError(f"got quality {quality}, wanted a whole number from 1 to 100 (higher is better)")


def stored_depth(wanted: np.dtype[Any], name: str, bits: int = 16) -> tuple[np.dtype[Any], list[str]]:
    """The type of pixels that a format takes for one that is wanted, and what is lost by it.

    Args:
        wanted: uint8, uint16 or float32.
        name: The format.
        bits: How many of 16 bits the picture had when it came.
    """
    form = FORMATS[name]
    if wanted.name not in form.depths:
        best = np.dtype(form.depths[-1])
        lost = [f"{wanted.name} became {best.name}: {form.name} holds no more"]
        return best, lost + stored_depth(best, name)[1]
    if (name, wanted.name) == ("avif", "uint16") and bits > 12:
        return wanted, ["16 bits became 12: AVIF holds no more"]
    return wanted, []


def saver_options(name: str, quality: int | None, depth: np.dtype[Any], size: int) -> dict[str, Any]:
    """Arguments for the saver of libvips.

    Args:
        name: The format.
        quality: 1–100, or None for its usual way.
        depth: Type of the pixels.
        size: Bytes of the pixels.
    """
    form = FORMATS[name]
    options = dict(form.options) if quality is None else {"Q": quality, **(form.lossy or {})}
    if name == "tiff":
        # The float predictor exists, but few other programs read it.
        options["predictor"] = "none" if depth == np.float32 else "horizontal"
        options["bigtiff"] = size > 2**31
    if name == "avif":
        options["bitdepth"] = 8 if depth == np.uint8 else 12
    return options
