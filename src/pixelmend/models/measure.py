"""What a network costs: its parameters, its work, the memory that a pass needs, and its speed on this machine.

All for one picture that goes in, 256×256 pixels unless said otherwise, whatever size comes out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from pixelmend.models.architectures import NetworkConfig, build
from pixelmend.models.baselines import DnCNNConfig, SRCNNConfig, TNRDConfig, UNetConfig, VDSRConfig
from pixelmend.models.baselines.deblurgan import DeblurGanConfig
from pixelmend.models.discriminator import UNetDiscriminator
from pixelmend.models.hybrid import SIZES, sized

SIDE = 256
"""Height and width of the picture that goes in, pixels."""
SCALES = (1, 2, 3, 4)
"""What the hybrid can enlarge by."""

BASELINES: dict[str, NetworkConfig] = {
    "srcnn-x4": SRCNNConfig(),
    "vdsr-x4": VDSRConfig(),
    "dncnn-17-gray": DnCNNConfig(channels=1, depth=17),
    "dncnn-20-color": DnCNNConfig(),
    "unet": UNetConfig(),
    "tnrd": TNRDConfig(),
    "deblurgan": DeblurGanConfig(),
}
"""The published networks that are listed, in the form that they were published in."""

Clock = Callable[[Callable[[], object]], float]
"""Says how many seconds a call takes."""


@dataclass(frozen=True)
class Network:
    """A network that can be built.

    Attributes:
        name: What it is called: "hybrid-small", "hybrid-small-x2".
        kind: "hybrid", "discriminator" (judges in training), or "baseline" (published by others).
        build: Makes one with fresh weights.
        channels: Of the picture that it takes.
        conditions: How many maps it is told beside the picture.
        scale: Height and width of the result over those of the picture.
    """

    name: str
    kind: str
    build: Callable[[], nn.Module]
    channels: int = 3
    conditions: int = 0
    scale: int = 1

    def inputs(self, side: int, device: torch.device) -> tuple[Tensor, ...]:
        """A grey picture (1, channels, side, side), and for each condition (1, 1, 1, 1); float32."""
        picture = torch.full((1, self.channels, side, side), 0.5, device=device)
        return picture, *(torch.full((1, 1, 1, 1), 0.1, device=device) for _ in range(self.conditions))


@dataclass(frozen=True)
class Cost:
    """What a network costs, for one picture that goes in.

    Attributes:
        parameters: How many numbers are learned.
        macs: Multiplications with an addition each, in convolutions and matrix products.
        peak_bytes: Memory of a forward pass: counted by ``count_peak_bytes`` in float32; on a CUDA device, where the
            network was run there, what its allocator reports.
        megapixels_per_second: Of the picture that goes in; None where it was not measured.
    """

    parameters: int
    macs: int
    peak_bytes: int
    megapixels_per_second: float | None = None


def networks() -> tuple[Network, ...]:
    """Every network that can be built: the hybrid in each size and scale, its discriminator, and the baselines."""
    return (
        *(_hybrid(size, scale) for size in SIZES for scale in SCALES),
        Network("discriminator", "discriminator", UNetDiscriminator),
        *(_listed(name, "baseline", config) for name, config in BASELINES.items()),
    )


def count(network: Network, *, side: int = SIDE) -> Cost:
    """What can be counted without computing anything: all but the speed.

    Args:
        network: Which.
        side: Height and width of the picture, pixels; a multiple of what the network takes.
    """
    # Fake tensors have a shape and a device and no values: every operation is seen, none is done.
    with FakeTensorMode():
        model = network.build().eval()
        inputs = network.inputs(side, torch.device("cpu"))
        return Cost(count_parameters(model), count_macs(model, inputs), count_peak_bytes(model, inputs))


def measure(network: Network, device: torch.device, precision: str, clock: Clock, *, side: int = SIDE) -> Cost:
    """Count, and run the network on a device.

    Args:
        network: Which.
        device: What it runs on.
        precision: "bf16" (autocast) or "fp32".
        clock: Times one forward pass.
        side: Height and width of the picture, pixels; a multiple of what the network takes.
    """
    counted = count(network, side=side)
    with torch.random.fork_rng(devices=[]):
        before = torch.cuda.memory_allocated(device) if device.type == "cuda" else 0
        model = network.build().eval().to(device)
    model.to(memory_format=torch.channels_last)
    picture, *conditions = network.inputs(side, device)
    picture = picture.to(memory_format=torch.channels_last)

    @torch.no_grad()
    def forward() -> None:
        with torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16"):
            model(picture, *conditions)
        _finish(device)

    peak = counted.peak_bytes
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        forward()
        peak = torch.cuda.max_memory_allocated(device) - before
    return Cost(counted.parameters, counted.macs, peak, side * side / 1e6 / clock(forward))


def count_parameters(model: nn.Module) -> int:
    """How many numbers are learned."""
    return sum(parameter.numel() for parameter in model.parameters())


@torch.no_grad()
def count_macs(model: nn.Module, inputs: Iterable[Tensor]) -> int:
    """Multiplications with an addition each of a forward pass: half the FLOPs that PyTorch counts.

    Convolutions and matrix products are counted; what is done to each value alone is not.
    """
    with FlopCounterMode(display=False) as counter:
        model(*inputs)
    return int(counter.get_total_flops()) // 2


def macs_per_pixel(model: nn.Module, *, channels: int = 3, conditions: int = 0, size: tuple[int, int]) -> float:
    """Multiplications with an addition each, for each pixel that goes in; counted, nothing is computed.

    Args:
        model: Takes a picture and conditions.
        channels: Of the picture.
        conditions: How many maps it is told.
        size: Height and width of the picture that is counted on, as the network takes them.
    """
    height, width = size
    device = next(model.parameters()).device
    with FakeTensorMode(allow_non_fake_inputs=True):
        inputs = [torch.empty(1, channels, height, width, device=device)]
        inputs += [torch.empty(1, 1, height, width, device=device) for _ in range(conditions)]
        learning = model.training
        model.eval()  # what is drawn at random while learning asks for values, of which there are none here
        try:
            return count_macs(model, inputs) / (height * width)
        finally:
            model.train(learning)


@torch.no_grad()
def count_peak_bytes(model: nn.Module, inputs: Iterable[Tensor]) -> int:
    """Bytes of weights, inputs and features that are alive at once in a forward pass, at most.

    Exact and the same on every machine. What a kernel borrows for its own use, and what an allocator keeps back, is
    not in it.
    """
    inputs = tuple(inputs)
    live = _LiveBytes([*model.parameters(), *model.buffers(), *inputs])
    with live:
        model(*inputs)
    return live.peak


class _LiveBytes(TorchDispatchMode):  # type: ignore[no-untyped-call] # here and below: PyTorch's own lacks types
    """Follows which storages are alive, and how large they are together at most: views share the one they look at."""

    def __init__(self, held: Iterable[object]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._sizes: dict[StorageWeakRef, int] = {}
        self.peak = 0
        self._see(held)

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        self._see(tree_leaves(result))
        return result

    def _see(self, found: Iterable[object]) -> None:
        expired = [storage for storage in self._sizes if storage.expired()]  # type: ignore[no-untyped-call]
        for storage in expired:
            del self._sizes[storage]
        for each in found:
            if isinstance(each, Tensor):
                whole = each.untyped_storage()
                self._sizes[StorageWeakRef(whole)] = whole.nbytes()  # type: ignore[no-untyped-call]
        self.peak = max(self.peak, sum(self._sizes.values()))


def _hybrid(size: str, scale: int) -> Network:
    return _listed(f"hybrid-{size}" if scale == 1 else f"hybrid-{size}-x{scale}", "hybrid", sized(size, scale))


def _listed(name: str, kind: str, config: NetworkConfig) -> Network:
    channels = config.channels if isinstance(config, DnCNNConfig) else 3
    return Network(name, kind, partial(build, config), channels, len(config.conditions), config.scale)


def _finish(device: torch.device) -> None:
    """Wait until the device has done what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()
