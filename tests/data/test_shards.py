"""What is resident follows from (seed, step), memory stays under its bound, and errors of the thread are heard."""

from __future__ import annotations

import itertools
import subprocess
import sys
import threading
from collections import Counter
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from PIL import Image

from pixelmend.data.cache import CacheOptions, prepare
from pixelmend.data.shards import StreamedStore, StreamOptions
from pixelmend.data.sources import find_clean
from pixelmend.data.store import PictureStore
from pixelmend.errors import DataError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

CPU = torch.device("cpu")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Thirty pictures of 64×64, each of one grey level: 369 kB decoded."""
    (tmp_path / "pictures").mkdir()
    for level in range(30):
        Image.fromarray(np.full((64, 64, 3), 8 * level, np.uint8)).save(tmp_path / "pictures" / f"{level:02}.png")
    return tmp_path / "pictures"


def streamed(
    folder: Path,
    *,
    cache: bool = True,
    buffer_mb: float = 0.16,
    seed: int = 0,
    tell: Callable[[str], None] = pytest.fail,
) -> StreamedStore[PictureStore]:
    """Ten shards of three pictures, 37 kB each; three resident and one on its way."""
    place = CacheOptions(folder.parent / "cache" if cache else None, shard_mb=0.037)
    shards = prepare(find_clean([folder]), place, tell=tell)
    return StreamedStore(PictureStore, shards, CPU, StreamOptions(buffer_mb, 3, seed))


def levels(store: StreamedStore[PictureStore], step: int) -> torch.Tensor:
    """A batch of 64 crops: their grey levels, a pure function of the step."""
    now = store.at(step)
    plan = now.plan(64, 16, torch.Generator().manual_seed(step))
    crops = now.crop(plan, 16)
    assert (crops == crops[:, :1, :1, :1]).all()
    return crops[:, 0, 0, 0]


@pytest.mark.parametrize("cache", [True, False])
def test_a_run_that_resumes_sees_what_it_would_have_seen(folder: Path, *, cache: bool) -> None:
    with streamed(folder, cache=cache) as whole:
        batches = [levels(whole, step) for step in range(41)]
    with streamed(folder, cache=cache) as resumed:
        assert all(torch.equal(levels(resumed, step), batches[step]) for step in range(25, 41))
        # Any order gives the same, also back and far ahead.
        assert all(torch.equal(levels(resumed, step), batches[step]) for step in (2, 40, 0, 17, 16))
        far = levels(resumed, 10_000)
    with streamed(folder, seed=1) as other:
        assert not all(torch.equal(levels(other, step), batches[step]) for step in range(41))
        assert not torch.equal(levels(other, 10_000), far)


def test_every_picture_is_resident_equally_often(folder: Path) -> None:
    with streamed(folder) as store:
        assert store.resident == 3
        assert len(store) == 30
        for epoch in (0, 4):
            counts = Counter(name for window in range(10 * epoch, 10 * epoch + 10) for name in store.names(window))
            assert set(counts.values()) == {3}
            assert len(counts) == 30
        windows = [frozenset(store.names(window)) for window in range(10)]
        assert len(set(windows)) == 10
        assert all(len(one & other) == 6 for one, other in itertools.pairwise(windows))


def test_crops_come_from_what_is_resident_equally_often(folder: Path) -> None:
    with streamed(folder) as store:
        seen: Counter[int] = Counter()
        for step in range(60):
            now = {8 * int(name) for name in store.names(step // 3)}
            drawn = levels(store, step).tolist()
            assert set(drawn) <= now
            seen.update(drawn)
        assert len(seen) == 30
        assert min(seen.values()) > 0.6 * 60 * 64 / 30  # 128 expected, spread about 11
        assert max(seen.values()) < 1.4 * 60 * 64 / 30


def test_memory_stays_under_the_bound(folder: Path) -> None:
    for buffer_mb in (0.08, 0.16, 0.3):
        with streamed(folder, buffer_mb=buffer_mb) as store:
            held = []
            for step in range(0, 60, 2):
                now = store.at(step)
                assert now.pixels.data_ptr() == store.pixels.data_ptr()  # nothing is copied
                held.append(store.bytes_held)
            assert max(held) <= buffer_mb * 1e6
            assert min(held) > buffer_mb * 1e6 - 40_000
        assert store.bytes_held == 0


def test_a_buffer_for_less_than_two_shards_is_refused(folder: Path) -> None:
    with pytest.raises(UsageError, match=r"a buffer of 0\.05 MB: wanted 0\.0737 MB"):
        streamed(folder, buffer_mb=0.05)


def test_an_error_in_the_thread_is_heard_and_the_thread_ends(folder: Path) -> None:
    before = threading.active_count()
    told: list[str] = []
    with streamed(folder, tell=told.append) as store:
        store.at(0)
        for path in (folder.parent / "cache").rglob("*.npy"):
            path.unlink()
        for path in folder.iterdir():
            path.write_bytes(b"no longer a picture")
        with pytest.raises(DataError, match="not a picture"):
            [store.at(step) for step in range(60)]
    assert "is missing: decoding its 3 pictures again" in told[0]
    assert threading.active_count() == before
    with pytest.raises(UsageError, match="closed"):
        store.at(0)
    store.close()


MEASURE = """
import resource, sys, numpy as np, torch
from pathlib import Path
from pixelmend.data.cache import CacheOptions, prepare
from pixelmend.data.shards import StreamedStore, StreamOptions
from pixelmend.data.sources import find_clean
from pixelmend.data.store import PictureStore

def peak():
    return int(next(l for l in open("/proc/self/status") if l.startswith("VmHWM")).split()[1]) / 1e3

folder, cache = map(Path, sys.argv[1:])
torch.set_num_threads(1)
shards = prepare(find_clean([folder]), CacheOptions(cache, shard_mb=4), tell=print)
before = peak()
with StreamedStore(PictureStore, shards, torch.device("cpu"), StreamOptions(16, 1)) as store:
    for step in range(30):
        now = store.at(step)
        now.crop(now.plan(4, 32, torch.Generator().manual_seed(step)), 32)
print(3 * sum(shards.pixels) / 1e6, peak() - before)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_a_process_takes_no_more_than_the_buffer(tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    pixels = np.tile(np.arange(250, dtype=np.uint8), (600, 4))[..., None].repeat(3, 2)  # 1.8 MB decoded
    for number in range(54):
        Image.fromarray(pixels).save(tmp_path / "pictures" / f"{number}.png", compress_level=1)
    command = [sys.executable, "-c", MEASURE, str(tmp_path / "pictures"), str(tmp_path / "cache")]
    prepare(find_clean([tmp_path / "pictures"]), CacheOptions(tmp_path / "cache", shard_mb=4), tell=pytest.fail)
    answer = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    total, more = (float(word) for word in answer.split())
    assert total > 90
    assert more < 16 + 12  # interpreter, plans and the details of blocks
