"""What the pool does with pictures: restores them, looks at them, refuses them, and keeps what it made for a while."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

import pixelmend
from pixelmend.errors import UsageError
from pixelmend.images import decode
from pixelmend.inference import Options, Settings, Wish
from pixelmend.service.limits import Limits
from pixelmend.service.pool import Pool, QueueFullError, StoppingError
from tests.images import bombs, samples
from tests.service.pools import NANO, Pools, png, until_gone

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pixelmend.images import Picture
    from pixelmend.service.job import Job

KEEP = 100.0
"""Seconds that results are kept here, by a clock that the tests set."""
SLOW = Settings("denoise", size="nano", options=Options(sigma=15.0, tile=128))


@pytest.fixture(scope="module")
def pools(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pools]:
    """One process, three that may wait."""
    with Pools(
        tmp_path_factory.mktemp("spool"), queue=3, keep_seconds=KEEP, max_megapixels=1.0, max_output_megapixels=1.5
    ) as made:
        yield made


@pytest.fixture(autouse=True)
def _nothing_left(pools: Pools) -> Iterator[None]:
    """Each test leaves the pool as it found it, and the spool folder empty."""
    yield
    for job in list(pools.seen):
        pools.run(_release(pools.pool, job))
    pools.seen.clear()
    assert pools.pool.stats.kept == pools.pool.stats.kept_bytes == 0
    pools.pool._shelf.wait()
    left = [path for path in pools.spool.rglob("*") if path.is_file() and "scratch" not in path.parts]
    assert left == []


async def _release(pool: Pool, job: Job) -> None:
    pool.release(job)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A noisy picture that is done at once."""
    return png(tmp_path_factory.mktemp("small") / "small.png", 48, 64)


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """One that takes a while."""
    return png(tmp_path_factory.mktemp("large") / "large.png", 600, 600)


def result(job: Job) -> Picture:
    assert job.problem is None
    assert job.result is not None
    return decode(job.result)


def pixels(picture: Picture) -> np.ndarray:
    return picture.region(0, 0, picture.height, picture.width)


def test_a_result_is_that_of_a_plain_call(pools: Pools, small: bytes) -> None:
    job = pools.do(pools.task(small))
    assert (job.state, job.tries, job.progress, job.media_type) == ("done", 1, 1.0, "image/png")
    assert job.result is not None
    assert job.result.read_bytes() == bytes(pixelmend.restore(small, "denoise", 15.0, size="nano"))
    assert job.report is not None
    assert (job.report["output_format"], job.report["bytes"]) == ("png", job.result.stat().st_size)
    assert (job.report["model"], job.report["sigma"]) == ("denoise-nano", 15.0)
    assert json.loads(json.dumps(job.to_dict()))["report"]["width"] == 64


def test_what_was_sent_is_deleted_and_what_was_made_stays(pools: Pools, small: bytes) -> None:
    task = pools.task(small)
    job = pools.do(task)
    until_gone(task.source)
    assert job.result is not None
    assert job.result.is_relative_to(pools.spool)


def test_a_file_that_lies_elsewhere_is_not_deleted(pools: Pools, small: bytes, tmp_path: Path) -> None:
    mine = tmp_path / "mine.png"
    mine.write_bytes(small)
    pools.do(replace(pools.task(small), source=mine))
    assert mine.read_bytes() == small
    (pools.spool / "sent-1").unlink(missing_ok=True)
    for path in pools.spool.glob("sent-*"):
        path.unlink()


def test_the_format_that_was_asked_for(pools: Pools, small: bytes) -> None:
    job = pools.do(pools.task(small, replace(NANO, format="jpg", quality=80)))
    assert (job.media_type, result(job).format) == ("image/jpeg", "jpeg")
    assert job.report is not None
    assert job.report["output_format"] == "jpeg"


