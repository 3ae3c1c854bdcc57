"""Fit a network to someone's own noisy pictures, without any clean one.

Noise under a microscope or in a scan is not what a network of photographs has met: it grows with brightness, it may
spread to neighbouring pixels, and the level that `pixelmend restore` estimates may be far off. So the law of the noise
is measured first (`noise_law`). Then the network is asked how it does best: told the estimates, or told one level
always; in the latter case that level is built into its first layer and it hears no other. Then it learns (`selfmade`).
Pixels that are held out of all learning judge.
"""

from __future__ import annotations

import copy
import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from pixelmend.errors import DataError, ModelError, UsageError
from pixelmend.images import to_unit
from pixelmend.training.interrupt import StopSignals
from pixelmend.training.machine import choose_device, choose_precision, keep_large_blocks
from pixelmend.training.muon import MuonAdamW, muon_parameters
from pixelmend.training.noise_law import measure_noise
from pixelmend.training.noisy import Cutter
from pixelmend.training.optimizers import average, clip, set_rates
from pixelmend.training.schedule import Budget, rate_factor
from pixelmend.training.selfmade import Lesson, best_quarter, from_neighbors, from_recorruption, lesson_error

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pixelmend.models import Hybrid
    from pixelmend.training.noise_law import NoiseLaw
    from pixelmend.training.noisy import Crops, NoisyPicture

PATCH = 128
"""What the network is given is so high and wide, pixels; crops are twice as large. Less for small pictures."""
PIXELS = 4 * PATCH**2
"""What the network is given in a step, or twice that where noise spreads."""
JUDGED = 48
"""Crops that are held out, or one of each picture where there are more pictures."""
LOOKS = 10
"""How often a run is judged."""
PATIENCE = 4
"""So many looks without a better one end the run."""
LEVELS = (7.0, 12.0, 20.0, 35.0, 55.0)
"""Noise levels that are tried instead of the estimates, 0–255 scale."""
STRONG = 35.0
"""The level that the network is told, or more, to leave nothing but noise behind, 0–255 scale."""
STRONGEST, MORE, ROUNDS = 75.0, 1.5, 3
"""Where noise spreads: up to this level, so many times as much as it seems to need, found in so many rounds."""
MEASURED_SIDE = 640
"""The law is measured on a part of this side at most, from the middle of each picture, pixels."""
MUON_RATE, ADAM_RATE = 0.003, 3e-4
EMA = 0.98
CLIP = 1.0
WARMUP = 10
FLOOR = 1e-6
"""Added to every loss, about that of rounding to 8 bits: a picture without noise has nothing to tell."""
LEAST_GAIN = 0.002
"""What the loss must fall by, as a share of what it was, to count as better."""


@dataclass(frozen=True)
class AdaptOptions:
    """How to adapt.

    Attributes:
        minutes: Budget; not used where steps are given.
        steps: Budget in steps; makes a run repeatable.
        seed: Decides what is held out and what is drawn.
        device: "auto", "cpu", "cuda" or "mps".
        precision: "auto", "bf16" or "fp32".
    """

    minutes: float = 5.0
    steps: int | None = None
    seed: int = 0
    device: str = "auto"
    precision: str = "auto"


@dataclass(frozen=True)
class Adapted:
    """What came of it.

    Attributes:
        model: The best averaged weights, float32, on the CPU, in evaluation mode.
        gain: By how much the loss on held-out pixels fell, as a share of what it was: 0 where nothing was gained.
        level: The noise level that was built in, 0–255 scale; None where the network hears what it is told.
        step: Steps until these weights.
        mpx: Megapixels learnt from.
        minutes: Duration.
        interrupted: Somebody asked to stop before the budget was used.
    """

    model: Hybrid
    gain: float
    level: float | None
    step: int
    mpx: float
    minutes: float
    interrupted: bool


def smallest_side(model: Hybrid) -> int:
    """Height and width that a picture must have to be learnt from, pixels."""
    return 2 * int(model.config.multiple_of)


