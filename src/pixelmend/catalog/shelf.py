"""Which models ship, finding one by task, size, scale and variant, loading one's own, and checking files.

What ships is what lies beside this file: a card (NAME.json) and the ONNX file that it names, for each set of weights.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path

from pixelmend.catalog.card import Card
from pixelmend.errors import ModelError, UnknownNameError, UsageError

FOLDER = Path(__file__).parent
_REINSTALL = "reinstall pixelmend"
_USUAL_SCALE = 4
_VARIANTS = ("faithful", "perceptual")


def names() -> tuple[str, ...]:
    """The names of the models that ship, sorted."""
    return tuple(card.name for card in _cards(FOLDER))


def tasks() -> tuple[str, ...]:
    """The tasks that a shipped model can do, sorted.

    Weights for pictures as they are found are a task of their own: "super-resolve-real" beside "super-resolve".
    """
    return tuple(sorted({task_of(card) for card in _cards(FOLDER)}))


def task_of(card: Card) -> str:
    """The task of `tasks()` that a model is for."""
    return f"{card.task}-real" if card.variant == "real" else card.task


def find(task: str, size: str = "small", scale: int | None = None, variant: str = "faithful") -> Card:
    """The card of a shipped model.

    Args:
        task: One of `tasks()`.
        size: "nano", "small" or "base".
        scale: Output size over input size; None takes the only one there is, and 4 where there are several.
        variant: "faithful" or "perceptual".

    Raises:
        UnknownNameError: No such task, no model of that size for it, or no such variant.
        UsageError: No model of that scale, or that variant, for it.
        ModelError: The installation is damaged.
    """
    if variant not in _VARIANTS:
        raise UnknownNameError("variant", variant, _VARIANTS)
    of_task = [card for card in _cards(FOLDER) if task_of(card) == task]
    if not of_task:
        raise UnknownNameError("task", task, tasks())
    of_size = [card for card in of_task if card.size == size]
    if not of_size:
        raise UnknownNameError(f"size for {task}", size, {card.size for card in of_task})
    scales = sorted({card.scale for card in of_size})
    if scale is None:
        scale = min(scales, key=lambda each: abs(each - _USUAL_SCALE))
    if scale not in scales:
        wanted = ", ".join(map(str, scales))
        raise UsageError(f"there are no weights for {task} at scale {scale}: choose one of: {wanted}")
    for card in of_size:
        if (card.scale, _variant(card)) == (scale, variant):
            return _whole(card)
    others = ", ".join(card.name for card in _cards(FOLDER) if _variant(card) == variant)
    where = f"size {size}" if scale == 1 else f"size {size} at scale {scale}"
    raise UsageError(
        f"{task} has no {variant} weights of {where} (a fidelity below 1 needs perceptual ones); "
        f"there are: {others or 'none'}"
    )


def by_name(name: str) -> Card:
    """The card of the shipped model of this name.

    Raises:
        UnknownNameError: None is called so.
        ModelError: The installation is damaged.
    """
    for card in _cards(FOLDER):
        if card.name == name:
            return _whole(card)
    raise UnknownNameError("model", name, names())


def load(path: str | Path) -> Card:
    """A card from a file; its ONNX file is looked for in the same folder.

    Args:
        path: The JSON file.

    Raises:
        ModelError: The card or its ONNX file is missing or broken.
        UsageError: The path is not a card's.
    """
    path = Path(path)
    if path.suffix.lower() != ".json":
        raise UsageError(f"got {path}, wanted a model's card (.json beside its .onnx file)")
    wanted = "give the card that `pixelmend export` wrote"
    return _whole(_read(path, wanted), wanted)


def beside(path: str | Path) -> Card:
    """The card of an exported model, named by the card itself or by the ONNX file beside it.

    Args:
        path: The .json or .onnx file.

    Raises:
        ModelError: See `load`; also when the card beside an ONNX file is that of another.
    """
    path = Path(path)
    card = load(path.with_suffix(".json"))
    if path.suffix.lower() == ".onnx" and card.file != path.name:
        raise ModelError(f"the card {path.with_suffix('.json')} is that of {card.file}, not of {path.name}")
    return card


def verify(card: Card) -> None:
    """Check that a model's file is the one that its card speaks of.

    Raises:
        ModelError: It is missing, or its SHA-256 differs.
    """
    try:
        with card.path.open("rb") as file:
            got = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ModelError(f"cannot read the model {card.path}: {error.strerror}") from None
    if got != card.sha256:
        raise ModelError(
            f"{card.path} does not fit its card: got SHA-256 {got[:12]}…, wanted {card.sha256[:12]}…; "
            "it is damaged or was replaced: install or export it again"
        )


@lru_cache(maxsize=4)
def _cards(folder: Path) -> tuple[Card, ...]:
    """Every card of a folder, by name; whether the weights lie beside it is seen when one is chosen."""
    return tuple(_read(path, _REINSTALL) for path in sorted(folder.glob("*.json"), key=lambda each: each.stem))


def _read(path: Path, wanted: str) -> Card:
    """A card; ``wanted`` tells the reader what to do where it cannot be read."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not text"
        raise ModelError(f"cannot read the model's card {path}: {why}; {wanted}") from None
    return Card.from_json(text, folder=path.parent)


def _whole(card: Card, wanted: str = _REINSTALL) -> Card:
    if not card.path.is_file():
        raise ModelError(
            f"the card of {card.name} names {card.file}, which does not lie beside it in {card.folder}; {wanted}"
        )
    return card


def _variant(card: Card) -> str:
    """Weights for pictures as they are found are the faithful ones of their own task."""
    return "faithful" if card.variant == "real" else card.variant
