"""Every kind of network that a recipe can train and a weights file can hold, told apart by ``architecture``.

A kind is added by its configuration, with a class beside it, in `ARCHITECTURES`, `AnyConfig` and what `build` looks in.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Discriminator, Tag, TypeAdapter

from pixelmend.models.baselines import (
    SRCNN,
    TNRD,
    VDSR,
    DnCNN,
    DnCNNConfig,
    SRCNNConfig,
    TNRDConfig,
    UNet,
    UNetConfig,
    VDSRConfig,
)
from pixelmend.models.baselines.deblurgan import DeblurGan, DeblurGanConfig
from pixelmend.models.hybrid import Hybrid, HybridConfig
from pixelmend.models.network import Network, NetworkConfig
from pixelmend.models.peers import KINDS, Peer, PeerConfig

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["ARCHITECTURES", "AnyConfig", "Network", "NetworkConfig", "architecture_of", "build", "read_config"]

ARCHITECTURES: dict[str, type[NetworkConfig]] = {
    "hybrid": HybridConfig,
    "srcnn": SRCNNConfig,
    "vdsr": VDSRConfig,
    "dncnn": DnCNNConfig,
    "unet": UNetConfig,
    "tnrd": TNRDConfig,
    "deblurgan": DeblurGanConfig,
    **dict.fromkeys(KINDS, PeerConfig),
}
"""The configuration of each kind, by the name that recipes and weights files use."""


def architecture_of(given: Any) -> str | None:
    """Which kind a configuration or its JSON describes, "hybrid" where it does not say; None where it is neither."""
    if isinstance(given, dict):
        return str(given.get("architecture", "hybrid"))
    return given.architecture if isinstance(given, NetworkConfig) else None


def _choice(given: Any) -> str | None:
    """The member of `AnyConfig`: the networks of others share one."""
    name = architecture_of(given)
    return "peer" if name in KINDS else name


AnyConfig = Annotated[
    Annotated[HybridConfig, Tag("hybrid")]
    | Annotated[SRCNNConfig, Tag("srcnn")]
    | Annotated[VDSRConfig, Tag("vdsr")]
    | Annotated[DnCNNConfig, Tag("dncnn")]
    | Annotated[UNetConfig, Tag("unet")]
    | Annotated[TNRDConfig, Tag("tnrd")]
    | Annotated[DeblurGanConfig, Tag("deblurgan")]
    | Annotated[PeerConfig, Tag("peer")],
    Discriminator(_choice),
]
"""The configuration of some network, as a field of a recipe."""

_ANY: TypeAdapter[NetworkConfig] = TypeAdapter(AnyConfig)


def read_config(tree: dict[str, Any]) -> NetworkConfig:
    """The configuration that a weights file or a card holds as JSON.

    Raises:
        pydantic.ValidationError: An unknown kind, an unknown key or a value out of range.
    """
    return _ANY.validate_python(tree)


def _dncnn(config: DnCNNConfig) -> DnCNN:
    return DnCNN(config.channels, config.depth, config.width)


_NETWORKS: dict[type[NetworkConfig], Callable[[Any], Network]] = {
    HybridConfig: Hybrid,
    SRCNNConfig: SRCNN,
    VDSRConfig: VDSR,
    DnCNNConfig: _dncnn,
    UNetConfig: UNet,
    TNRDConfig: TNRD,
    DeblurGanConfig: DeblurGan,
    PeerConfig: Peer,
}


def build(config: NetworkConfig) -> Network:
    """The network that a configuration describes, with fresh weights.

    Raises:
        MissingExtraError: It is the network of a library that is not installed.
    """
    return _NETWORKS[type(config)](config)
