"""Attention in windows: against the library's own, and never across the border of a window or of the picture."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from pydantic import ValidationError

from pixelmend.models import HybridConfig
from pixelmend.models.blocks import (
    ChannelAttention,
    ChannelNorm,
    ResidualBlock,
    WindowAttention,
    from_windows,
    to_windows,
)

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


@torch.no_grad()
def test_channel_attention_is_the_formula_of_its_paper() -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        attention = ChannelAttention(WIDTH, window=WINDOW, heads=HEADS)
        torch.nn.init.uniform_(attention.temperature, 0.5, 2)
    features = _features(WINDOW, WINDOW, 1)
    qkv = attention.qkv(features[0].flatten(1).T).numpy().astype(np.float64)
    mixed = np.empty((WINDOW**2, WIDTH))
    for head in range(HEADS):
        part = slice(head * WIDTH // HEADS, (head + 1) * WIDTH // HEADS)
        q, k, v = (qkv[:, i * WIDTH : (i + 1) * WIDTH][:, part] for i in range(3))
        scores = (q / np.linalg.norm(q, axis=0)).T @ (k / np.linalg.norm(k, axis=0))
        scores = np.exp(scores * float(attention.temperature[head]))
        mixed[:, part] = v @ (scores / scores.sum(axis=1, keepdims=True)).T
    expected = attention.out(torch.from_numpy(mixed).float()).T.reshape(1, WIDTH, WINDOW, WINDOW)
    assert torch.allclose(attention(features), expected, atol=1e-5)


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


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"widths": (16,)}, "at least 2"),
        ({"encoder_blocks": (1, 1)}, "encoder_blocks"),
        ({"widths": (16, 64, 96, 100)}, "head_width"),
        ({"window": 7}, "multiple of 2"),
        ({"context": ("global",)}, "window"),
        ({"depth": 3}, "not permitted"),
    ],
)
def test_impossible_networks_are_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        HybridConfig.model_validate(changes)
