"""A local Ray of two processors for all of these tests, quiet, and folders of small pictures."""

from __future__ import annotations

import os
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from pixelmend.inference.clusters.connection import QUIET, Cluster
from pixelmend.inference.clusters.restorer import Restorer
from tests.inference.folders.conftest import noisy

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from pixelmend.inference.clusters.batches import Share
    from pixelmend.inference.clusters.restorer import Setup
    from pixelmend.inference.clusters.tally import Outcome


@pytest.fixture(scope="session")
def ray() -> Iterator[None]:
    """Ray, running; the test is skipped where it is not installed."""
    with warnings.catch_warnings(), pytest.MonkeyPatch.context() as patch:
        warnings.simplefilter("ignore")  # of its own imports
        for name, value in QUIET.items():
            patch.setenv(name, value)
        patch.delenv("RAY_ADDRESS", raising=False)
        module = pytest.importorskip("ray")
        pytest.importorskip("ray.data")
        module.init("local", num_cpus=2, include_dashboard=False, object_store_memory=2**27, log_to_driver=False)
        yield
        module.shutdown()


@pytest.fixture
def without_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs as on a local Ray of one processor, but batch after batch in this process."""

    @contextmanager
    def connected(_jobs: int | None) -> Iterator[Cluster]:
        yield Cluster(is_local=True, cpus=1, gpus=0)

    def outcomes(
        shares: Sequence[Share], setup: Setup, _crowd: object
    ) -> Iterator[tuple[Outcome, tuple[int, int, bool]]]:
        with Restorer(setup) as restorer:
            batches = [batch for share in shares for batch in share.batches()]
            pictures = sum(len(batch.todo) + len(batch.kept) + batch.earlier for batch in batches)
            for batch in batches:
                yield restorer.restore(batch), (pictures, 1, True)

    pytest.importorskip("ray")
    monkeypatch.setattr("pixelmend.inference.clusters.run.connected", connected)
    monkeypatch.setattr("pixelmend.inference.clusters.on_ray.outcomes", outcomes)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Nine pictures in three folders, of which two are broken, and other things."""
    root = tmp_path / "photos"
    for number, name in enumerate(
        ("a.png", "b.jpg", "c.png", "sub/d.png", "sub/e.tif", "sub/deep/f.webp", "sub/deep/g.png")
    ):
        noisy(root / name, seed=number)
    (root / "broken.png").write_bytes(b"no picture")
    whole = (root / "sub/d.png").read_bytes()
    (root / "sub/half.png").write_bytes(whole[: len(whole) // 2])
    (root / "notes.txt").write_text("no picture")
    (root / ".hidden.png").write_bytes(whole)
    return root


BROKEN = {"broken.png", "sub/half.png"}
"""Of `photos`."""


@pytest.fixture
def store_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """Credentials that nobody checks, and no address of a store."""
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "STORAGE_EMULATOR_HOST"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "anybody")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "anything")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


def environment() -> dict[str, str]:
    """For a command of its own: this one's, without a cluster."""
    return {name: value for name, value in os.environ.items() if name != "RAY_ADDRESS"}