def adapt(
    model: Hybrid, pictures: Sequence[NoisyPicture], options: AdaptOptions, *, tell: Callable[[str], None]
) -> Adapted:
    """Fit a network to noisy pictures.

    Asked to stop once (Ctrl-C), it ends after the step under way and gives the best so far.

    Args:
        model: Where to start from; it is not changed.
        pictures: One or more, none smaller than `smallest_side`.
        options: How.
        tell: Takes one line.

    Raises:
        DataError: A picture is too small.
        UsageError: The network is not told a noise level and that alone, or it enlarges.
        ModelError: The loss is not finite.
        KeyboardInterrupt: Somebody asked twice.
    """
    if tuple(model.config.conditions) != ("noise_level",) or model.config.scale != 1:
        raise UsageError("these weights are not those of a denoiser: start from weights that are told a noise level")
    run = _Run(model, pictures, options, tell)
    signals = StopSignals()
    signals.listen()
    try:
        run.choose_level()
        while not (signals.received or run.is_over()):
            run.step()
    finally:
        signals.restore()
    if not signals.received:
        run.look()
    return run.result(interrupted=signals.received)


def hear_only(model: Hybrid, sigma: float) -> None:
    """Build a noise level into the first layer, as if it were told always; what is told is not heard any more.

    Exact but for the outermost pixels, where the layer's padding stands for a level of zero.

    Args:
        model: Changed in place.
        sigma: 0–255 scale.
    """
    weight, bias, heard = model.stem.weight, model.stem.bias, _heard(model)
    assert bias is not None  # noqa: S101 (for the type checker: the stem has one)
    with torch.no_grad():
        bias += weight[:, heard].sum((1, 2, 3)) * (sigma / 255)
        weight[:, heard] = 0


