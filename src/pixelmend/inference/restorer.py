"""`pixelmend.restore()`: any kind of picture in, the same kind out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pixelmend import catalog
from pixelmend.errors import UsageError
from pixelmend.images import Picture, check_target, default_suffix, give_back, open_image, save
from pixelmend.inference.core import Options, restore_picture
from pixelmend.inference.engines import cached_engine

if TYPE_CHECKING:
    from pixelmend.catalog import Card


def restore(
    image: Any,
    task: str | Card = "denoise",
    sigma: float | None = None,
    *,
    device: str = "auto",
    tile: int | None = None,
    output: str | Path | None = None,
) -> Any:
    """Restore a picture and give back the same kind.

    ======================================  ========================================================
    given                                   given back
    ======================================  ========================================================
    path                                    the path of the result, NAME_restored.EXT beside it
    bytes of a file                         bytes, same format (PNG where that is not written)
    PIL image                               PIL image
    array (H, W[, C]) uint8, uint16         array, same shape and type
    array (H, W[, C]) float32, white = 1    the same, clamped to [0, 1]; the input may leave it
    ======================================  ========================================================

    Transparency is carried over. What was given is never modified.

    Args:
        image: The picture.
        task: What to do, one of `pixelmend.catalog.tasks()`; or the card of one's own model.
        sigma: Noise level on the 0-255 scale; None estimates it.
        device: "auto", "cpu", "cuda", ...
        tile: Side of the pieces that a large picture is cut into, in pixels; None takes the model's own.
        output: Where to write the result, for a path; an existing file is replaced.

    Returns:
        The same kind.

    Raises:
        UsageError: Something that cannot be done, whatever the picture holds.
        PictureError: The picture could not be read, or the result not be written.
        ModelError: The model is broken.
    """
    options = Options(sigma=sigma, tile=tile)
    card = catalog.find(task) if isinstance(task, str) else task
    picture = open_image(image)
    path = picture.path if isinstance(picture, Picture) else None
    if output is not None and path is None:
        raise UsageError("output= is for a picture given as a path; other kinds are given back")
    target = None
    if isinstance(picture, Picture) and path is not None:
        target = Path(output) if output is not None else default_output(picture)
        check_target(target, like=picture)
    pixels, _ = restore_picture(picture, card, cached_engine(card.path, device), options)
    if isinstance(picture, Picture) and target is not None:
        save(pixels, target, like=picture)
        return target
    return give_back(picture, pixels)


def default_output(picture: Picture, folder: Path | None = None) -> Path:
    """NAME_restored.EXT beside the picture or in a folder; ".png" where the picture's format is not written.

    Args:
        picture: One that came from a file.
        folder: Where to, instead of beside it.
    """
    if picture.path is None:
        raise UsageError("a picture given as bytes has no name: give an output")
    name = f"{picture.path.stem}_restored{default_suffix(picture)}"
    return (picture.path.parent if folder is None else folder) / name
