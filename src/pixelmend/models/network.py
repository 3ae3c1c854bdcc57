"""What every network that restores has in common, ours and those that it is measured against."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

from pixelmend.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Sequence

Condition = Literal["noise_level", "mask"]
"""What the network is told beside the picture: sigma / 255, or where pixels are lost (1 lost, 0 kept)."""


class NetworkConfig(BaseModel):
    """What is asked of every network, whatever its kind; each kind adds what its shape hangs on."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    architecture: str = Field(description="the kind of network")
    scale: int = Field(default=1, ge=1, le=4, description="height and width of the result over those of the picture")
    conditions: tuple[Condition, ...] = Field(default=(), description="maps given beside the picture")

    @property
    def multiple_of(self) -> int:
        """Height and width must be multiples of this, in pixels."""
        return 1


class Network(nn.Module, ABC):
    """Restores a degraded picture, told its conditions.

    Shapes: ``degraded`` (N, 3, H, W) float RGB, nominally in [0, 1] but never clipped; each condition (N, 1, H, W) or
    (N, 1, 1, 1), in the order of ``config.conditions``; the result (N, 3, H·scale, W·scale), not clipped. H and W must
    be multiples of ``config.multiple_of``.

    Attributes:
        config: What shape it has, and all that is needed to build it again.
    """

    config: NetworkConfig

    @abstractmethod
    def forward(self, degraded: Tensor, *conditions: Tensor) -> Tensor:
        """Restore; see the class for shapes."""

    @property
    def ends(self) -> tuple[str, ...]:
        """Names of the convolutions whose inputs or outputs are colours: the first and the last that are defined."""
        names = [name for name, module in self.named_modules() if isinstance(module, nn.Conv2d)]
        return (names[0], names[-1]) if names else ()


def check_conditions(config: NetworkConfig, conditions: Sequence[Tensor]) -> None:
    """See that a network is told as many things as its configuration names.

    Raises:
        ModelError: It is told more or fewer.
    """
    if len(conditions) != len(config.conditions):
        raise ModelError(f"got {len(conditions)} conditions, wanted {list(config.conditions)}")