def test_a_clean_picture_is_left_as_it_is_byte_for_byte(pools: Pools) -> None:
    flat = samples.pil(np.full((8, 8, 3), 128, np.uint8), "PNG", compress_level=1)
    job = pools.do(pools.task(flat, Settings("auto")))
    assert job.problem is None
    assert job.result is not None
    assert job.result.read_bytes() == flat
    assert job.report is not None
    assert job.report["model"] == "none"
    assert job.report["advice"].startswith("left as it is")


def test_what_is_lost_is_filled_in_where_the_mask_says(pools: Pools, small: bytes) -> None:
    lost = np.zeros((48, 64), np.uint8)
    lost[10:20, 10:30] = 255
    mask = pools.spool / "mask-1"
    mask.write_bytes(samples.pil(lost, "PNG"))
    job = pools.do(pools.task(small, Settings("inpaint", options=Options(mask=mask))))
    changed = (pixels(result(job)) != pixels(decode(small))).any(axis=2)
    assert changed.any()
    assert not changed[lost == 0].any()
    until_gone(mask)


@pytest.mark.parametrize(
    ("mask", "code", "words"),
    [
        (samples.pil(np.zeros((20, 20), np.uint8), "PNG"), "not-possible", "20×20 pixels, wanted 64×48"),
        (b"no picture", "unreadable", "cannot read the mask"),
        (bombs.png(1200, 1000), "too-large", "cannot read the mask"),
    ],
)
def test_a_mask_that_does_not_do(pools: Pools, small: bytes, mask: bytes, code: str, words: str) -> None:
    path = pools.spool / "mask-2"
    path.write_bytes(mask)
    job = pools.do(pools.task(small, Settings("inpaint", options=Options(mask=path))))
    assert job.problem is not None
    assert job.problem.code == code
    assert words in job.problem.detail
    until_gone(path)


def test_a_preview_is_what_a_browser_shows(pools: Pools) -> None:
    tiff = samples.tiff(samples.noise("uint16"))
    job = pools.do(pools.task(tiff, preview=True))
    assert job.preview is not None
    seen = decode(job.preview)
    assert (seen.format, seen.dtype.name, seen.height, seen.width) == ("webp", "uint8", samples.HEIGHT, samples.WIDTH)
    full = result(job)
    assert (full.format, full.dtype.name) == ("tiff", "uint16")
    difference = np.abs(pixels(seen).astype(float) - pixels(full) / 257).mean()
    assert difference < 8  # WebP loses a little


def test_a_diagnosis(pools: Pools, small: bytes) -> None:
    job = pools.do(pools.task(small, None))
    assert (job.state, job.result, job.preview, job.media_type) == ("done", None, None, "")
    assert job.report is not None
    assert set(job.report) == {"diagnosis", "advice", "words", "command", "shown"}
    assert job.report["shown"] == [64, 48]
    assert job.report["diagnosis"]["noise"]["sigma"] > 5
    assert all(len(pair) == 2 for pair in job.report["words"])
    assert "sent-" not in json.dumps(job.to_dict())


def test_a_diagnosis_shows_what_browsers_do_not(pools: Pools, small: bytes) -> None:
    turned = samples.pil(samples.noise(), "TIFF", exif=samples.exif(orientation=6))
    job = pools.do(pools.task(turned, None, preview=True))
    assert job.preview is not None
    assert job.report is not None
    seen = decode(job.preview)
    assert [seen.width, seen.height] == job.report["shown"] == [samples.HEIGHT, samples.WIDTH]
    assert pools.do(pools.task(small, None, preview=True)).preview is None


