"""What others have made, to be timed: networks with random weights, which take as long as learned ones, and filters."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import nn

    Call = Callable[[], object]

_SIGMA01 = 25 / 255


@dataclass(frozen=True)
class PeerKind:
    """A system of others.

    Attributes:
        network: What tables call it.
        package: What must be installed for it.
        engine: What runs it.
        side: Height and width of the picture that it takes in reasonable time, pixels.
        start: Gets threads and side; makes what restores one picture of that side at a call.
        build: Makes its network; None for a filter.
        channels_last: Whether its features lie so in memory.
    """

    network: str
    package: str
    engine: str
    side: int
    start: Callable[[int, int], Call]
    build: Callable[[], nn.Module] | None = None
    channels_last: bool = False

    @property
    def layout(self) -> str:
        """How its features lie in memory: "contiguous" (PyTorch's usual) or "channels last"; "" for a filter."""
        return "" if self.build is None else "channels last" if self.channels_last else "contiguous"

    @property
    def name(self) -> str:
        """What tells it apart from all others."""
        return f"{self.network}, {self.engine}{', channels last' if self.channels_last else ''}"


def counts(kind: PeerKind) -> tuple[int | None, float | None]:
    """Bytes of the weights in float32, and multiplications with an addition each for a pixel; None for a filter."""
    if kind.build is None:
        return None, None
    from pixelmend.models.measure import count_parameters, macs_per_pixel

    network = kind.build()
    told = 1 if kind.network == "DRUNet" else 0
    return 4 * count_parameters(network), macs_per_pixel(network, conditions=told, size=(256, 256))


def _dncnn() -> nn.Module:
    from pixelmend.models.baselines.dncnn import DnCNN

    return DnCNN(channels=3, depth=20).eval()


def _ffdnet() -> nn.Module:
    """The colour form, told a fixed level: its class takes the level as a number."""
    from torch import Tensor, nn

    class Told(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            made: Callable[..., Any] = import_module("deepinv.models").FFDNet
            self.network = made(n_conv_layers=12, nf=96, img_channels=3, pretrained=None)

        def forward(self, degraded: Tensor) -> Tensor:
            restored: Tensor = self.network(degraded, _SIGMA01)
            return restored

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the library's own imports
        return Told().eval()


def _listed(architecture: str) -> nn.Module:
    """As published, from the list of networks that can be trained here as well."""
    from pixelmend.models.peers import Peer, PeerConfig

    return Peer(PeerConfig.model_validate({"architecture": architecture})).eval()


def _network(build: Callable[[], nn.Module], channels_last: bool, told: bool, threads: int, side: int) -> Call:  # noqa: FBT001
    import torch

    torch.set_num_threads(threads)
    layout = torch.channels_last if channels_last else torch.contiguous_format
    network = build().to(memory_format=layout)
    inputs = [torch.rand(1, 3, side, side).to(memory_format=layout)]
    if told:
        inputs.append(torch.full((1, 1, side, side), _SIGMA01))

    def call() -> object:
        with torch.inference_mode():
            return network(*inputs)

    return call


def _bm3d(threads: int, side: int) -> Call:
    bm3d = import_module("bm3d")
    profile = bm3d.BM3DProfile()
    profile.num_threads = threads
    pixels = np.random.default_rng(0).random((side, side, 3))
    return lambda: bm3d.bm3d_rgb(pixels, _SIGMA01, profile)


def _opencv(threads: int, side: int) -> Call:
    cv2 = import_module("cv2")
    cv2.setNumThreads(threads)
    pixels = np.random.default_rng(0).integers(0, 256, (side, side, 3), dtype=np.uint8)
    # Its documentation's own windows: patches of 7×7 within 21×21.
    return lambda: cv2.fastNlMeansDenoisingColored(pixels, None, 10, 10, 7, 21)


def _in_torch(
    network: str, package: str, side: int, build: Callable[[], nn.Module], *, told: bool = False
) -> tuple[PeerKind, PeerKind]:
    """In both orders that its features can lie in."""

    def in_order(channels_last: bool) -> PeerKind:  # noqa: FBT001
        start = partial(_network, build, channels_last, told)
        return PeerKind(network, package, "PyTorch", side, start, build, channels_last)

    return in_order(False), in_order(True)


PEERS: tuple[PeerKind, ...] = (
    *_in_torch("DnCNN", "torch", 512, _dncnn),
    *_in_torch("FFDNet", "deepinv", 512, _ffdnet),
    *_in_torch("SwinIR-light", "spandrel", 256, partial(_listed, "swinir")),
    *_in_torch("NAFNet-32", "spandrel", 256, partial(_listed, "nafnet")),
    *_in_torch("Restormer", "deepinv", 256, partial(_listed, "restormer")),
    *_in_torch("DRUNet", "spandrel", 256, partial(_listed, "drunet"), told=True),
    *_in_torch("SCUNet", "spandrel", 256, partial(_listed, "scunet")),
    PeerKind("BM3D", "bm3d", "CPU", 256, _bm3d),
    PeerKind("non-local means", "cv2", "OpenCV", 256, _opencv),
)
"""Each of them; float32 all."""
