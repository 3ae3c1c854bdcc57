"""``pixelmend export``: trained weights become an ONNX file and its card, or a file to train on from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pixelmend.errors import UsageError

if TYPE_CHECKING:
    from pixelmend.catalog import Card, Score


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
        str, typer.Option(help="How weights lie in the file: float32, float16 or int8; they run in float32.")
    ] = "float16",
    tile: Annotated[int, typer.Option(help="Piece size for large pictures, pixels.")] = 640,
    overlap: Annotated[int, typer.Option(help="Overlap of the pieces, pixels.")] = 192,
    scores: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Put the scores that evaluate wrote there on the card.", show_default=False),
    ] = None,
    safetensors: Annotated[
        bool, typer.Option("--safetensors", help="Write NAME.safetensors instead, float32, to train on from.")
    ] = False,
) -> None:
    """Turn trained weights into an ONNX file and its card; refused unless ONNX Runtime gives what PyTorch gives.

    pixelmend export runs/denoise-small/weights.safetensors -o models

    And back, to fine-tune: pixelmend export denoise-small --safetensors -o weights
    """
    from pixelmend.cli.extras import needs_learn_half

    if safetensors and scores is not None:
        raise UsageError("--scores go on a card, and --safetensors writes none: leave one of them out")
    with needs_learn_half():
        from pixelmend.export import export as run
        from pixelmend.export import write_card, write_safetensors
    if safetensors:
        path = write_safetensors(weights, output)
        typer.echo(f"wrote     {path} ({_size(path)})")
        typer.echo(f"go on     pixelmend train RECIPE --set start={path}")
        return
    done = run(weights, output, tile=tile, overlap=overlap, storage=storage)
    for each in done.parity:
        typer.echo(f"checked   {each.width}×{each.height}: {each.psnr:.1f} dB between ONNX Runtime and PyTorch")
    if storage != "float32":
        typer.echo(
            f"rounding  {done.rounding:.1f} dB between results with weights in {storage} and as they were learned"
        )
    if scores is not None:
        write_card(done.card, scores=_scores_of(done.card, scores))
        typer.echo(f"scores    from {scores}")
    described = done.card.path.with_suffix(".json")
    typer.echo(f"wrote     {done.card.path} ({_size(done.card.path)}) and {described}")
    typer.echo(f"try it    pixelmend restore IN -o OUT --task {described}")


def _size(path: Path) -> str:
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
