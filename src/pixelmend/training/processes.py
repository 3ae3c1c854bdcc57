"""Several processes that train one network: what they agree on. With one process, nothing happens here."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.tensor import DTensor, distribute_tensor

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


def rank() -> int:
    """The number of this process, also before the processes know of each other."""
    if dist.is_initialized():
        return dist.get_rank()
    # Those that a process starts itself (run.devices) are told their number on the machine only.
    return int(os.environ.get("RANK") or os.environ.get("LOCAL_RANK") or 0)


def count() -> int:
    """How many there are, once they know of each other."""
    return dist.get_world_size() if dist.is_initialized() else 1


def launched() -> tuple[int, int] | None:
    """Processes on each machine and number of machines, where torchrun (or the like) has started this process."""
    if "LOCAL_WORLD_SIZE" not in os.environ or "WORLD_SIZE" not in os.environ:
        return None
    here = int(os.environ["LOCAL_WORLD_SIZE"])
    return here, int(os.environ["WORLD_SIZE"]) // here


def only_first(tell: Callable[[str], None]) -> Callable[[str], None]:
    """What tells in the first process; in the others it is silent."""
    return tell if rank() == 0 else lambda _: None


def leave() -> None:
    """End what the processes have in common. Left to the interpreter's end, threads that still run may abort it."""
    if dist.is_initialized():
        dist.destroy_process_group()


def from_first(value: T) -> T:
    """What the first process has, in all of them; anything that can be pickled, between processes of one run."""
    if count() == 1:
        return value
    holder: list[Any] = [value]
    dist.broadcast_object_list(holder, 0)
    shared: T = holder[0]
    return shared


def from_all(values: list[T]) -> list[T]:
    """What all processes have, behind each other, in all of them."""
    if count() == 1:
        return values
    holder: list[Any] = [None] * count()
    dist.all_gather_object(holder, values)
    return [value for part in holder for value in part]


def any_of(*flags: bool) -> list[bool]:
    """For each flag, whether it is set in any process."""
    if count() == 1:
        return list(flags)
    device = "cuda" if dist.get_backend() == "nccl" else "cpu"
    tensor = torch.tensor([float(flag) for flag in flags], device=device)
    dist.all_reduce(tensor, dist.ReduceOp.MAX)
    return [bool(flag) for flag in tensor.tolist()]


def whole(tensor: Tensor) -> Tensor:
    """A tensor of which each process holds a part (fsdp), put together in all of them; others as they are."""
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


def like(tensor: Tensor, other: Tensor) -> Tensor:
    """A whole tensor, in the parts that ``other`` has."""
    if isinstance(other, DTensor):
        return distribute_tensor(tensor.to(other.device), other.device_mesh, other.placements)
    return tensor
