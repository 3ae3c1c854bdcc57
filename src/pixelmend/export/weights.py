"""Weights wherever they lie: what training wrote, what was exported, what ships; and back to a file to train from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pixelmend import catalog
from pixelmend.errors import ModelError
from pixelmend.export.from_onnx import rebuild, recipe_of, rounding_of
from pixelmend.models import Hybrid, load_hybrid, read_metadata, save_model

if TYPE_CHECKING:
    from pathlib import Path

    from pixelmend.catalog import Card

_NEEDED = ("recipe", "mpx", "minutes", "device")
"""What a header must hold for a card to be written from it."""


def card_of(weights: Path) -> Card | None:
    """The card behind weights that were exported.

    Args:
        weights: A card (.json), the .onnx file beside one, or a bare name ("denoise-small") that is no file's: that of
            a model that ships.

    Returns:
        The card; None for any other path, which is a safetensors file's.

    Raises:
        ModelError: The card or its ONNX file is missing or broken, or it is a folder.
        UnknownNameError: No model that ships has this name.
    """
    bare = not weights.suffix and len(weights.parts) == 1
    if weights.is_dir() and not (bare and weights.name in catalog.names()):
        raise ModelError(f"{weights} is a folder: name the weights in it, such as {weights / 'weights.safetensors'}")
    if bare and not weights.is_file():
        return catalog.by_name(weights.name)
    if weights.suffix.lower() not in {".json", ".onnx"}:
        return None
    return catalog.beside(weights)


def read_weights(weights: Path) -> tuple[Hybrid, dict[str, Any]]:
    """A hybrid network and what is known of it.

    Args:
        weights: A safetensors file that training wrote, or what ``card_of`` takes.

    Returns:
        The network, float32, on the CPU, in evaluation mode; and a header as training writes it: recipe, megapixels,
        minutes, device, features; of quantized weights also rounding, the points where features are rounded.

    Raises:
        ModelError: The weights are missing or broken, hold another kind of network, or do not say what is needed.
        UnknownNameError: No model that ships has this name.
    """
    card = card_of(weights)
    if card is not None:
        training = card.training
        header = {key: getattr(training, key) for key in ("mpx", "minutes", "device", "features")}
        return rebuild(card), {"recipe": recipe_of(card), **header, "rounding": rounding_of(card)}
    model, header = load_hybrid(weights), read_metadata(weights)
    if missing := [key for key in _NEEDED if key not in header]:
        raise ModelError(f"{weights} does not say its {missing[0]}: name weights that pixelmend train wrote")
    return model, header


def write_safetensors(weights: Path, folder: Path) -> Path:
    """Write NAME.safetensors, float32, to train on from; NAME is that of the recipe the weights were trained by.

    Args:
        weights: What ``read_weights`` takes.
        folder: Where to; made if it is not there.

    Returns:
        The file.

    Raises:
        ModelError: See ``read_weights``.
        UnknownNameError: See ``read_weights``.
        UnwritableError: The folder cannot be written.
    """
    model, header = read_weights(weights)
    path = folder / f"{header['recipe']['name']}.safetensors"
    save_model(model, path, header)
    return path
