"""Published networks as their authors' code has them, built by the classes of spandrel and deepinv, to be trained here.

Each is known by its kind, with the published size as the default and its width and blocks to make it smaller by. Both
libraries come with ``pixelmend[peers]``. Weights that the authors published are run by `load_published`, which knows
every network that spandrel knows.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from importlib import import_module
from types import SimpleNamespace
from typing import TYPE_CHECKING, Annotated, Any, Literal

import torch
import torch.nn.functional as F
from pydantic import Field, model_validator
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from pixelmend.errors import MissingExtraError, ModelError
from pixelmend.models.network import Network, NetworkConfig, check_conditions

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

Kind = Literal["rrdb", "swinir", "ipt", "restormer", "nafnet", "drunet", "scunet", "uformer"]


class PeerConfig(NetworkConfig):
    """What shape a published network has; what is not said is as published."""

    architecture: Kind
    width: int = Field(ge=4, le=512, description="features at full resolution")
    blocks: tuple[Annotated[int, Field(ge=1, le=64)], ...] = Field(description="blocks of each part, in order")

    @model_validator(mode="before")
    @classmethod
    def _as_published(cls, given: Any) -> Any:
        """Fill in what the authors chose."""
        usual = KINDS.get(given.get("architecture", "")) if isinstance(given, dict) else None
        if usual is None:
            return given
        told = {"width": usual.width, "blocks": usual.blocks, "scale": usual.scales[0], "conditions": usual.conditions}
        return {**told, **given}

    @model_validator(mode="after")
    def _possible(self) -> PeerConfig:
        usual = KINDS[self.architecture]
        if self.width % usual.width_step:
            raise ValueError(f"width {self.width} must be a multiple of {usual.width_step} for {self.architecture}")
        if len(self.blocks) != len(usual.blocks):
            raise ValueError(f"{self.architecture} wants {len(usual.blocks)} blocks, got {len(self.blocks)}")
        if self.scale not in usual.scales:
            known = ", ".join(map(str, usual.scales))
            raise ValueError(f"{self.architecture} cannot enlarge by {self.scale}: choose one of {known}")
        if self.conditions != usual.conditions:
            raise ValueError(f"{self.architecture} is told {list(usual.conditions)}, got {list(self.conditions)}")
        return self

    @property
    def multiple_of(self) -> int:
        """Height and width must be multiples of this, in pixels."""
        return KINDS[self.architecture].multiple_of


class Peer(Network):
    """A published network; see `Network` for shapes.

    Raises:
        MissingExtraError: The library that has it is not installed.
    """

    def __init__(self, config: PeerConfig) -> None:
        super().__init__()
        self.config: PeerConfig = config
        with warnings.catch_warnings():
            # Of the libraries' own use of PyTorch, when they are imported and when buffers are made.
            warnings.simplefilter("ignore")
            self.network = KINDS[config.architecture].make(config)

    @property
    def ends(self) -> tuple[str, ...]:
        """Names of the first and the last convolution, which some classes define in another order."""
        return KINDS[self.config.architecture].ends or super().ends

    def forward(self, degraded: Tensor, *conditions: Tensor) -> Tensor:
        """Restore; see `Network`."""
        check_conditions(self.config, conditions)
        n, _, h, w = degraded.shape
        given = torch.cat([degraded, *(each.expand(n, 1, h, w) for each in conditions)], dim=1)
        return KINDS[self.config.architecture].run(self.network, given)


def _plain(network: nn.Module, given: Tensor) -> Tensor:
    restored: Tensor = network(given)
    return restored


def _square(network: nn.Module, given: Tensor) -> Tensor:
    """Uformer takes the side from the number of pixels: the picture lies in a square, as in its authors' tests."""
    h, w = given.shape[2:]
    side = max(h, w)
    return _plain(network, F.pad(given, (0, side - w, 0, side - h)))[..., :h, :w]


def _in_patches(network: nn.Module, given: Tensor) -> Tensor:
    """IPT knows the places of one size of patch; it takes and gives values from 0 to its ``rgb_range``."""
    n, c, h, w = given.shape
    side: int = network.patch_size  # type: ignore[assignment]
    rows, columns = h // side, w // side
    patches = given.reshape(n, c, rows, side, columns, side).permute(0, 2, 4, 1, 3, 5).reshape(-1, c, side, side)
    restored = _plain(network, patches * network.rgb_range) / network.rgb_range  # type: ignore[operator]
    tiles = restored.reshape(n, rows, columns, c, side, side)
    return tiles.permute(0, 3, 1, 4, 2, 5).reshape(n, c, h, w)


def _class(module: str, name: str) -> Callable[..., Any]:
    """A class of a library that need not be there."""
    try:
        found: Callable[..., Any] = getattr(import_module(module), name)
    except ModuleNotFoundError as error:
        raise MissingExtraError(module.partition(".")[0], "peers") from error
    return found


