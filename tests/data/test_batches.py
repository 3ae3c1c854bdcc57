"""A batch is a pure function of (seed, step, rank), and is what its parts say."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from pixelmend.data.augment import ColorJitter, Rotation
from pixelmend.data.batches import NO_DAMAGE, Batch, Batches, FrameBatches, PairBatches, batch_seed
from pixelmend.data.frames import FrameStore
from pixelmend.data.pairs import PairStore
from pixelmend.data.store import PictureStore
from pixelmend.degradations import GaussianNoise, Step, parse_chain
from pixelmend.errors import UsageError


@pytest.fixture(scope="module")
def batches() -> Batches:
    generator = np.random.default_rng(0)
    pictures = [generator.integers(0, 256, (96, 128, 3), dtype=np.uint8) for _ in range(3)]
    return Batches(
        chain=Step(GaussianNoise(sigma=(0, 75))),
        color=ColorJitter(0.3, 0.3),
        size=6,
        side=32,
        seed=1,
        store=PictureStore(pictures, torch.device("cpu"), detail_power=0.5),
        max_shrink=2.0,
    )


def _same(one: Batch, other: Batch) -> list[bool]:
    return [
        torch.equal(one.clean, other.clean),
        torch.equal(one.degraded, other.degraded),
        torch.equal(one.sigma01, other.sigma01),
    ]


def test_a_batch_has_the_shape_that_it_promises(batches: Batches) -> None:
    batch = batches(0)
    assert batch.clean.shape == batch.degraded.shape == (6, 3, 32, 32)
    assert batch.clean.dtype == batch.degraded.dtype == batch.sigma01.dtype == torch.float32
    assert batch.clean.is_contiguous(memory_format=torch.channels_last)
    assert batch.clean.min() >= 0
    assert batch.clean.max() <= 1


def test_the_same_numbers_give_the_same_batch_whatever_came_before(batches: Batches) -> None:
    later = batches(7, 1)
    torch.manual_seed(123)
    batches(3)
    assert all(_same(batches(7, 1), later))
    assert all(_same(dataclasses.replace(batches)(7, 1), later))


def test_another_step_rank_or_seed_gives_another_batch(batches: Batches) -> None:
    one = batches(5, 0)
    for other in (batches(6, 0), batches(5, 1), dataclasses.replace(batches, seed=2)(5, 0)):
        assert not any(_same(one, other))


def test_seeds_do_not_collide() -> None:
    seeds = {batch_seed(s, k, r) for s in range(10) for k in range(100) for r in range(4)}
    assert len(seeds) == 4000
    assert all(0 <= s < 2**63 for s in seeds)
    assert batch_seed(1, 11, 1) != batch_seed(11, 1, 1)


def test_the_global_generator_is_left_alone(batches: Batches) -> None:
    state = torch.random.get_rng_state()
    batches(0)
    assert torch.equal(torch.random.get_rng_state(), state)


def test_grey_pictures_are_grey_and_so_is_their_noise(batches: Batches) -> None:
    grey, coloured = 0, 0
    for step in range(6):
        batch = batches(step)
        for clean, degraded in zip(batch.clean, batch.degraded, strict=True):
            if (clean[0] == clean[1]).all():
                assert all(torch.equal(degraded[0], degraded[c]) for c in (1, 2))
                grey += 1
            else:
                assert not torch.equal((degraded - clean)[0], (degraded - clean)[1])
                coloured += 1
    assert grey > 3
    assert coloured > 10


def test_the_noise_is_of_the_level_that_the_batch_names(batches: Batches) -> None:
    plain = dataclasses.replace(batches, color=ColorJitter(0, 0), size=40, side=48)
    batch = plain(0)
    noise = (batch.degraded - batch.clean).std(dim=(1, 2, 3))
    assert (noise / batch.sigma01).tolist() == pytest.approx([1.0] * 40, rel=0.04)  # 6912 values each
    assert float((noise / batch.sigma01).mean()) == pytest.approx(1, rel=0.005)


def test_half_of_a_batch_is_scaled_down(batches: Batches) -> None:
    """White noise loses its highest frequencies when it is scaled down, and nothing when it is cropped."""
    plain = dataclasses.replace(batches, color=ColorJitter(0, 0), size=8)
    steps = range(8)
    spread = torch.stack([plain(k).clean.std(dim=(1, 2, 3)) for k in steps]).mean(dim=0)
    assert (spread[4:] < 0.8 * spread[:4].mean()).all()
    unscaled = torch.stack([dataclasses.replace(plain, max_shrink=1.0)(k).clean.std(dim=(1, 2, 3)) for k in steps])
    assert unscaled.mean(dim=0).min() > 0.95 * float(spread[:4].mean())


def test_what_is_kept_is_suffered_by_the_clean_pictures_too(batches: Batches) -> None:
    plain = dataclasses.replace(batches, chain=NO_DAMAGE)
    soft = dataclasses.replace(plain, kept=parse_chain("blur(kernel_sigma=1.5, p=0.5)"))
    shares = [soft(k).clean.std(dim=(1, 2, 3)) / plain(k).clean.std(dim=(1, 2, 3)) for k in range(16)]
    softened = torch.cat(shares) < 0.7
    assert 30 < int(softened.sum()) < 66  # of 96
    assert torch.cat(shares)[~softened].tolist() == pytest.approx([1.0] * int((~softened).sum()), abs=1e-6)
    assert torch.equal(soft(3).clean, soft(3).degraded)
    assert torch.equal(soft(3).clean, dataclasses.replace(soft)(3).clean)
    noisy = dataclasses.replace(soft, chain=batches.chain, color=ColorJitter(0, 0), size=40, side=48)(0)
    noise = (noisy.degraded - noisy.clean).std(dim=(1, 2, 3))
    assert (noise / noisy.sigma01).tolist() == pytest.approx([1.0] * 40, rel=0.04)  # on top, and not blurred with it


def test_what_is_kept_stays_grey_where_pictures_are(batches: Batches) -> None:
    gray = dataclasses.replace(batches, color=ColorJitter(0, 1), chain=NO_DAMAGE, kept=parse_chain("correlated_noise"))
    clean = gray(0).clean
    assert torch.equal(clean, clean[:, 1:2].expand_as(clean))


@pytest.mark.parametrize("kept", ["downscale(scale=2)", "missing_pixels"])
def test_what_is_kept_leaves_size_and_pixels(batches: Batches, kept: str) -> None:
    with pytest.raises(UsageError, match=r"damage\.kept changes the size of clean pictures or loses pixels"):
        dataclasses.replace(batches, kept=parse_chain(kept))(0)


def test_a_batch_of_one(batches: Batches) -> None:
    assert dataclasses.replace(batches, size=1)(0).clean.shape == (1, 3, 32, 32)


def test_noise_of_several_steps_adds_up_in_squares(batches: Batches) -> None:
    batch = dataclasses.replace(
        batches, chain=parse_chain("one(noise(sigma=3) | noise(sigma=4)) | noise(sigma=4, p=0.5)")
    )(0)
    wanted = {3.0, 4.0, 5.0, 4 * 2**0.5}
    assert {min(wanted, key=lambda w: abs(w - 255 * float(s))) for s in batch.sigma01} > {4.0}
    assert batch.missing is None


def _moving(frames: int) -> np.ndarray:
    """A texture that moves two pixels a frame to the right."""
    texture = np.random.default_rng(1).integers(0, 256, (64, 64 + 2 * frames, 3), dtype=np.uint8)
    return np.stack([texture[:, 2 * (frames - t) : 2 * (frames - t) + 64] for t in range(frames)])


def test_pairs_come_from_one_place_with_one_change_of_colour() -> None:
    clean = np.random.default_rng(0).integers(0, 200, (64, 80, 3), dtype=np.uint8)
    store = PairStore([(clean, clean // 2)], torch.device("cpu"))
    batches = PairBatches(chain=NO_DAMAGE, color=ColorJitter(0, 0.5), size=8, side=32, seed=3, store=store)
    batch = batches(0)
    assert batch.clean.shape == batch.degraded.shape == (8, 3, 32, 32)
    assert (batch.degraded - batch.clean / 2).abs().max() < 0.01
    jittered = dataclasses.replace(batches, color=ColorJitter(1, 0))(0)
    plain = dataclasses.replace(batches, color=ColorJitter(0, 0))(0)
    gain = jittered.clean.flatten(2).mean(2) / plain.clean.flatten(2).mean(2)
    assert gain.std() > 0.02  # colours did change, those of both alike: the darker half stays the darker one
    assert (jittered.degraded.flatten(2).mean(2) < jittered.clean.flatten(2).mean(2)).all()
    assert torch.equal(batches(4).clean, batches(4).clean)
    assert batch.sigma01.tolist() == [0.0] * 8


def test_pairs_may_suffer_more() -> None:
    clean = np.full((64, 64, 3), 128, np.uint8)
    store = PairStore([(clean, clean)], torch.device("cpu"))
    noisy = PairBatches(
        chain=parse_chain("noise(sigma=10)"), color=ColorJitter(0, 0), size=4, side=48, seed=3, store=store
    )(0)
    assert float((noisy.degraded - noisy.clean).std()) == pytest.approx(10 / 255, rel=0.05)


def test_frames_become_motion_blur_around_the_middle_one() -> None:
    store = FrameStore([_moving(15)], torch.device("cpu"))
    batches = FrameBatches(chain=NO_DAMAGE, color=ColorJitter(0, 0), size=12, side=32, seed=3, store=store)
    batch = batches(0)
    assert batch.clean.shape == batch.degraded.shape == (12, 3, 32, 32)
    still = dataclasses.replace(batches, least_frames=1, most_frames=1)(0)
    assert (still.clean - still.degraded).abs().max() < 1e-5
    assert float(batch.degraded.std()) < 0.7 * float(batch.clean.std())  # a texture that moves averages out
    spread = batch.degraded.std(dim=(1, 2, 3))
    assert float(spread.max() / spread.min()) > 1.15  # some are averages of 7 frames, some of 13


def test_half_of_a_batch_may_be_turned(batches: Batches) -> None:
    turned = dataclasses.replace(batches, rotation=Rotation(45), max_shrink=2.5)
    assert turned(0).clean.shape == (6, 3, 32, 32)
    assert not torch.equal(turned(1).clean, dataclasses.replace(batches, max_shrink=2.5)(1).clean)
    assert torch.equal(turned(2).degraded, turned(2).degraded)
