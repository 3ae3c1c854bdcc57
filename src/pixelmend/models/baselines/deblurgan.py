"""DeblurGAN: a residual network that takes motion blur away, and the critic that it learns from.

O. Kupyn, V. Budzan, M. Mykhailych, D. Mishkin and J. Matas, "DeblurGAN: Blind Motion Deblurring Using Conditional
Adversarial Networks", CVPR 2018. The generator is that of J. Johnson, A. Alahi and L. Fei-Fei, "Perceptual Losses for
Real-Time Style Transfer and Super-Resolution" (ECCV 2016) with a skip over all of it; the critic is the PatchGAN of
P. Isola, J. Zhu, T. Zhou and A. Efros, "Image-to-Image Translation with Conditional Adversarial Networks" (CVPR 2017).
"""

from __future__ import annotations

import itertools
from typing import Literal

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from pixelmend.errors import ModelError
from pixelmend.models.baselines.common import start_from_nothing
from pixelmend.models.network import Network, NetworkConfig, check_conditions

DROPPED = 0.5
"""Share of features that training sets to zero in each residual block (section 4)."""
SLOPE = 0.2
"""Of the critic's leaky rectifiers (section 4)."""
CRITIC_MINIMUM = 2
"""Pixels that a picture needs at its shorter side to be judged."""


class DeblurGanConfig(NetworkConfig):
    """What shape the generator has; the defaults are those of the paper."""

    architecture: Literal["deblurgan"] = "deblurgan"
    scale: Literal[1] = Field(default=1, description="it does not enlarge")
    conditions: tuple[()] = Field(default=(), description="it is told nothing")
    width: int = Field(default=64, ge=8, le=256, description="channels at full resolution; each halving doubles them")
    blocks: int = Field(default=9, ge=1, le=64, description="residual blocks at a quarter of height and width")

    @property
    def multiple_of(self) -> int:
        """Height and width must be multiples of this, in pixels."""
        return 4


class DeblurGan(Network):
    """Restores a blurred picture by what it adds to it (section 4 and figure 3 of the paper).

    ::

        degraded ─ 7×7 ─ two 3×3 that halve ─ nine residual blocks ─ two transposed 3×3 that double ─ 7×7 ─ tanh ─(+)
             └──────────────────────────────────────────────────────────────────────────────────────────────────┘

    Instance norm follows every convolution but the last. It takes mean and deviation of each channel over all of the
    picture that it is given, so a patch, a tile and the whole picture are normalized differently: what is learnt on
    patches meets other statistics on whole pictures, and neighbouring tiles of one picture can differ in tone.
    Restore whole pictures, or in tiles as large as memory allows. There is nothing to take statistics of in a picture
    of 4×4 pixels, which PyTorch refuses: the longer side must have 8 or more.

    What departs from the paper, or from the code that was released with it:

    - The result is not clipped: where it were, nothing could be learnt. Clip it once, at the end.
    - The last convolution starts at zero, so that the untrained network returns its input.
    - Convolutions that instance norm follows have no bias, which the norm would take away again.
    - Borders are padded with zeros; the paper names no padding, its code reflects. The gradient of a reflection is
      summed in no fixed order on a GPU, and a run is to be repeatable to the bit.
    - What dropout sets to zero is drawn from a seed that the batch itself gives, for the same reason.
    """

    def __init__(self, config: DeblurGanConfig) -> None:
        super().__init__()
        self.config: DeblurGanConfig = config
        widths = [config.width << level for level in range(3)]
        steps = list(itertools.pairwise(widths))
        self.stem = nn.Conv2d(3, config.width, 7, padding=3, bias=False)
        self.downs = nn.ModuleList(nn.Conv2d(a, b, 3, stride=2, padding=1, bias=False) for a, b in steps)
        self.blocks = nn.ModuleList(_Block(widths[-1]) for _ in range(config.blocks))
        self.ups = nn.ModuleList(
            nn.ConvTranspose2d(b, a, 3, stride=2, padding=1, output_padding=1, bias=False) for a, b in reversed(steps)
        )
        self.head = nn.Conv2d(config.width, 3, 7, padding=3)
        start_from_nothing(self.head)

    def forward(self, degraded: Tensor, *conditions: Tensor) -> Tensor:
        """Restore; see `Network`. It is told nothing, and changes no pixel by more than a half.

        Raises:
            ModelError: It is told something.
        """
        check_conditions(self.config, conditions)
        drawn_from = _drawn_from(degraded) if self.training else None
        features = _normalized(self.stem(2 * degraded - 1))
        for down in self.downs:
            features = _normalized(down(features))
        for block in self.blocks:
            features = block(features, drawn_from)
        for up in self.ups:
            features = _normalized(up(features))
        # The paper's pictures are in [-1, 1]: what is added there counts half here.
        restored: Tensor = degraded + torch.tanh(self.head(features)) / 2
        return restored


