"""Weights on disk: safetensors, with what is needed to build the network again in the file's own header."""

from __future__ import annotations

import errno
import hashlib
import json
import shutil
from typing import TYPE_CHECKING, Any

import torch
from pydantic import ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from pixelmend.errors import ModelError
from pixelmend.files import make_folder, replacing
from pixelmend.models.architectures import Network, build, read_config
from pixelmend.models.hybrid import Hybrid

if TYPE_CHECKING:
    from pathlib import Path

HEADER, DIGEST = "pixelmend", "sha256"
"""The keys of the file's metadata that are ours: JSON, and a checksum over names and values of the tensors."""


def write_tensors(
    tensors: dict[str, torch.Tensor], path: Path, header: dict[str, Any], *, previous: Path | None = None
) -> None:
    """Store tensors and a JSON header at once or not at all: written beside, read back, then renamed.

    Args:
        tensors: By name.
        path: The file.
        header: What is stored with them.
        previous: Where the file that was there goes, if it is to be kept.

    Raises:
        UnwritableError: The file cannot be written, or reads back differently; an older one at ``path`` is untouched.
    """
    make_folder(path.parent)
    stored = {k: v.detach().cpu().contiguous() for k, v in tensors.items()}
    blob = save(stored, {HEADER: json.dumps(header), DIGEST: _digest(stored)})
    with replacing(path) as beside:
        beside.write_bytes(blob)
        try:
            read_tensors(beside)
        except ModelError as error:
            raise OSError(errno.EIO, f"what was written reads back differently ({error})") from error
        if previous is not None and path.is_file():
            _keep(path, previous)


def _keep(path: Path, previous: Path) -> None:
    """Give a file a second name, in place of what had it; the first one stays, whatever comes."""
    other = previous.with_name(f".{previous.name}.part")
    other.unlink(missing_ok=True)
    try:
        other.hardlink_to(path)
    except OSError:  # a file system without hard links
        shutil.copyfile(path, other)
    other.replace(previous)


def read_tensors(path: Path) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """The tensors and the header that ``write_tensors`` stored.

    Raises:
        ModelError: No such file, not a safetensors file, not one of ours, or damaged since it was written.
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
    # Files of earlier versions carry no checksum.
    if DIGEST in metadata and metadata[DIGEST] != _digest(tensors):
        raise ModelError(f"{path} is damaged: its values are not those that were written; train or download it again")
    header: dict[str, Any] = json.loads(metadata[HEADER])
    return tensors, header


def _digest(tensors: dict[str, torch.Tensor]) -> str:
    digest = hashlib.sha256()
    for name in sorted(tensors):
        digest.update(name.encode())
        digest.update(tensors[name].reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def save_model(model: Network, path: Path, header: dict[str, Any]) -> None:
    """Store a network; ``header`` (JSON: recipe, step, scores) is kept beside the shape of the network."""
    write_tensors(model.state_dict(), path, {**header, "model": model.config.model_dump(mode="json")})


def read_metadata(path: Path) -> dict[str, Any]:
    """The header of a weights file; see ``read_tensors`` for errors."""
    return read_tensors(path)[1]


def is_ours(path: Path) -> bool:
    """Whether a safetensors file carries our header: others' weights have none.

    Raises:
        ModelError: No such file, or not a safetensors file.
    """
    try:
        with safe_open(path, framework="pt") as file:
            return HEADER in (file.metadata() or {})
    except (OSError, SafetensorError) as error:
        raise ModelError(
            f"{path} cannot be read as safetensors weights ({error}): give the path of such a file"
        ) from error


def load_model(path: Path) -> Network:
    """Build the network that a file describes and load its weights: float32, on the CPU, in evaluation mode.

    Raises:
        ModelError: See ``read_tensors``; also when the weights do not fit the network that the header describes.
    """
    tensors, header = read_tensors(path)
    try:
        model = build(read_config(header["model"]))
        model.load_state_dict(tensors)
    except (KeyError, ValidationError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise ModelError(f"{path} does not hold a network that this version knows ({reason})") from error
    return model.eval()


def load_hybrid(path: Path) -> Hybrid:
    """Load the weights of the network that ships, which alone is exported and adapted.

    Raises:
        ModelError: See ``load_model``; also when the file holds another kind of network.
    """
    model = load_model(path)
    if not isinstance(model, Hybrid):
        raise ModelError(
            f"{path} holds a {model.config.architecture} network, a baseline to measure against: "
            "name weights of the hybrid network"
        )
    return model
