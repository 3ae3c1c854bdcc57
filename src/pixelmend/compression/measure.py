"""What a model in a file costs and what it is worth, beside the one that it was made from."""

from __future__ import annotations

import statistics
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from pixelmend.data.validation import mean_scores
from pixelmend.evaluation.memory import PeakMemory
from pixelmend.inference import OnnxEngine
from pixelmend.models.measure import count_parameters, macs_per_pixel

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from pixelmend.data.validation import ValidationSet
    from pixelmend.models import Hybrid

SIDE = 256
"""Of the picture that speed and memory are measured on, pixels; rounded up to what the network takes."""
TURNS = 15
"""How often both models run, in turn."""


@dataclass(frozen=True)
class Figures:
    """What was measured of one model.

    Attributes:
        step: What was done last: "original", "pruned 45%", "recovered 45%", "int8".
        file_bytes: Of the ONNX file.
        parameters: How many numbers were learned.
        macs_per_pixel: Multiplications with an addition each, for each pixel that goes in.
        megapixels_per_second: That go in, in ONNX Runtime on the processor, in its fastest run.
        speed: Relative to the original: the fastest run of each, of many that took turns.
        peak_mb: Memory of a run at its peak, 10⁶ bytes; None where this system does not tell.
        psnr: Of each kind of damage, dB, mean over the pictures.
        loss_db: What the mean over kinds of damage lost against the original, dB.
    """

    step: str
    file_bytes: int
    parameters: int
    macs_per_pixel: float
    megapixels_per_second: float
    speed: float
    peak_mb: float | None
    psnr: dict[str, float]
    loss_db: float

    def to_json(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)


class Bench:
    """Measures models against the first one.

    Args:
        pictures: Damage and pictures that quality is measured on; on the processor.
        original: The ONNX file of the first one.
        model: Its network.
    """

    def __init__(self, pictures: ValidationSet, original: Path, model: Hybrid) -> None:
        self.pictures, self._path = pictures, original
        self._first: Figures | None = None
        self.original = self.measure("original", original, model)

    def measure(self, step: str, path: Path, model: Hybrid) -> Figures:
        """Measure a model.

        Args:
            step: What was done last.
            path: Its ONNX file, which is what is run.
            model: Its network, which is only counted.

        Raises:
            ModelError: The file cannot be run.
        """
        needs, conditions = model.config.multiple_of, model.config.conditions
        side = -(-SIDE // needs) * needs
        engine = OnnxEngine(path, "cpu")
        rate, speed, peak = _run(engine, OnnxEngine(self._path, "cpu"), side, conditions)
        scores = self.pictures.score(_Running(engine, conditions), conditions, precision=torch.float32)
        psnr = mean_scores(scores)["psnr"]
        figures = Figures(
            step=step,
            file_bytes=path.stat().st_size,
            parameters=count_parameters(model),
            macs_per_pixel=macs_per_pixel(model, conditions=len(conditions), size=(side, side)),
            megapixels_per_second=rate,
            speed=speed if self._first else 1.0,
            peak_mb=peak,
            psnr=psnr,
            loss_db=_mean(self._first.psnr) - _mean(psnr) if self._first else 0.0,
        )
        self._first = self._first or figures
        return figures


class _Running(nn.Module):
    """An ONNX file where a network is wanted."""

    def __init__(self, engine: OnnxEngine, conditions: Sequence[str]) -> None:
        super().__init__()
        self._engine, self._conditions = engine, conditions

    def forward(self, degraded: Tensor, *conditions: Tensor) -> Tensor:
        """Shapes as those of a network; on the processor."""
        n, _, h, w = degraded.shape
        told = {name: _array(each.expand(n, 1, h, w)) for name, each in zip(self._conditions, conditions, strict=True)}
        restored = torch.from_numpy(self._engine.run(_array(degraded), told))
        if "mask" not in told:
            return restored
        # As in the program: what is known stays as it was.
        return torch.where(torch.from_numpy(told["mask"]) > 0, restored, degraded)


def _array(tensor: Tensor) -> NDArray[np.float32]:
    return np.ascontiguousarray(tensor.numpy())


def _run(
    engine: OnnxEngine, other: OnnxEngine, side: int, conditions: Sequence[str]
) -> tuple[float, float, float | None]:
    """Megapixels a second, speed relative to the other, and memory at the peak in megabytes."""
    picture = np.random.default_rng(0).random((1, 3, side, side), dtype=np.float32)
    told = {name: np.full((1, 1, side, side), 0.1, np.float32) for name in conditions}

    def seconds(one: OnnxEngine) -> float:
        return _seconds(lambda: one.run(picture, told))

    seconds(engine), seconds(other)
    # Whatever else the machine does makes a run slower, never faster: the fastest is nearest to the model's own time.
    turns = [(seconds(other), seconds(engine)) for _ in range(TURNS)]
    theirs, mine = (min(times) for times in zip(*turns, strict=True))
    peak = PeakMemory().of(lambda: engine.run(picture, told))
    return side * side / 1e6 / mine, theirs / mine, peak


def _seconds(call: Callable[[], object]) -> float:
    begin = time.perf_counter()
    call()
    return time.perf_counter() - begin


def _mean(scores: dict[str, float]) -> float:
    return statistics.fmean(scores.values())


def table(figures: Sequence[Figures]) -> str:
    """The figures as lines of text, one for each step."""
    damage = list(figures[0].psnr)
    heads = ["step", "MB", "parameters", "kMAC/px", "MP/s", "speed", "peak MB", *damage, "loss dB"]
    rows = [
        [
            each.step,
            f"{each.file_bytes / 1e6:.2f}",
            f"{each.parameters:,}",
            f"{each.macs_per_pixel / 1e3:.1f}",
            f"{each.megapixels_per_second:.2f}",
            f"×{each.speed:.2f}",
            "–" if each.peak_mb is None else f"{each.peak_mb:.0f}",
            *(f"{each.psnr[name]:.2f}" for name in damage),
            f"{each.loss_db:+.3f}",
        ]
        for each in figures
    ]
    # Damage in words can be long: then the columns are called by number, and told below.
    names = {name: name if len(name) <= 12 else f"dB ({number})" for number, name in enumerate(damage, 1)}
    heads = [names.get(head, head) for head in heads]
    widths = [max(len(row[column]) for row in [heads, *rows]) for column in range(len(heads))]
    lines = [
        "  ".join(cell.ljust(width) if not column else cell.rjust(width) for column, (cell, width) in enumerate(cells))
        for cells in (list(zip(row, widths, strict=True)) for row in [heads, *rows])
    ]
    told = [f"{short}: {' '.join(name.split())}" for name, short in names.items() if name != short]
    return "\n".join([*lines, *told])
