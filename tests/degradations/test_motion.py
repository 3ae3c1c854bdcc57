"""A moving part against the mean of pictures composed one by one, and what is filled in behind it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from scipy import ndimage
from torch import Tensor

from pixelmend.degradations.curves import to_display, to_linear
from pixelmend.degradations.motion import ObjectMotion, fill, opacity


def drawn(pictures: int, seed: int = 0, **given: Any) -> dict[str, Tensor]:
    return ObjectMotion(**given).sample(pictures, torch.Generator().manual_seed(seed))


def test_is_the_mean_over_time_of_the_part_in_front_of_the_background(photo: np.ndarray) -> None:
    clean = torch.from_numpy(photo).permute(2, 0, 1)[None].double()
    params = drawn(1, 3, length=15, angle=30, share=0.15)
    ours = ObjectMotion.apply(clean, params)
    light, part = to_linear(clean), opacity(clean, params["share"], params["seed"])
    background = fill(light, part)
    total = torch.zeros_like(clean)
    times = np.linspace(-0.5, 0.5, 301)
    for time in times:
        way = 15 * time * math.sin(math.radians(30)), 15 * time * math.cos(math.radians(30))
        seen = torch.cat([light * part, part], 1).numpy()
        moved = torch.from_numpy(ndimage.shift(seen, (0, 0, *way), order=1, mode="mirror"))
        total += moved[:, :3] + (1 - moved[:, 3:]) * background
    difference = (ours - to_display(total / len(times))).abs()
    assert float(difference.max()) < 2e-3


def test_far_from_the_part_nothing_changes() -> None:
    clean = torch.rand(4, 3, 96, 128, generator=torch.Generator().manual_seed(0))
    params = drawn(4, 1, length=8, share=0.05)
    moved = ObjectMotion.apply(clean, params)
    near = torch.nn.functional.max_pool2d(opacity(clean, params["share"], params["seed"]), 13, 1, 6) > 0
    still = (~near).expand_as(clean)
    assert float(still.float().mean()) > 0.5
    torch.testing.assert_close(moved[still], clean[still], atol=1e-5, rtol=0)
    changed = (moved - clean).abs().amax((1, 2, 3))
    assert changed.min() > 0.1


def test_parts_cover_their_share() -> None:
    pictures, seeds = torch.zeros(60, 3, 64, 90), torch.arange(60)
    shares = [opacity(pictures, torch.full((60,), share), seeds).mean((1, 2, 3)) for share in (0.0, 0.1, 0.3)]
    assert float(shares[0].max()) == 0
    assert float(shares[1].median()) == pytest.approx(0.1, abs=0.005)
    assert 0.2 < float(shares[2].mean()) < 0.31
    parts = opacity(pictures, torch.full((60,), 0.2), seeds)
    assert not parts[0].equal(parts[1])


def test_no_length_or_no_part_leaves_the_picture() -> None:
    clean = torch.rand(2, 3, 50, 40, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(ObjectMotion.apply(clean, drawn(2, share=0)), clean, atol=1e-5, rtol=0)
    inside = opacity(clean, torch.tensor([0.2, 0.2]), drawn(2, 0)["seed"]) == 1
    still = ObjectMotion.apply(clean, drawn(2, 0, length=0, share=0.2))
    kept = inside.expand_as(clean)
    torch.testing.assert_close(still[kept], clean[kept], atol=1e-5, rtol=0)


def test_fill_takes_from_around() -> None:
    """On a ramp with a hole the fill lies between its sides, and what is kept stays."""
    ramp = torch.linspace(0.2, 0.8, 64).expand(1, 3, 48, 64).contiguous()
    lost = torch.zeros(1, 1, 48, 64)
    lost[:, :, 10:40, 20:45] = 1
    filled = fill(torch.where(lost > 0, 5.0, ramp), lost)
    assert filled[lost.expand_as(filled) == 0].equal(ramp[lost.expand_as(ramp) == 0])
    assert float((filled - ramp).abs().max()) < 0.15
    everything = fill(ramp, torch.ones_like(lost))
    assert everything.isfinite().all()