@pytest.mark.parametrize(
    ("picture", "settings", "status", "code"),
    [
        (b"no picture at all", NANO, 422, "unreadable"),
        (b"no picture at all", None, 422, "unreadable"),
        (b"", NANO, 422, "unreadable"),
        (samples.png(samples.noise())[:200], NANO, 422, "unreadable"),
        (bombs.png(60000, 60000), NANO, 413, "too-large"),
        (bombs.png(1200, 1000), NANO, 413, "too-large"),
        (bombs.png(1200, 1000), None, 413, "too-large"),
        (samples.png(samples.noise()), Settings("inpaint"), 422, "not-possible"),
        (
            samples.png(samples.noise()),
            Settings("denoise", options=Options(region=(0, 0, 999, 9))),
            422,
            "not-possible",
        ),
    ],
)
def test_what_cannot_be_done_is_a_problem(
    pools: Pools, picture: bytes, settings: Settings | None, status: int, code: str
) -> None:
    job = pools.do(pools.task(picture, settings))
    assert job.problem is not None
    assert (job.state, job.problem.status, job.problem.code) == ("failed", status, code)
    for word in (str(pools.spool), "sent-", "/", "PIXELMEND_"):
        assert word not in job.problem.detail
    assert pools.pool.stats.restarts == 0


def test_a_result_that_would_be_too_large(pools: Pools) -> None:
    picture = samples.pil(np.zeros((500, 500), np.uint8), "PNG")
    job = pools.do(pools.task(picture, Settings("super-resolve", scale=4)))
    assert job.problem is not None
    assert job.problem.code == "too-large"
    assert "the picture would become 2000×2000 pixels" in job.problem.detail


def test_a_name_in_the_spool_folder_means_nothing(pools: Pools, small: bytes) -> None:
    odd = pools.spool / "[n=-1,access=sequential] ü.png"
    odd.write_bytes(small)
    job = pools.do(replace(pools.task(small), source=odd))
    assert job.state == "done"
    for path in pools.spool.glob("sent-*"):
        path.unlink()


def test_progress_is_told(pools: Pools, large: bytes) -> None:
    job = pools.submit(pools.task(large, SLOW))

    async def watch() -> list[float]:
        return [each.progress async for each in job.changes()]

    seen = pools.run(watch())
    assert any(0 < share < 1 for share in seen)
    assert seen == sorted(seen)
    assert (seen[0], seen[-1]) == (0.0, 1.0)


def test_a_queue_that_is_full_takes_no_more(pools: Pools, large: bytes, small: bytes) -> None:
    first = pools.submit(pools.task(large, SLOW))
    waiting = [pools.submit(pools.task(small)) for _ in range(3)]
    refused = pools.task(small)
    with pytest.raises(QueueFullError, match="too many jobs wait") as caught:
        pools.submit(refused)
    assert caught.value.retry_after >= 1
    assert refused.source.read_bytes() == small  # the caller's still
    refused.source.unlink()
    stats = pools.pool.stats
    assert (stats.queued, stats.running) == (3, 1)
    assert [job.ahead for job in waiting] == [0, 1, 2]
    pools.run(_cancel(pools.pool, waiting[0]))
    assert [job.ahead for job in waiting[1:]] == [0, 1]
    pools.wait(first, *waiting)
    assert [job.state for job in waiting] == ["cancelled", "done", "done"]
    assert (pools.pool.stats.queued, pools.pool.stats.running) == (0, 0)


async def _cancel(pool: Pool, job: Job) -> None:
    pool.cancel(job)


def test_a_job_that_waits_can_be_cancelled(pools: Pools, large: bytes, small: bytes) -> None:
    first, second = pools.submit(pools.task(large, SLOW)), pools.submit(pools.task(small))
    pools.run(_cancel(pools.pool, second))
    assert (second.state, second.started) == ("cancelled", None)
    until_gone(second.task.source)
    assert pools.pool.get(second.id) is second
    pools.wait(first)
    assert first.state == "done"


def test_a_job_that_is_done_is_forgotten_where_it_is_cancelled(pools: Pools, small: bytes) -> None:
    job = pools.do(pools.task(small))
    path = job.result
    assert path is not None
    pools.run(_cancel(pools.pool, job))
    assert pools.pool.get(job.id) is None
    until_gone(path.parent)
    assert pools.seen == [job]