def _rrdb(config: PeerConfig) -> nn.Module:
    network: nn.Module = _class("spandrel.architectures.ESRGAN", "ESRGAN")(
        num_filters=config.width, num_blocks=config.blocks[0], scale=config.scale
    )
    return network


def _swinir(config: PeerConfig) -> nn.Module:
    # Without stochastic depth, which would draw from the program's own random numbers.
    network: nn.Module = _class("spandrel.architectures.SwinIR", "SwinIR")(
        embed_dim=config.width,
        depths=list(config.blocks),
        num_heads=[6] * len(config.blocks),
        window_size=8,
        mlp_ratio=2.0,
        drop_path_rate=0.0,
        upscale=config.scale,
        upsampler="" if config.scale == 1 else "pixelshuffledirect",
    )
    return network


def _ipt(config: PeerConfig) -> nn.Module:
    network: nn.Module = _class("spandrel.architectures.IPT", "IPT")(n_feats=config.width, num_layers=config.blocks[0])
    return network


def _restormer(config: PeerConfig) -> nn.Module:
    *levels, refinement = config.blocks
    network: nn.Module = _class("deepinv.models", "Restormer")(
        dim=config.width, num_blocks=tuple(levels), num_refinement_blocks=refinement, pretrained=None
    )
    return network


def _nafnet(config: PeerConfig) -> nn.Module:
    network: nn.Module = _class("spandrel.architectures.NAFNet", "NAFNet")(
        width=config.width,
        enc_blk_nums=list(config.blocks[:4]),
        middle_blk_num=config.blocks[4],
        dec_blk_nums=list(config.blocks[5:]),
    )
    return network


def _drunet(config: PeerConfig) -> nn.Module:
    network: nn.Module = _class("spandrel.architectures.DRUNet", "DRUNet")(
        in_nc=4, out_nc=3, nc=[config.width << level for level in range(4)], nb=config.blocks[0]
    )
    return network


def _scunet(config: PeerConfig) -> nn.Module:
    network: nn.Module = _class("spandrel.architectures.SCUNet", "SCUNet")(dim=config.width, config=list(config.blocks))
    return network


def _uformer(config: PeerConfig) -> nn.Module:
    network: nn.Module = _class("spandrel.architectures.Uformer", "Uformer")(
        embed_dim=config.width, depths=list(config.blocks), drop_path_rate=0.0, modulator=True
    )
    return network


@dataclass(frozen=True)
class PeerKind:
    """What is known of a kind.

    Attributes:
        make: Builds it.
        width: Features at full resolution, as published.
        blocks: Blocks of each part, as published.
        width_step: What a width must be a multiple of.
        multiple_of: What height and width must be multiples of, pixels.
        scales: What it can enlarge by; the first one is the usual.
        conditions: What it is told.
        ends: First and last convolution, where they are not the first and the last that are defined.
        run: How it is called.
    """

    make: Callable[[PeerConfig], nn.Module]
    width: int
    blocks: tuple[int, ...]
    width_step: int = 1
    multiple_of: int = 1
    scales: tuple[int, ...] = (1,)
    conditions: tuple[Literal["noise_level"], ...] = ()
    ends: tuple[str, ...] = ()
    run: Callable[[nn.Module, Tensor], Tensor] = _plain


KINDS: dict[str, PeerKind] = {
    # Wang et al. 2018, "ESRGAN".
    "rrdb": PeerKind(_rrdb, 64, (23,), scales=(4, 2, 1)),
    # Liang et al. 2021, "SwinIR", the lightweight form.
    "swinir": PeerKind(_swinir, 60, (6, 6, 6, 6), width_step=6, multiple_of=8, scales=(4, 3, 2, 1)),
    # Chen et al. 2021, "Pre-Trained Image Processing Transformer".
    "ipt": PeerKind(
        _ipt, 64, (12,), width_step=4, multiple_of=48, ends=("network.head.0.0", "network.tail.0.1"), run=_in_patches
    ),
    # Zamir et al. 2022, "Restormer", for blind denoising: four levels, then refinement.
    "restormer": PeerKind(_restormer, 48, (4, 6, 6, 8, 4), width_step=2, multiple_of=8),
    # Chen et al. 2022, "Simple Baselines for Image Restoration", for denoising: four levels down, the middle, four up.
    "nafnet": PeerKind(
        _nafnet, 32, (2, 2, 4, 8, 12, 2, 2, 2, 2), multiple_of=16, ends=("network.intro", "network.ending")
    ),
    # Zhang et al. 2021, "Plug-and-Play Image Restoration with Deep Denoiser Prior".
    "drunet": PeerKind(_drunet, 64, (4,), multiple_of=8, conditions=("noise_level",)),
    # Zhang et al. 2022, "Practical Blind Image Denoising via Swin-Conv-UNet and Data Synthesis".
    "scunet": PeerKind(_scunet, 64, (4,) * 7, width_step=64, multiple_of=64),
    # Wang et al. 2022, "Uformer", the form B.
    "uformer": PeerKind(
        _uformer,
        32,
        (1, 2, 8, 8, 2, 8, 8, 2, 1),
        width_step=16,
        multiple_of=128,
        ends=("network.input_proj.proj.0", "network.output_proj.proj.0"),
        run=_square,
    ),
}
"""The networks of others that can be trained, by the name that recipes and weights files use."""


