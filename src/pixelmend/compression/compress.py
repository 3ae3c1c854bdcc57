"""A trained network made smaller: pruned, recovered, stored in fewer bits; measured at each step, or refused."""

from __future__ import annotations

import json
import secrets
import shutil
import tempfile
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import torch
from pydantic import ValidationError

from pixelmend.compression.distill import Plan, distill
from pixelmend.compression.measure import Bench, Figures
from pixelmend.compression.pictures import split
from pixelmend.compression.prune import PruneOptions, prune
from pixelmend.errors import ModelError, UnwritableError, UsageError
from pixelmend.export import card_of, export, read_weights
from pixelmend.files import make_folder
from pixelmend.models import save_model
from pixelmend.training import Recipe
from pixelmend.training import lessons as lessons_of
from pixelmend.training.machine import choose_device, choose_precision, keep_large_blocks

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pixelmend.catalog import Card
    from pixelmend.compression.distill import Taught
    from pixelmend.compression.pictures import Split
    from pixelmend.compression.prune import Importance
    from pixelmend.models import Hybrid
    from pixelmend.training.lessons import Lessons

    Tell = Callable[[str], None]

Quantize = Literal["none", "int8", "fp16"]
BUDGET_DB, BUDGET_PRUNED_DB = 0.10, 0.20
"""What may be lost of the mean PSNR, where nothing else is said: without pruning, and with."""
SLOWEST = 0.97
"""Speed relative to the original that is still taken for the same: less is slower beyond noise."""
LARGEST_SIDE = 512
"""Of pictures that measure, the middle of this side is taken, pixels."""
RATE, MUON, CLEAN = 3e-4, 3e-3, 0.3
"""Peak rates of recovery (Adam's, Muon's), and what the clean picture counts in it beside what the whole network makes.

With Adam at 1e-3 a short run undid what a careful pruning had left whole.
"""
ROUNDING_STEPS, ROUNDING_RATE = 300, 3e-5
"""Of learning with rounding, at most; and its peak rate: it begins near its end."""
STEP_PIXELS, LARGEST_PATCH = 150_000, 128
"""Of a step on a processor, and of a side, at most: in minutes, many small steps teach more than few large ones, and
ranges that are chosen on two large crops do not hold for other pictures: 0.18 dB were lost where 0.04 had been seen.
"""
ENDLESS = 10**9
"""Steps of a recovery that is measured in minutes."""
WEIGHTS, REPORT = "weights.safetensors", "compression.json"


@dataclass(frozen=True)
class CompressOptions:
    """How to compress.

    Attributes:
        data: Folder of clean pictures, which recovery and calibration learn from.
        validate: Folder of clean pictures that measure; None takes a fifth of ``data``, which is then not learnt from.
        share: Of the parameters, what is pruned; 0 prunes nothing.
        quantize: How the result is stored and computed; "none" stores it as the original was.
        minutes: Budget of recovery, all rounds together; and once more of learning with rounding, where that is needed.
        steps: Budget in steps instead, which makes it repeatable.
        budget_db: What may be lost of the mean PSNR; None takes 0.10, or 0.20 with pruning.
        importance: See `PruneOptions`; so are rounds and multiple.
        rounds: In how many steps is pruned.
        multiple: What widths are rounded to.
        seed: Decides what is drawn.
        name: Of the result; None makes one of that of the original.
        device: That recovery runs on: "auto", "cpu", "cuda" or "mps".
    """

    data: Path
    validate: Path | None = None
    share: float = 0.0
    quantize: Quantize = "none"
    minutes: float = 15.0
    steps: int | None = None
    budget_db: float | None = None
    importance: Importance = "taylor"
    rounds: int = 1
    multiple: int = 8
    seed: int = 0
    name: str | None = None
    device: str = "auto"

    @property
    def budget(self) -> float:
        """What may be lost, dB."""
        if self.budget_db is not None:
            return self.budget_db
        return BUDGET_PRUNED_DB if self.share else BUDGET_DB


@dataclass(frozen=True)
class Compressed:
    """What was written.

    Attributes:
        card: Of the result.
        figures: Of the original, of each step, and of the result, which is the last.
    """

    card: Card
    figures: tuple[Figures, ...]


