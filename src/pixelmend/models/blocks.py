"""The pieces that the hybrid network is made of: residual convolution, attention in windows, steps between scales.

Every piece takes and gives (N, C, H, W) and keeps float32 or bfloat16 as it comes. Residual gains start at zero, so
that before it has learnt anything a residual piece is the identity.
"""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

ContextKind = Literal["window", "shifted", "channel"]
"""Attention inside windows, inside windows moved by half their side, or across channels inside windows."""


def to_windows(features: Tensor, window: int) -> Tensor:
    """Cut (N, C, H, W) into windows: (N·windows, window², C). H and W must be multiples of ``window``."""
    n, c, h, w = features.shape
    tiles = features.permute(0, 2, 3, 1).reshape(n, h // window, window, w // window, window, c)
    return tiles.permute(0, 1, 3, 2, 4, 5).reshape(-1, window * window, c)


def from_windows(tokens: Tensor, window: int, size: tuple[int, int, int, int]) -> Tensor:
    """Undo ``to_windows``; ``size`` is the (N, C, H, W) that came in."""
    n, c, h, w = size
    tiles = tokens.reshape(n, h // window, w // window, window, window, c)
    return tiles.permute(0, 1, 3, 2, 4, 5).reshape(n, h, w, c).permute(0, 3, 1, 2)


class ResidualBlock(nn.Module):
    """Two dense 3×3 convolutions around a ReLU, added with a gain per channel that starts at zero.

    No batch norm: it leaves artifacts in restoration (EDSR, Lim et al. 2017). Dense, not depthwise: on a CPU a
    depthwise layer costs more time than a dense one, though fewer operations.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(width, width, 3, padding=1)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1)
        self.gain = nn.Parameter(torch.zeros(width))

    def forward(self, features: Tensor) -> Tensor:
        """(N, C, H, W) in, the same out."""
        change = _scaled(self.conv2, self.gain, F.relu(self.conv1(features), inplace=True), padding=1)
        return features + change


def _scaled(conv: nn.Conv2d, gain: nn.Parameter, features: Tensor, *, padding: int = 0) -> Tensor:
    """Apply ``conv``, each output channel times its gain: on the few weights, not on the many features."""
    bias = None if conv.bias is None else conv.bias * gain
    return F.conv2d(features, conv.weight * gain[:, None, None, None], bias, padding=padding)


class Down(nn.Module):
    """Halve height and width, and change the width of the features."""

    def __init__(self, width_in: int, width_out: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width_in, width_out, 2, stride=2)

    def forward(self, features: Tensor) -> Tensor:
        """(N, C, H, W) in, (N, C', H/2, W/2) out."""
        halved: Tensor = self.conv(features)
        return halved


class Up(nn.Module):
    """Double height and width (sub-pixel convolution, Shi et al. 2016), then add what the encoder saw there."""

    def __init__(self, width_in: int, width_out: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width_in, 4 * width_out, 1)

    def forward(self, features: Tensor, skip: Tensor) -> Tensor:
        """(N, C, H, W) and the skip (N, C', 2H, 2W) in, (N, C', 2H, 2W) out."""
        return F.pixel_shuffle(self.conv(features), 2) + skip


class WindowAttention(nn.Module):
    """Self-attention among the pixels of a window, with a learnt bias for relative position (Swin, Liu et al. 2021).

    With ``shifted`` the windows lie half a window further, so that what meets there changes from block to block;
    windows that wrap around the picture's edge are masked, so that far borders never mix.
    """

    def __init__(self, width: int, *, window: int, heads: int, shifted: bool) -> None:
        super().__init__()
        self.window, self.heads, self.shifted = window, heads, shifted
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.position_bias = nn.Parameter(torch.zeros((2 * window - 1) ** 2, heads))
        y, x = torch.meshgrid(torch.arange(window), torch.arange(window), indexing="ij")
        offset_y = y.flatten()[:, None] - y.flatten()[None] + window - 1
        offset_x = x.flatten()[:, None] - x.flatten()[None] + window - 1
        self.register_buffer("position", offset_y * (2 * window - 1) + offset_x, persistent=False)
        self.position: Tensor

    def forward(self, features: Tensor) -> Tensor:
        """(N, C, H, W) in, the same out; H and W must be multiples of the window."""
        n, c, h, w = features.shape
        half = self.window // 2
        if self.shifted:
            features = torch.roll(features, (-half, -half), (2, 3))
        tokens = to_windows(features, self.window)
        q, k, v = self.qkv(tokens).reshape(-1, self.window**2, 3, self.heads, c // self.heads).permute(2, 0, 3, 1, 4)
        bias = self.position_bias[self.position].permute(2, 0, 1)[None]
        if self.shifted:
            # One mask for each window of a picture; the same for every picture of the batch.
            bias = (bias + self._wrap_mask(h, w, bias.dtype)[:, None]).repeat(n, 1, 1, 1)
        # Written out: for windows this small it takes a third of the time of the library's fused attention on a CPU.
        weights = torch.softmax(q @ k.transpose(-2, -1) * q.shape[-1] ** -0.5 + bias.to(q.dtype), dim=-1)
        mixed = weights.to(v.dtype) @ v
        mixed = self.out(mixed.permute(0, 2, 1, 3).reshape(-1, self.window**2, c))
        mixed = from_windows(mixed, self.window, (n, c, h, w))
        return torch.roll(mixed, (half, half), (2, 3)) if self.shifted else mixed

    def _wrap_mask(self, height: int, width: int, dtype: torch.dtype) -> Tensor:
        """(windows, window², window²): −100 between pixels that lie at opposite borders of the picture, else 0."""
        device = self.position_bias.device
        wrapped_y = torch.arange(height, device=device) >= height - self.window // 2
        wrapped_x = torch.arange(width, device=device) >= width - self.window // 2
        region = (2 * wrapped_y.to(dtype)[:, None] + wrapped_x.to(dtype)[None])[None, None]
        ids = to_windows(region, self.window)[..., 0]
        return (ids[:, :, None] != ids[:, None, :]).to(dtype) * -100.0


class ChannelAttention(nn.Module):
    """Attention across channels (Restormer's MDTA, Zamir et al. 2022, eq. 1), counted inside each window.

    Restormer counts over the whole picture, so its result changes with the tile. Inside windows it does not.
    """

    def __init__(self, width: int, *, window: int, heads: int) -> None:
        super().__init__()
        self.window, self.heads = window, heads
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.temperature = nn.Parameter(torch.ones(heads, 1, 1))

    def forward(self, features: Tensor) -> Tensor:
        """(N, C, H, W) in, the same out; H and W must be multiples of the window."""
        c = features.shape[1]
        tokens = to_windows(features, self.window)
        # (windows, heads, channels of a head, pixels of the window): the channels are what attends.
        qkv = self.qkv(tokens).reshape(-1, self.window**2, 3, self.heads, c // self.heads).permute(2, 0, 3, 4, 1)
        q, k, v = F.normalize(qkv[0], dim=-1), F.normalize(qkv[1], dim=-1), qkv[2]
        weights = torch.softmax((q @ k.transpose(-2, -1)) * self.temperature.to(q.dtype), dim=-1)
        mixed = (weights.to(v.dtype) @ v).permute(0, 3, 1, 2).reshape(-1, self.window**2, c)
        n, _, h, w = features.shape
        return from_windows(self.out(mixed), self.window, (n, c, h, w))


class ContextBlock(nn.Module):
    """One transformer block: attention of a kind, then a gated feed-forward (GEGLU, Shazeer 2020), norm before each."""

    def __init__(self, width: int, kind: ContextKind, *, window: int, heads: int, hidden: int) -> None:
        super().__init__()
        self.attention: nn.Module
        if kind == "channel":
            self.attention = ChannelAttention(width, window=window, heads=heads)
        else:
            self.attention = WindowAttention(width, window=window, heads=heads, shifted=kind == "shifted")
        self.norm1, self.norm2 = ChannelNorm(width), ChannelNorm(width)
        self.expand = nn.Conv2d(width, 2 * hidden, 1)
        self.reduce = nn.Conv2d(hidden, width, 1)
        self.gain1 = nn.Parameter(torch.zeros(1, width, 1, 1))
        self.gain2 = nn.Parameter(torch.zeros(width))

    def forward(self, features: Tensor) -> Tensor:
        """(N, C, H, W) in, the same out."""
        mixed = self.attention(self.norm1(features))
        features = features + mixed * self.gain1.to(mixed.dtype)
        value, gate = self.expand(self.norm2(features)).chunk(2, dim=1)
        return features + _scaled(self.reduce, self.gain2, value * F.gelu(gate, approximate="tanh"))


class ChannelNorm(nn.Module):
    """Layer norm over the channels of each pixel of (N, C, H, W)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)

    def forward(self, features: Tensor) -> Tensor:
        """(N, C, H, W) in, the same out, in the type that came in."""
        normed: Tensor = self.norm(features.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        return normed.to(features.dtype)
