"""Weights on disk: safetensors, with what is needed to build the network again in the file's own header."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from pixelmend.errors import ModelError
from pixelmend.files import make_folder, replacing
from pixelmend.models.hybrid import Hybrid, HybridConfig

if TYPE_CHECKING:
    from pathlib import Path

    import torch

HEADER = "pixelmend"
"""The one key of the file's metadata that is ours; it holds JSON."""


def write_tensors(tensors: dict[str, torch.Tensor], path: Path, header: dict[str, Any]) -> None:
    """Store tensors and a JSON header at once or not at all: written beside, then renamed.

    Raises:
        UnwritableError: The file cannot be written; an older one at ``path`` is untouched.
    """
    make_folder(path.parent)
    blob = save({k: v.detach().cpu().contiguous() for k, v in tensors.items()}, {HEADER: json.dumps(header)})
    with replacing(path) as beside:
        beside.write_bytes(blob)


def read_tensors(path: Path) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """The tensors and the header that ``write_tensors`` stored.

    Raises:
        ModelError: No such file, not a safetensors file, or not one of ours.
    """
    if not path.is_file():
        raise ModelError(f"no weights at {path}: name a .safetensors file that training wrote")
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            # A copy: tensors of the library lie in the mapped file, which a later save replaces.
            tensors = {key: file.get_tensor(key).clone() for key in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise ModelError(f"{path} is not a whole safetensors file ({error}): train or download it again") from error
    if HEADER not in metadata:
        raise ModelError(f"{path} carries no {HEADER!r} header: it was not written by pixelmend train")
    header: dict[str, Any] = json.loads(metadata[HEADER])
    return tensors, header


def save_model(model: Hybrid, path: Path, header: dict[str, Any]) -> None:
    """Store a network; ``header`` (JSON: recipe, step, scores) is kept beside the shape of the network."""
    write_tensors(model.state_dict(), path, {**header, "model": model.config.model_dump(mode="json")})


def read_metadata(path: Path) -> dict[str, Any]:
    """The header of a weights file; see ``read_tensors`` for errors."""
    return read_tensors(path)[1]


def load_model(path: Path) -> Hybrid:
    """Build the network that a file describes and load its weights: float32, on the CPU, in evaluation mode.

    Raises:
        ModelError: See ``read_tensors``; also when the weights do not fit the network that the header describes.
    """
    tensors, header = read_tensors(path)
    try:
        model = Hybrid(HybridConfig.model_validate(header["model"]))
        model.load_state_dict(tensors)
    except (KeyError, ValidationError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise ModelError(f"{path} does not hold a network that this version knows ({reason})") from error
    return model.eval()
