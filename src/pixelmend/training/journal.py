"""What a run leaves to look at: tables of its numbers, their curves, restored pictures, and the same in TensorBoard."""

from __future__ import annotations

import contextlib
import re
from typing import TYPE_CHECKING, Any

import numpy as np

from pixelmend.errors import UnwritableError, UsageError
from pixelmend.figures import picture_of
from pixelmend.files import make_folder
from pixelmend.images import from_unit, save
from pixelmend.training.curves import draw, plot_curves, run_panels
from pixelmend.training.rows import Rows, read_rows

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray
    from torch.utils.tensorboard import SummaryWriter

__all__ = ["Journal", "picture_rows", "plot_curves", "read_rows"]

GAP = 6
"""White pixels between two sample pictures."""
_SAMPLE = re.compile(r"step-(\d+)\.png")


class Journal:
    """Keeps the numbers and pictures of one run, each stored the moment it is told.

    Files in ``folder``: ``train.csv`` and ``validation.csv`` (step, mpx, minutes, then what was told; see ``Rows``),
    ``curves.png``, ``samples/step-0001234.png`` (degraded | restored | clean) and ``tensorboard/`` (the same scalars
    under ``train/…`` and ``validation/…``, and the samples). Nothing is written before there is something to write,
    except that lines which a kill cut short are mended.

    A run that goes on from an earlier state calls ``rewind`` first, so that no step is there twice.

    Args:
        folder: The run's folder; made where it is missing.
        tensorboard: Also write for TensorBoard: ``tensorboard --logdir runs``.

    Raises:
        DataError: A CSV file in the folder is none of ours.
        UnwritableError: A line that was cut short cannot be taken away.
    """

    def __init__(self, folder: Path, *, tensorboard: bool = True) -> None:
        self.folder = folder
        self._train, self._validation = Rows(folder / "train.csv"), Rows(folder / "validation.csv")
        self._tensorboard = tensorboard
        self._writer: SummaryWriter | None = None
        self._purge: int | None = None

    def train(self, step: int, mpx: float, minutes: float, values: Mapping[str, float]) -> None:
        """Store what was seen of training.

        Args:
            step: Optimizer steps done.
            mpx: Megapixels of crops seen.
            minutes: Of training.
            values: Scalars by name: loss, pixel_loss, rate_factor, mpx_per_second, …

        Raises:
            UsageError: A name that cannot be that of a column.
            UnwritableError: The disk is full or the folder cannot be written to.
        """
        self._train.append(step, mpx, minutes, values)
        self._scalars("train", step, values)

    def validated(self, step: int, mpx: float, minutes: float, values: Mapping[str, float]) -> None:
        """Store what a validation found: psnr, ssim, lpips, psnr_sigma15, …; arguments and errors as ``train``."""
        self._validation.append(step, mpx, minutes, values)
        self._scalars("validation", step, values)

    def rewind(self, step: int) -> None:
        """Forget what came after ``step``: rows and sample pictures are removed, TensorBoard hides its own.

        Raises:
            UnwritableError: A file cannot be shortened or removed.
        """
        for rows in (self._train, self._validation):
            rows.rewind(step)
        for path in (self.folder / "samples").glob("step-*.png"):
            found = _SAMPLE.fullmatch(path.name)
            if found is not None and int(found[1]) > step:
                with _writing(path):
                    path.unlink()
        self._close_writer()
        self._purge = step + 1

    def samples(self, step: int, rows: Sequence[tuple[NDArray[Any], ...]]) -> None:
        """Store pictures to look at, ``samples/step-0001234.png``.

        Args:
            step: Optimizer steps done.
            rows: For each row its pictures from left to right, as ``picture_rows`` takes them; without rows nothing
                happens.

        Raises:
            UsageError: Something that is no picture.
            UnwritableError: The picture cannot be written.
        """
        if not rows:
            return
        sheet = picture_rows(rows)
        make_folder(self.folder / "samples")
        save(sheet, self.folder / "samples" / f"step-{step:07}.png")
        if self._tensorboard:
            with self._writing_events() as writer:
                writer.add_image("samples", sheet, step, dataformats="HWC")
                writer.flush()

    def plot(self) -> Path:
        """Draw the curves of the run.

        Returns:
            ``curves.png`` in the folder.

        Raises:
            DataError: A CSV file was broken from outside.
            UnwritableError: The picture cannot be written.
        """
        train, validation = (
            read_rows(rows.path) if rows.path.exists() else [] for rows in (self._train, self._validation)
        )
        make_folder(self.folder)
        path = self.folder / "curves.png"
        save(picture_of(draw(run_panels(train, validation), self.folder.resolve().name)), path)
        return path

    def close(self) -> None:
        """Close TensorBoard's file; telling more opens a new one."""
        self._close_writer()

    def _scalars(self, group: str, step: int, values: Mapping[str, float]) -> None:
        if not self._tensorboard:
            return
        with self._writing_events() as writer:
            for name, value in values.items():
                writer.add_scalar(f"{group}/{name}", float(value), step)
            writer.flush()

    @contextlib.contextmanager
    def _writing_events(self) -> Iterator[SummaryWriter]:
        """TensorBoard's writer, made when it is first needed: it costs a second to import."""
        from torch.utils.tensorboard import SummaryWriter

        folder = self.folder / "tensorboard"
        make_folder(folder)
        with _writing(folder):
            if self._writer is None:
                self._writer = SummaryWriter(str(folder), purge_step=self._purge)
                self._purge = None
            yield self._writer

    def _close_writer(self) -> None:
        writer, self._writer = self._writer, None
        if writer is not None:
            with _writing(self.folder / "tensorboard"):
                writer.close()