def compress(weights: Path, folder: Path, options: CompressOptions, *, tell: Tell) -> Compressed:
    """Make a trained network smaller and write it: NAME.onnx, its card, its weights to train on, and the figures.

    Args:
        weights: A safetensors file that training wrote, a card, or the name of a model that ships.
        folder: A new one, or an empty one.
        options: How.
        tell: Takes one line.

    Returns:
        What was written, and what was measured on the way.

    Raises:
        DataError: Pictures are missing or broken.
        ModelError: The weights are broken or do not say what they were trained by; or the result is larger, slower
            or worse than it may be: nothing is written.
        UsageError: Nothing is asked for, that much cannot be pruned, or there is something at ``folder``.
        UnwritableError: The folder cannot be written.
    """
    if not options.share and options.quantize == "none":
        raise UsageError("nothing to do: ask for --prune, for --quantize, or for both")
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise UsageError(f"{folder} is there already, and is not an empty folder: choose another place (-o OUT)")
    with tempfile.TemporaryDirectory() as room:
        work = _Work(weights, options, Path(room), tell)
        with closing(work.lessons.store):
            model = work.pruned() if options.share else work.whole
            quantized = _QUANTIZERS.get(options.quantize)
            source = work.folder if quantized is None else quantized(work, model)
        refuse(work.figures, options.budget)
        return _write(work, source, folder)


class _Work:
    """What all steps share: the network as it came, its pictures, the bench, and the files so far.

    Attributes:
        whole: The network as it came, on the processor.
        header: What is known of it, under the name of the result.
        split: The user's files.
        folder: Where the files of the last step lie.
        figures: Of each step so far.
    """

    def __init__(self, weights: Path, options: CompressOptions, room: Path, tell: Tell) -> None:
        self.options, self.room, self.tell = options, room, tell
        keep_large_blocks()
        self.device = choose_device(options.device)
        self.whole, header = read_weights(weights)
        card = card_of(weights)
        self.storage = "float32" if card is None else card.storage
        self.split = split(options.data, options.validate)
        self.recipe = _recipe(header["recipe"], self.whole, self.split, options.seed)
        if self.device.type == "cpu":
            self.recipe = in_small_steps(self.recipe)
        name = _name(header["recipe"]["name"], options)
        self.header = _header(header, name, weights, len(self.split.learnt))
        pictures = lessons_of.validation_set(self.recipe, torch.device("cpu"), largest=LARGEST_SIDE)
        self.lessons: Lessons = lessons_of.load(self.recipe, self.device, tell=tell)
        tell(f"{len(self.lessons.store)} pictures to learn from, {len(pictures)} others to measure with")
        if card is None:
            self.folder = self.export(self.whole, "original", self.storage)
            original = self.folder / f"{name}.onnx"
        else:
            self.folder, original = card.folder, card.path
        self.bench = Bench(pictures, original, self.whole)
        self.figures = [self.bench.original]
        self._tell_last()

    def pruned(self) -> Hybrid:
        """The network pruned and recovered, on the processor; each step on the way is measured."""
        options = self.options
        how = PruneOptions(options.share, options.importance, options.rounds, options.multiple)
        whole = self.whole.to(self.device)
        student = prune(whole, self.lessons, self.recipe, how, self._recover, self.seen)
        self.whole.to("cpu")
        return student.to("cpu")

    def seen(self, step: str, model: Hybrid) -> None:
        """Store a network as the original was, and measure it."""
        place = next(model.parameters()).device
        model = model.to("cpu")
        self.add(step, self.export(model, step, self.storage), model)
        model.to(place)

    def add(self, step: str, folder: Path, model: Hybrid) -> None:
        """Measure the files of a step, which from now on are the result."""
        self.folder = folder
        self.figures.append(self.bench.measure(step, folder / f"{self.header['recipe']['name']}.onnx", model))
        self._tell_last()

    def export(self, model: Hybrid, step: str, storage: str) -> Path:
        """Write weights, ONNX file and card into a folder of the step."""
        folder = self.room / step.replace(" ", "-").replace("%", "")
        recipe = {**self.header["recipe"], "model": model.config.model_dump(mode="json")}
        save_model(model, folder / WEIGHTS, {**self.header, "recipe": recipe})
        export(folder / WEIGHTS, folder, storage=storage)
        return folder

    def _recover(self, student: Hybrid, teacher: Hybrid, share: float) -> None:
        """Teach what is left to do what the whole network does, for a share of the budget."""
        options, precision = self.options, choose_precision("auto", self.device)
        if options.steps is None:
            plan = Plan(ENDLESS, options.minutes * share, RATE, MUON, clean=CLEAN, precision=precision)
        else:
            plan = Plan(max(1, round(options.steps * share)), None, RATE, MUON, clean=CLEAN, precision=precision)
        taught = distill(student, teacher, self.recipe, self.lessons, plan, self.tell)
        self.learnt(taught)

    def learnt(self, taught: Taught) -> None:
        """Add what was learnt to what is known of the weights."""
        self.header["mpx"] += taught.mpx
        self.header["minutes"] += taught.minutes

    def _tell_last(self) -> None:
        last = self.figures[-1]
        mean = sum(last.psnr.values()) / len(last.psnr)
        self.tell(
            f"{last.step}: {last.file_bytes / 1e6:.2f} MB, {last.parameters / 1e6:.3f} M parameters, speed ×"
            f"{last.speed:.2f}, {mean:.2f} dB, {last.loss_db:.3f} lost"
        )


