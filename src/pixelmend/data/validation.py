"""The pictures that choose: damaged once, the same way each time, and scored whole."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from pixelmend.data.batches import NO_DAMAGE, with_what_is_kept
from pixelmend.data.damage_files import plan_for
from pixelmend.data.sources import list_pictures
from pixelmend.degradations import perform, white_noise_level
from pixelmend.degradations.repeatable import gaussian_noise_for
from pixelmend.errors import DataError, UsageError
from pixelmend.images import read_float
from pixelmend.metrics import as_displayed, ssim

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from pixelmend.degradations import Part

SIGMAS = (15.0, 25.0, 50.0)
"""Noise levels of the field's tables, 0–255 scale."""


@dataclass(frozen=True)
class Sample:
    """One picture under one damage, float32 on a device.

    Attributes:
        case: Name of the damage.
        picture: The file's name.
        clean: (1, 3, H, W) in [0, 1].
        degraded: (1, 3, H / scale, W / scale).
        conditions: By name, (1, 1, h, w) or (1, 1, 1, 1).
    """

    case: str
    picture: str
    clean: Tensor
    degraded: Tensor
    conditions: Mapping[str, Tensor]


@dataclass(frozen=True)
class Measures:
    """What is measured beside PSNR."""

    ssim: bool = False
    lpips: Callable[[Tensor, Tensor], Tensor] | None = None


Scores = dict[str, dict[str, float]]
"""By measure ("psnr" in dB, "ssim", "lpips"), then by case: the mean over the pictures."""