class Published(nn.Module):
    """A network with the weights that its authors published.

    Attributes:
        name: What it is called.
        architecture: What spandrel calls its kind, such as "SwinIR".
        scale: Height and width of the result over those of the picture.
        channels: Of the picture that it takes: 3 for RGB, 1 for gray.
        conditions: What it is told beside the picture.
        multiple_of: Height and width must be multiples of this, pixels.
        minimum: The least height and width, pixels.
        square: Whether the picture has to be as high as wide.
    """

    def __init__(self, descriptor: Any, name: str) -> None:
        super().__init__()
        needs = descriptor.size_requirements
        self.name, self.architecture = name, str(descriptor.architecture.id)
        self.scale, self.channels = int(descriptor.scale), int(descriptor.input_channels)
        self.conditions: tuple[str, ...] = ("noise_level",) if self.architecture == "DRUNet" else ()
        self.multiple_of, self.minimum = int(needs.multiple_of), max(1, int(needs.minimum))
        self.square = bool(needs.square)
        self.network: nn.Module = descriptor.model
        self._descriptor = descriptor

    def forward(self, degraded: Tensor, *conditions: Tensor) -> Tensor:
        """Restore.

        Args:
            degraded: (N, channels, H, W) float32 on the scale [0, 1].
            conditions: (N, 1, H, W) or (N, 1, 1, 1), in the order of ``conditions``.

        Returns:
            (N, channels, H·scale, W·scale), clamped to [0, 1] where the network is not told anything.

        Raises:
            ModelError: It is told more or less than it wants.
        """
        if len(conditions) != len(self.conditions):
            raise ModelError(f"{self.name} got {len(conditions)} conditions, wanted {list(self.conditions)}")
        if not conditions:
            restored: Tensor = self._descriptor(degraded)
            return restored
        # Its library would tell it one level, 15, whatever the noise.
        n, _, h, w = degraded.shape
        return _plain(self.network, torch.cat([degraded, conditions[0].expand(n, 1, h, w)], dim=1))


def load_published(path: Path, name: str) -> Published:
    """Find out what network a file holds and build it: float32, on the CPU, in evaluation mode.

    Args:
        path: A safetensors file of tensors alone, named as the authors' code names them.
        name: What it is to be called.

    Raises:
        MissingExtraError: spandrel is not installed.
        ModelError: A pickle, which could run anything; a file that cannot be read; or a network that spandrel does not
            know (Restormer's authors' weights are known here), or that fills in what a mask says is missing.
    """
    if path.suffix.lower() != ".safetensors":
        raise ModelError(
            f"{path} is not a .safetensors file, and a pickle can run any program when it is opened: convert it where "
            "you trust it, safetensors.torch.save_file(torch.load(FILE, weights_only=True), NEW)"
        )
    try:
        tensors = load_file(path)
    except (OSError, SafetensorError) as error:
        raise ModelError(f"{path} cannot be read as safetensors weights ({error}): download it again") from error
    if name == "restormer":  # the one kind that spandrel leaves out
        return Published(_restormer_descriptor(tensors, path), name).eval()
    loader = _class("spandrel", "ModelLoader")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            descriptor: Any = loader().load_from_state_dict(dict(tensors))
        except Exception as error:  # spandrel guesses sizes from tensors: what does not fit fails in any way
            reason = " ".join(str(error).split())[:120] or type(error).__name__
            raise ModelError(f"{path} holds no network that spandrel knows ({reason}): name other weights") from error
    if descriptor.purpose == "Inpainting":
        raise ModelError(f"{path} holds {descriptor.architecture.id}, which fills in by a mask: name other weights")
    return Published(descriptor, name).eval()


def _restormer_descriptor(tensors: Mapping[str, Tensor], path: Path) -> _Descriptor:
    """Restormer with its authors' weights for three channels, in deepinv's class.

    Raises:
        ModelError: They are not those of that network at its published size.
    """
    network = Peer(PeerConfig.model_validate({"architecture": "restormer"})).network
    try:
        network.load_state_dict(tensors)
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:120]
        raise ModelError(f"{path} does not hold a Restormer for RGB ({reason}): name other weights") from error
    return _Descriptor(network)


class _Descriptor:
    """What `Published` asks of spandrel, of a network that spandrel does not know."""

    architecture = SimpleNamespace(id="Restormer")
    size_requirements = SimpleNamespace(multiple_of=8, minimum=8, square=False)
    scale, input_channels = 1, 3

    def __init__(self, model: nn.Module) -> None:
        self.model = model

    def __call__(self, degraded: Tensor) -> Tensor:
        """Restore."""
        return _plain(self.model, degraded)