def _halved(work: _Work, model: Hybrid) -> Path:
    """Weights in 16 bits; they are computed with in 32."""
    folder = work.export(model, "fp16", "float16")
    work.add("fp16", folder, model)
    return folder


def _in_integers(work: _Work, model: Hybrid) -> Path:
    """Weights in 8 bits, and features between layers as well."""
    from pixelmend.compression.quantize import QuantizeOptions, quantize

    spent = work.figures[-1].loss_db
    # What pruning has not used is there for rounding; never less than a fifth of the budget, so that it can be tried.
    budget = max(work.options.budget - max(spent, 0.0), work.options.budget / 5)
    options = QuantizeOptions(budget_db=budget, plan=_learning(work.options))
    found = quantize(model.to(work.device), work.recipe, work.lessons, options, tell=work.tell)
    if found.taught is not None:
        work.learnt(found.taught)
    work.header["rounding"] = found.rounding
    whole = found.model.to("cpu")
    folder = work.export(whole, "int8", "int8")
    work.add("int8", folder, whole)
    return folder


def _learning(options: CompressOptions) -> Plan:
    """How a rounded network learns, within what recovery may take."""
    if options.steps is not None:
        return Plan(steps=min(ROUNDING_STEPS, options.steps), rate=ROUNDING_RATE)
    return Plan(steps=ROUNDING_STEPS, minutes=options.minutes, rate=ROUNDING_RATE)


_QUANTIZERS: dict[Quantize, Callable[[_Work, Hybrid], Path]] = {"int8": _in_integers, "fp16": _halved}
"""What makes files of fewer bits of a network, measures them, and says where they lie."""


def _recipe(tree: dict[str, Any], model: Hybrid, pictures: Split, seed: int) -> Recipe:
    """The recipe that the weights were trained by, with the user's pictures in place of its own, and no teacher.

    Raises:
        ModelError: It is not one that this version knows.
    """
    data = {key: value for key, value in tree.get("data", {}).items() if key in {"batch", "patch", "max_shrink"}}
    own = {"kind": "pictures", "root": "/", "train": pictures.learnt, "validate_on": pictures.measured}
    changed = {
        "name": "compressed",
        "seed": seed,
        "start": None,
        "distill": {},
        "model": model.config.model_dump(),
        "data": {**data, **own, "skip_bad": True},
    }
    # Budgets of runs, and features that pictures were compared by, have no say here; without a budget it is no recipe.
    kept = {key: tree[key] for key in ("task", "size", "damage", "optimizer") if key in tree}
    loss = {key: tree["loss"][key] for key in ("pixel", "balance") if key in tree.get("loss", {})}
    chains = {"chains": tree.get("validation", {}).get("chains", ())}
    rest = {"loss": loss, "validation": chains, "schedule": {"max_steps": 1}}
    try:
        return Recipe.model_validate({**kept, **rest, **changed})
    except ValidationError as error:
        reason = error.errors()[0]["msg"]
        raise ModelError(
            f"the weights do not hold a recipe that can be learnt from clean pictures ({reason}): name weights that "
            "this version trained or that ship"
        ) from error


