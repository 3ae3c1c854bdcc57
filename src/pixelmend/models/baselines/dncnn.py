"""DnCNN, the residual denoiser that later work is measured against.

K. Zhang, W. Zuo, Y. Chen, D. Meng and L. Zhang, "Beyond a Gaussian Denoiser: Residual Learning of Deep CNN
for Image Denoising", IEEE Transactions on Image Processing 26(7), 2017.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field, ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from pixelmend.errors import ModelError
from pixelmend.models.baselines.common import start_from_nothing, start_like_he
from pixelmend.models.network import Network, NetworkConfig, check_conditions

if TYPE_CHECKING:
    from pathlib import Path


class DnCNNConfig(NetworkConfig):
    """What shape the network has; by default the blind colour version (section IV-B)."""

    architecture: Literal["dncnn"] = "dncnn"
    scale: int = Field(default=1, ge=1, le=1, description="it does not enlarge")
    conditions: tuple[()] = Field(default=(), description="it is told nothing")
    channels: Literal[1, 3] = Field(default=3, description="1 for gray, which takes each colour alone; 3 for RGB")
    depth: int = Field(default=20, ge=2, le=64, description="convolutions")
    width: int = Field(default=64, ge=1, le=512, description="features of each layer between")


class DnCNN(Network):
    """A plain stack of 3×3 convolutions that predicts the noise (section III-A).

    The first layer is a convolution and a ReLU, the last a convolution. The paper puts batch normalization
    after each convolution between; here it is folded into the convolution, as in the published weights.
    The stack learns the residual R(y) ≈ v of equation 1, so that the picture is y − R(y).

    Args:
        channels: 1 for gray, 3 for RGB.
        depth: Number of convolutions: 17 for one known noise level, 20 for the blind version.
        width: Feature maps of each layer between.

    Raises:
        pydantic.ValidationError: Sizes that `DnCNNConfig` does not allow.
    """

    def __init__(self, channels: int, depth: int, width: int = 64) -> None:
        super().__init__()
        shape = {"channels": channels, "depth": depth, "width": width}
        self.config: DnCNNConfig = DnCNNConfig.model_validate(shape)
        layers: list[nn.Module] = [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU(inplace=True)]
        for _ in range(depth - 2):
            layers += [nn.Conv2d(width, width, 3, padding=1), nn.ReLU(inplace=True)]
        last = nn.Conv2d(width, channels, 3, padding=1)
        self.channels = channels
        self.model = nn.Sequential(*layers, last)
        start_like_he(self)
        start_from_nothing(last)

    def forward(self, degraded: Tensor, *conditions: Tensor) -> Tensor:
        """Remove the noise.

        Args:
            degraded: (N, C, H, W) float, C a multiple of ``channels``, on the scale [0, 1], which it may leave; any
                H, W ≥ 1.
            conditions: None: it is blind.

        Returns:
            The restored picture, of the same shape and scale; not clamped.
        """
        check_conditions(self.config, conditions)
        planes = degraded.reshape(-1, self.channels, *degraded.shape[2:])
        noise: Tensor = self.model(planes)
        return degraded - noise.reshape(degraded.shape)


def load_dncnn(path: Path) -> DnCNN:
    """Build the network that a weights file holds.

    Args:
        path: A safetensors file with ``model.0.weight``, ``model.0.bias``, ``model.2.weight`` and so on:
            every second entry a 3×3 convolution, with ReLUs between. Channels, depth and width are read from
            the shapes.

    Returns:
        The network in evaluation mode, in float32.

    Raises:
        ModelError: The file cannot be read, or does not hold a DnCNN.
    """
    try:
        tensors = load_file(path)
    except (OSError, SafetensorError) as error:
        raise ModelError(
            f"{path} cannot be read as safetensors weights ({error}): give the path of such a file"
        ) from error
    model = _empty_like(tensors, path)
    try:
        model.load_state_dict(tensors)
    except RuntimeError as error:
        # PyTorch lists every tensor on a line of its own; its first finding is enough to see what is wrong.
        finding = " ".join(str(error).split("\n")[1:2]).strip()
        raise _not_dncnn(path, finding) from error
    return model.float().eval()


def _empty_like(tensors: dict[str, Tensor], path: Path) -> DnCNN:
    """A network whose sizes are those of the tensors."""
    depth = len(tensors) // 2
    first = tensors.get("model.0.weight")
    last = tensors.get(f"model.{2 * (depth - 1)}.weight")
    if first is None or last is None or depth < 2 or first.ndim != 4:
        names = ", ".join(sorted(tensors)[:3]) or "no tensors"
        raise _not_dncnn(path, f"it holds {names}")
    try:
        return DnCNN(channels=first.shape[1], depth=depth, width=first.shape[0])
    except ValidationError as error:
        raise _not_dncnn(path, f"its first layer takes {first.shape[1]} channels and has {first.shape[0]}") from error


def _not_dncnn(path: Path, finding: str) -> ModelError:
    return ModelError(
        f"{path} does not hold a DnCNN ({finding}): wanted model.0.weight, model.0.bias, model.2.weight "
        "and so on, each a 3×3 convolution"
    )
