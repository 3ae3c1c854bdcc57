"""The pieces that the hybrid network is made of: convolution, attention in windows, steps between scales.

Every piece takes and gives (N, C, H, W) and keeps float32 or bfloat16 as it comes. Residual gains start at zero, so
that before it has learnt anything a residual piece is the identity.
"""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

BlockKind = Literal["residual", "gated"]
"""What encoder and decoder are made of: dense convolutions, or depthwise ones with a gate."""
ContextKind = Literal["window", "shifted", "channel", "convolution"]
"""Attention inside windows, inside windows moved by half their side, across channels inside windows; or none of it."""
SkipKind = Literal["add", "concatenate", "none"]
"""How the decoder gets what the encoder saw at the same scale."""
Activation = Literal["relu", "gelu"]
_WARMEST_START = 10.0
"""Temperature that normalized attention begins with: Swin V2's."""


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


class Point(nn.Identity):
    """A place that features pass on their way from layer to layer; does nothing by itself.

    Who measures features, or rounds them to few bits, puts a module of its own in its place.
    """


class ResidualBlock(nn.Module):
    """Two dense 3×3 convolutions around an activation, added with a gain per channel that starts at zero.

    No batch norm: it leaves artifacts in restoration (EDSR, Lim et al. 2017). Dense, not depthwise: on a CPU a
    depthwise layer costs more time than a dense one, though fewer operations.
    """

    def __init__(self, width: int, activation: Activation = "relu", hidden: int | None = None) -> None:
        super().__init__()
        hidden = width if hidden is None else hidden
        self.conv1 = nn.Conv2d(width, hidden, 3, padding=1)
        self.conv2 = nn.Conv2d(hidden, width, 3, padding=1)
        self.gain = nn.Parameter(torch.zeros(width))
        self.activation = activation
        self.point_hidden, self.point_change, self.point_sum = Point(), Point(), Point()

    def forward(self, features: Tensor) -> Tensor:
        """(N, C, H, W) in, the same out."""
        hidden = self.conv1(features)
        hidden = F.relu(hidden, inplace=True) if self.activation == "relu" else F.gelu(hidden, approximate="tanh")
        change = _scaled(self.conv2, self.gain, self.point_hidden(hidden), padding=1)
        summed: Tensor = self.point_sum(features + self.point_change(change))
        return summed


