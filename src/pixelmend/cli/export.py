"""``pixelmend export``: a checkpoint becomes an ONNX file and its card."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from pixelmend.catalog import Card, Score


def export(
    weights: Annotated[Path, typer.Argument(help="A .safetensors file that training wrote.", show_default=False)],
    *,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="Folder for the two files.")] = Path(
        "models"
    ),
    tile: Annotated[int, typer.Option(help="Piece size for large pictures, pixels.")] = 512,
    overlap: Annotated[int, typer.Option(help="Overlap of the pieces, pixels.")] = 128,
    scores: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Put the scores that evaluate wrote there on the card.", show_default=False),
    ] = None,
) -> None:
    """Turn trained weights into an ONNX file and its card; refused unless ONNX Runtime gives what PyTorch gives."""
    from pixelmend.cli.extras import needs_learn_half

    with needs_learn_half():
        from pixelmend.export import export as run
        from pixelmend.export import write_card
    card, parity = run(weights, output, tile=tile, overlap=overlap)
    for each in parity:
        typer.echo(f"checked   {each.width}×{each.height}: {each.psnr:.1f} dB between ONNX Runtime and PyTorch")
    if scores is not None:
        write_card(card, scores=_scores_of(card, scores))
        typer.echo(f"scores    from {scores}")
    described = card.path.with_suffix(".json")
    typer.echo(f"wrote     {card.path} and {described}")
    typer.echo(f"try it    pixelmend restore IN -o OUT --task {described}")


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