class ValidationSet:
    """Clean pictures and the damage that they are scored under: a function of the chain and the file's name.

    Args:
        folders: Where the pictures are, colour; each is cropped to a multiple of ``multiple_of`` · ``scale``, pixels.
        device: Where they are to live.
        multiple_of: What the network asks of height and width.
        cases: Damage by name, see `noise_cases`; a number is white Gaussian noise of that sigma, 0–255.
        scale: Height and width of the result over those of the degraded picture.
        largest: Of larger pictures the middle is taken, this high and wide at most, pixels; None takes all.
        kept: What the clean pictures suffer too, since it is not to be undone.

    Raises:
        DataError: A folder is missing, empty, or holds a picture smaller than that multiple.
        UsageError: A chain gives another size than the network takes, or what is kept changes the size or loses pixels.
    """

    def __init__(  # noqa: PLR0913  (all but the first three have a default)
        self,
        folders: Sequence[Path],
        device: torch.device,
        *,
        multiple_of: int,
        cases: Mapping[str, Part | float] | None = None,
        scale: int = 1,
        largest: int | None = None,
        kept: Part = NO_DAMAGE,
    ) -> None:
        self.cases = noise_cases() if cases is None else dict(cases)
        self.scale, self.device = scale, device
        self.clean: list[tuple[str, Tensor]] = []
        step = multiple_of * scale
        for path in list_pictures(folders):
            pixels = _middle(read_float(path, color="rgb"), largest)
            height, width = (side // step * step for side in pixels.shape[:2])
            if not height or not width:
                raise DataError(f"{path} is smaller than {step}×{step} pixels: validate on larger pictures")
            clean = _batch(pixels[:height, :width], device)
            # Drawn by another name than the damage is, or what is kept soft would always be damaged as much.
            plan = plan_for(kept, f"{path.stem}, clean", 0)
            self.clean.append((path.name, with_what_is_kept(clean, [plan])))
        for name, chain in self.cases.items():
            self._sample(name, chain, *self.clean[0])

    def __len__(self) -> int:
        """How many pictures there are."""
        return len(self.clean)

    def samples(self, start: int = 0, step: int = 1) -> Iterator[Sample]:
        """Every picture under every damage, made as it is asked for: from number ``start``, each ``step``-th."""
        each = [(case, picture) for case in self.cases.items() for picture in self.clean]
        for case, picture in each[start::step]:
            yield self._sample(*case, *picture)

    def _sample(self, case: str, chain: Part | float, name: str, clean: Tensor) -> Sample:
        if isinstance(chain, float | int):
            # Not by a chain: this noise is the one that the tables of the evaluation have.
            noise = gaussian_noise_for(name, (*clean.shape[2:], 3), 255.0, seed=0)
            level = torch.full((1, 1, 1, 1), chain / 255, device=self.device)
            degraded = clean + _batch(noise, self.device) * (chain / 255)
            return Sample(case, name, clean, degraded, {"noise_level": level, "mask": torch.zeros_like(level)})
        done = perform(clean, [plan_for(chain, name.rpartition(".")[0], 0)])
        made, wanted = tuple(done.pictures.shape[2:]), tuple(side // self.scale for side in clean.shape[2:])
        if made != wanted:
            raise UsageError(
                f"validating on {case!r} makes {made} of {tuple(clean.shape[2:])}, wanted {wanted}: "
                "give the network the scale of the damage (model.scale)"
            )
        level = white_noise_level(done.plans).to(self.device)[:, None, None, None]
        mask = torch.zeros_like(level) if done.missing is None else done.missing
        degraded = done.pictures.contiguous(memory_format=torch.channels_last)
        return Sample(case, name, clean, degraded, {"noise_level": level, "mask": mask})

    def score(
        self,
        model: nn.Module,
        conditions: Sequence[str],
        *,
        precision: torch.dtype,
        measures: Measures = Measures(),
        share: tuple[int, int] = (0, 1),
    ) -> list[dict[str, str | float]]:
        """Score every picture under every damage: RGB, whole, clamped and rounded to 8 bits, the field's protocol.

        Args:
            model: Takes a degraded picture and the conditions.
            conditions: Their names, in order.
            precision: What it computes in.
            measures: What is measured beside PSNR.
            share: Number of this process and of all: each takes its part.

        Returns:
            For each sample ``case``, ``picture`` and the measures by name; see `mean_scores`.
        """
        return [
            {"case": s.case, "picture": s.picture, **_measure(restored, s.clean, measures)}
            for s, restored in self.restored(model, conditions, precision=precision, share=share)
        ]

    @torch.inference_mode()
    def restored(
        self, model: nn.Module, conditions: Sequence[str], *, precision: torch.dtype, share: tuple[int, int] = (0, 1)
    ) -> Iterator[tuple[Sample, Tensor]]:
        """Each sample and what the network makes of it, float32, not clamped."""
        for sample in self.samples(*share):
            with torch.autocast(self.device.type, precision, enabled=precision != torch.float32):
                restored = model(sample.degraded, *(sample.conditions[name] for name in conditions))
            yield sample, restored.float()


def noise_cases(sigmas: Sequence[float] = SIGMAS) -> dict[str, Part | float]:
    """White Gaussian noise of these levels, 0–255 scale, as cases of a `ValidationSet`."""
    return {f"σ{sigma:g}": sigma for sigma in sigmas}


def mean_scores(scores: Sequence[Mapping[str, str | float]]) -> Scores:
    """The mean over the pictures, for each measure and case, in the order in which they came."""
    found: dict[str, dict[str, list[float]]] = {}
    for each in scores:
        for measure, value in each.items():
            if isinstance(value, float):
                found.setdefault(measure, {}).setdefault(str(each["case"]), []).append(value)
    return {m: {case: float(np.mean(v)) for case, v in by_case.items()} for m, by_case in found.items()}


def _measure(restored: Tensor, clean: Tensor, measures: Measures) -> dict[str, float]:
    rounded = (restored.clamp(0, 1) * 255).round() / 255
    found = {"psnr": float(-10 * torch.log10((rounded - clean).square().mean()))}
    if measures.ssim:
        one, other = (t[0].permute(1, 2, 0).cpu().numpy() for t in (rounded, clean))
        found["ssim"] = ssim(as_displayed(one), other, data_range=1.0)
    if measures.lpips is not None:
        found["lpips"] = float(measures.lpips(rounded, clean)[0])
    return found


def _middle(pixels: np.ndarray, side: int | None) -> np.ndarray:
    if side is None:
        return pixels
    top, left = (max(0, length - side) // 2 for length in pixels.shape[:2])
    return pixels[top : top + side, left : left + side]


def _batch(pixels: np.ndarray, device: torch.device) -> Tensor:
    tensor = torch.from_numpy(np.ascontiguousarray(pixels)).permute(2, 0, 1)[None]
    return tensor.to(device).contiguous(memory_format=torch.channels_last)
