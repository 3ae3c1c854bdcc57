"""A file of random features in torchvision's numbering: what is loaded need not be pretrained to be tested."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from safetensors.torch import save_file

if TYPE_CHECKING:
    from pathlib import Path

    from torch import nn


def write_random(layers: nn.Module, path: Path) -> None:
    """Random values for these layers, which keep the size of what goes through."""
    generator = torch.Generator().manual_seed(0)
    tensors = {}
    for name, tensor in layers.state_dict().items():
        deviation = (2 / tensor[0].numel()) ** 0.5 if tensor.ndim == 4 else 0.1
        tensors[name] = deviation * torch.randn(tensor.shape, generator=generator)
    save_file(tensors, path)
