"""Writing pictures: format by suffix, with all that the original came with, and never half a file.

A result is written to a temporary file beside its target and renamed when complete, so a full disk or an
interruption leaves what was there before.
"""

from __future__ import annotations

import io
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pixelmend.errors import UnwritableError, UsageError
from pixelmend.files import create_beside, replacing
from pixelmend.images.formats import (
    FORMATS,
    Format,
    check_quality,
    check_size,
    format_named,
    format_of,
    saver_options,
    stored_depth,
)
from pixelmend.images.metadata import bits_of, kept_kinds, tags_for_tiff, with_metadata, without_metadata
from pixelmend.images.planes import BANDS, enlarged, in_depth, to_vips
from pixelmend.images.tags import add_to_tiff
from pixelmend.images.values import full_scale
from pixelmend.images.vips import pyvips, reason
from pixelmend.memory import is_mapped, let_go

if TYPE_CHECKING:
    import numpy as np

    from pixelmend.images.decode import Picture
    from pixelmend.images.picture import Pixels
    from pixelmend.images.tags import Tags

_PERCENT = 4
"""So much of a picture that lies in a file is in memory while it is written."""


class Encoded(bytes):
    """The bytes of a file, which also tell what could not be kept.

    Attributes:
        notes: One sentence each.
    """

    notes: tuple[str, ...] = ()


def save(
    pixels: Pixels,
    path: str | Path,
    *,
    like: Picture | None = None,
    depth: np.dtype[Any] | None = None,
    quality: int | None = None,
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
        quality: 1–100, higher is better, for JPEG, AVIF and WebP, which is lossless without; None is 95 for JPEG and
            90 for AVIF.

    Returns:
        What could not be kept, one sentence each.

    Raises:
        UsageError: Unknown suffix, a folder, a folder that does not exist, the very file that `like` came from, or a
            quality for a format that loses nothing.
        UnwritableError: The folder is not writable, the disk is full, or the format cannot hold the picture.
    """
    path = Path(path)
    ready = _prepare(pixels, format_of(path), like, depth, quality)
    _check_path(path, like)
    with replacing(path) as temporary:
        try:
            getattr(ready.image, ready.form.saver)(os.fsencode(temporary), **ready.options)
        except pyvips.Error as error:
            raise UnwritableError(
                f"cannot write {path}: {_cause(error, temporary)}; what was there is unchanged"
            ) from None
        if ready.tags:
            with temporary.open("rb+") as file:
                add_to_tiff(file, ready.tags)
    return ready.notes


def encode(
    pixels: Pixels,
    format: str,  # noqa: A002  (the word for it)
    *,
    like: Picture | None = None,
    quality: int | None = None,
) -> Encoded:
    """Like `save`, to bytes, which have what could not be kept as their `notes`.

    Args:
        pixels: As for `save`.
        format: One of `formats()`, or a suffix that names it.
        like: As for `save`.
        quality: As for `save`.

    Raises:
        UsageError: A format that is not written, or a quality for one that loses nothing.
        UnwritableError: The format cannot hold the picture.
    """
    ready = _prepare(pixels, format_named(format), like, None, quality)
    try:
        data: bytes = getattr(ready.image, f"{ready.form.saver}_buffer")(**ready.options)
    except pyvips.Error as error:
        raise UnwritableError(f"cannot encode as {ready.form.name}: {reason(error)}") from None
    if ready.tags:
        file = io.BytesIO(data)
        add_to_tiff(file, ready.tags)
        data = file.getvalue()
    encoded = Encoded(data)
    encoded.notes = ready.notes
    return encoded


def check_target(
    path: str | Path, *, like: Picture | None = None, scale: int | None = None, quality: int | None = None
) -> None:
    """Fail now, before the work, where `save` would fail afterwards.

    Looks at the suffix, the folder, the permission to write there, whether it is the input itself, at the size, and at
    the quality.

    Args:
        path: Where to.
        like: The picture that the pixels are made from.
        scale: Their height and width over those of `like`; None where the size is not known.
        quality: As for `save`.

    Raises:
        UsageError: As `save`.
        UnwritableError: The folder is not writable, or the format cannot hold so large a picture.
    """
    path = Path(path)
    name = format_of(path)
    _check_path(path, like)
    check_encoding(name, like=like, scale=scale, quality=quality)
    create_beside(path).unlink()


def check_encoding(
    format: str,  # noqa: A002  (the word for it)
    *,
    like: Picture | None = None,
    scale: int | None = None,
    quality: int | None = None,
) -> None:
    """Fail now, before the work, where `encode` would fail afterwards.

    Args:
        format: As for `encode`.
        like: As for `check_target`.
        scale: As for `check_target`.
        quality: As for `save`.

    Raises:
        UsageError: A format that is not written, or a quality that cannot be.
        UnwritableError: The format cannot hold so large a picture.
    """
    name = format_named(format)
    check_quality(quality, name)
    if like is not None and scale is not None:
        check_size(like.width * scale, like.height * scale, name)


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


@dataclass(frozen=True, eq=False)
class _Ready:
    """All that is needed to write a file.

    Attributes:
        image: libvips image with its metadata.
        form: The format.
        options: Arguments of the saver.
        tags: What is to be added to a TIFF afterwards.
        notes: What could not be kept.
    """

    image: Any
    form: Format
    options: dict[str, Any]
    tags: Tags
    notes: tuple[str, ...]


def _prepare(
    pixels: Pixels, name: str, like: Picture | None, wanted: np.dtype[Any] | None, quality: int | None
) -> _Ready:
    check_quality(quality, name)
    image = to_vips(pixels)
    check_size(image.width, image.height, name)
    if wanted is None:
        wanted = like.dtype if like is not None else pixels.dtype
    depth, notes = stored_depth(wanted, name, 16 if like is None else bits_of(like))
    image = in_depth(image, pixels.dtype, depth)
    if image.bands == 1 and not FORMATS[name].gray:
        notes.append(f"grey is stored as colour: {FORMATS[name].name} holds none")
    tags: Tags = {}
    if like is None:
        image = without_metadata(image)
    else:
        image, more = _with_alpha(image, like, depth, FORMATS[name])
        image, others = with_metadata(image, like, name)
        notes += more + others
        if name == "tiff":
            tags, more = tags_for_tiff(like, image.width, image.height)
            notes += more
    options = saver_options(name, quality, depth, image.width * image.height * image.bands * depth.itemsize)
    options["keep"] = kept_kinds(image, name)
    if is_mapped(pixels):
        image = _letting_go(image, pixels)
    return _Ready(image, FORMATS[name], options, tags, tuple(notes))


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


def _with_alpha(image: Any, like: Picture, depth: np.dtype[Any], form: Format) -> tuple[Any, list[str]]:
    if like.alpha is None:
        return image, []
    alpha = enlarged(like.alpha.cast(BANDS[like.dtype.name]), like.dtype, image.width, image.height)
    joined = image.bandjoin(in_depth(alpha, like.dtype, depth))
    if form.alpha:
        return joined, []
    # On white, as viewers show it; left out, hidden colours would come to light.
    white = full_scale(depth)
    opaque = joined.flatten(background=white, max_alpha=white)
    return opaque.cast(BANDS[depth.name]), [f"transparency became white: {form.name} holds none"]
