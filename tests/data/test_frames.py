"""Clips are consecutive frames of one sequence at one place, turned alike."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pixelmend.data.frames import FrameStore
from pixelmend.errors import UsageError

CPU = torch.device("cpu")


def _sequences() -> list[np.ndarray]:
    """Red is the number of the sequence, green that of the frame, blue any."""
    generator = np.random.default_rng(0)
    found = []
    for number, (frames, height, width) in enumerate(((7, 40, 50), (21, 64, 36))):
        sequence = generator.integers(0, 256, (frames, height, width, 3), dtype=np.uint8)
        sequence[..., 0], sequence[..., 1] = number, np.arange(frames)[:, None, None]
        found.append(sequence)
    return found


def test_clips_are_what_the_plan_says() -> None:
    sequences = _sequences()
    store = FrameStore(sequences, CPU)
    plan = store.plan_frames(40, 20, 5, torch.Generator().manual_seed(0))
    clips = store.crop_frames(plan, 20)
    assert clips.shape == (40, 5, 3, 20, 20)
    assert clips.dtype == torch.uint8
    for k, clip in enumerate(clips):
        number, first, top, left = (int(values[k]) for values in (plan.picture, plan.first, plan.top, plan.left))
        piece = sequences[number][first : first + 5, top : top + 20, left : left + 20]
        symmetry = int(plan.symmetry[k])
        turned = piece.transpose(0, 2, 1, 3) if symmetry & 4 else piece
        wanted = {np.flip(turned, axes).tobytes() for axes in ((), (1,), (2,), (1, 2))}
        assert clip.permute(0, 2, 3, 1).contiguous().numpy().tobytes() in wanted


def test_each_start_comes_up_and_long_sequences_more_often() -> None:
    store = FrameStore(_sequences(), CPU)
    plan = store.plan_frames(20_000, 16, 7, torch.Generator().manual_seed(0))
    assert set(plan.first[plan.picture == 0].tolist()) == {0}
    starts = torch.bincount(plan.first[plan.picture == 1])
    assert len(starts) == 15
    assert float(starts.min()) > 0.85 * float(starts.max())
    # Two blocks of 32 fit into the second and one into the first.
    assert float((plan.picture == 1).double().mean()) == pytest.approx(2 * 21 / (2 * 21 + 7), abs=0.02)


def test_more_frames_than_there_are_is_refused() -> None:
    with pytest.raises(UsageError, match="8 frames of sequences of 7"):
        FrameStore(_sequences(), CPU).plan_frames(1, 16, 8, torch.Generator())
