"""Attention in windows: against the library's own, and never across the border of a window or of the picture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from pydantic import ValidationError

from pixelmend.models import HybridConfig
from pixelmend.models.blocks import (
    ChannelAttention,
    ChannelNorm,
    ContextBlock,
    GatedBlock,
    ResidualBlock,
    Up,
    WindowAttention,
    from_windows,
    keys_cubic,
    make_block,
    make_context,
    to_windows,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

WINDOW, WIDTH, HEADS = 4, 16, 2


def _features(height: int = 12, width: int = 16, pictures: int = 2) -> torch.Tensor:
    return torch.randn(pictures, WIDTH, height, width, generator=torch.Generator().manual_seed(0))


def _attention(*, shifted: bool) -> WindowAttention:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        attention = WindowAttention(WIDTH, window=WINDOW, heads=HEADS, shifted=shifted)
        torch.nn.init.normal_(attention.position_bias)
    return attention


def test_windows_are_cut_row_by_row_and_put_back() -> None:
    features = _features()
    tokens = to_windows(features, WINDOW)
    assert tokens.shape == (2 * 3 * 4, WINDOW**2, WIDTH)
    # The sixth window of the first picture: second row of windows, second column.
    expected = features[0, :, 4:8, 4:8].permute(1, 2, 0).reshape(-1, WIDTH)
    assert torch.equal(tokens[5], expected)
    assert torch.equal(from_windows(tokens, WINDOW, (2, WIDTH, 12, 16)), features)


@torch.no_grad()
def test_window_attention_is_what_the_library_computes() -> None:
    attention, features = _attention(shifted=False), _features(WINDOW, WINDOW, 1)
    tokens = features[0].flatten(1).T
    q, k, v = attention.qkv(tokens).reshape(-1, 3, HEADS, WIDTH // HEADS).permute(1, 2, 0, 3)
    bias = torch.empty(HEADS, WINDOW**2, WINDOW**2)
    for i in range(WINDOW**2):
        for j in range(WINDOW**2):
            down, right = i // WINDOW - j // WINDOW + WINDOW - 1, i % WINDOW - j % WINDOW + WINDOW - 1
            bias[:, i, j] = attention.position_bias[down * (2 * WINDOW - 1) + right]
    mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=bias).permute(1, 0, 2).reshape(-1, WIDTH)
    expected = attention.out(mixed).T.reshape(1, WIDTH, WINDOW, WINDOW)
    assert torch.allclose(attention(features), expected, atol=1e-5)


@torch.no_grad()
@pytest.mark.parametrize("place", [(0, 0), (0, 15), (11, 0), (11, 15), (5, 7), (0, 7)])
def test_shifted_windows_reach_their_own_pixels_and_not_the_opposite_border(place: tuple[int, int]) -> None:
    attention, features = _attention(shifted=True), _features()
    changed = features.clone()
    changed[0, :, place[0], place[1]] += 1
    reached = (attention(changed) != attention(features)).any(dim=1).numpy()
    # Windows begin at 2, 6, 10, …: what lies before the first and after the last is a window of half the side.
    row, column = ((np.arange(side) + WINDOW // 2) // WINDOW for side in (12, 16))
    expected = (row == row[place[0]])[:, None] & (column == column[place[1]])[None]
    assert np.array_equal(reached[0], expected)
    assert not reached[1].any()


@torch.no_grad()
def test_windows_inside_the_picture_ignore_the_mask() -> None:
    """Away from the border, shifting is the same as giving a picture that begins half a window later."""
    plain, shifted = _attention(shifted=False), _attention(shifted=True)
    features = _features()
    inner = plain(features[:, :, 2:10, 2:14])
    assert torch.allclose(shifted(features)[:, :, 2:10, 2:14], inner, atol=1e-5)


@torch.no_grad()
def test_channel_attention_stays_inside_its_window() -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        attention = ChannelAttention(WIDTH, window=WINDOW, heads=HEADS)
    features = _features()
    changed = features.clone()
    changed[0, :, 5, 6] += 1
    reached = (attention(changed) != attention(features)).any(dim=1)
    assert reached[0, 4:8, 4:8].all()
    assert reached.sum() == WINDOW**2


def _heads(
    attention: Any, features: torch.Tensor
) -> Iterator[tuple[int, slice, NDArray[Any], NDArray[Any], NDArray[Any]]]:
    """For each head its number, its channels, and queries, keys and values of one window, (pixels, channels)."""
    qkv = attention.qkv(features[0].flatten(1).T).numpy().astype(np.float64)
    for head in range(HEADS):
        part = slice(head * WIDTH // HEADS, (head + 1) * WIDTH // HEADS)
        q, k, v = (qkv[:, i * WIDTH : (i + 1) * WIDTH][:, part] for i in range(3))
        yield head, part, q, k, v


@torch.no_grad()
def test_channel_attention_is_the_formula_of_its_paper() -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        attention = ChannelAttention(WIDTH, window=WINDOW, heads=HEADS)
        torch.nn.init.uniform_(attention.temperature, 0.5, 2)
    features = _features(WINDOW, WINDOW, 1)
    mixed = np.empty((WINDOW**2, WIDTH))
    for head, part, q, k, v in _heads(attention, features):
        scores = (q / np.linalg.norm(q, axis=0)).T @ (k / np.linalg.norm(k, axis=0))
        scores = np.exp(scores * float(attention.temperature[head]))
        mixed[:, part] = v @ (scores / scores.sum(axis=1, keepdims=True)).T
    expected = attention.out(torch.from_numpy(mixed).float()).T.reshape(1, WIDTH, WINDOW, WINDOW)
    assert torch.allclose(attention(features), expected, atol=1e-5)


@torch.no_grad()
def test_normalized_attention_is_the_formula_of_its_paper_and_knows_no_length() -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        attention = WindowAttention(WIDTH, window=WINDOW, heads=HEADS, shifted=False, normalized=True)
        torch.nn.init.normal_(attention.position_bias)
        assert attention.temperature is not None
        torch.nn.init.uniform_(attention.temperature, 1, 20)
    features = _features(WINDOW, WINDOW, 1)
    mixed = np.empty((WINDOW**2, WIDTH))
    for head, part, q, k, v in _heads(attention, features):
        cosines = (q / np.linalg.norm(q, axis=1, keepdims=True)) @ (k / np.linalg.norm(k, axis=1, keepdims=True)).T
        bias = attention.position_bias[attention.position][:, :, head].numpy()
        scores = np.exp(cosines * float(attention.temperature[head]) + bias)
        mixed[:, part] = scores / scores.sum(axis=1, keepdims=True) @ v
    expected = attention.out(torch.from_numpy(mixed).float()).T.reshape(1, WIDTH, WINDOW, WINDOW)
    before = attention(features)
    assert torch.allclose(before, expected, atol=1e-5)
    attention.qkv.weight[: 2 * WIDTH] *= 100  # queries and keys
    attention.qkv.bias[: 2 * WIDTH] *= 100
    assert torch.allclose(attention(features), before, atol=1e-5)


@torch.no_grad()
def test_the_norm_is_over_the_channels_of_each_pixel() -> None:
    normed = ChannelNorm(WIDTH)(3 * _features() + 2)
    assert torch.allclose(normed.mean(dim=1), torch.zeros(2, 12, 16), atol=1e-5)
    assert torch.allclose(normed.std(dim=1, correction=0), torch.ones(2, 12, 16), atol=1e-3)


@torch.no_grad()
def test_the_gain_scales_what_a_residual_block_adds() -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        block = ResidualBlock(WIDTH)
    features = _features()
    assert torch.equal(block(features), features)
    block.gain.add_(torch.linspace(-1, 1, WIDTH))
    added = block.conv2(F.relu(block.conv1(features))) * block.gain[:, None, None]
    assert torch.allclose(block(features), features + added, atol=1e-5)


@torch.no_grad()
def test_the_activation_of_a_residual_block_can_be_gelu() -> None:
    block = make_block("residual", WIDTH, "gelu")
    assert isinstance(block, ResidualBlock)
    features = _features()
    block.gain.fill_(1)
    hidden = block.conv1(features)
    # The tanh form of Hendrycks and Gimpel (2016).
    active = 0.5 * hidden * (1 + torch.tanh((2 / torch.pi) ** 0.5 * (hidden + 0.044715 * hidden**3)))
    assert torch.allclose(block(features), features + block.conv2(active), atol=1e-5)


@torch.no_grad()
def test_a_gated_block_is_its_formula() -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        block = make_block("gated", WIDTH, "relu")
        assert isinstance(block, GatedBlock)
        for parameter in block.parameters():
            torch.nn.init.normal_(parameter, std=0.5)
    weights = {name: p.numpy().astype(np.float64) for name, p in block.named_parameters()}
    x = _features(6, 5, 1)[0].numpy().astype(np.float64)

    def norm(x: np.ndarray, name: str) -> np.ndarray:
        scaled = (x - x.mean(axis=0)) / np.sqrt(x.var(axis=0) + 1e-5)
        weight, bias = (weights[f"{name}.norm.{part}"][:, None, None] for part in ("weight", "bias"))
        return np.asarray(weight * scaled + bias)

    def mix(x: np.ndarray, name: str) -> np.ndarray:
        matrix = weights[f"{name}.weight"][:, :, 0, 0]
        return np.asarray(np.einsum("oc,chw->ohw", matrix, x) + weights[f"{name}.bias"][:, None, None])

    spread = np.zeros((2 * WIDTH, 6, 5))
    padded = np.pad(mix(norm(x, "norm1"), "expand1"), ((0, 0), (1, 1), (1, 1)))
    for row in range(3):
        for column in range(3):
            kernel = weights["spread.weight"][:, 0, row, column]
            spread += kernel[:, None, None] * padded[:, row : row + 6, column : column + 5]
    spread += weights["spread.bias"][:, None, None]
    x = x + weights["gain1"][:, None, None] * mix(spread[:WIDTH] * spread[WIDTH:], "reduce1")
    wide = mix(norm(x, "norm2"), "expand2")
    x = x + weights["gain2"][:, None, None] * mix(wide[:WIDTH] * wide[WIDTH:], "reduce2")
    assert np.allclose(block(_features(6, 5, 1))[0].numpy(), x, atol=1e-4, rtol=1e-4)


@torch.no_grad()
@pytest.mark.parametrize("kind", ["residual", "gated"])
def test_a_block_starts_as_the_identity(kind: Literal["residual", "gated"]) -> None:
    assert torch.equal(make_block(kind, WIDTH, "relu")(_features()), _features())


@torch.no_grad()
def test_the_context_is_made_of_what_is_asked_for() -> None:
    sizes: dict[str, Any] = {"window": WINDOW, "heads": HEADS, "hidden": 3 * WIDTH}
    made = {kind: make_context(kind, WIDTH, **sizes) for kind in ("window", "shifted", "channel", "convolution")}
    assert isinstance(made["convolution"], ResidualBlock)
    for kind, attention in (("window", WindowAttention), ("shifted", WindowAttention), ("channel", ChannelAttention)):
        block = made[kind]
        assert isinstance(block, ContextBlock)
        assert isinstance(block.attention, attention)
        assert getattr(block.attention, "shifted", False) == (kind == "shifted")
        assert block.expand.out_channels == 2 * 3 * WIDTH
    for block in made.values():
        assert torch.equal(block(_features()), _features())


@torch.no_grad()
def test_a_context_block_is_attention_then_a_gated_feed_forward() -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        block = ContextBlock(WIDTH, "window", window=WINDOW, heads=HEADS, hidden=3 * WIDTH)
        torch.nn.init.normal_(block.gain1)
        torch.nn.init.normal_(block.gain2)
    features = _features()
    between = features + block.gain1 * block.attention(block.norm1(features))
    value, gate = block.expand(block.norm2(between)).chunk(2, dim=1)
    added = block.reduce(value * F.gelu(gate, approximate="tanh")) * block.gain2[:, None, None]
    assert torch.allclose(block(features), between + added, atol=1e-5)


@torch.no_grad()
@pytest.mark.parametrize("skip", ["add", "concatenate", "none"])
def test_enlarging_takes_in_what_the_encoder_saw(skip: Literal["add", "concatenate", "none"]) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        up = Up(WIDTH, 6, skip)
    features = _features(3, 5, 2)
    seen = torch.randn(2, 6, 6, 10, generator=torch.Generator().manual_seed(1))
    mixed = up.conv(features)
    doubled = torch.empty(2, 6, 6, 10)
    for down in range(2):
        for right in range(2):
            doubled[:, :, down::2, right::2] = mixed[:, 2 * down + right :: 4]
    if skip == "concatenate":
        assert up.fuse is not None
        weight = up.fuse.weight[:, :, 0, 0]
        both = torch.cat([doubled, seen], dim=1)
        expected = torch.einsum("oc,nchw->nohw", weight, both) + up.fuse.get_parameter("bias")[:, None, None]
    else:
        assert up.fuse is None
        expected = doubled + seen if skip == "add" else doubled
    assert torch.allclose(up(features, seen), expected, atol=1e-5)


def test_the_cubic_kernel_interpolates_and_adds_up_to_one() -> None:
    whole = keys_cubic(torch.arange(-3.0, 4))
    assert torch.equal(whole, torch.tensor([0.0, 0, 0, 1, 0, 0, 0]))
    places = torch.linspace(0, 1, 11)[:, None] - torch.arange(-3, 4)
    assert torch.allclose(keys_cubic(places).sum(dim=1), torch.ones(11), atol=1e-6)
    # With a = −0.5 a line stays a line.
    assert torch.allclose((keys_cubic(places) * torch.arange(-3.0, 4)).sum(dim=1), torch.linspace(0, 1, 11), atol=1e-6)
    assert float(keys_cubic(torch.tensor(1.5))) == pytest.approx(-0.0625)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"widths": (16,)}, "at least 2"),
        ({"encoder_blocks": (1, 1)}, "encoder_blocks"),
        ({"widths": (16, 64, 96, 100)}, "head_width"),
        ({"window": 7}, "multiple of 2"),
        ({"context": ("global",)}, "window"),
        ({"scale": 5}, "less than or equal to 4"),
        ({"conditions": ("mask", "mask")}, "name one twice"),
        ({"conditions": ("depth",)}, "noise_level"),
        ({"unshuffle": 3}, "1 or 2"),
        ({"encoder": "dense"}, "residual"),
        ({"skips": "multiply"}, "add"),
        ({"depth": 3}, "not permitted"),
    ],
)
def test_impossible_networks_are_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        HybridConfig.model_validate(changes)
