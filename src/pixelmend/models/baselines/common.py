"""What the baselines share: luminance in and out of a picture, the bicubic enlargement, the first weights."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pixelmend.images import LUMA
from pixelmend.models.blocks import Enlarge

STUDIO = 219 / 255
"""How far studio range goes: black is 16 and white is 235 of 255."""


class Luminance(nn.Module):
    """The luminance of a picture as BT.601 has it, studio range, and its change in the picture.

    What such networks leave alone, the chroma, comes out of the bicubic enlargement: adding the change of luminance to
    each of the three colours is what going to YCbCr, putting Y in place and coming back gives.
    """

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("weights", STUDIO * torch.tensor(LUMA).reshape(1, 3, 1, 1), persistent=False)
        self.weights: Tensor

    def forward(self, picture: Tensor) -> Tensor:
        """(N, 3, H, W) RGB in [0, 1] in, (N, 1, H, W) in [16/255, 235/255] out."""
        return (picture * self.weights).sum(dim=1, keepdim=True) + 16 / 255

    @staticmethod
    def changed(picture: Tensor, change: Tensor) -> Tensor:
        """(N, 3, H, W) RGB and how much is added to its luminance, (N, 1, H, W), in; RGB out, chroma as it was."""
        return picture + change.float() / STUDIO


def enlarger(scale: int) -> nn.Module:
    """The bicubic enlargement; nothing where there is nothing to enlarge."""
    return Enlarge(scale) if scale > 1 else nn.Identity()


def start_from_nothing(last: nn.Conv2d) -> None:
    """Zero a network's last convolution, so that what it adds to the picture starts at nothing."""
    for parameter in last.parameters():
        nn.init.zeros_(parameter)


def start_like_he(model: nn.Module) -> None:
    """Weights that keep the variance through rectifiers (He et al. 2015, eq. 14), biases zero."""
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_in", nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
