"""From an opened picture and settings to a result, and from file to file: what every door calls.

The command, folders, `pixelmend.restore()` and whatever comes later differ in where pictures come from and go to; what
is done to them is decided here, and done by `restore_picture`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from pixelmend.errors import UsageError
from pixelmend.images import ArrayPicture, Picture, check_given_back, check_target, decode, save
from pixelmend.inference.core import restore_picture

if TYPE_CHECKING:
    from collections.abc import Callable

    from pixelmend.images import Pixels
    from pixelmend.inference.core import Options, Report
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

    def check(self, target: Path | None) -> None:
        """Fail now, before the work, where the result could not be written, or not be given back (None).

        Raises:
            UsageError: See `check_target`; or the target is the mask.
            UnwritableError: See `check_target`.
        """
        if target is None:
            check_given_back(self.picture, self.scale)
            return
        check_target(target, like=self.picture if isinstance(self.picture, Picture) else None, scale=self.scale)
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
    report = replace(report, notes=(*report.notes, *save(pixels, target, like=picture)))
    see(picture, pixels, report)
    return report
