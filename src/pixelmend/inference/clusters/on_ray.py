"""The part that Ray does: lists are made in tasks, batches are restored by actors, and what became of them comes back.

This is the only module that imports Ray, and it is itself imported only while one is connected to (see `connection`).
"""

from __future__ import annotations

import pickle
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa  # type: ignore[import-untyped]
import ray
import ray.data
from ray.data import ActorPoolStrategy, DataContext
from ray.data.block import BlockMetadata
from ray.data.datasource import Datasource, ReadTask
from ray.exceptions import RayError

from pixelmend.errors import ModelError, UsageError
from pixelmend.inference.clusters.restorer import Restorer, try_out
from pixelmend.inference.folders.share import NEED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from pixelmend.inference.clusters.batches import Batch, Share
    from pixelmend.inference.clusters.restorer import Setup
    from pixelmend.inference.clusters.tally import Outcome, Trouble
    from pixelmend.inference.folders.worker import Ready

_ROW = "row"
_IN_HAND = 2
"""Batches that one actor is given at a time, so that it need not wait for the next."""


@dataclass(frozen=True)
class Crowd:
    """Who restores.

    Attributes:
        at_first: How many are started.
        most: How many there may be; None for as many as the cluster has, or gets, room for.
        lists: How many list at the same time.
        gpus: Chips that each takes, 0 or 1.
    """

    at_first: int
    most: int | None
    lists: int
    gpus: int = 0

    @property
    def needs(self) -> dict[str, float]:
        """What each takes of a machine, as Ray calls it."""
        return {"num_cpus": 1, "num_gpus": self.gpus, "memory": NEED}


class _Found:
    """Counts what is listed, to tell how much there is; a run goes on without it."""

    def __init__(self) -> None:
        self._pictures, self._size, self._open = 0, 0, 0

    def begin(self, lists: int) -> None:
        self._open = lists

    def add(self, pictures: int, size: int) -> None:
        self._pictures += pictures
        self._size += size

    def end(self) -> None:
        self._open -= 1

    def so_far(self) -> tuple[int, int, bool]:
        """Pictures, their bytes, and whether that is all."""
        return self._pictures, self._size, self._open == 0


class _Lists(Datasource):
    """The batches of all shares; each share is listed by a task of its own."""

    def __init__(self, shares: Sequence[Share], found: Any) -> None:
        self._shares, self._found = tuple(shares), found

    def get_name(self) -> str:
        return "Pictures"

    def estimate_inmemory_data_size(self) -> int | None:
        return None

    def get_read_tasks(self, *_: object, **__: object) -> list[ReadTask]:
        """A task for each share."""
        unknown = BlockMetadata(num_rows=None, size_bytes=None, input_files=None, exec_stats=None)
        return [ReadTask(_reader(share, self._found), unknown) for share in self._shares]


def _reader(share: Share, found: Any) -> Callable[[], Iterable[pa.Table]]:
    def read() -> Iterator[pa.Table]:
        for batch in share.batches():
            pictures = len(batch.todo) + len(batch.kept) + batch.earlier
            found.add.remote(pictures, sum(each.size for each in (*batch.todo, *batch.kept)))
            yield _packed(batch)
        found.end.remote()

    return read


class _Actor:
    """One of those who restore."""

    def __init__(self, setup: Setup) -> None:
        pa.set_cpu_count(1)
        restarted = bool(ray.get_runtime_context().was_current_actor_reconstructed)
        self._restorer = Restorer(setup, restarted=restarted)

    def __call__(self, table: pa.Table) -> pa.Table:
        return _packed(*(self._restorer.restore(batch) for batch in _unpacked(table)))


def _packed(*rows: Batch | Outcome) -> pa.Table:
    return pa.table({_ROW: pa.array([pickle.dumps(row) for row in rows], pa.binary())})


def _unpacked(table: pa.Table) -> Iterator[Any]:
    for row in table.column(_ROW).to_pylist():
        yield pickle.loads(row)  # noqa: S301  (from our own tasks)


def try_out_there(setup: Setup, crowd: Crowd) -> Ready | Trouble:
    """What would run the networks where those who restore will be.

    Raises:
        UsageError: pixelmend is not installed there.
        ModelError: Ray fails.
    """
    with _in_words():
        asked = ray.remote(try_out).options(**crowd.needs).remote(setup)
        answer: Ready | Trouble = ray.get(asked)
        return answer


def outcomes(shares: Sequence[Share], setup: Setup, crowd: Crowd) -> Iterator[tuple[Outcome, tuple[int, int, bool]]]:
    """What becomes of all batches, as it comes.

    Args:
        shares: What is to be done.
        setup: How.
        crowd: By whom.

    Yields:
        What became of a batch; and pictures that were found so far, their bytes, and whether that is all.

    Raises:
        UsageError: pixelmend is not installed there.
        ModelError: Ray fails.
    """
    context = DataContext.get_current()
    context.enable_progress_bars = False
    context.target_max_block_size = 1  # each batch is a task of its own
    context.print_on_execution_start = False
    found: Any = ray.remote(_Found).options(num_cpus=0, max_restarts=-1).remote()
    found.begin.remote(len(shares))
    if crowd.most is None:
        pool = ActorPoolStrategy(min_size=1, initial_size=crowd.at_first, max_tasks_in_flight_per_actor=_IN_HAND)
    else:
        pool = ActorPoolStrategy(
            min_size=1, initial_size=min(crowd.at_first, crowd.most), max_size=crowd.most,
            max_tasks_in_flight_per_actor=_IN_HAND,
        )  # fmt: skip
    lists = ray.data.read_datasource(
        _Lists(shares, found), num_cpus=0, concurrency=min(crowd.lists, len(shares)), override_num_blocks=len(shares)
    )
    restored = lists.map_batches(
        _Actor, batch_size=1, batch_format="pyarrow", compute=pool, fn_constructor_args=(setup,), **crowd.needs
    )
    so_far = (0, 0, False)
    with _in_words():
        for table in restored.iter_batches(batch_size=None, batch_format="pyarrow", prefetch_batches=0):
            with suppress(RayError):
                so_far = ray.get(found.so_far.remote())
            for outcome in _unpacked(table):
                yield outcome, so_far


@contextmanager
def _in_words() -> Iterator[None]:
    """What Ray raises becomes an error of ours, on one line."""
    try:
        yield
    except RayError as error:
        text = str(error)
        if "No module named 'pixelmend" in text:
            raise UsageError(
                "pixelmend is not installed on the machines of the cluster: pip install 'pixelmend[ray]' on each, as "
                "examples/cluster.yaml does"
            ) from None
        lines = [line for line in text.splitlines() if line.strip()]
        raise ModelError(
            f"Ray could not go on: {' '.join(lines[-1].split()) if lines else type(error).__name__}"
        ) from None