class _Block(nn.Module):
    """Two convolutions around dropout, added to what came in."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.second = nn.Conv2d(width, width, 3, padding=1, bias=False)

    def forward(self, features: Tensor, drawn_from: torch.Generator | None) -> Tensor:
        """(N, C, H, W) in and out; nothing is dropped where there is nothing to draw from."""
        change = _normalized(self.first(features))
        if drawn_from is not None:
            kept = torch.empty_like(change).bernoulli_(1 - DROPPED, generator=drawn_from)
            change = change * kept / (1 - DROPPED)
        restored: Tensor = features + F.instance_norm(self.second(change))
        return restored


def _normalized(features: Tensor) -> Tensor:
    return F.relu(F.instance_norm(features))


def _drawn_from(degraded: Tensor) -> torch.Generator:
    """Seeded by the bits of the batch's sum: batches are a function of (seed, step), and so then is what is dropped."""
    seed = int(degraded.detach().float().sum().view(torch.int32))
    return torch.Generator(degraded.device).manual_seed(seed)


class PatchCritic(nn.Module):
    """Judges patches of 70×70 pixels, each by a number (PatchGAN; section 4 of the paper).

    Five 4×4 convolutions, three of which halve height and width. All but the last are followed by instance norm and a
    leaky rectifier. Batch norm would mix the pictures, whose slopes the penalty of WGAN-GP takes one by one (Gulrajani
    et al. 2017, section 4).

    Args:
        width: Channels after the first convolution; they double to eight times as many. 64, as published, makes 2.8 M
            parameters.
    """

    def __init__(self, width: int = 64) -> None:
        super().__init__()
        widths = [3, *(width << level for level in range(4))]
        strides = (2, 2, 2, 1)
        self.convolutions = nn.ModuleList(
            nn.Conv2d(a, b, 4, stride=stride, padding=2, bias=False)
            for (a, b), stride in zip(itertools.pairwise(widths), strides, strict=True)
        )
        self.last = nn.Conv2d(widths[-1], 1, 4, padding=2)

    def forward(self, pictures: Tensor) -> Tensor:
        """Judge.

        Args:
            pictures: (N, 3, H, W) float RGB in [0, 1], which restored ones may leave; H and W of 2 pixels or more.

        Returns:
            (N, 1, H', W') with H' about H / 8 + 3, not bounded: the greater, the more a patch looks like a
            photograph's. Under autocast it has its type.

        Raises:
            ModelError: The shape is another.
        """
        if pictures.ndim != 4 or pictures.shape[1] != 3 or min(pictures.shape[2:]) < CRITIC_MINIMUM:
            raise ModelError(
                f"the critic got pictures of shape {tuple(pictures.shape)}: give (N, 3, H, W) with H and W of at "
                f"least {CRITIC_MINIMUM}"
            )
        features = 2 * pictures - 1
        for convolution in self.convolutions:
            features = F.leaky_relu(F.instance_norm(convolution(features)), SLOPE)
        judged: Tensor = self.last(features)
        return judged