def picture_rows(rows: Sequence[tuple[NDArray[Any], ...]]) -> NDArray[np.uint8]:
    """Put pictures side by side, and the rows below each other, with thin white gaps.

    Pictures of one row that are smaller than its largest are enlarged by repeating pixels, so that what a
    super-resolving network was given is seen as it was given.

    Args:
        rows: At least one; each of (H, W, 3) pictures, uint8, or float on the scale [0, 1], which is clamped. Values
            that are not finite become black.

    Returns:
        uint8 (H', W', 3), white where a row is shorter than the longest.

    Raises:
        UsageError: Something that is no such picture.
    """
    strips = [_strip([_to_bytes(picture) for picture in row]) for row in rows]
    width = max(strip.shape[1] for strip in strips)
    height = sum(strip.shape[0] for strip in strips) + GAP * (len(strips) - 1)
    sheet = np.full((height, width, 3), 255, np.uint8)
    top = 0
    for strip in strips:
        sheet[top : top + strip.shape[0], : strip.shape[1]] = strip
        top += strip.shape[0] + GAP
    return sheet


def _strip(pictures: list[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    height, width = (max(picture.shape[axis] for picture in pictures) for axis in (0, 1))
    gap = np.full((height, GAP, 3), 255, np.uint8)
    pieces = [gap]
    for picture in pictures:
        rows, columns = (np.arange(n) * have // n for n, have in zip((height, width), picture.shape, strict=False))
        pieces += [picture[rows[:, None], columns], gap]
    return np.concatenate(pieces[1:-1], axis=1)


def _to_bytes(picture: NDArray[Any]) -> NDArray[np.uint8]:
    is_picture = picture.ndim == 3 and picture.shape[2] == 3 and picture.size > 0
    if not is_picture or not (picture.dtype == np.uint8 or picture.dtype.kind == "f"):
        raise UsageError(f"got a sample of {picture.shape}, {picture.dtype}; wanted (H, W, 3) of uint8 or float")
    if picture.dtype == np.uint8:
        return picture
    pixels: NDArray[np.uint8] = from_unit(
        np.nan_to_num(picture.astype(np.float32), nan=0.0, posinf=0.0, neginf=0.0), np.dtype(np.uint8)
    )
    return pixels


@contextlib.contextmanager
def _writing(path: Path) -> Iterator[None]:
    """Name the file where the system refuses to write it.

    Raises:
        UnwritableError: For an OSError in the block.
    """
    try:
        yield
    except OSError as error:
        raise UnwritableError(
            f"cannot write {path}: {error.strerror or error}; make space or mend the folder, then go on with --resume"
        ) from error
