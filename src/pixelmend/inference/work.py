"""From an opened picture and settings to a result, and from file to file: what every door calls.

The command, folders, `pixelmend.restore()` and whatever comes later differ in where pictures come from and go to; what
is done to them is decided here, and done by `restore_picture`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pixelmend.errors import UsageError
from pixelmend.images import (
    ArrayPicture,
    Picture,
    check_encoding,
    check_target,
    decode,
    default_format,
    encode,
    format_named,
    format_of,
    give_back,
    save,
)
from pixelmend.inference.core import restore_picture

if TYPE_CHECKING:
    from collections.abc import Callable

    from pixelmend.images import Pixels
    from pixelmend.inference.options import Options
    from pixelmend.inference.report import Report
    from pixelmend.inference.settings import Settings
    from pixelmend.inference.weights import Weights


def _unseen(_picture: Picture, _pixels: Pixels, _report: Report) -> None:
    """Nobody looks."""


def _untold(_done: int, _total: int) -> None:
    """Nobody is told."""


@dataclass(frozen=True, eq=False)
class Work:
    """A picture and what is to be done with it; nothing has been computed yet.

    Attributes:
        picture: What came in.
        weights: What runs on it.
        options: What the restorer is told.
        settings: What was asked for.
    """

    picture: Picture | ArrayPicture
    weights: Weights
    options: Options
    settings: Settings

    @property
    def scale(self) -> int:
        """Height and width of the result over those of the picture."""
        return self.weights.card.scale

    @property
    def form(self) -> str:
        """The format of a result that has no name: the one asked for, or that of the picture."""
        if self.settings.format is not None:
            return format_named(self.settings.format)
        return default_format(self.picture) if isinstance(self.picture, Picture) else "png"

    def check(self, target: Path | None) -> None:
        """Fail now, before the work, where the result could not be written, or not be given back (None).

        Raises:
            UsageError: See `check_target`; or the name of the target is that of another format than was asked for, or
                the target is the mask.
            UnwritableError: See `check_target`.
        """
        asked, quality = self.settings.format, self.settings.quality
        like = self.picture if isinstance(self.picture, Picture) else None
        if target is None:
            if like is not None:
                check_encoding(self.form, like=like, scale=self.scale, quality=quality)
            return
        if asked is not None and format_of(target) != format_named(asked):
            raise UsageError(f"got format {asked} and the name {target.name}: leave one of them out")
        check_target(target, like=like, scale=self.scale, quality=quality)
        mask = self.options.mask
        if isinstance(mask, (str, Path)) and target.resolve() == Path(mask).resolve():
            raise UsageError(f"{target} is the mask, which is never written over: choose another output")

    def run(self, progress: Callable[[int, int], None] = _untold) -> tuple[Pixels, Report]:
        """Restore it: pixels (H·scale, W·scale, C), and the report with all that is to be said before writing.

        Args:
            progress: Told (pieces done, pieces in all).

        Raises:
            PixelmendError: See `restore_picture`.
        """
        megapixels = self.picture.width * self.picture.height / 1e6
        wish = self.settings.wish
        engine = self.weights.engine(wish, megapixels)
        pixels, report = restore_picture(self.picture, self.weights.card, engine, self.options, progress)
        return pixels, replace(report, notes=(*report.notes, *self.weights.advice(wish, megapixels)))

    def save(self, pixels: Pixels, target: Path) -> tuple[str, ...]:
        """Write a result, with all that came with the picture; what could not be kept, one sentence each.

        Raises:
            UsageError: See `pixelmend.images.save`.
            UnwritableError: The same.
        """
        like = self.picture if isinstance(self.picture, Picture) else None
        return save(pixels, target, like=like, quality=self.settings.quality)

    def give_back(self, pixels: Pixels) -> Any:
        """A result as the kind that came in; the bytes of a file have what could not be kept as their `notes`.

        Raises:
            UnwritableError: See `pixelmend.images.give_back`.
        """
        if isinstance(self.picture, Picture):
            return encode(pixels, self.form, like=self.picture, quality=self.settings.quality)
        return give_back(self.picture, pixels)


def begin(picture: Picture | ArrayPicture, settings: Settings) -> Work:
    """Decide what is to be done with a picture.

    Args:
        picture: From `decode` or `open_image`.
        settings: What the user asks for.

    Raises:
        UsageError: What is asked for cannot be done.
        UnreadableError: The picture is damaged.
    """
    return Work(picture, settings.weights(), settings.options, settings)


def restore_file(
    source: str | Path | Picture,
    target: Path,
    settings: Settings,
    *,
    progress: Callable[[int, int], None] = _untold,
    see: Callable[[Picture, Pixels, Report], None] = _unseen,
) -> Report:
    """Restore one file into another; the source is never changed, and the target appears whole or not at all.

    Args:
        source: The damaged picture: a path, or what `decode` made of one.
        target: Where the result goes; its folder exists.
        settings: What to do.
        progress: Told (pieces done, pieces in all).
        see: Shown the picture as it came, the pixels of the result and the report, once the target is written.

    Returns:
        The report, with what could not be kept among its notes.

    Raises:
        UsageError: What was asked for cannot be done.
        PictureError: The picture could not be read, or the result not be written.
        ModelError: The model is broken.
    """
    picture = source if isinstance(source, Picture) else decode(source)
    work = begin(picture, settings)
    work.check(target)
    pixels, report = work.run(progress)
    report = replace(report, notes=(*report.notes, *work.save(pixels, target)))
    see(picture, pixels, report)
    return report