def _heard(model: Hybrid) -> slice:
    """Which inputs of the first layer come from the noise level: the last ones."""
    inputs = model.stem.in_channels
    return slice(inputs - inputs // 4, inputs)


class _Run:
    """One run: the network in learning, its average, and the best average so far."""

    def __init__(
        self, model: Hybrid, pictures: Sequence[NoisyPicture], options: AdaptOptions, tell: Callable[[str], None]
    ) -> None:
        self.options, self.tell = options, tell
        self.device = choose_device(options.device)
        self.half = choose_precision(options.precision, self.device) == "bf16"
        keep_large_blocks()
        self.side = _patch(model, pictures)
        self.batch = max(1, PIXELS // self.side**2)
        self.cutter = Cutter(pictures, 2 * self.side, options.seed)
        self.judged = self.cutter.to_judge(JUDGED, np.random.default_rng((options.seed, 1)))
        self.model = copy.deepcopy(model).to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload] # torch's own annotation lacks it
        self.first = copy.deepcopy(self.model).requires_grad_(requires_grad=False).eval()
        measured = [self._law(each) for each in pictures]
        self.laws, self.strong = [law for law, _ in measured], [level for _, level in measured]
        spread = sum(law.spreads for law in self.laws)
        tell(f"noise spreads to neighbouring pixels in {spread} of {len(pictures)} pictures")
        self.level: float | None = None
        self.start = self._losses(self.model)
        # A picture's loss counts relative to where it started, so that the noisiest one does not drown the others.
        self.weights = 1 / (self.start + FLOOR)
        self.best, self.best_step, self.best_model = 1.0, 0, copy.deepcopy(self.model)
        seconds = 60 * options.minutes if options.steps is None else None
        self.budget = Budget(options.steps, seconds)
        self.done, self.waited, self.begun = 0, 0, time.perf_counter()
        self._looked, self._looked_step, self._learnt_seconds = self.begun, 0, 0.0

    def choose_level(self) -> None:
        """Find the level that the network does best with, and make all ready to learn from there."""
        for level in LEVELS:
            heard = copy.deepcopy(self.model)
            hear_only(heard, level)
            if (loss := self._judge(heard)) < self.best:
                self.best, self.level, self.best_model = loss, level, heard
        what = "as estimated" if self.level is None else f"always {self.level:g}"
        self.tell(f"noise level {what}: loss {self.best:.4f} of what it was on pixels held out")
        self.model = copy.deepcopy(self.best_model).train()
        self.ema = copy.deepcopy(self.best_model).requires_grad_(requires_grad=False)
        matrices, others = muon_parameters(self.model, excluded=("stem", "head"))
        rates = {"muon_rate": MUON_RATE, "adam_rate": ADAM_RATE, "decay": 0}
        self.optimizer = MuonAdamW(matrices, others, **rates, precision="bf16" if self.half else "fp32")
        self._looked = time.perf_counter()

    def is_over(self) -> bool:
        """Whether the budget is used, or nothing gets better any more."""
        self.budget.elapsed = time.perf_counter() - self.begun
        return self.waited >= PATIENCE or self.budget.is_over(self.done)

    def step(self) -> None:
        """One step, and a look where it is time for one."""
        factor = rate_factor(self.done, self.budget.planned, WARMUP)
        set_rates(self.optimizer, factor)
        numbers = (self.options.seed, 2, self.done)
        crops = self.cutter.draw(self.batch, np.random.default_rng(numbers))
        noise = torch.Generator().manual_seed(int(np.random.default_rng((*numbers, 0)).integers(2**62)))
        losses = self._compare(self.model, crops, ~crops.held_out, noise)
        loss = (losses * self.weights[crops.picture.to(self.device)]).mean()
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call] # torch's own annotation lacks it
        if self.level is not None and self.model.stem.weight.grad is not None:
            self.model.stem.weight.grad[:, _heard(self.model)] = 0
        clip(self.model.parameters(), CLIP)
        self.optimizer.step()
        self.done += 1
        average(self.ema, self.model, decay=EMA, steps=self.done)
        since = self.done - self._looked_step
        if self.done == WARMUP or since >= max(1.0, self.budget.planned / LOOKS):
            self.look()

    def look(self) -> None:
        """Judge the averaged weights, keep them where they are the best, and tell."""
        steps, now = self.done - self._looked_step, time.perf_counter()
        if not steps:
            return
        pace = (now - self._looked) / steps
        loss = self._judge(self.ema)
        if not math.isfinite(loss):
            raise ModelError(f"the loss is {loss} at step {self.done}: nothing was written; try another --seed")
        better = loss < self.best
        if better:
            self.best, self.best_step, self.best_model = loss, self.done, copy.deepcopy(self.ema)
        self.waited = 0 if better else self.waited + 1
        self.budget.elapsed = time.perf_counter() - self.begun
        self.budget.plan(self.done, pace)
        left = self.budget.seconds_left(self.done, pace)
        self.tell(
            f"step {self.done}/{self.budget.planned:.0f} · loss {loss:.4f} of what it was{' · best so far' * better}"
            f" · {self.batch * self.side**2 / pace / 1e6:.2f} Mpx/s · {int(left) // 60}:{int(left) % 60:02} left"
        )
        self._looked, self._looked_step = time.perf_counter(), self.done

    def result(self, *, interrupted: bool) -> Adapted:
        """The best so far."""
        gain = 1 - self.best
        return Adapted(
            model=self.best_model.to("cpu", memory_format=torch.contiguous_format).eval(),
            gain=gain if gain >= LEAST_GAIN else 0.0,
            level=self.level,
            step=self.best_step,
            mpx=self.best_step * self.batch * self.side**2 / 1e6,
            minutes=(time.perf_counter() - self.begun) / 60,
            interrupted=interrupted,
        )

    def _judge(self, model: Hybrid) -> float:
        """Mean over pictures of the loss on held-out pixels, relative to that of the network as it came."""
        return float(((self._losses(model) + FLOOR) * self.weights).mean())

    @torch.inference_mode()
    def _losses(self, model: Hybrid) -> Tensor:
        """Loss on the held-out pixels of each picture, (pictures,), always on the same pairs."""
        model.eval()
        generator = torch.Generator().manual_seed(self.options.seed)
        total = torch.zeros(len(self.cutter.pictures), device=self.device)
        count = torch.zeros_like(total)
        for crops in self.judged.split(self.batch):
            losses, picture = self._compare(model, crops, crops.held_out, generator), crops.picture.to(self.device)
            total.index_add_(0, picture, losses)
            count.index_add_(0, picture, torch.ones_like(losses))
        return total / count

    def _compare(self, model: Hybrid, crops: Crops, mask: Tensor, generator: torch.Generator) -> Tensor:
        """How far the network is from what lessons made of these crops compare it with, on the mask, (N,)."""
        lessons = [self._lesson(crops, index, mask[index], generator) for index in range(len(mask))]
        whose = torch.cat([torch.full((len(each.given),), index) for index, each in enumerate(lessons)])
        parts = ("given", "other", "noise", "mask")
        lesson = Lesson(*(torch.cat([getattr(each, part) for each in lessons]).to(self.device) for part in parts))
        given = lesson.given.contiguous(memory_format=torch.channels_last)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.half):
            restored = model(given, crops.level[whose].to(self.device)).float()
        # As `restore` does: of a grey picture the mean of the three channels is what counts.
        restored = torch.where(crops.gray[whose].to(self.device), restored.mean(1, keepdim=True), restored)
        errors = lesson_error(restored, lesson)
        shares = 1 / whose.bincount()[whose]
        return errors.new_zeros(len(lessons)).index_add(0, whose.to(self.device), errors * shares.to(self.device))

    def _lesson(self, crops: Crops, index: int, mask: Tensor, generator: torch.Generator) -> Lesson:
        """Made on the CPU, so that it is the same on every device."""
        law, noisy = self.laws[int(crops.picture[index])], crops.noisy[index]
        if not law.spreads:
            return from_neighbors(noisy, mask, generator)
        rows, columns = best_quarter(mask)
        noisy, mask = noisy[:, rows, columns], mask[:, rows, columns]
        clean = self._strongly(noisy, self.strong[int(crops.picture[index])])
        # In a grey picture all channels hold the same noise.
        clean = clean.mean(0, keepdim=True) if crops.gray[index] else clean
        return from_recorruption(noisy, law.draw(clean, generator).expand(3, -1, -1), mask)

    @torch.no_grad()
    def _law(self, picture: NoisyPicture) -> tuple[NoiseLaw, float]:
        """Measured on the middle of the picture; and the level that leaves nothing but noise behind, 0–255 scale."""
        needs = self.first.config.multiple_of
        sides = [min(length, MEASURED_SIDE) // needs * needs for length in picture.pixels.shape[:2]]
        top, left = ((length - side) // 2 for length, side in zip(picture.pixels.shape, sides, strict=False))
        part = to_unit(picture.pixels[top : top + sides[0], left : left + sides[1]]).transpose(2, 0, 1)
        noisy = torch.from_numpy(np.ascontiguousarray(part))
        law, level = None, max(STRONG, picture.sigma)
        for _ in range(ROUNDS):
            clean = self._strongly(noisy.expand(3, -1, -1), level)
            law = measure_noise(noisy, clean.mean(0, keepdim=True) if picture.gray else clean)
            needed = min(MORE * law.as_white, STRONGEST)
            if not law.spreads or needed <= level:
                break
            # Noise that spreads is coarse as well, and looks weaker than it is to who thinks that it is white.
            level = needed
        assert law is not None  # noqa: S101 (for the type checker)
        return law, level

    @torch.no_grad()
    def _strongly(self, noisy: Tensor, sigma: float) -> Tensor:
        """Noise taken out of (3, H, W), rather too much than too little, by the network as it came; on the CPU."""
        level = torch.full((1, 1, 1, 1), sigma / 255, device=self.device)
        given = noisy[None].to(self.device).contiguous(memory_format=torch.channels_last)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.half):
            restored: Tensor = self.first(given, level)
        return restored[0].float().cpu()


def _patch(model: Hybrid, pictures: Sequence[NoisyPicture]) -> int:
    """Side of what the network is given, pixels: a multiple of what it needs, twice that within every picture."""
    needs, smallest = model.config.multiple_of, min(min(each.pixels.shape[:2]) for each in pictures)
    side = min(max(PATCH, needs), smallest // 2) // needs * needs
    if not side:
        raise DataError(f"the smallest picture has a side of {smallest}: leave out all below {smallest_side(model)}")
    return int(side)
