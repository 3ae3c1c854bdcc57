"""``pixelmend export``: weights become an ONNX file and its card, a file for a device, or one to train on from."""

from __future__ import annotations

import re
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pixelmend.errors import UnknownNameError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pixelmend.catalog import Card, Score

_FORMATS = ("onnx", "ncnn")
_STORAGE = "float16"
_NCNN_SIZE = (256, 256)


def export(  # noqa: PLR0913  (each option is a parameter)
    weights: Annotated[
        Path,
        typer.Argument(
            help="A .safetensors file that training wrote, an exported model (.json or .onnx), or the name of one that "
            "ships, such as denoise-small.",
            show_default=False,
        ),
    ],
    *,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="Folder for the files.")] = Path(
        "models"
    ),
    storage: Annotated[
        str | None,
        typer.Option(
            help="How weights lie in the file: float32, float16 or int8; they run in float32, but for quantized ones. "
            f"[default: {_STORAGE}; with --static float32]",
            show_default=False,
        ),
    ] = None,
    tile: Annotated[
        int | None,
        typer.Option(help="Piece size for large pictures, pixels. [default: by the task]", show_default=False),
    ] = None,
    overlap: Annotated[
        int | None,
        typer.Option(
            help="Overlap of the pieces, pixels. [default: by the task; a quarter of --static]", show_default=False
        ),
    ] = None,
    scores: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Put the scores that evaluate wrote there on the card.", show_default=False),
    ] = None,
    safetensors: Annotated[
        bool, typer.Option("--safetensors", help="Write NAME.safetensors instead, float32, to train on from.")
    ] = False,
    static: Annotated[
        str | None,
        typer.Option(metavar="HxW", help="Write a file for pieces of this one size, for phones.", show_default=False),
    ] = None,
    opset: Annotated[
        int | None, typer.Option(help="Version of the ONNX operators, 17 to 24. [default: 20]", show_default=False)
    ] = None,
    form: Annotated[str, typer.Option("--format", help="onnx; or ncnn, of the size --static (else 256x256).")] = "onnx",
) -> None:
    """Turn trained weights into an ONNX file and its card; refused unless ONNX Runtime gives what PyTorch gives.

    pixelmend export runs/denoise-small/weights.safetensors -o models

    For a phone: pixelmend export denoise-nano --static 256x256

    And back, to fine-tune: pixelmend export denoise-small --safetensors -o weights
    """
    from pixelmend.cli.extras import needs_learn_half

    if form not in _FORMATS:
        raise UnknownNameError("format", form, _FORMATS)
    if safetensors and scores is not None:
        raise UsageError("--scores go on a card, and --safetensors writes none: leave one of them out")
    size = _size_of(static)
    device = size is not None or opset is not None or form != "onnx"
    if device and (safetensors or scores is not None or storage is not None or tile is not None):
        raise UsageError(
            "--static, --opset and --format rewrite a file as it is, without --safetensors, --scores, --storage and "
            "--tile: export in two steps"
        )
    if form == "ncnn" and (opset is not None or overlap is not None):
        raise UsageError("--opset and --overlap are for ONNX files: leave them out with --format ncnn")
    with needs_learn_half():
        import pixelmend.export  # noqa: F401  (all that is imported below)
    if safetensors:
        _to_safetensors(weights, output)
    elif form == "ncnn":
        _to_ncnn(weights, output, size)
    elif device:
        _to_variant(weights, output, size, opset, overlap)
    else:
        _to_onnx(weights, output, _STORAGE if storage is None else storage, (tile, overlap), scores)


def _to_safetensors(weights: Path, output: Path) -> None:
    from pixelmend.export import write_safetensors

    path = write_safetensors(weights, output)
    typer.echo(f"wrote     {path} ({_weight(path)})")
    typer.echo(f"go on     pixelmend train RECIPE --set start={path}")


def _to_onnx(
    weights: Path, output: Path, storage: str, pieces: tuple[int | None, int | None], scores: Path | None
) -> None:
    from pixelmend.export import export as run
    from pixelmend.export import write_card

    done = run(weights, output, tile=pieces[0], overlap=pieces[1], storage=storage)
    for each in done.parity:
        typer.echo(f"checked   {each.width}×{each.height}: {each.psnr:.1f} dB between ONNX Runtime and PyTorch")
    if storage != "float32":
        typer.echo(
            f"rounding  {done.rounding:.1f} dB between results with weights in {storage} and as they were learned"
        )
    if scores is not None:
        write_card(done.card, scores=_scores_of(done.card, scores))
        typer.echo(f"scores    from {scores}")
    _tell_where(done.card)


def _to_variant(
    weights: Path, output: Path, size: tuple[int, int] | None, opset: int | None, overlap: int | None
) -> None:
    from pixelmend.export import write_variant

    with _exported(weights) as card:
        done = write_variant(card, output, size=size, opset=opset, overlap=overlap)
        same = "the same" if done.psnr == float("inf") else f"{done.psnr:.1f} dB"
        typer.echo(f"checked   {same} between its result and that of {card.file}")
    _tell_where(done.card)


def _to_ncnn(weights: Path, output: Path, size: tuple[int, int] | None) -> None:
    from pixelmend.export.ncnn import write_ncnn

    with _exported(weights) as card:
        done = write_ncnn(card, output, size or _NCNN_SIZE)
    typer.echo(f"checked   {done.psnr:.1f} dB between ncnn and ONNX Runtime")
    typer.echo(f"wrote     {done.param} and {done.bin} ({_weight(done.bin)})")
    typer.echo(f"takes     {done.takes}")


@contextmanager
def _exported(weights: Path) -> Iterator[Card]:
    """The card of weights that were exported; others are exported first, for as long as the block lasts."""
    from pixelmend.export import card_of
    from pixelmend.export import export as run

    card = card_of(weights)
    if card is not None:
        yield card
        return
    with tempfile.TemporaryDirectory(prefix="pixelmend-") as folder:
        yield run(weights, Path(folder), storage=_STORAGE).card


def _size_of(text: str | None) -> tuple[int, int] | None:
    """(height, width) in pixels."""
    if text is None:
        return None
    found = re.fullmatch(r"(\d+)[x×](\d+)", text.strip().lower())
    if found is None or not (int(found[1]) and int(found[2])):
        raise UsageError(f"got --static {text!r}, wanted height and width in pixels, such as 256x256")
    return int(found[1]), int(found[2])


def _tell_where(card: Card) -> None:
    described = card.path.with_suffix(".json")
    typer.echo(f"wrote     {card.path} ({_weight(card.path)}) and {described}")
    typer.echo(f"try it    pixelmend restore IN -o OUT --task {described}")


def _weight(path: Path) -> str:
    return f"{path.stat().st_size / 1e6:.2f} MB"


def _scores_of(card: Card, path: Path) -> tuple[Score, ...]:
    """Those of the stored scores that were measured with these very weights."""
    from pixelmend.catalog import Score
    from pixelmend.errors import DataError
    from pixelmend.evaluation import Results, card_scores

    entries = [entry for entry in Results(path).entries.values() if entry.weights == card.sha256]
    if not entries:
        raise DataError(
            f"{path} holds no scores of these weights: run pixelmend evaluate --weights pixelmend={card.path}"
        )
    return tuple(Score(**score) for score in card_scores(entries))
