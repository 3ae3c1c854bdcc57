"""What the methods through deepinv share: our denoiser as deepinv calls one, and a picture's damage as its physics."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import torch.nn.functional as F

from pixelmend import catalog
from pixelmend.degradations.motion import fill
from pixelmend.degradations.resample import resize
from pixelmend.diagnosis.noise import estimate_sigma
from pixelmend.errors import MissingExtraError, ModelError, UsageError
from pixelmend.inference.engines import OnnxEngine
from pixelmend.inference.sizes import pad, padded_length

if TYPE_CHECKING:
    from torch import Tensor

    from pixelmend.evaluation.method import Setup
    from pixelmend.evaluation.problem import Pixels, Problem

_LEAST_SIGMA = 1.0
"""No blurred picture is taken to have less noise, 0–255 scale: rounding to 8 bits and an inexact kernel act alike."""
_CG_STEPS, _CG_TOLERANCE = 60, 1e-5
"""At most so many conjugate gradients for a data step that undoes a blur, and the relative residual to stop at."""


class OurDenoiser(torch.nn.Module):
    """A shipped network that takes Gaussian noise away, as deepinv calls its denoisers. Gives no gradients.

    Attributes:
        card: What is known of the network.

    Args:
        card: Of a denoiser that is told the noise level.
        setup: What it runs on.

    Raises:
        ModelError: The file is damaged or is not the card's.
    """

    def __init__(self, card: catalog.Card, setup: Setup) -> None:
        super().__init__()
        catalog.verify(card)
        self.card = card
        self._engine = OnnxEngine(card.path, device=setup.device, threads=setup.threads)

    def forward(self, x: Tensor, sigma: float | Tensor, **_: object) -> Tensor:
        """Take noise away.

        Args:
            x: (N, 1, H, W) or (N, 3, H, W), [0, 1] or beyond. A gray picture becomes three equal channels, whose
                results are averaged.
            sigma: Noise level on the [0, 1] scale, one number or (N,); brought into the card's ``sigma_range``.
            **_: What deepinv tells some denoisers; not used.

        Returns:
            Of the same shape, type and device, not clamped.

        Raises:
            ModelError: The network failed on this picture.
        """
        height, width = x.shape[2:]
        needs = {"multiple_of": self.card.multiple_of, "minimum": self.card.minimum}
        rows, columns = padded_length(height, **needs), padded_length(width, **needs)
        planes = x.detach().to("cpu", torch.float32).expand(-1, 3, -1, -1)
        # ``pad`` extends (H, W, C): all planes of all pictures are its channels
        stack = pad(planes.permute(2, 3, 0, 1).reshape(height, width, -1).numpy(), rows, columns)
        batch = np.ascontiguousarray(stack.transpose(2, 0, 1)).reshape(-1, 3, rows, columns)
        low, high = self.card.sigma_range
        level = torch.as_tensor(sigma, dtype=torch.float32).detach().cpu().clamp(low / 255, high / 255)
        levels = level.reshape(-1, 1, 1, 1).expand(len(batch), 1, rows, columns).contiguous().numpy()
        try:
            restored = self._engine.run(batch, {"noise_level": levels})
        except MemoryError as error:
            raise ModelError(f"a whole picture of {height}×{width} does not fit into memory ({error})") from error
        result = torch.from_numpy(restored)[..., :height, :width]
        return (result.mean(1, keepdim=True) if x.shape[1] == 1 else result).to(x)


def our_denoiser(setup: Setup) -> OurDenoiser:
    """The denoiser that ships.

    Raises:
        ModelError: The installation is damaged.
        UsageError: It cannot run on this device.
    """
    return OurDenoiser(catalog.find("denoise"), setup)


def deepinv() -> Any:
    """The library of that name.

    Raises:
        MissingExtraError: It is not installed.
    """
    try:
        return import_module("deepinv")
    except ModuleNotFoundError as error:
        raise MissingExtraError(error.name or "deepinv", "peers") from error


@dataclass(frozen=True)
class Observed:
    """A problem as deepinv sees it: ``y = physics(clean) + noise``, all of them float32.

    Attributes:
        physics: A ``deepinv.physics.LinearPhysics``.
        y: What was observed, (1, C, h, w).
        start: A first guess of the clean picture, (1, C, H, W), with a frame of ``border`` pixels.
        border: How far beyond what is wanted the clean picture must be known, pixels.
        sigma01: Level of the noise on the [0, 1] scale; 0 where none is told and none is to be expected.
    """

    physics: Any
    y: Tensor
    start: Tensor
    border: int
    sigma01: float

    def pixels(self, restored: Tensor) -> Pixels:
        """What a method returns for its result, of the shape of ``start``: float32 without frame, (H, W[, 3])."""
        height, width = restored.shape[2:]
        inner = restored[0, :, self.border : height - self.border, self.border : width - self.border]
        planes: Pixels = inner.detach().cpu().permute(1, 2, 0).contiguous().numpy().astype(np.float32, copy=False)
        return planes[..., 0].copy() if planes.shape[2] == 1 else planes


def observe(problem: Problem, device: str = "cpu") -> Observed:
    """A problem as deepinv sees it.

    A blur is taken to reach beyond the picture's border: what lies there is unknown and restored along with the
    picture, so that no assumption about it (mirrored, periodic) spoils the restored edges.

    Args:
        problem: One of denoise, super-resolve, inpaint and deconvolve.
        device: Where the tensors are to be.

    Raises:
        UsageError: Another task, or the mask or kernel is missing.
        MissingExtraError: deepinv is not installed.
    """
    physics = deepinv().physics
    pixels = problem.degraded[..., np.newaxis] if problem.is_gray else problem.degraded
    y = torch.tensor(np.ascontiguousarray(pixels.transpose(2, 0, 1))[np.newaxis], device=device)
    sigma01 = (problem.sigma or 0.0) / 255
    if problem.task == "denoise":
        return Observed(physics.Denoising(), y, y, 0, _noise01(problem))
    if problem.task == "super-resolve":
        size = y.shape[2] * problem.scale, y.shape[3] * problem.scale
        return Observed(resizing(size, (y.shape[2], y.shape[3])).to(device), y, resize(y, *size), 0, sigma01)
    if problem.task == "inpaint" and problem.missing is not None:
        lost = torch.tensor(problem.missing, device=device)[None, None].float()
        y = y * (1 - lost)
        masking = physics.Inpainting(img_size=tuple(y.shape[1:]), mask=(1 - lost).expand_as(y).clone(), device=device)
        return Observed(masking, y, fill(y, lost), 0, sigma01)
    if problem.task == "deconvolve" and problem.kernel is not None:
        kernel = torch.tensor(problem.kernel, device=device)[None, None]
        steps = {"max_iter": _CG_STEPS, "tol": _CG_TOLERANCE, "implicit_backward_solver": False}
        blur = physics.Blur(filter=kernel, padding="valid", use_fft=True, device=device, **steps)
        border = problem.kernel.shape[0] // 2
        start = F.pad(y, (border,) * 4, mode="replicate")
        return Observed(blur, y, start, border, max(_noise01(problem), _LEAST_SIGMA / 255))
    raise UsageError(
        f"got the task {problem.task} without its mask or kernel, or another than: "
        "denoise, super-resolve, inpaint with a mask, deconvolve with a kernel"
    )


def keep_what_is_known(restored: Pixels, problem: Problem) -> Pixels:
    """Put the pixels that are not missing back where no noise is told: nothing can know them better."""
    if problem.missing is None or problem.sigma:
        return restored
    lost = problem.missing if problem.is_gray else problem.missing[..., np.newaxis]
    return np.where(lost, restored, problem.degraded)


def resizing(size: tuple[int, int], smaller: tuple[int, int]) -> Any:
    """MATLAB's bicubic ``imresize`` to a smaller size, as physics.

    deepinv's own ``Downsampling(filter="bicubic")`` samples elsewhere: in the middle of pictures it agrees with MATLAB
    for scale 2, but differs by up to 0.1 for 3 and 4. As resizing works along rows and columns one after the other,
    its singular vectors are products of theirs, which makes the proximal operator exact and fast.

    Args:
        size: Height and width before.
        smaller: Height and width after, neither larger.

    Returns:
        A ``deepinv.physics.DecomposablePhysics`` from (N, C, *size) to (N, C, *smaller).
    """
    (left_u, rows, left_v), (right_u, columns, right_v) = (
        _singular(*sides) for sides in zip(size, smaller, strict=True)
    )
    values = torch.zeros(1, 1, *size)
    values[..., : smaller[0], : smaller[1]] = rows[:, None] * columns

    class Resizing(deepinv().physics.DecomposablePhysics):  # type: ignore[misc]
        """Full singular vectors: the picture's space has more dimensions than that of what is observed."""

        def __init__(self) -> None:
            super().__init__(mask=values)
            for name, basis in {"lu": left_u, "lv": left_v, "ru": right_u, "rv": right_v}.items():
                self.register_buffer(name, basis)

        def U(self, x: Tensor) -> Tensor:  # noqa: N802
            cut: Tensor = x[..., : smaller[0], : smaller[1]]
            return self.lu @ cut @ self.ru.T  # type: ignore[no-any-return]

        def U_adjoint(self, x: Tensor) -> Tensor:  # noqa: N802
            return F.pad(self.lu.T @ x @ self.ru, (0, size[1] - smaller[1], 0, size[0] - smaller[0]))

        def V(self, x: Tensor) -> Tensor:  # noqa: N802
            return self.lv @ x @ self.rv.T  # type: ignore[no-any-return]

        def V_adjoint(self, x: Tensor) -> Tensor:  # noqa: N802
            return self.lv.T @ x @ self.rv  # type: ignore[no-any-return]

    return Resizing()


def _singular(before: int, after: int) -> tuple[Tensor, Tensor, Tensor]:
    """U, singular values and V of resizing a column of pixels: U diag(values) V[:, :after].T."""
    matrix = resize(torch.eye(before, dtype=torch.float64), after, before)
    u, values, v = torch.linalg.svd(matrix, full_matrices=True)
    return u.float(), values.float(), v.T.contiguous().float()


def _noise01(problem: Problem) -> float:
    """The noise level that is told, or what is estimated, on the [0, 1] scale."""
    sigma = estimate_sigma(problem.degraded) if problem.sigma is None else problem.sigma
    return max(sigma, 0.0) / 255
