"""What tests of the service share: a server for all, others with limits of their own, and pictures to send."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pytest

from pixelmend.images import encode
from pixelmend.service.limits import Limits
from tests.cli.conftest import run  # noqa: F401  (a fixture)
from tests.service.serving import Serving

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx

    from pixelmend.service.access import Access
    from pixelmend.service.server import Place


@pytest.fixture(scope="session")
def service() -> Iterator[Serving]:
    """A server of one process with the usual limits; tests share it, so they leave it as it was."""
    with Serving() as serving:
        yield serving


@pytest.fixture
def client(service: Serving) -> httpx.Client:
    """Sends requests to it."""
    return service.client


class Begin(Protocol):
    """Starts a server; see `serving`."""

    def __call__(self, *, access: Access | None = None, place: Place | None = None, **limits: Any) -> Serving:
        """Start it."""


@pytest.fixture(scope="module")
def serving() -> Iterator[Begin]:
    """Starts servers with limits of their own (fields of `Limits`), which end with the module."""
    with ExitStack() as stack:

        def begin(*, access: Access | None = None, place: Place | None = None, **limits: Any) -> Serving:
            return stack.enter_context(Serving(Limits(**{"workers": 1, **limits}), access, place))

        yield begin


def noisy(height: int, width: int, *, form: str = "png", seed: int = 0) -> bytes:
    """A grey wedge with noise of level 25, as the bytes of a file."""
    rng = np.random.default_rng(seed)
    clean = np.linspace(60, 200, width)[None, :, None] + np.zeros((height, 1, 3))
    return bytes(encode(np.clip(clean + rng.normal(0, 25, clean.shape), 0, 255).astype(np.uint8), form))


@pytest.fixture(scope="session")
def picture() -> bytes:
    """A small PNG with noise, 64×48."""
    return noisy(48, 64)


@pytest.fixture(scope="session")
def large() -> bytes:
    """A JPEG that takes many seconds to restore, 12 megapixels."""
    piece = np.random.default_rng(0).integers(60, 200, (300, 400, 3), dtype=np.uint8)
    return bytes(encode(np.tile(piece, (10, 10, 1)), "jpeg"))


@pytest.fixture(scope="module")
def port(service: Serving) -> int:
    """Of a server with the usual limits."""
    return service.port


@pytest.fixture(scope="module")
def strict(serving: Begin) -> int:
    """The port of a server with no patience."""
    return serving(
        max_bytes=2**20, header_seconds=1.0, body_seconds=1.0, idle_seconds=1.0, min_rate=1000.0, connections=16
    ).port


def streamed(client: httpx.Client, job: dict[str, Any]) -> list[dict[str, str]]:
    """All events of a job, to its end: the fields of each; comments are left out."""
    with client.stream("GET", job["links"]["events"]) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        blocks = [block for block in answer.read().decode().split("\n\n") if block and not block.startswith(":")]
    return [dict(line.split(": ", 1) for line in block.split("\n")) for block in blocks]
