"""What happens to each picture, step by step: made, recorded and repeated here, batched wherever steps agree."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor

from pixelmend.degradations.declare import check_names
from pixelmend.degradations.kinds import kind_of
from pixelmend.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pixelmend.degradations.declare import Params, Value


@dataclass(frozen=True)
class Damage:
    """One step for one picture.

    Attributes:
        kind: A key of ``KINDS``.
        params: All that decides what happens, as JSON: numbers and names.
    """

    kind: str
    params: dict[str, Value]


Plan = tuple[Damage | None, ...]
"""The steps for one picture. None stands where a chain's step was not drawn, so that pictures stay in step."""


@dataclass(frozen=True)
class Degraded:
    """A damaged batch.

    Attributes:
        pictures: (N, 3, H, W) float32.
        missing: (N, 1, H, W) float32, 1 where pixels are lost; None where no step loses any.
        plans: What was done to each picture, steps that were not drawn left out, sizes settled.
    """

    pictures: Tensor
    missing: Tensor | None
    plans: tuple[tuple[Damage, ...], ...]


def to_record(plan: Sequence[Damage]) -> list[dict[str, Any]]:
    """One picture's damage as JSON."""
    return [{"kind": damage.kind, **damage.params} for damage in plan]


def from_record(record: object) -> tuple[Damage, ...]:
    """The damage that a record tells.

    Raises:
        UsageError: It is not a record, or a parameter is missing, unknown or out of range.
        UnknownNameError: A kind or a name does not exist.
    """
    if not isinstance(record, list) or not all(isinstance(step, dict) and "kind" in step for step in record):
        raise UsageError("not a record of damage: wanted a list of steps, each with its kind and its parameters")
    plan = []
    for step in record:
        kind = kind_of(str(step["kind"]))
        known = kind.recorded()
        given = {name: value for name, value in step.items() if name != "kind"}
        check_names(kind.kind, given, known)
        absent = [name for name in known if name not in given]
        if absent:
            raise UsageError(f"{kind.kind}: the record lacks {', '.join(absent)}")
        for name, value in given.items():
            known[name].read(f"{kind.kind}: {name}", value)
        plan.append(Damage(kind.kind, given))
    return tuple(plan)


def unbatch(kind: str, params: Params, pictures: int) -> list[Damage]:
    """One step for each of so many pictures from the parameters of a batch."""
    known = kind_of(kind).recorded()
    columns = {name: [known[name].record(value) for value in values.tolist()] for name, values in params.items()}
    return [Damage(kind, {name: column[row] for name, column in columns.items()}) for row in range(pictures)]


def batch(steps: Sequence[Damage]) -> Params:
    """The parameters of a batch from steps of one kind."""
    known = kind_of(steps[0].kind).recorded()
    columns = {name: [known[name].read(name, step.params[name]) for step in steps] for name in steps[0].params}
    return {
        name: torch.tensor(column, dtype=torch.float64 if isinstance(column[0], float) else torch.int64)
        for name, column in columns.items()
    }


def perform(pictures: Tensor, plans: Sequence[Sequence[Damage | None]], *, gray: Tensor | None = None) -> Degraded:
    """Damage a batch, each picture by its own plan.

    Args:
        pictures: (N, 3, H, W) float32 in [0, 1], any device.
        plans: One for each picture.
        gray: (N,) bool: pictures that are grey and stay so: of what a step gives, the green channel counts.

    Raises:
        UsageError: Wrong shape or type, not a plan for each picture, or pictures that end in different sizes.
    """
    _check(pictures, plans)
    state = _State(pictures, None if gray is None else gray.to(pictures.device))
    original = (pictures.shape[2], pictures.shape[3])
    for number in range(max((len(plan) for plan in plans), default=0)):
        together: dict[Any, list[tuple[int, Damage]]] = defaultdict(list)
        for row, plan in enumerate(plans):
            step = plan[number] if number < len(plan) else None
            if step is None:
                continue
            kind, size = kind_of(step.kind), state.size(row)
            step = Damage(step.kind, kind.settle(step.params, size, original))
            together[step.kind, size, kind.group(step.params)].append((row, step))
        for members in together.values():
            state.step([row for row, _ in members], [step for _, step in members])
    return state.finish()


