"""`pixelmend.restore()`: any kind of picture in, the same kind out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pixelmend.errors import UsageError
from pixelmend.images import Picture, default_suffix, open_image, suffix_for
from pixelmend.inference.engines import Wish
from pixelmend.inference.options import Options
from pixelmend.inference.settings import Settings
from pixelmend.inference.work import begin, restore_file

if TYPE_CHECKING:
    from pixelmend.catalog import Card


def restore(  # noqa: PLR0913  (all but the first have a default)
    image: Any,
    task: str | Card = "denoise",
    sigma: float | None = None,
    *,
    size: str | None = None,
    scale: int | None = None,
    mask: Any = None,
    strength: float = 1.0,
    fidelity: float = 1.0,
    keep_grain: float = 0.0,
    anchor: bool = True,
    region: tuple[int, int, int, int] | None = None,
    device: str = "auto",
    engine: str = "auto",
    precision: str = "auto",
    tile: int | None = None,
    output: str | Path | None = None,
    format: str | None = None,  # noqa: A002  (the word for it)
    quality: int | None = None,
) -> Any:
    """Restore a picture and give back the same kind.

    ======================================  ========================================================
    given                                   given back
    ======================================  ========================================================
    path                                    the path of the result, NAME_restored.EXT beside it
    bytes of a file                         bytes, same format (PNG where that is not written)
    PIL image                               PIL image
    array (H, W[, C]) uint8, uint16         array, same type, (H·scale, W·scale[, C])
    array (H, W[, C]) float32, white = 1    the same, clamped to [0, 1]; the input may leave it
    ======================================  ========================================================

    Transparency is carried over, enlarged with the picture. What was given is never modified. Where a mask says what
    is lost, all other pixels come back exactly as they were, unless a format with loss (JPEG) rounds them anew.

    Args:
        image: The picture.
        task: What to do, one of `pixelmend.catalog.tasks()`; or "auto", to do what `pixelmend diagnose` advises; or a
            model that ships, by its name ("denoise-base"); or the card of one's own model.
        sigma: Noise level on the 0-255 scale; None estimates it where the model has to be told.
        size: Of the weights for a task: "nano" (fastest), "small" (None) or "base" (best).
        scale: By how much to enlarge, for a task that does; None takes 4, or the only one there is.
        mask: What is lost, for the task "inpaint": a picture of the same size, white where pixels are lost (a path,
            bytes, a PIL image or an array), or a bool array (H, W), true where they are.
        strength: How much of the change is taken: 0 gives back what came in, 1 restores in full.
        fidelity: 1 stays as near to the truth as can be; 0 restores what looks real (for tasks with perceptual
            weights); between, the weighted mean of both.
        keep_grain: How much of the fine grain stays, 0 to 1.
        anchor: Whether large areas stay as bright and as coloured as they were.
        region: (left, top, width, height) of what is restored, in pixels of the picture as it is shown; the rest comes
            back as it was.
        device: "auto", "cpu", "cuda", ...
        engine: What runs the network: "onnxruntime", "openvino" or "torch"; "auto" takes the one of those installed
            that is done first with a picture of this size (measured once for each model, and kept).
        precision: "int8" or "float32" for models that have both; "auto" takes what is faster.
        tile: Side of the pieces that a large picture is cut into, in pixels; None takes the model's own.
        output: Where to write the result, for a path; an existing file is replaced.
        format: Of a result that is a file or its bytes: "png", "jpeg", "tiff", "webp" or "avif"; None takes that of the
            name, or of the picture.
        quality: Of JPEG, WebP and AVIF, 1–100; None takes 95 and 90, and lossless WebP.

    Returns:
        The same kind.

    Raises:
        UsageError: Something that cannot be done, whatever the picture holds.
        PictureError: The picture could not be read, or the result not be written.
        ModelError: The model is broken.
    """
    settings = Settings(
        task, size=size, scale=scale, fidelity=fidelity,
        options=Options(
            sigma=sigma, tile=tile, mask=mask, strength=strength, keep_grain=keep_grain, anchor=anchor, region=region
        ),
        wish=Wish(engine=engine, device=device, precision=precision),
        format=format, quality=quality,
    )  # fmt: skip
    picture = open_image(image)
    if not isinstance(picture, Picture) or picture.path is None:
        if output is not None:
            raise UsageError("output= is for a picture given as a path; other kinds are given back")
        work = begin(picture, settings)
        work.check(None)
        return work.give_back(work.run()[0])
    target = Path(output) if output is not None else default_output(picture, format=format)
    restore_file(picture, target, settings)
    return target


def default_output(
    picture: Picture,
    folder: Path | None = None,
    format: str | None = None,  # noqa: A002  (the word for it)
) -> Path:
    """NAME_restored.EXT beside the picture or in a folder; another suffix where the picture's format is not written.

    Args:
        picture: One that came from a file.
        folder: Where to, instead of beside it.
        format: Of the result, instead of the picture's.
    """
    if picture.path is None:
        raise UsageError("a picture given as bytes has no name: give an output")
    suffix = default_suffix(picture) if format is None else suffix_for(format)
    name = f"{picture.path.stem}_restored{suffix}"
    return (picture.path.parent if folder is None else folder) / name
