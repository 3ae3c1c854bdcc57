"""From folders to stores: in memory or streamed, from a cache or not, the same pictures in the same order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from PIL import Image

from pixelmend.data.cache import CacheOptions
from pixelmend.data.loading import LoadOptions, load_frames, load_pairs, load_pictures
from pixelmend.data.shards import StreamedStore, StreamOptions
from pixelmend.data.sources import find_clean, find_frames, find_pairs
from pixelmend.data.store import PictureStore
from pixelmend.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path

CPU = torch.device("cpu")


def write(path: Path, seed: int, height: int = 64, width: int = 64) -> np.ndarray:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return pixels


def options(tmp_path: Path, **changes: Any) -> LoadOptions:
    return LoadOptions(**{"smallest": 32, "cache": CacheOptions(tmp_path / "cache", shard_mb=0.03), **changes})


@pytest.mark.parametrize("cache", [True, False])
def test_pictures_are_those_of_the_folder_in_its_order(tmp_path: Path, *, cache: bool) -> None:
    pixels = [write(tmp_path / "p" / f"{k}.png", k, 40 + k, 50 + 2 * k) for k in range(9)]
    plain = PictureStore(pixels, CPU, detail_power=0.7)
    changes = {} if cache else {"cache": CacheOptions(None)}
    for _ in range(2):
        wanted = options(tmp_path, detail_power=0.7, **changes)
        store = load_pictures(find_clean([tmp_path / "p"]), CPU, wanted, tell=pytest.fail).at(0)
        assert torch.equal(store.block_ends, plain.block_ends)
        plan = plain.plan(30, 32, torch.Generator().manual_seed(0))
        assert torch.equal(store.crop(plan, 32), plain.crop(plan, 32))
    assert (tmp_path / "cache").exists() == cache


def test_all_that_cannot_be_used_is_named_in_one_pass(tmp_path: Path) -> None:
    for k in range(4):
        write(tmp_path / "p" / f"{k}.png", k)
    write(tmp_path / "p" / "tiny.png", 9, 47, 90)
    (tmp_path / "p" / "broken.png").write_bytes(b"not a picture")
    whole = (tmp_path / "p" / "0.png").read_bytes()
    (tmp_path / "p" / "cut.png").write_bytes(whole[:4000])
    for cache in (CacheOptions(tmp_path / "cache"), CacheOptions(tmp_path / "cache"), CacheOptions(None)):
        for stream in (None, StreamOptions(0.01)):
            strict = options(tmp_path, smallest=48, cache=cache, stream=stream)
            with pytest.raises(DataError, match="cannot use 3 pictures") as error:
                load_pictures(find_clean([tmp_path / "p"]), CPU, strict, tell=pytest.fail)
            for part in ("broken.png: it is not", "cut.png: the file is", "tiny.png: is 90×47, training crops 48×48"):
                assert part in str(error.value)
        told: list[str] = []
        lenient = options(tmp_path, smallest=48, cache=cache, skip_bad=True)
        store = load_pictures(find_clean([tmp_path / "p"]), CPU, lenient, tell=told.append)
        assert len(store) == 4
        assert len(told) == 1
        assert "skipped 3 pictures" in told[0]


def test_more_than_the_buffer_is_streamed(tmp_path: Path) -> None:
    for k in range(12):
        write(tmp_path / "p" / f"{k}.png", k)
    (tmp_path / "p" / "broken.png").write_bytes(b"not a picture")
    for cache in (CacheOptions(tmp_path / "cache", shard_mb=0.03), CacheOptions(None, shard_mb=0.03)):
        small = options(tmp_path, stream=StreamOptions(0.1, 2), skip_bad=True, cache=cache)
        told: list[str] = []
        store = load_pictures(find_clean([tmp_path / "p"]), CPU, small, tell=told.append)
        assert isinstance(store, StreamedStore)
        assert (len(store), len(told)) == (12, 1)
        assert 0 < len(store.at(9)) < 12
        store.close()
    large = options(tmp_path, stream=StreamOptions(1, 2), skip_bad=True)
    assert isinstance(load_pictures(find_clean([tmp_path / "p"]), CPU, large, tell=told.append), PictureStore)


def test_pairs_are_loaded_and_streamed(tmp_path: Path) -> None:
    for k in range(8):
        clean = write(tmp_path / "p" / "hi" / f"{k}.png", k, 64, 80)
        (tmp_path / "p" / "lo").mkdir(exist_ok=True)
        Image.fromarray(255 - clean[::2, ::2]).save(tmp_path / "p" / "lo" / f"{k}.png")
    write(tmp_path / "p" / "hi" / "9.png", 9, 64, 80)
    write(tmp_path / "p" / "lo" / "9.png", 9, 32, 41)
    source = find_pairs([tmp_path / "p"], clean="hi", degraded="lo", scale=2)
    with pytest.raises(DataError, match=r"9\.png: clean and degraded are 64×80 and 32×41: wanted 2 to 1"):
        load_pairs(source, CPU, options(tmp_path), tell=pytest.fail)
    for stream in (None, StreamOptions(0.1, 2)):
        store = load_pairs(source, CPU, options(tmp_path, skip_bad=True, stream=stream), tell=lambda _: None)
        assert len(store) == 8
        for step in (0, 2, 9):
            now = store.at(step)
            plan = unturned(now.plan(5, 32, torch.Generator().manual_seed(step)))
            large, small = now.crop_pair(plan, 32)
            assert torch.equal(255 - small, large[..., ::2, ::2])
        store.close()


def unturned(plan: Any) -> Any:
    """The plan without symmetries: sampling every second pixel would start elsewhere in a turned crop."""
    return type(plan)(plan.picture, plan.top, plan.left, torch.zeros_like(plan.symmetry))


def test_frames_are_loaded_and_streamed(tmp_path: Path) -> None:
    for k in range(24):
        path = tmp_path / "f" / f"{k:03}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(np.full((40, 48, 3), k, np.uint8)).save(path)
    write(tmp_path / "f" / "024.png", 0, 40, 40)  # of another size: its piece cannot be used
    source = find_frames([tmp_path / "f"], frames=3, piece=5)
    assert [len(item.paths) for item in source.items] == [5] * 5
    for stream in (None, StreamOptions(0.07, 2)):
        told: list[str] = []
        store = load_frames(source, CPU, options(tmp_path, skip_bad=True, stream=stream), tell=told.append)
        assert (len(store), len(told)) == (4, 1)
        now = store.at(0)
        clips = now.crop_frames(now.plan_frames(9, 32, 3, torch.Generator().manual_seed(0)), 32)
        first = clips[:, 0, 0, 0, 0]
        assert all(torch.equal(clips[:, t], (first + t)[:, None, None, None].expand(9, 3, 32, 32)) for t in range(3))
        store.close()


@pytest.mark.shared
def test_real_frames_and_pairs_are_found(shared: Path) -> None:
    frames = find_frames([shared / "data" / "train" / "gopro_240fps"], frames=13)
    assert sum(len(item.paths) for item in frames.items) == 299
    for name, pairs in (("gopro_avg", 11), ("reds", 9)):
        source = find_pairs([shared / "data" / "train" / name], clean="sharp", degraded="blur")
        assert (len(source.items), source.faults) == (pairs, ())
