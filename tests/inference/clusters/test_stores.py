"""Stores of objects: from prefix to prefix, page by page; and what is said where they refuse."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from pixelmend.errors import PixelmendError, UsageError
from pixelmend.inference.clusters import parse, plan_places, run_places, stores
from pixelmend.inference.clusters.stores import store_of
from pixelmend.inference.clusters.troubles import told_of
from pixelmend.inference.folders import Way
from tests.inference.clusters.conftest import BROKEN
from tests.object_stores import S3, Google, serving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pixelmend.inference import Settings

KINDS: dict[str, tuple[type[S3 | Google], str]] = {
    "s3": (S3, "AWS_ENDPOINT_URL"),
    "gs": (Google, "STORAGE_EMULATOR_HOST"),
}


@pytest.fixture(autouse=True)
def _fresh(store_variables: None) -> Iterator[None]:
    """Stores are found anew."""
    pytest.importorskip("pyarrow")
    stores._store.cache_clear()
    yield
    stores._store.cache_clear()


@pytest.mark.parametrize("scheme", KINDS)
@pytest.mark.usefixtures("without_ray")
def test_from_prefix_to_prefix(
    scheme: str, tmp_path: Path, photos: Path, settings: Settings, snapshot: Callable[[Path], dict[str, bytes]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    here = run_places(plan_places([str(photos)], str(tmp_path / "out")), settings)
    kind, variable = KINDS[scheme]
    with serving(kind, "pictures", page_size=3) as (address, bucket):
        monkeypatch.setenv(variable, address)
        for path in photos.rglob("*.*"):
            bucket.put(f"in/{path.relative_to(photos).as_posix()}", path.read_bytes())
        plan = plan_places([f"{scheme}://pictures/in/"], f"{scheme}://pictures/results")
        there = run_places(plan, settings)
        results = {key: data for key, data in bucket.objects.items() if key.startswith("results/")}
        wanted = snapshot(tmp_path / "out")
        assert {
            key.removeprefix("results/"): data for key, data in results.items() if "/.pixelmend-run/" not in key
        } == wanted
        assert there.counts == here.counts
        assert there.tally.left_out == here.tally.left_out
        failed = dict(there.tally.failures)
        assert set(failed) == {f"{scheme}://pictures/in/{name}" for name in BROKEN}
        assert all("pixelmend-spool" not in error for error in failed.values())
        del bucket.objects["results/sub/d.png"]
        again = run_places(plan, settings, Way("resume"))
        assert (again.counts["done"], again.counts["done earlier"], again.counts["failed"]) == (1, 6, 2)
        assert bucket.objects["results/sub/d.png"] == wanted["sub/d.png"]
        states = [each["state"] for each in json.loads(json.dumps(again.to_dict()))["pictures"]]
        assert sorted(states) == ["done", *["done earlier"] * 6, "failed", "failed"]


@pytest.mark.parametrize("scheme", KINDS)
def test_what_is_large_comes_and_goes_whole(scheme: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kind, variable = KINDS[scheme]
    data = bytes(range(256)) * (24 * 2**12)
    with serving(kind, "pictures") as (address, bucket):
        monkeypatch.setenv(variable, address)
        place = parse(f"{scheme}://pictures/a/ü b+c&d.tif")
        (tmp_path / "whole").write_bytes(data)
        store_of(place).keep(tmp_path / "whole", place)
        assert bucket.objects == {"a/ü b+c&d.tif": data}
        assert store_of(place).lend(place, tmp_path / "back").read_bytes() == data
        assert store_of(place).read(place.above / "none") is None


def test_what_is_small_takes_one_request(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(S3, "pictures") as (address, bucket):
        monkeypatch.setenv("AWS_ENDPOINT_URL", address)
        place = parse("s3://pictures/a/small")
        store_of(place).write(place, b"few")
        assert bucket.asked == ["PUT /pictures/a/small"]


def test_a_store_that_is_not_there_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(
        UsageError, match=r"s3://pictures cannot be reached \(.*[Cc]onnect.*\): check the network, and AWS_END"
    ):
        plan_places(["s3://pictures/in"], "s3://pictures/out")


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        ("When reading key 'x' in bucket 'b': AWS Error ACCESS_DENIED during HeadObject operation: No response body.",
         "may not read s3://b/x: give credentials that may (AWS_PROFILE"),
        ("AWS Error UNKNOWN (HTTP status 301) during ListObjectsV2 operation: PermanentRedirect",
         "s3://b is in another region: set AWS_REGION"),
        ("AWS Error NO_SUCH_BUCKET during ListObjectsV2 operation: gone", "there is no bucket s3://b"),
        ("AWS Error SLOW_DOWN during GetObject operation: later", "cannot read s3://b/x: AWS Error SLOW_DOWN"),
    ],
)  # fmt: skip
def test_what_a_store_says_becomes_what_to_do(said: str, wanted: str) -> None:
    error = told_of(OSError(said), parse("s3://b/x"), "read")
    assert isinstance(error, PixelmendError)
    assert str(error).startswith(wanted)


def test_places_are_what_users_write() -> None:
    assert str(parse("gcs://bucket/a/b/")) == "gs://bucket/a/b"
    assert parse("s3://bucket").bucket == "bucket"
    assert parse("s3://b/in").holds(parse("s3://b/in/sub"))
    assert not parse("s3://b/in").holds(parse("s3://b/inner"))
    for text, why in (("http://b/x", "wanted s3://"), ("s3://", "names no bucket"), ("gs:///x", "names no bucket")):
        with pytest.raises(UsageError, match=why):
            parse(text)
