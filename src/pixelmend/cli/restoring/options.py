"""The options of ``pixelmend restore``: what each is called, what it takes, and how it is told."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from pixelmend.cli import completion

_MUCH, _OUT, _MANY, _MACHINE = "How much", "What is written", "Many pictures", "The machine"


def _option(told: str, *names: str, **more: Any) -> Any:
    """An option; its default is told where it says something."""
    return typer.Option(*names, help=told, **more)


Pictures = Annotated[
    list[str],
    typer.Argument(
        metavar="IN...",
        help="Damaged pictures: files, folders, 'patterns/**/*.jpg'; - reads one from standard input; "
        "with --engine ray also s3:// and gs://.",
        show_default=False,
    ),
]
Output = Annotated[
    str | None,
    _option(
        "A file, or a folder; - is standard output. [default: IN_restored]",
        "--output", "-o", metavar="OUT", show_default=False,
    ),
]  # fmt: skip
Task = Annotated[
    str,
    _option(
        "What to do, or auto; or a model (denoise-base); or the card (.json) of your own.",
        metavar="TASK", autocompletion=completion.complete_task,
    ),
]  # fmt: skip
Size = Annotated[
    str | None,
    _option(
        "Weights for the task: nano, small or base. [default: small]",
        metavar="NAME", show_default=False, autocompletion=completion.complete_size,
    ),
]  # fmt: skip
Scale = Annotated[
    str,
    _option("Enlarge by this, for super-resolve.", metavar="auto|N", autocompletion=completion.complete_scale),
]
Sigma = Annotated[str, _option("Noise level, 0 to 255.", metavar="auto|N", autocompletion=completion.complete_auto)]
Mask = Annotated[Path | None, _option("White where pixels are lost, for inpaint.", metavar="FILE", show_default=False)]

Strength = Annotated[str, _option("1 restores in full, 0 leaves as it is.", metavar="0..1", rich_help_panel=_MUCH)]
Fidelity = Annotated[str, _option("1 near to the truth, 0 looks real.", metavar="0..1", rich_help_panel=_MUCH)]
KeepGrain = Annotated[str, _option("How much fine grain stays.", metavar="0..1", rich_help_panel=_MUCH)]
Anchor = Annotated[bool, _option("Keep large areas as bright and as coloured as they were.", rich_help_panel=_MUCH)]
Region = Annotated[
    str | None,
    _option(
        "Restore this part only: left, top, width and height in pixels.",
        metavar="L,T,W,H", show_default=False, rich_help_panel=_MUCH,
    ),
]  # fmt: skip

Format = Annotated[
    str | None,
    _option(
        "Of the result: png, jpeg, tiff, webp or avif. [default: by the name]",
        metavar="NAME", show_default=False, rich_help_panel=_OUT, autocompletion=completion.complete_format,
    ),
]  # fmt: skip
Quality = Annotated[
    str,
    _option(
        "Of JPEG, WebP and AVIF.",
        metavar="auto|1..100", rich_help_panel=_OUT, autocompletion=completion.complete_auto,
    ),
]  # fmt: skip
Compare = Annotated[
    Path | None,
    _option("Also write a before/after picture here.", metavar="FILE", show_default=False, rich_help_panel=_OUT),
]
Json = Annotated[
    Path | None,
    _option(
        "Also write a report here; - prints it.", "--json", metavar="FILE", show_default=False, rich_help_panel=_OUT
    ),
]

Page = Annotated[
    Path | None,
    _option(
        "Also write a page (.html) with every picture before and after.",
        "--report", metavar="FILE", show_default=False, rich_help_panel=_MANY,
    ),
]  # fmt: skip
Resume = Annotated[bool, _option("Go on where a run into OUT ended.", "--resume", rich_help_panel=_MANY)]
SkipExisting = Annotated[bool, _option("Leave out what is in OUT already.", "--skip-existing", rich_help_panel=_MANY)]
OnError = Annotated[
    str,
    _option(
        "After a picture that fails: skip or stop.",
        metavar="NAME", rich_help_panel=_MANY, autocompletion=completion.complete_on_error,
    ),
]  # fmt: skip
Jobs = Annotated[
    str,
    _option(
        "Pictures restored at the same time.",
        metavar="auto|N", rich_help_panel=_MANY, autocompletion=completion.complete_auto,
    ),
]  # fmt: skip

Device = Annotated[
    str,
    _option(
        "Chip: auto, cpu, cuda, coreml, ...",
        metavar="NAME", rich_help_panel=_MACHINE, autocompletion=completion.complete_device,
    ),
]  # fmt: skip
Engine = Annotated[
    str,
    _option(
        "What runs it: auto, onnxruntime, openvino or torch; or ray, on many machines.",
        metavar="NAME", rich_help_panel=_MACHINE, autocompletion=completion.complete_engine,
    ),
]  # fmt: skip
Precision = Annotated[
    str,
    _option(
        "auto; int8 or float32, where weights have both.",
        metavar="NAME", rich_help_panel=_MACHINE, autocompletion=completion.complete_precision,
    ),
]  # fmt: skip
Tile = Annotated[
    str,
    _option(
        "Piece size in pixels.", metavar="auto|N", rich_help_panel=_MACHINE, autocompletion=completion.complete_auto
    ),
]
Quiet = Annotated[bool, _option("Say nothing but errors.", "--quiet", "-q")]