def _check(pictures: Tensor, plans: Sequence[object]) -> None:
    if pictures.ndim != 4 or pictures.shape[1] != 3 or not pictures.is_floating_point() or 0 in pictures.shape:
        raise UsageError(f"got {tuple(pictures.shape)} {pictures.dtype}: wanted float pictures (N, 3, H, W), H, W ≥ 1")
    if len(plans) != len(pictures):
        raise UsageError(f"got {len(plans)} plans for {len(pictures)} pictures: wanted one for each")


class _State:
    """The pictures on their way: tensors of pictures that agree in size, and where each picture lies among them."""

    def __init__(self, pictures: Tensor, gray: Tensor | None) -> None:
        self.where: list[tuple[Tensor, int]] = [(pictures, row) for row in range(len(pictures))]
        self.lost: list[Tensor | None] = [None] * len(pictures)
        self.done: list[list[Damage]] = [[] for _ in pictures]
        self.gray = gray

    def size(self, row: int) -> tuple[int, int]:
        shape = self.where[row][0].shape
        return shape[2], shape[3]

    def gather(self, rows: list[int]) -> Tensor:
        """These pictures as one tensor; no copy where they are one already."""
        tensor = self.where[rows[0]][0]
        if all(self.where[row][0] is tensor for row in rows):
            places = [self.where[row][1] for row in rows]
            if places == list(range(len(tensor))):
                return tensor
            return tensor[torch.tensor(places, device=tensor.device)]
        return torch.stack([self.where[row][0][self.where[row][1]] for row in rows])

    def step(self, rows: list[int], steps: list[Damage]) -> None:
        kind, pictures, params = kind_of(steps[0].kind), self.gather(rows), batch(steps)
        missing = kind.missing(pictures, params)
        # What kinds that lose pixels do, without making the mask a second time.
        result = kind.apply(pictures, params) if missing is None else pictures.masked_fill(missing > 0, 0)
        if self.gray is not None:
            gray = self.gray[torch.tensor(rows, device=self.gray.device)][:, None, None, None]
            result = torch.where(gray, result[:, 1:2], result)
        for place, (row, step) in enumerate(zip(rows, steps, strict=True)):
            self.where[row] = (result, place)
            self.done[row].append(step)
            if missing is not None:
                before = self._lost(row, missing.shape[2:])
                new = missing[place : place + 1]
                self.lost[row] = new if before is None else torch.maximum(before, new)

    def finish(self) -> Degraded:
        rows = list(range(len(self.where)))
        sizes = {self.size(row) for row in rows}
        if len(sizes) > 1:
            told = ", ".join(f"{width}×{height}" for height, width in sorted(sizes)[:4])
            raise UsageError(
                f"pictures of one batch end in {len(sizes)} sizes ({told}): end the chain with fit(scale=1) or the like"
            )
        pictures = self.gather(rows)
        missing = None
        if any(lost is not None for lost in self.lost):
            none = pictures.new_zeros(1, 1, *pictures.shape[2:])
            lost = [self._lost(row, pictures.shape[2:]) for row in rows]
            missing = torch.cat([none if one is None else one for one in lost])
        return Degraded(pictures, missing, tuple(tuple(steps) for steps in self.done))

    def _lost(self, row: int, size: torch.Size) -> Tensor | None:
        """What a picture has lost, at a size: a pixel that any lost pixel had a part in is lost."""
        lost = self.lost[row]
        if lost is None or lost.shape[2:] == size:
            return lost
        smaller = [min(ends) for ends in zip(lost.shape[2:], size, strict=True)]
        fitted: Tensor = F.interpolate(F.adaptive_max_pool2d(lost, smaller), tuple(size))
        return fitted
