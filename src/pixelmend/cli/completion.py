"""What a shell offers where a value is to be typed: names that exist, with what they mean.

Each function is given to an option as ``autocompletion``. A key press waits for the answer, so nothing is imported
here but the cards of the catalog; names that live beside heavy code stand here once more, and a test holds them to it.
Where a path may be typed as well, the shell's own completion of files takes over as soon as no name fits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from typer import Context  # noqa: TC002  (typer reads the annotations as it runs)

if TYPE_CHECKING:
    from collections.abc import Mapping

Found = list[tuple[str, str]]
"""Names, and what each means."""

TASKS = {
    "auto": "look at the picture, and do what it needs",
    "deblur": "blur of shaking and of motion",
    "dejpeg": "blocks and ringing of JPEG",
    "denoise": "noise",
    "inpaint": "fill in what a mask shows white",
    "photo": "noise, darkness and blur of phones",
    "super-resolve": "enlarge what was made small",
    "super-resolve-real": "enlarge what was found somewhere",
}
ENGINES = {
    "auto": "the one that is done first",
    "onnxruntime": "comes with every installation",
    "openvino": "the extra openvino",
    "torch": "the extra train",
    "ray": "one of these on many machines, the extra ray",
}
DEVICES = {
    "auto": "the best that the engine has",
    "cpu": "the processor",
    "cuda": "NVIDIA",
    "rocm": "AMD",
    "coreml": "Apple",
    "mps": "Apple, with PyTorch",
    "dml": "DirectX 12",
    "openvino": "Intel",
}
PRECISIONS = {"auto": "the faster", "int8": "whole numbers of 8 bits", "float32": "floating point"}
FORMATS = {
    "png": "8 or 16 bits, nothing lost",
    "jpeg": "8 bits, small",
    "tiff": "8, 16 bits or float, nothing lost",
    "webp": "8 bits",
    "avif": "8 or 12 bits, smallest",
}
SIZES = {"nano": "smallest and quickest", "small": "the usual one", "base": "better and slower"}
LOGS = {
    "auto": "text on a terminal, else json",
    "json": "for programs",
    "text": "for people",
    "off": "nothing",
}
_LPIPS = {"auto": "where its features are", "hub": "load them", "none": "leave it out"}


def complete_task(incomplete: str) -> Found:
    """Tasks, and then models by their names; files where neither fits (the card of one's own)."""
    from pixelmend import catalog

    known = {"auto": TASKS["auto"], **{task: TASKS.get(task, "") for task in catalog.tasks()}}
    return _fitting(known, incomplete) + _fitting(_models(), incomplete)


def complete_size(context: Context, incomplete: str) -> Found:
    """Sizes; only those of the task, where one was typed before."""
    from pixelmend import catalog

    task = context.params.get("task")
    have = {catalog.by_name(name).size for name in catalog.names() if catalog.task_of(catalog.by_name(name)) == task}
    return _fitting({size: words for size, words in SIZES.items() if size in have or not have}, incomplete)


def complete_scale(context: Context, incomplete: str) -> Found:
    """Scales; only those of the task, where one was typed before."""
    from pixelmend import catalog

    task = context.params.get("task")
    cards = [catalog.by_name(name) for name in catalog.names()]
    ours = [card for card in cards if catalog.task_of(card) == task] or cards
    scales = sorted({card.scale for card in ours})
    known = {"auto": "what there is, 4 of several"} | {str(scale): f"{scale} times as large" for scale in scales}
    return _fitting(known, incomplete)


def complete_engine(incomplete: str) -> Found:
    """Engines."""
    return _fitting(ENGINES, incomplete)


def complete_device(incomplete: str) -> Found:
    """Devices that some engine knows."""
    return _fitting(DEVICES, incomplete)


def complete_precision(incomplete: str) -> Found:
    """Precisions."""
    return _fitting(PRECISIONS, incomplete)


def complete_format(incomplete: str) -> Found:
    """Formats that are written."""
    return _fitting(FORMATS, incomplete)


def complete_on_error(incomplete: str) -> Found:
    """What a folder does where one picture fails."""
    return _fitting({"skip": "go on with the next", "stop": "stop there"}, incomplete)


def complete_log(incomplete: str) -> Found:
    """How a server tells of requests."""
    return _fitting(LOGS, incomplete)


def complete_auto(incomplete: str) -> Found:
    """Where a number or ``auto`` is wanted."""
    return _fitting({"auto": "measured or chosen"}, incomplete)


def complete_lpips(incomplete: str) -> Found:
    """Where LPIPS has its features from; or a file."""
    return _fitting(_LPIPS, incomplete)


def _models() -> dict[str, str]:
    from pixelmend import catalog

    cards = [catalog.by_name(name) for name in catalog.names()]
    return {card.name: f"{catalog.task_of(card)}, {card.size}" for card in cards}


def _fitting(known: Mapping[str, str], incomplete: str) -> Found:
    return [(name, words) for name, words in known.items() if name.startswith(incomplete)]
