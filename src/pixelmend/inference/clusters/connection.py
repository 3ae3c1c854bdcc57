"""The cluster that pictures are restored on: the one that RAY_ADDRESS names, or this machine alone."""

from __future__ import annotations

import logging
import os
import socket
import sys
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from pixelmend.errors import MissingExtraError, ModelError, UsageError
from pixelmend.inference.folders.share import NEED, how_many
from pixelmend.inference.hardware import cores

if TYPE_CHECKING:
    from collections.abc import Iterator

ADDRESS = "RAY_ADDRESS"
"""The environment variable that names a cluster; "auto" is the one that this machine belongs to."""
QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",  # nothing is sent anywhere
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_BACKEND_LOG_LEVEL": "fatal",
    "RAY_DATA_LOG_LEVEL": "CRITICAL",
    "RAY_SCHEDULER_EVENTS": "0",
    "RAY_worker_niceness": "0",  # else whatever else runs on this machine comes first, as with no other engine
}
"""What keeps Ray quiet, and as quick as a folder's processes, where the user has not said otherwise."""
_TOLD = (
    "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_NO_SIGN_REQUEST",
    "STORAGE_EMULATOR_HOST", "GS_NO_SIGN_REQUEST",
)  # fmt: skip
"""Variables that the machines of a cluster are told, beside our own: no secrets, which a cluster would show."""
_PATIENCE = 10.0
"""Seconds that a cluster has to answer at all."""
_LONG = 300
"""Characters of what Ray says that are told."""
_OBJECTS = 128 * 2**20
"""Bytes for what is handed about on this machine: names, no pictures."""


@dataclass(frozen=True)
class Cluster:
    """What is there.

    Attributes:
        is_local: Whether it is this machine alone, for this run alone.
        cpus: Cores that there are now.
        gpus: Chips that there are now.
    """

    is_local: bool
    cpus: int
    gpus: int


@contextmanager
def connected(jobs: int | None) -> Iterator[Cluster]:
    """Be connected to a cluster, and be quiet: Ray writes to standard output, which is for reports.

    Args:
        jobs: How many are to restore, where that is this machine; None for what suits it.

    Yields:
        What is there.

    Raises:
        MissingExtraError: Ray is not installed.
        UsageError: There is no cluster where one was named.
        ModelError: Ray does not start.
    """
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    for module in ("ray", "pyarrow"):
        if find_spec(module) is None:
            raise MissingExtraError(module, "ray")
    with open(os.devnull, "w", encoding="utf-8") as nowhere, redirect_stdout(nowhere):  # noqa: PTH123  (no file)
        import ray

        if ray.is_initialized():
            yield _cluster(is_local=ADDRESS not in os.environ)
            return
        _begin(jobs)
        try:
            yield _cluster(is_local=ADDRESS not in os.environ)
        finally:
            ray.shutdown()


def _begin(jobs: int | None) -> None:
    address = os.environ.get(ADDRESS)
    size = max(cores(), jobs or 0)
    own: dict[str, Any] = {
        "num_cpus": size, "object_store_memory": _OBJECTS, "include_dashboard": False, "_memory": 2 * NEED * size,
    }  # fmt: skip
    told = {name: value for name, value in os.environ.items() if name in _TOLD or name.startswith("PIXELMEND_")}
    asked = {"runtime_env": {"env_vars": told}} if address else own
    if address:
        _check_there(address)
    import ray

    try:
        with _hushed():
            ray.init(address or "local", log_to_driver=False, logging_level=logging.CRITICAL, **asked)
    except (ConnectionError, TimeoutError, ValueError, RuntimeError, OSError) as error:
        reason = " ".join(str(error).split())[:_LONG]
        if address:
            raise UsageError(f"there is no cluster at {ADDRESS}={address} ({reason}): start it, or unset it") from None
        raise ModelError(f"Ray does not start on this machine: {reason}") from None


def _check_there(address: str) -> None:
    """Refuse at once an address at which nobody answers: Ray asks there for minutes."""
    host, _, port = address.rpartition("://")[2].rpartition(":")
    if not port.isdigit():  # "auto"
        return
    try:
        socket.create_connection((host, int(port)), _PATIENCE).close()
    except OSError as error:
        raise UsageError(f"there is no cluster at {ADDRESS}={address} ({error}): start it, or unset it") from None


@contextmanager
def _hushed() -> Iterator[None]:
    """Standard error goes nowhere: Ray's libraries greet there, whatever they are told."""
    sys.stderr.flush()
    before = os.dup(2)
    try:
        with open(os.devnull, "wb") as nowhere:  # noqa: PTH123  (no file)
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(before, 2)
        os.close(before)


def _cluster(*, is_local: bool) -> Cluster:
    import ray

    there = ray.cluster_resources()  # type: ignore[no-untyped-call]
    return Cluster(is_local, max(1, int(there.get("CPU", 1))), int(there.get("GPU", 0)))


def size_of(cluster: Cluster, jobs: int | None, *, on_chips: bool) -> tuple[int, int | None]:
    """How many restore at first, and at most; None for as many as there is room for.

    Args:
        cluster: What is there.
        jobs: What the user says; None for what suits.
        on_chips: Whether each takes a chip.
    """
    room = cluster.gpus if on_chips else cluster.cpus
    if jobs is not None:
        return min(jobs, room), jobs
    if cluster.is_local:
        size = room if on_chips else how_many(None, room)
        return size, size
    return room, None