def in_small_steps(recipe: Recipe) -> Recipe:
    """The same with steps for a processor: many small crops, of ``LARGEST_PATCH`` and ``STEP_PIXELS`` at most."""
    step = recipe.model.multiple_of * recipe.model.scale
    patch = min(recipe.data.patch, max(step, LARGEST_PATCH // step * step))
    batch = max(1, min(recipe.data.batch, STEP_PIXELS // patch**2))
    changed = {"data": recipe.data.model_copy(update={"batch": batch, "patch": patch})}
    return recipe.model_copy(update={**changed, "optimizer": recipe.optimizer.model_copy(update={"accumulate": 1})})


def _name(original: str, options: CompressOptions) -> str:
    if options.name is not None:
        return options.name
    pruned = f"-pruned{round(100 * options.share)}" if options.share else ""
    return f"{original}{pruned}" + ("" if options.quantize == "none" else f"-{options.quantize}")


def _header(header: dict[str, Any], name: str, weights: Path, pictures: int) -> dict[str, Any]:
    """What is stored with the result: what was known of the original, and the user's pictures."""
    recipe = header["recipe"]
    own = {"name": "the user's own clean pictures", "pictures": pictures, "licence": "not stated"}
    data = {**recipe["data"], "sources": [*recipe["data"]["sources"], own]}
    known = {key: value for key, value in header.items() if key != "rounding"}  # of the original, in its own numbers
    return {**known, "recipe": {**recipe, "name": name, "start": weights.name, "data": data}}


def refuse(figures: Sequence[Figures], budget: float) -> None:
    """Refuse a result that is larger or slower than the original, or worse than it may be.

    Args:
        figures: The first are those of the original, the last those of the result.
        budget: What may be lost, dB.

    Raises:
        ModelError: It is.
    """
    first, last = figures[0], figures[-1]
    faults, advice = [], []
    if last.file_bytes > first.file_bytes:
        faults.append(f"larger ({last.file_bytes / 1e6:.2f} MB, the original {first.file_bytes / 1e6:.2f} MB)")
        advice.append("prune it or choose fewer bits")
    if last.speed < SLOWEST:
        faults.append(f"slower (×{last.speed:.2f} of the original's speed)")
        advice.append("try again on a quiet machine or prune more")
    if not last.loss_db <= budget:  # NaN compares false
        faults.append(f"worse by {last.loss_db:.3f} dB, where {budget:g} may be lost")
        advice.append("prune less, give more --minutes or allow more with --budget-db")
    if faults:
        raise ModelError(f"refused, nothing was written: the result is {' and '.join(faults)}; {'; or '.join(advice)}")


def _write(work: _Work, source: Path, folder: Path) -> Compressed:
    """Copy the files of the result beside their place, then rename: the folder is there whole or not at all."""
    from pixelmend import catalog

    name = work.header["recipe"]["name"]
    beside = folder.absolute().with_name(f".{folder.absolute().name}.{secrets.token_hex(6)}.part")
    try:
        make_folder(beside.parent)
        shutil.copytree(source, beside)
        report = {"name": name, "budget_db": work.options.budget, "steps": [each.to_json() for each in work.figures]}
        text = json.dumps(report, indent=2, ensure_ascii=False) + "\n"
        (beside / REPORT).write_text(text, encoding="utf-8")
        if folder.exists():
            folder.rmdir()
        beside.rename(folder)
    except OSError as error:
        raise UnwritableError(f"cannot write {folder}: {error.strerror}; choose another place (-o OUT)") from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return Compressed(catalog.load(folder / f"{name}.json"), tuple(work.figures))
