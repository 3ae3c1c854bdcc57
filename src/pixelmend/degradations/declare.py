"""How a kind of damage declares its parameters: what may be asked for, what is drawn, what is recorded."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from pixelmend.errors import UnknownNameError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Amount = float | tuple[float, float]
"""A number, or the two ends that numbers are drawn between."""
Choice = str | tuple[str, ...]
"""A name, or the names that one is drawn from."""
Params = dict[str, Tensor]
"""What was drawn for a batch: each (N,), float64 for amounts and int64 for counts, chances and choices, on the CPU."""
Value = float | int | str


@dataclass(frozen=True)
class Number:
    """A parameter that is a number.

    Attributes:
        low: Least value that may be asked for.
        high: Greatest.
        unit: What it counts, as a reader would say it.
        spread: How it is drawn between two ends: "linear"; "log", alike on each octave; "integer", both ends too;
            "chance": what is asked for is a probability, and what is drawn is 0 or 1.
    """

    low: float
    high: float
    unit: str
    spread: str = "linear"

    def check(self, where: str, asked: object) -> Amount:
        """The amount asked for, as floats.

        Raises:
            UsageError: It is not a number or a pair of them, out of range, or the ends are in the wrong order.
        """
        ends = asked if isinstance(asked, tuple) else (asked,)
        numbers = [e for e in ends if isinstance(e, int | float) and not isinstance(e, bool) and math.isfinite(e)]
        if len(numbers) != len(ends) or len(ends) not in (1, 2):
            raise UsageError(f"{where}={_shown(asked)}: wanted a number, or two such as {self.low:g}..{self.high:g}")
        if numbers != sorted(numbers):
            raise UsageError(f"{where}={_shown(asked)}: wanted the lower end first")
        if any(not self.low <= n <= self.high for n in numbers):
            unit = f" ({self.unit})" if self.unit else ""
            raise UsageError(f"{where}={_shown(asked)} is out of range: choose {self.low:g}..{self.high:g}{unit}")
        if self.spread == "integer" and any(n != int(n) for n in numbers):
            raise UsageError(f"{where}={_shown(asked)}: wanted whole numbers")
        if self.spread == "chance" and len(numbers) == 2:
            raise UsageError(f"{where}={_shown(asked)}: wanted one probability, 0..1")
        return float(numbers[0]) if len(numbers) == 1 else (float(numbers[0]), float(numbers[1]))

    def draw(self, asked: Amount, uniform: Tensor) -> Tensor:
        """Turn (N,) uniform numbers in [0, 1) into values."""
        low, high = asked if isinstance(asked, tuple) else (asked, asked)
        if self.spread == "chance":
            return (uniform < low).long()
        if self.spread == "integer":
            return (low + uniform * (high - low + 1)).floor().long()
        if self.spread == "log" and low > 0:
            return low * (high / low) ** uniform
        return low + (high - low) * uniform

    def record(self, drawn: float) -> Value:
        """The value as JSON."""
        return int(drawn) if self.spread in ("integer", "chance") else drawn

    def read(self, where: str, value: object) -> float | int:
        """The value of a record, checked.

        Raises:
            UsageError: It is not a number or out of range.
        """
        if isinstance(value, tuple):
            raise UsageError(f"{where}={_shown(value)}: a record holds one number")
        spread = "integer" if self.spread == "chance" else self.spread
        number = dataclasses.replace(self, spread=spread).check(where, value)
        assert not isinstance(number, tuple)  # noqa: S101 (check keeps the form)
        return int(number) if spread == "integer" else number


@dataclass(frozen=True)
class Name:
    """A parameter that is one of several names."""

    names: tuple[str, ...]

    def check(self, where: str, asked: object) -> Choice:
        """The name or names asked for.

        Raises:
            UnknownNameError: One does not exist.
        """
        several = asked if isinstance(asked, tuple) else (asked,)
        for name in several:
            if str(_plain(name)) not in self.names:
                raise UnknownNameError(f"value of {where}", str(_plain(name)), self.names)
        chosen = tuple(str(_plain(name)) for name in several)
        return chosen if len(chosen) > 1 else chosen[0]

    def draw(self, asked: Choice, uniform: Tensor) -> Tensor:
        """Turn (N,) uniform numbers in [0, 1) into places in ``names``."""
        several = asked if isinstance(asked, tuple) else (asked,)
        places = torch.tensor([self.names.index(name) for name in several])
        return places[(uniform * len(several)).long()]

    def record(self, drawn: float) -> Value:
        """The name."""
        return self.names[int(drawn)]

    def read(self, where: str, value: object) -> int:
        """The place of a record's name.

        Raises:
            UnknownNameError: It does not exist.
        """
        return self.names.index(str(self.check(where, value)))


@dataclass(frozen=True)
class Drawn:
    """A parameter that cannot be asked for: it is drawn, or follows from the picture's size. It is recorded too."""

    low: float = 0
    high: float = 2**63 - 1

    def record(self, drawn: float) -> Value:
        """The value as JSON."""
        return int(drawn)

    def read(self, where: str, value: object) -> int:
        """The value of a record, checked.

        Raises:
            UsageError: It is not a whole number in range.
        """
        if not isinstance(value, int) or isinstance(value, bool) or not self.low <= value <= self.high:
            raise UsageError(f"{where}={_shown(value)}: wanted a whole number, {self.low:g}..{self.high:g}")
        return value


Declared = Number | Name | Drawn


def amount(default: Amount, low: float, high: float, unit: str = "", *, spread: str = "linear") -> Any:
    """A dataclass field that holds a number or two ends; see ``Number``."""
    return dataclasses.field(default=default, metadata={"declared": Number(low, high, unit, spread)})


def chance(default: float) -> Any:
    """A dataclass field that holds a probability; what is drawn is 0 or 1."""
    return dataclasses.field(default=default, metadata={"declared": Number(0, 1, "probability", "chance")})


def choice(default: Choice, names: Sequence[str]) -> Any:
    """A dataclass field that holds one of several names, or some of them to draw from."""
    return dataclasses.field(default=default, metadata={"declared": Name(tuple(names))})


def declared(kind: type[Any]) -> dict[str, Number | Name]:
    """What may be asked of a kind, in the order in which it is drawn."""
    return {field.name: field.metadata["declared"] for field in dataclasses.fields(kind)}


def check_names(where: str, given: Mapping[str, object], known: Mapping[str, object]) -> None:
    """Refuse a parameter that a kind does not have.

    Raises:
        UnknownNameError: Names the nearest one.
    """
    for name in given:
        if name not in known:
            raise UnknownNameError(f"parameter of {where}", name, known or ("none: it takes no parameters",))


def _plain(value: object) -> object:
    """Text forms lose what a number has too much: 420 is written 420, also where it came as 420.0."""
    return int(value) if isinstance(value, float) and value == int(value) else value


def _shown(value: object) -> str:
    if isinstance(value, tuple):
        return "..".join(_shown(v) for v in value)
    return f"{value:g}" if isinstance(value, int | float) else repr(value)
