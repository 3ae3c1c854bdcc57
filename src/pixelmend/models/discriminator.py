"""The discriminator: a U-Net that says for every pixel whether it looks like a photograph or like a restored one.

E. Schönfeld, B. Schiele and A. Khoreva, "A U-Net Based Discriminator for Generative Adversarial Networks", CVPR 2020;
used for restoration with spectral norm by X. Wang, L. Xie, C. Dong and Y. Shan, "Real-ESRGAN", ICCV workshops 2021.
"""

from __future__ import annotations

import itertools

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from pixelmend.errors import ModelError

HALVINGS = 3
"""How often height and width are halved on the way down."""
MULTIPLE_OF = 1 << HALVINGS
"""Height and width must be multiples of this, in pixels."""

SLOPE = 0.2
GAIN = (2 / (1 + SLOPE**2)) ** 0.5
"""What a leaky rectifier takes away of the mean square of features around zero (He et al. 2015, section 2.2)."""


class UNetDiscriminator(nn.Module):
    """Judges every pixel of a picture.

    Convolutions halve height and width three times while the channels double; on the way back each step enlarges,
    convolves, and adds what the way down saw at that size. Spectral norm (Miyato et al. 2018) bounds every layer but
    the first and the last, so that the slope that the generator learns from stays bounded too. In training mode each
    pass refines the estimate of the largest singular values by one step, which is why they are part of the state.

    Spectral norm makes what passes a layer weaker, and a discriminator whose logits hardly differ learns nothing in a
    short run: so pictures come in with about unit variance, and each activation makes up for what it takes away.

    Enlarging repeats pixels, as in Schönfeld et al.: unlike bilinear enlargement its gradient is summed in a fixed
    order on a GPU, so that a run can be repeated to the bit.

    Args:
        width: Channels at full resolution; the coarsest level has eight times as many. 32 makes 1.1 M parameters.
    """

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        widths = [width << level for level in range(HALVINGS + 1)]
        steps = list(itertools.pairwise(widths))
        self.first = nn.Conv2d(3, width, 3, padding=1)
        self.downs = nn.ModuleList(_bounded(a, b, 4, stride=2) for a, b in steps)
        self.ups = nn.ModuleList(_bounded(b, a, 3) for a, b in reversed(steps))
        self.refine = _bounded(width, width, 3)
        self.last = nn.Conv2d(width, 1, 3, padding=1)

    def forward(self, pictures: Tensor) -> Tensor:
        """Judge.

        Args:
            pictures: (N, 3, H, W) float RGB in [0, 1], which restored ones may leave; H and W multiples of 8.

        Returns:
            (N, 1, H, W) logits, not bounded: the greater, the more the pixel looks like a photograph's. Under
            autocast they have its type.

        Raises:
            ModelError: The shape is another.
        """
        if pictures.ndim != 4 or pictures.shape[1] != 3 or any(s % MULTIPLE_OF or not s for s in pictures.shape[2:]):
            raise ModelError(
                f"the discriminator got pictures of shape {tuple(pictures.shape)}: give (N, 3, H, W) with H and W "
                f"multiples of {MULTIPLE_OF}"
            )
        features = _activated(self.first((pictures - 0.5) * 4))
        skips: list[Tensor] = []
        for down in self.downs:
            skips.append(features)
            features = _activated(down(features))
        for up, skip in zip(self.ups, reversed(skips), strict=True):
            features = _activated(up(F.interpolate(features, scale_factor=2.0, mode="nearest"))) + skip
        logits: Tensor = self.last(_activated(self.refine(features)))
        return logits


class _Float32Weight(nn.Conv2d):
    """A convolution whose weight is worked out in float32 also where autocast computes the rest in bfloat16.

    Spectral norm finds the weight by products of a matrix and vectors, which autocast rounds on a GPU (not on a CPU);
    a product of a rounded vector and one that is not is then an error.
    """

    def forward(self, features: Tensor) -> Tensor:
        """(N, C, H, W) in, (N, C', H / stride, W / stride) out."""
        with torch.autocast(features.device.type, enabled=False):
            weight = self.weight
        return F.conv2d(features, weight, self.bias, stride=self.stride, padding=self.padding)


def _bounded(width_in: int, width_out: int, kernel: int, *, stride: int = 1) -> nn.Module:
    """A convolution with spectral norm; kernels of 4 with a stride of 2 weigh every pixel alike."""
    return spectral_norm(_Float32Weight(width_in, width_out, kernel, stride=stride, padding=1))


def _activated(features: Tensor) -> Tensor:
    activated: Tensor = F.leaky_relu(features, SLOPE, inplace=True) * GAIN
    return activated