class GatedBlock(nn.Module):
    """A depthwise 3×3 convolution between 1×1 ones, its halves multiplied, then a gated feed-forward.

    NAFNet's block (Chen et al. 2022, section 3) without its channel attention over the whole picture, which would make
    the result hang on the tile. Few operations, but depthwise ones, which are slow for their number.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = ChannelNorm(width), ChannelNorm(width)
        self.expand1 = nn.Conv2d(width, 2 * width, 1)
        self.spread = nn.Conv2d(2 * width, 2 * width, 3, padding=1, groups=2 * width)
        self.reduce1, self.expand2 = nn.Conv2d(width, width, 1), nn.Conv2d(width, 2 * width, 1)
        self.reduce2 = nn.Conv2d(width, width, 1)
        self.gain1, self.gain2 = nn.Parameter(torch.zeros(width)), nn.Parameter(torch.zeros(width))

    def forward(self, features: Tensor) -> Tensor:
        """(N, C, H, W) in, the same out."""
        one, other = self.spread(self.expand1(self.norm1(features))).chunk(2, dim=1)
        features = features + _scaled(self.reduce1, self.gain1, one * other)
        one, other = self.expand2(self.norm2(features)).chunk(2, dim=1)
        return features + _scaled(self.reduce2, self.gain2, one * other)


def make_block(kind: BlockKind, width: int, activation: Activation, hidden: int | None = None) -> nn.Module:
    """A block of an encoder or a decoder; the gated one is its own activation, and has no hidden width of its own."""
    return ResidualBlock(width, activation, hidden) if kind == "residual" else GatedBlock(width)


def _scaled(conv: nn.Conv2d, gain: nn.Parameter | None, features: Tensor, *, padding: int = 0) -> Tensor:
    """Apply ``conv``, each output channel times its gain: on the few weights, not on the many features.

    None stands for a gain that was multiplied into the weights for good: those who look for layers see one then.
    """
    if gain is None:
        whole: Tensor = conv(features)
        return whole
    bias = None if conv.bias is None else conv.bias * gain
    return F.conv2d(features, conv.weight * gain[:, None, None, None], bias, padding=padding)


def _each_pixel(linear: nn.Linear, features: Tensor, gain: Tensor | None = None) -> Tensor:
    """Apply a linear layer to the channels of each pixel, as a 1×1 convolution: (N, C, H, W) in, (N, C', H, W) out.

    Features keep the layout of the convolutions around; windows are cut before or after, which comes to the same.
    """
    weight: Tensor = linear.weight
    bias: Tensor = linear.bias
    if gain is not None:
        weight, bias = weight * gain.reshape(-1, 1), bias * gain.flatten()
    return F.conv2d(features, weight[:, :, None, None], bias)


class Down(nn.Module):
    """Halve height and width, and change the width of the features."""

    def __init__(self, width_in: int, width_out: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width_in, width_out, 2, stride=2)
        self.point_given, self.point_halved = Point(), Point()

    def forward(self, features: Tensor) -> Tensor:
        """(N, C, H, W) in, (N, C', H/2, W/2) out."""
        halved: Tensor = self.point_halved(self.conv(self.point_given(features)))
        return halved


class Up(nn.Module):
    """Double height and width (sub-pixel convolution, Shi et al. 2016), then take in what the encoder saw there."""

    def __init__(self, width_in: int, width_out: int, skip: SkipKind = "add") -> None:
        super().__init__()
        self.conv = nn.Conv2d(width_in, 4 * width_out, 1)
        self.fuse = nn.Conv2d(2 * width_out, width_out, 1) if skip == "concatenate" else None
        self.skip = skip
        self.point_change, self.point_sum = Point(), Point()

    def forward(self, features: Tensor, seen: Tensor) -> Tensor:
        """(N, C, H, W) and what the encoder saw, (N, C', 2H, 2W), in; (N, C', 2H, 2W) out."""
        doubled = F.pixel_shuffle(self.point_change(self.conv(features)), 2)
        if self.fuse is not None:
            doubled = self.fuse(torch.cat([doubled, seen], dim=1))
        elif self.skip == "add":
            doubled = doubled + seen
        summed: Tensor = self.point_sum(doubled)
        return summed


class Enlarge(nn.Module):
    """Bicubic enlargement by a whole number, a = −0.5 (Keys 1981) as in MATLAB's imresize, which mirrors edges instead.

    Each of the scale² places between pixels is a fixed 5×5 kernel, so that it is one convolution on every engine.
    Edges are repeated.
    """

    def __init__(self, scale: int) -> None:
        super().__init__()
        self.scale = scale
        # Where the pixels of the result lie, in pixels of the input: centres, half a pixel from the edge.
        places = (torch.arange(scale, dtype=torch.float64) + 0.5) / scale - 0.5
        weights = keys_cubic(places[:, None] - torch.arange(-2, 3))
        kernels = weights[:, None, :, None] * weights[None, :, None, :]
        self.register_buffer("kernels", kernels.reshape(scale**2, 1, 5, 5).float(), persistent=False)
        self.kernels: Tensor

    def forward(self, picture: Tensor) -> Tensor:
        """(N, C, H, W) in, (N, C, H·scale, W·scale) out, in float32: this is the picture, not a feature."""
        n, c, h, w = picture.shape
        with torch.autocast(picture.device.type, enabled=False):
            planes = F.pad(picture.float().reshape(n * c, 1, h, w), (2, 2, 2, 2), mode="replicate")
            enlarged = F.pixel_shuffle(F.conv2d(planes, self.kernels), self.scale)
        return enlarged.reshape(n, c, h * self.scale, w * self.scale)


def keys_cubic(distance: Tensor) -> Tensor:
    """Keys' cubic kernel with a = −0.5 (1981, eq. 15) at distances in pixels."""
    x = distance.abs()
    near = 1.5 * x**3 - 2.5 * x**2 + 1
    far = -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
    return torch.where(x <= 1, near, torch.where(x < 2, far, torch.zeros_like(x)))


class WindowAttention(nn.Module):
    """Self-attention among the pixels of a window, with a learnt bias for relative position (Swin, Liu et al. 2021).

    With ``shifted`` the windows lie half a window further, so that what meets there changes from block to block;
    windows that wrap around the picture's edge are masked, so that far borders never mix.

    With ``normalized`` queries and keys have length one, and a learnt temperature of each head says how much they
    count (Swin V2, Liu et al. 2022): Muon moves them by a fixed size at every step, and without it their products may
    grow without end.
    """

    def __init__(self, width: int, *, window: int, heads: int, shifted: bool, normalized: bool = False) -> None:
        super().__init__()
        self.window, self.heads, self.shifted = window, heads, shifted
        self.temperature = nn.Parameter(torch.full((heads, 1, 1), _WARMEST_START)) if normalized else None
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.position_bias = nn.Parameter(torch.zeros((2 * window - 1) ** 2, heads))
        y, x = torch.meshgrid(torch.arange(window), torch.arange(window), indexing="ij")
        offset_y = y.flatten()[:, None] - y.flatten()[None] + window - 1
        offset_x = x.flatten()[:, None] - x.flatten()[None] + window - 1
        self.register_buffer("position", offset_y * (2 * window - 1) + offset_x, persistent=False)
        self.position: Tensor
        self.point_qkv, self.point_mixed = Point(), Point()

    def forward(self, features: Tensor, gain: Tensor | None = None) -> Tensor:
        """(N, C, H, W), H and W multiples of the window, and C gains of what comes out; (N, C, H, W) out."""
        n, c, h, w = features.shape
        half = self.window // 2
        if self.shifted:
            features = torch.roll(features, (-half, -half), (2, 3))
        tokens = to_windows(self.point_qkv(_each_pixel(self.qkv, features)), self.window)
        q, k, v = tokens.reshape(-1, self.window**2, 3, self.heads, c // self.heads).permute(2, 0, 3, 1, 4)
        bias = self.position_bias[self.position].permute(2, 0, 1)[None]
        if self.shifted:
            # One mask for each window of a picture; the same for every picture of the batch.
            bias = (bias + self._wrap_mask(h, w, bias.dtype)[:, None]).repeat(n, 1, 1, 1)
        if self.temperature is None:
            scale: Tensor | float = q.shape[-1] ** -0.5
        else:
            q, k, scale = F.normalize(q, dim=-1), F.normalize(k, dim=-1), self.temperature.to(q.dtype)
        # Written out: for windows this small it takes a third of the time of the library's fused attention on a CPU.
        weights = torch.softmax(q @ k.transpose(-2, -1) * scale + bias.to(q.dtype), dim=-1)
        mixed = weights.to(v.dtype) @ v
        mixed = from_windows(mixed.permute(0, 2, 1, 3).reshape(-1, self.window**2, c), self.window, (n, c, h, w))
        mixed = _each_pixel(self.out, self.point_mixed(mixed), gain)
        return torch.roll(mixed, (half, half), (2, 3)) if self.shifted else mixed

    def _wrap_mask(self, height: int, width: int, dtype: torch.dtype) -> Tensor:
        """(windows, window², window²): −10⁴ between pixels that lie at opposite borders of the picture, else 0.

        Learnt attention reaches a thousand, so that less would let far borders in.
        """
        device = self.position_bias.device
        wrapped_y = torch.arange(height, device=device) >= height - self.window // 2
        wrapped_x = torch.arange(width, device=device) >= width - self.window // 2
        region = (2 * wrapped_y.to(dtype)[:, None] + wrapped_x.to(dtype)[None])[None, None]
        ids = to_windows(region, self.window)[..., 0]
        return (ids[:, :, None] != ids[:, None, :]).to(dtype) * -1e4


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
        self.point_qkv, self.point_mixed = Point(), Point()

    def forward(self, features: Tensor, gain: Tensor | None = None) -> Tensor:
        """(N, C, H, W), H and W multiples of the window, and C gains of what comes out; (N, C, H, W) out."""
        n, c, h, w = features.shape
        tokens = to_windows(self.point_qkv(_each_pixel(self.qkv, features)), self.window)
        # (windows, heads, channels of a head, pixels of the window): the channels are what attends.
        qkv = tokens.reshape(-1, self.window**2, 3, self.heads, c // self.heads).permute(2, 0, 3, 4, 1)
        q, k, v = F.normalize(qkv[0], dim=-1), F.normalize(qkv[1], dim=-1), qkv[2]
        weights = torch.softmax((q @ k.transpose(-2, -1)) * self.temperature.to(q.dtype), dim=-1)
        mixed = (weights.to(v.dtype) @ v).permute(0, 3, 1, 2).reshape(-1, self.window**2, c)
        return _each_pixel(self.out, self.point_mixed(from_windows(mixed, self.window, (n, c, h, w))), gain)


def make_context(
    kind: ContextKind, width: int, *, window: int, heads: int, hidden: int, normalized: bool = False
) -> nn.Module:
    """A block of the context: attention of a kind, or a residual block in its place."""
    if kind == "convolution":
        return ResidualBlock(width, hidden=hidden)
    return ContextBlock(width, kind, window=window, heads=heads, hidden=hidden, normalized=normalized)


class ContextBlock(nn.Module):
    """One transformer block: attention of a kind, then a gated feed-forward (GEGLU, Shazeer 2020), norm before each."""

    def __init__(
        self, width: int, kind: ContextKind, *, window: int, heads: int, hidden: int, normalized: bool = False
    ) -> None:
        super().__init__()
        self.attention: nn.Module
        if kind == "channel":
            self.attention = ChannelAttention(width, window=window, heads=heads)
        else:
            shifted = kind == "shifted"
            self.attention = WindowAttention(width, window=window, heads=heads, shifted=shifted, normalized=normalized)
        self.norm1, self.norm2 = ChannelNorm(width), ChannelNorm(width)
        self.expand = nn.Conv2d(width, 2 * hidden, 1)
        self.reduce = nn.Conv2d(hidden, width, 1)
        self.gain1 = nn.Parameter(torch.zeros(1, width, 1, 1))
        self.gain2 = nn.Parameter(torch.zeros(width))
        self.point_normed1, self.point_change1, self.point_sum1 = Point(), Point(), Point()
        self.point_normed2, self.point_expanded, self.point_gated = Point(), Point(), Point()
        self.point_change2, self.point_sum2 = Point(), Point()

    def forward(self, features: Tensor) -> Tensor:
        """(N, C, H, W) in, the same out."""
        mixed = self.attention(self.point_normed1(self.norm1(features)), self.gain1)
        features = self.point_sum1(features + self.point_change1(mixed))
        value, gate = self.point_expanded(self.expand(self.point_normed2(self.norm2(features)))).chunk(2, dim=1)
        gated = self.point_gated(value * F.gelu(gate, approximate="tanh"))
        summed: Tensor = self.point_sum2(features + self.point_change2(_scaled(self.reduce, self.gain2, gated)))
        return summed


class ChannelNorm(nn.Module):
    """Layer norm over the channels of each pixel of (N, C, H, W)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)

    def forward(self, features: Tensor) -> Tensor:
        """(N, C, H, W) in, the same out, in the type that came in."""
        normed: Tensor = self.norm(features.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        return normed.to(features.dtype)
