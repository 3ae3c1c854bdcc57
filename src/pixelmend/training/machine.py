"""What the machine can do, so that training can say how much of it is used."""

from __future__ import annotations

import ctypes
import os
import statistics
import sys
import time
from typing import TYPE_CHECKING

import torch

from pixelmend.models.measure import count_macs

if TYPE_CHECKING:
    from pixelmend.models import Network

# Parameters of glibc's mallopt (malloc.h).
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3


def choose_device(name: str) -> torch.device:
    """The device by the name that a recipe uses; ``auto`` takes an accelerator where there is one."""
    if name != "auto":
        return torch.device(name)
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def describe(device: torch.device) -> str:
    """The device in words, for the card of the weights."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    if device.type == "cpu":
        return f"{os.cpu_count()} CPU cores ({torch.backends.cpu.get_cpu_capability()})"
    return device.type


def keep_large_blocks() -> None:
    """Let the C library keep large freed blocks for the next step, which asks for the same ones.

    By default each goes back to the system and comes back as zeroed pages: about 5 % of a step on a CPU. Linux with
    glibc only; elsewhere nothing happens.
    """
    if sys.platform != "linux":
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, 1 << 30)
        mallopt(_M_TRIM_THRESHOLD, (1 << 31) - 1)


def choose_precision(wanted: str, device: torch.device) -> str:
    """Choose bf16 or fp32: what is wanted, and for "auto" whichever multiplies matrices faster here.

    A processor without bf16 units emulates them, a hundred times slower than fp32.
    """
    if wanted != "auto":
        return wanted
    half, full = (_product_seconds(device, dtype, 512) for dtype in (torch.bfloat16, torch.float32))
    return "bf16" if half < full else "fp32"


def precision_type(precision: str) -> torch.dtype:
    """The type that convolutions and products run in, by the name that a recipe uses, "bf16" or "fp32"."""
    return torch.bfloat16 if precision == "bf16" else torch.float32


def matrix_rate(device: torch.device, precision: str, *, seconds: float = 1.0) -> float:
    """FLOP/s that large matrix products sustain: the median over about this time, after a warm-up as long.

    Args:
        device: What multiplies.
        precision: "bf16" or "fp32".
        seconds: How long to measure; matrices are as large as lets one product fit into a tenth of it.
    """
    dtype = precision_type(precision)
    size = 4096 if device.type == "cpu" else 8192
    probe = _product_seconds(device, dtype, 512)
    while size > 512 and probe * (size / 512) ** 3 > seconds / 10:
        size //= 2
    rates: list[float] = []
    begin = time.perf_counter()
    while not rates or time.perf_counter() < begin + 2 * seconds:
        taken = _product_seconds(device, dtype, size, repeats=1)
        if time.perf_counter() > begin + seconds:
            rates.append(2 * size**3 / taken)
    return statistics.median(rates)


def _product_seconds(device: torch.device, dtype: torch.dtype, size: int, *, repeats: int = 3) -> float:
    """Seconds for one product of two square matrices: the best of some."""
    a, b = (torch.ones(size, size, device=device, dtype=dtype) for _ in range(2))
    best = float("inf")
    for _ in range(repeats):
        start = time.perf_counter()
        _finish(a @ b)
        best = min(best, time.perf_counter() - start)
    return best


def _finish(result: torch.Tensor) -> None:
    if result.device.type == "cuda":
        torch.cuda.synchronize()


@torch.no_grad()
def forward_flops_per_pixel(model: Network, *, side: int = 64) -> float:
    """FLOPs of one forward pass for each pixel that goes in; a training step costs three times that.

    Args:
        model: Run once, at rest.
        side: Of the picture that is counted on, pixels; rounded up to what the network takes.
    """
    fitting = -(-side // model.config.multiple_of) * model.config.multiple_of
    device = next(model.parameters()).device
    inputs = [torch.zeros(1, 3, fitting, fitting, device=device)]
    inputs += [torch.zeros(1, 1, 1, 1, device=device) for _ in model.config.conditions]
    learning = model.training
    model.eval()
    try:
        return 2 * count_macs(model, inputs) / fitting**2
    finally:
        model.train(learning)
