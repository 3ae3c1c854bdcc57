"""``pixelmend compare``: two pictures beside each other, as a page with a slider or as a picture, and how far apart."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pixelmend.cli.completion import complete_lpips
from pixelmend.cli.progress import progress
from pixelmend.cli.reports import PAGES, STANDARD, check_apart, check_report, write_report
from pixelmend.errors import DataError, MissingExtraError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pixelmend.cli.scores import Scores
    from pixelmend.images import Picture, Upright
    from pixelmend.metrics.pictures import Picture as Pixels

_MOST_LPIPS = 16_000_000
"""Pixels beyond which LPIPS, which looks at whole pictures, would need several gigabytes."""


@dataclass(frozen=True, eq=False)
class Compared:
    """What was compared and found.

    Attributes:
        pictures: Before, after, and the reference where there is one, all of one size.
        names: What each is called.
        changed: PSNR between before and after.
        scores: Of before and after against the reference; empty without one.
        notes: What a reader must know.
    """

    pictures: tuple[Upright, ...]
    names: tuple[str, ...]
    changed: float
    scores: tuple[Scores, ...]
    notes: tuple[str, ...]


def compare(  # noqa: PLR0913  (each option is a parameter)
    before: Annotated[Path, typer.Argument(metavar="A", help="The picture before.", show_default=False)],
    after: Annotated[
        Path,
        typer.Argument(
            metavar="B", help="The picture after: as large, or 2, 3, ... times as large.", show_default=False
        ),
    ],
    *,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="OUT",
            help="A page (.html), a picture (.png, .jpg, ...), or a folder. [default: B_compare.html]",
            show_default=False,
        ),
    ] = None,
    reference: Annotated[
        Path | None, typer.Option(help="The true picture, of the size of B: measures both.", show_default=False)
    ] = None,
    lpips: Annotated[
        str,
        typer.Option(
            help="AlexNet's features (file or folder) for LPIPS; hub; auto: where they are; none.",
            autocompletion=complete_lpips,
        ),
    ] = "auto",
    report: Annotated[
        Path | None, typer.Option("--json", help="Also write a report here; - prints it.", show_default=False)
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but errors.")] = False,
) -> None:
    """Compare two pictures: a page with a slider, or a picture, and how far they are apart.

    For example: pixelmend compare photo.jpg photo_restored.jpg

    Or: pixelmend compare noisy.png restored.png --reference clean.png -o both.png
    """
    from pixelmend.images import decode

    paths = [each for each in (before, after, reference) if each is not None]
    opened = [decode(path) for path in paths]
    target = _target(after, output)
    _check_places(paths, target, report)
    if report is not None:
        check_report(report)
    with progress("measuring", quiet=quiet) as tell:
        found = _compared(opened, lpips, tell)
    _write(found, target)
    if report is not None:
        write_report(report, _told(found, paths, target))
    if not quiet and report != STANDARD:
        written = [str(each) for each in (target, report) if each is not None]
        typer.echo("\n".join([*_lines(found), f"wrote     {', '.join(written)}"]))


def _target(after: Path, output: Path | None) -> Path:
    if output is None:
        return after.with_name(f"{after.stem}_compare.html")
    return output / f"{after.stem}_compare.html" if output.is_dir() else output


def _check_places(inputs: Sequence[Path], target: Path, report: Path | None) -> None:
    """Fail now, before the work, where writing would fail."""
    from pixelmend.images import check_target

    if target.suffix.lower() not in PAGES:
        try:
            check_target(target)
        except UsageError as error:
            raise UsageError(f"{error}; or {' or '.join(PAGES)} for a page") from None
    elif not target.parent.is_dir():
        raise UsageError(f"there is no folder {target.parent}: create it first, or choose another output")
    outputs = [each for each in (target, report) if each is not None]
    check_apart(inputs, outputs, "one of A, B, --reference, --output and --json would be written over")


def _compared(opened: Sequence[Picture], lpips: str, tell: Callable[[int, int], None]) -> Compared:
    """Put the pictures to one size, and measure."""
    from pixelmend.cli.scores import whole_psnr
    from pixelmend.images import Upright

    before, after, *reference = (Upright.of(picture) for picture in opened)
    names = _names([picture.path for picture in opened if picture.path is not None])
    notes = [f"{name}: {note}" for name, picture in zip(names, opened, strict=True) for note in picture.notes]
    size = (after.height, after.width)
    for each in reference:
        if (each.height, each.width) != size:
            got = f"{names[2]} is {each.width}×{each.height} and {names[1]} is {size[1]}×{size[0]}"
            raise UsageError(f"{got}: give a reference of the size of B")
    if (before.height, before.width) != size:
        larger = _enlarged(before, size, names)
        notes.append(f"{names[0]} is shown and measured enlarged {larger.scale} times (bicubic)")
        before = larger
    scores: tuple[Scores, ...] = ()
    if reference:
        scores, more = _scores((before, after), reference[0], lpips, tell)
        notes += more
    return Compared((before, after, *reference), names, whole_psnr(after, before), scores, tuple(notes))


def _names(paths: Sequence[Path]) -> tuple[str, ...]:
    """Names of files; with their folders where two have the same, and printable whatever they hold."""
    alike = len({path.name for path in paths}) < len(paths)
    return tuple((str(path) if alike else path.name).encode(errors="replace").decode() for path in paths)


def _enlarged(before: Upright, size: tuple[int, int], names: Sequence[str]) -> Upright:
    try:
        return before.enlarged_to(*size)
    except UsageError:
        got = f"{names[0]} is {before.width}×{before.height} and {names[1]} is {size[1]}×{size[0]}"
        hint = (
            "give the smaller one first" if before.height * before.width > size[0] * size[1] else "crop or resize one"
        )
        raise UsageError(
            f"{got} (upright): wanted two pictures of one size, or B a whole number of times as large: {hint}"
        ) from None


def _scores(
    pictures: Sequence[Upright], reference: Upright, lpips: str, tell: Callable[[int, int], None]
) -> tuple[tuple[Scores, ...], list[str]]:
    """What can be measured with what is installed; where something cannot, a note says why."""
    from pixelmend.cli.scores import Scores, whole_lpips, whole_psnr, whole_ssim

    distance, notes = (None, []) if lpips == "none" else _distance(lpips)
    if distance is not None and reference.height * reference.width > _MOST_LPIPS:
        distance, notes = None, [f"LPIPS was left out: it takes pictures of up to {_MOST_LPIPS // 10**6} megapixels"]
    ssims: list[float | None] = [None, None]
    try:
        ssims = [whole_ssim(picture, reference, tell) for picture in pictures]
    except MissingExtraError:
        left_out = "SSIM and LPIPS were" if notes else "SSIM was"
        notes = [f"{left_out} left out: pip install 'pixelmend[train]' brings what is needed"]
    except DataError as error:
        notes.append(f"SSIM was left out: {error}")
    learned: list[float | None] = [None, None]
    if distance is not None:
        try:
            learned = [whole_lpips(distance, picture, reference) for picture in pictures]
        except DataError as error:
            notes.append(f"LPIPS was left out: {error}")
    psnrs = [whole_psnr(picture, reference) for picture in pictures]
    return tuple(Scores(*each) for each in zip(psnrs, ssims, learned, strict=True)), notes


def _distance(wish: str) -> tuple[Callable[[Pixels, Pixels], float] | None, list[str]]:
    """LPIPS as a function of two arrays (H, W, 3) in [0, 1]; None and a note where it cannot be had.

    Raises:
        ModelError: A file that was named does not hold the features.
        UsageError: They were asked for from the hub, which cannot be reached.
        MissingExtraError: They were named, and LPIPS is not installed.
    """
    from importlib import import_module

    try:
        torch, lpips = import_module("torch"), import_module("pixelmend.metrics.lpips")
        if wish == "auto" and not any((Path(torch.hub.get_dir()) / "checkpoints").glob("alexnet-*.pth")):
            return None, ["LPIPS was left out: AlexNet's features are not on this machine (--lpips FILE, or hub)"]
        measure = lpips.Lpips(None if wish in ("auto", "hub") else Path(wish))
    except (ModuleNotFoundError, MissingExtraError):
        if wish != "auto":
            raise MissingExtraError("lpips") from None
        return None, ["LPIPS was left out: pip install 'pixelmend[train]' brings what is needed"]

    def distance(picture: Pixels, reference: Pixels) -> float:
        first, second = (torch.from_numpy(each).permute(2, 0, 1)[None] for each in (picture, reference))
        return float(measure(first, second)[0])

    return distance, []


def _write(found: Compared, target: Path) -> None:
    from pixelmend.files import write_text
    from pixelmend.images import save
    from pixelmend.pages import Side, before_after_page, comparison_sheet

    if target.suffix.lower() not in PAGES:
        save(comparison_sheet(found.pictures), target)
        return
    sides = [Side(name, picture) for name, picture in zip(found.names, found.pictures, strict=True)]
    title = f"{found.names[0]} and {found.names[1]}"
    notes = [f"{_changed(found)}.", *(f"{note}." for note in found.notes)]
    if found.scores:
        notes.append("Measured as displayed: sRGB, upright, transparency on white, white = 1, no border left out.")
    write_text(target, before_after_page(sides, title=title, table=_table(found), notes=notes))


def _changed(found: Compared) -> str:
    if math.isinf(found.changed):
        return "the two are the same, pixel for pixel"
    return f"PSNR between the two {found.changed:.2f} dB"


_METRICS = {"psnr": ("PSNR, dB", ".2f"), "ssim": ("SSIM", ".4f"), "lpips": ("LPIPS (lower is nearer)", ".4f")}


def _rows(found: Compared) -> list[tuple[str, str, float, float]]:
    """Of each metric that was measured: its title, how it is written, before, after."""
    rows = []
    for name, (title, form) in _METRICS.items():
        values = [getattr(score, name) for score in found.scores]
        if values and None not in values:
            rows.append((title, form, values[0], values[1]))
    return rows


def _gain(before: float, after: float) -> float | None:
    """None where one is infinite, and there is none to tell."""
    return None if math.isinf(before) or math.isinf(after) else after - before


def _number(value: float, form: str) -> str:
    return "equal" if math.isinf(value) else f"{value:{form}}"


def _table(found: Compared) -> list[tuple[str, ...]]:
    rows = []
    for title, form, before, after in _rows(found):
        gain = _gain(before, after)
        rows.append((title, _number(before, form), _number(after, form), "–" if gain is None else f"{gain:+{form}}"))
    heading = (f"to {found.names[-1]}", found.names[0], found.names[1], "gain")
    return [heading, *rows] if rows else []


def _lines(found: Compared) -> list[str]:
    after = found.pictures[1]
    lines = [f"compared  {found.names[0]} and {found.names[1]}, {after.width}×{after.height}: {_changed(found)}"]
    for title, form, before, after_ in _rows(found):
        gain = _gain(before, after_)
        words = "" if gain is None else f" ({gain:+{form}})"
        values = f"{_number(before, form)} before, {_number(after_, form)} after"
        lines.append(f"measured  {title} to {found.names[2]}: {values}{words}")
    return lines + [f"note      {note}" for note in found.notes]


def _told(found: Compared, paths: Sequence[Path], target: Path) -> dict[str, object]:
    """The report; null stands for the PSNR of equal pictures."""
    before, after = found.pictures[:2]
    told: dict[str, object] = {
        "before": str(paths[0]), "after": str(paths[1]), "reference": str(paths[2]) if len(paths) > 2 else None,
        "output": str(target), "width": after.width, "height": after.height, "scale": before.scale,
        "psnr_between": None if math.isinf(found.changed) else found.changed, "equal": math.isinf(found.changed),
        "notes": list(found.notes),
    }  # fmt: skip
    if found.scores:
        told["to_reference"] = {
            name: score.to_dict() for name, score in zip(("before", "after"), found.scores, strict=True)
        }
    return told