def test_owners_see_what_is_their_own(pools: Pools, small: bytes) -> None:
    job = pools.submit(pools.task(small), "somebody")
    pools.wait(job)
    assert pools.pool.get(job.id, "somebody") is job
    assert pools.pool.get(job.id, "somebody else") is None
    assert pools.pool.get(job.id) is None
    assert pools.pool.get("no such job", "somebody") is None


def test_results_expire_by_the_clock(pools: Pools, small: bytes) -> None:
    job = pools.do(pools.task(small))
    assert job.expires == pools.now + KEEP
    folder = job.result.parent if job.result else None
    pools.now += KEEP - 1
    assert pools.pool.get(job.id) is job
    pools.now += 1
    assert pools.pool.get(job.id) is None
    assert folder is not None
    until_gone(folder)


def test_each_end_is_told_of_once(pools: Pools, small: bytes) -> None:
    before = pools.pool.stats.outcomes
    good, bad = pools.do(pools.task(small)), pools.do(pools.task(b"bad"))
    assert pools.seen == [good, bad]
    assert pools.pool.stats.outcomes - before == {"done": 1, "unreadable": 1}


def test_memory_stays_where_it_was(pools: Pools, small: bytes) -> None:
    tasks = [NANO, Settings("dejpeg"), None, Settings("super-resolve", scale=2)]

    def around() -> int:
        for settings in tasks:
            assert pools.do(pools.task(small, settings)).state == "done"
        return pools.pool.stats.rss[0]

    settled = [around() for _ in range(3)][-1]
    later = [around() for _ in range(5)][-1]
    assert later < settled + 20e6


def test_results_that_take_too_much_go_the_oldest_first(tmp_path: Path, small: bytes) -> None:
    with Pools(tmp_path, keep_bytes=80_000) as pools:
        jobs = [pools.do(pools.task(small)) for _ in range(6)]
        known = [pools.pool.get(job.id) is job for job in jobs]
        assert known == sorted(known)
        assert known[-1]
        assert not known[0]
        assert pools.pool.stats.kept_bytes <= 80_000
        assert sum(job.result is not None for job in jobs) == sum(known) == pools.pool.stats.kept


def test_a_format_that_is_not_wanted(tmp_path: Path, small: bytes) -> None:
    with Pools(tmp_path, formats=("jpeg", "webp")) as pools:
        job = pools.do(pools.task(small))
    assert job.problem is not None
    assert (job.problem.status, job.problem.code) == (415, "unsupported-format")
    assert "png" in job.problem.detail


def test_a_spool_folder_that_is_gone_fails_the_job(tmp_path: Path, small: bytes) -> None:
    with Pools(tmp_path) as pools:
        (tmp_path / "jobs").write_text("a file is in the way")
        job = pools.do(pools.task(small))
        assert (job.state, job.problem and job.problem.code) == ("failed", "fault")
        until_gone(job.task.source)
        (tmp_path / "jobs").unlink()
        assert pools.do(pools.task(small)).state == "done"


def test_a_stop_lets_all_jobs_come_to_their_end(tmp_path: Path, small: bytes) -> None:
    with Pools(tmp_path) as pools:
        jobs = [pools.submit(pools.task(small)) for _ in range(3)]
        pools.run(pools.pool.stop(100))
        assert [job.state for job in jobs] == ["done"] * 3
        assert pools.pool.get(jobs[0].id) is jobs[0]
        assert jobs[0].result is not None
        assert jobs[0].result.exists()
        with pytest.raises(StoppingError, match="stopping"):
            pools.submit(pools.task(small))
        assert pools.pool.stats.workers == 0


def test_a_pool_that_cannot_start_says_why(tmp_path: Path) -> None:
    pool = Pool(Limits(workers=2), Wish(device="cuda-of-the-future"), tmp_path)

    async def start() -> None:
        await pool.start()

    with pytest.raises(UsageError, match="cuda-of-the-future"):
        asyncio.run(start())
    assert pool.stats.workers == 0
