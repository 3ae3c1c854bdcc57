"""``pixelmend adapt``: fit the network to your own noisy pictures, without any clean one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pixelmend.errors import DataError, UsageError

# Imports stand inside functions so that `pixelmend --help` answers at once.

if TYPE_CHECKING:
    from pixelmend.models import Hybrid
    from pixelmend.training.adapt import Adapted

NAME = "denoise-adapted"
"""What the adapted network is called."""
WEIGHTS = "weights.safetensors"


def adapt(  # noqa: PLR0913  (each option is a parameter)
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A folder of noisy pictures.", show_default=False)],
    *,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="OUT", help="Folder for the adapted network; a new one.")
    ] = Path("adapted"),
    minutes: Annotated[float, typer.Option(metavar="N", min=0.01, help="Budget in minutes.")] = 5.0,
    steps: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, help="Budget in steps instead; repeatable.", show_default=False),
    ] = None,
    start: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Weights (.safetensors) to start from. [default: those that ship]"),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Decides what is held out and what is drawn.")] = 0,
    device: Annotated[str, typer.Option(help="Chip: auto, cpu, cuda or mps.")] = "auto",
) -> None:
    """Fit the denoiser to your own noisy pictures; no clean ones are needed.

    For microscopes, scanners and old film, whose noise is unlike that of photographs. A tenth of each picture is held
    out, and where the network did not get better there, nothing is written (exit code 1). Ctrl-C keeps the best so far.

    pixelmend adapt slides -o slides-network

    pixelmend restore slides/a.tif -o a.tif --task slides-network/denoise-adapted.json
    """
    from pixelmend.cli.extras import needs_learn_half

    with needs_learn_half():
        from pixelmend.training.adapt import AdaptOptions, smallest_side
        from pixelmend.training.adapt import adapt as run
        from pixelmend.training.noisy import read_noisy

    _check(output, device)
    model, header = _start(start)
    pictures = read_noisy(folder, smallest=smallest_side(model), tell=typer.echo)
    typer.echo(f"{len(pictures)} {'pictures' if len(pictures) > 1 else 'picture'} to learn from")
    options = AdaptOptions(minutes=minutes, steps=steps, seed=seed, device=device)
    adapted = run(model, pictures, options, tell=typer.echo)
    if adapted.interrupted:
        typer.echo("interrupted: the best so far is kept")
    if not adapted.gain:
        raise DataError(
            f"the weights that it started from fit these pictures as well: nothing was gained in {adapted.minutes:.1f} "
            "min, so nothing was written; go on with those, or give more --minutes"
        )
    card = _write(adapted, _header(header, adapted, len(pictures), seed, device), output)
    typer.echo(f"the loss on pixels held out fell by {adapted.gain:.1%} in {adapted.minutes:.1f} min")
    typer.echo(f"wrote     {output}: {WEIGHTS}, {NAME}.onnx, {NAME}.json")
    typer.echo(f"try it    pixelmend restore IN -o OUT --task {card}")


def _check(output: Path, device: str) -> None:
    """Refuse before the work what would be refused after it."""
    from pixelmend.errors import UnknownNameError

    devices = ("auto", "cpu", "cuda", "mps")
    if device not in devices:
        raise UnknownNameError("device", device, devices)
    if output.exists() and not (output.is_dir() and not any(output.iterdir())):
        raise UsageError(f"{output} is there already, and is not an empty folder: choose another place (-o OUT)")


def _start(path: Path | None) -> tuple[Hybrid, dict[str, Any]]:
    """The network to start from, and what is known of it: recipe, mpx and minutes."""
    from pixelmend import catalog
    from pixelmend.export import read_weights

    weights = Path(catalog.find("denoise").name) if path is None else path
    model, header = read_weights(weights)
    return model, {**header, "start": weights.name}


def _header(base: dict[str, Any], adapted: Adapted, pictures: int, seed: int, device: str) -> dict[str, Any]:
    """What is stored with the weights: as training stores it, and what was adapted."""
    from pixelmend.training.machine import choose_device, describe

    recipe = base["recipe"]
    own = {"name": "the user's own noisy pictures", "pictures": pictures, "licence": "not stated"}
    data = {**recipe["data"], "sources": [*recipe["data"]["sources"], own]}
    return {
        "recipe": {**recipe, "name": NAME, "start": base["start"], "data": data},
        "step": adapted.step,
        "mpx": base["mpx"] + adapted.mpx,
        "minutes": base["minutes"] + adapted.minutes,
        "device": describe(choose_device(device)),
        "adapted": {
            "pictures": pictures,
            "seed": seed,
            "mpx": adapted.mpx,
            "minutes": adapted.minutes,
            "gain": adapted.gain,
            "level": adapted.level,
        },
    }


def _write(adapted: Adapted, header: dict[str, Any], output: Path) -> Path:
    """Write all of it beside the place, then rename: the folder is there whole or not at all.

    Returns:
        Where the card lies.
    """
    import secrets
    import shutil

    from pixelmend.errors import UnwritableError
    from pixelmend.export import export
    from pixelmend.files import make_folder
    from pixelmend.models import save_model

    beside = output.absolute().with_name(f".{output.absolute().name}.{secrets.token_hex(6)}.part")
    try:
        make_folder(beside)
        save_model(adapted.model, beside / WEIGHTS, header)
        export(beside / WEIGHTS, beside)
        if output.exists():
            output.rmdir()
        beside.rename(output)
    except OSError as error:
        raise UnwritableError(f"cannot write {output}: {error.strerror}; choose another place (-o OUT)") from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return output / f"{NAME}.json"
