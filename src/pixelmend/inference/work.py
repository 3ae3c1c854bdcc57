"""From an opened picture and settings to a result, and from file to file: what every door calls.

The command, folders, `pixelmend.restore()` and whatever comes later differ in where pictures come from and go to; what
is done to them is decided here, and done by `restore_picture`.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pixelmend.errors import UsageError
from pixelmend.files import replacing
from pixelmend.images import (
    ArrayPicture,
    Picture,
    check_encoding,
    check_output,
    check_target,
    decode,
    default_format,
    encode,
    format_named,
    format_of,
    give_back,
    save,
)
from pixelmend.inference.auto import AUTO, NOTHING, NoEngine, decide
from pixelmend.inference.core import restore_picture

if TYPE_CHECKING:
    from collections.abc import Callable

    from pixelmend.images import Pixels
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
        settings: What was asked for.
        weights: What runs on it; None where nothing should be done.
        shown: What the network is shown: the picture; or a smaller one, of which it makes one of the size that came in.
        why: What was decided, in a sentence; "" where the user did.
    """

    picture: Picture | ArrayPicture
    settings: Settings
    weights: Weights | None
    shown: Picture | ArrayPicture
    why: str = ""

    @property
    def scale(self) -> int:
        """Height and width of the result over those of the picture."""
        return 1 if self.weights is None or self.shown is not self.picture else self.weights.card.scale

    @property
    def form(self) -> str:
        """The format of a result that has no name: the one asked for, or that of the picture."""
        if self.settings.format is not None:
            return format_named(self.settings.format)
        return default_format(self.picture) if isinstance(self.picture, Picture) else "png"

    def check(self, target: Path | None, *, max_megapixels: float | None = None) -> None:
        """Fail now, before the work, where the result could not be written, or not be given back (None).

        Args:
            target: Where to.
            max_megapixels: See `check_output`.

        Raises:
            UsageError: See `check_target` and `check_output`; or the name of the target is that of another format than
                was asked for, or the target is the mask.
            UnwritableError: The same; the result would be too large, or there is no room for it.
        """
        asked, quality = self.settings.format, self.settings.quality
        like = self.picture if isinstance(self.picture, Picture) else None
        name = "the picture" if like is None else like.name
        check_output(self.picture, self.scale, name, max_megapixels=max_megapixels)
        if target is None:
            if like is not None:
                check_encoding(self.form, like=like, scale=self.scale, quality=quality)
            return
        if asked is not None and format_of(target) != format_named(asked):
            raise UsageError(f"got format {asked} and the name {target.name}: leave one of them out")
        check_target(target, like=like, scale=self.scale, quality=quality)
        mask = self.settings.options.mask
        if isinstance(mask, (str, Path)) and target.resolve() == Path(mask).resolve():
            raise UsageError(f"{target} is the mask, which is never written over: choose another output")

    def run(self, progress: Callable[[int, int], None] = _untold) -> tuple[Pixels, Report]:
        """Restore it: pixels (H·scale, W·scale, C), and the report with all that is to be said before writing.

        Args:
            progress: Told (pieces done, pieces in all).

        Raises:
            PixelmendError: See `restore_picture`.
        """
        options, wish = self.settings.options, self.settings.wish
        if self.weights is None:
            usual = self.settings.weights().card
            pixels, report = restore_picture(self.picture, usual, NoEngine(), replace(options, strength=0))
            return pixels, replace(report, model=NOTHING, notes=self.picture.notes, advice=self.why)
        megapixels = self.shown.width * self.shown.height / 1e6
        engine = self.weights.engine(wish, megapixels)
        pixels, report = restore_picture(self.shown, self.weights.card, engine, options, progress)
        said = (*report.notes, *self.weights.advice(wish, megapixels))
        report = replace(report, notes=said, advice=self.why)
        if self.shown is self.picture:
            return pixels, report
        height, width = self.picture.height, self.picture.width
        report = replace(report, width=width, height=height, output_width=width, output_height=height)
        return pixels[:height, :width], report

    def save(self, pixels: Pixels, target: Path) -> tuple[str, ...]:
        """Write a result, with all that came with the picture; what could not be kept, one sentence each.

        Raises:
            UsageError: See `pixelmend.images.save`.
            UnwritableError: The same.
        """
        like = self.picture if isinstance(self.picture, Picture) else None
        if self.weights is None and like is not None and _is_copy(like, target, self.settings.quality):
            with replacing(target) as beside:
                shutil.copyfile(like.path or target, beside)
            return ()
        return save(pixels, target, like=like, quality=self.settings.quality)

    def give_back(self, pixels: Pixels) -> Any:
        """A result as the kind that came in; the bytes of a file have what could not be kept as their `notes`.

        Raises:
            UnwritableError: See `pixelmend.images.give_back`.
        """
        if isinstance(self.picture, Picture):
            return encode(pixels, self.form, like=self.picture, quality=self.settings.quality)
        return give_back(self.picture, pixels)


def _is_copy(picture: Picture, target: Path, quality: int | None) -> bool:
    """Whether the file itself is the result, which nothing is lost of."""
    return picture.path is not None and picture.format == format_of(target) and quality is None


def begin(picture: Picture | ArrayPicture, settings: Settings) -> Work:
    """Decide what is to be done with a picture.

    Args:
        picture: From `decode` or `open_image`.
        settings: What the user asks for.

    Raises:
        UsageError: What is asked for cannot be done.
        UnreadableError: The picture is damaged.
    """
    if settings.task == AUTO:
        decision = decide(picture, settings.size, settings.fidelity)
        return Work(picture, settings, decision.weights, decision.picture, decision.why)
    return Work(picture, settings, settings.weights(), picture)


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
