"""Which models ship, finding one by task and size, loading one's own, and checking files."""

from __future__ import annotations

import hashlib
from pathlib import Path

from pixelmend.catalog.card import Card
from pixelmend.errors import ModelError, UnknownNameError, UsageError

FOLDER = Path(__file__).parent

# Every set of weights in the package: (task, size) to name; the files are NAME.json and what that names.
_SHIPPED = {("denoise", "small"): "denoise-small"}


def names() -> tuple[str, ...]:
    """The names of the models that ship."""
    return tuple(_SHIPPED.values())


def tasks() -> tuple[str, ...]:
    """The tasks that a shipped model can do."""
    return tuple(sorted({task for task, _ in _SHIPPED}))


def find(task: str, size: str = "small") -> Card:
    """The card of a shipped model.

    Args:
        task: One of `tasks()`.
        size: "nano", "small" or "base".

    Raises:
        UnknownNameError: No such task, or no model of that size for it.
        ModelError: The installation is damaged.
    """
    if task not in tasks():
        raise UnknownNameError("task", task, tasks())
    if (task, size) not in _SHIPPED:
        raise UnknownNameError(f"size for {task}", size, [each for known, each in _SHIPPED if known == task])
    return load(FOLDER / f"{_SHIPPED[task, size]}.json", wanted="reinstall pixelmend")


def load(path: str | Path, *, wanted: str = "give the card that `pixelmend export` wrote") -> Card:
    """A card from a file; its ONNX file is looked for in the same folder.

    Args:
        path: The JSON file.
        wanted: What a message tells the reader to do where the file is missing.

    Raises:
        ModelError: The card or its ONNX file is missing or broken.
        UsageError: The path is not a card's.
    """
    path = Path(path)
    if path.suffix.lower() != ".json":
        raise UsageError(f"got {path}, wanted a model's card (.json beside its .onnx file)")
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not text"
        raise ModelError(f"cannot read the model's card {path}: {why}; {wanted}") from None
    card = Card.from_json(text, folder=path.parent)
    if not card.path.is_file():
        raise ModelError(f"the card {path} names {card.file}, which does not lie beside it; {wanted}")
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
