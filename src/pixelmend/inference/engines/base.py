"""What every engine is, and what is asked of it."""

from __future__ import annotations

import mmap
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from pixelmend.errors import ModelError, UnknownNameError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

PRECISIONS = ("auto", "int8", "float32")
"""What may be asked for; "auto" is what an engine does best."""
VARIABLE = "PIXELMEND_ENGINE"
"""The environment variable that takes the place of "auto" as the engine."""


class Engine(Protocol):
    """Runs one network. Deterministic; no state that a run changes; threads may share it.

    Attributes:
        title: What runs it, for people: "ONNX Runtime".
        device: The chip: "cpu", "cuda", ...
        precision: What convolutions are computed in: "float32", "bfloat16" or "int8".
        lanes: How many pieces of a picture it is best asked for at once, each from a thread of its own; 1 where one
            piece takes all of the machine.
    """

    @property
    def title(self) -> str:
        """See the class."""

    @property
    def device(self) -> str:
        """See the class."""

    @property
    def precision(self) -> str:
        """See the class."""

    @property
    def lanes(self) -> int:
        """See the class."""

    def run(
        self, degraded: NDArray[np.float32], conditions: Mapping[str, NDArray[np.float32]], *, left: int = 0
    ) -> NDArray[np.float32]:
        """Restore a batch.

        Args:
            degraded: (N, 3, H, W) float32 RGB, [0, 1] or beyond where noise was not clipped; H and W as the
                card says.
            conditions: By name, (N, 1, H, W) float32 each: "noise_level" is sigma / 255, "mask" is 1 where pixels
                are lost (they are black in `degraded`), else 0.
            left: How many pieces of the same picture are still to be asked for. While there are, memory may be kept for
                them, and a piece may take no more than its share of the cores.

        Returns:
            (N, 3, H·scale, W·scale) float32, finite, not clamped.

        Raises:
            ModelError: The network failed, or gave a value that is not finite.
            MemoryError: There is no room for an input of this size.
        """


@dataclass(frozen=True)
class Wish:
    """What a user asks of the engine.

    Attributes:
        engine: "auto", or a key of `pixelmend.inference.engines.table.KINDS`. The environment variable
            PIXELMEND_ENGINE takes the place of "auto".
        device: "auto", or the name of a chip ("cpu", "cuda", ...).
        precision: One of `PRECISIONS`. "auto" computes as the file does on a processor, in bfloat16 where that is
            faster and the engine knows it; in float32 on chips that do not take such int8 files.
        lanes: 0 for what is fastest with one picture on this machine. Another number has each piece computed in one
            thread, and so many at once where the engine can: the result is then the same bit for bit, however many
            cores there are and whatever else runs. Beside a processor it means nothing.

    Raises:
        UnknownNameError: No such precision.
        UsageError: Fewer than no lanes.
    """

    engine: str = "auto"
    device: str = "auto"
    precision: str = "auto"
    lanes: int = 0

    def __post_init__(self) -> None:
        """Refuse what is no precision; engines and devices are known where they are chosen."""
        if self.precision not in PRECISIONS:
            raise UnknownNameError("precision", self.precision, PRECISIONS)
        if self.lanes < 0:
            raise UsageError(f"got {self.lanes} lanes, wanted 0 (what is fastest) or more")

    @property
    def named_engine(self) -> str:
        """The engine, or what the environment names where nothing is asked."""
        return (os.environ.get(VARIABLE) or "auto") if self.engine == "auto" else self.engine


USUAL = Wish()
"""Nothing is asked."""


def check_file(path: Path) -> None:
    """Refuse a model that is not there.

    Raises:
        ModelError: It is not.
    """
    if not path.is_file():
        raise ModelError(f"there is no model at {path}: install or export it again")


def check_threads(threads: int) -> None:
    """Refuse a number of threads that cannot be.

    Raises:
        UsageError: It is negative.
    """
    if threads < 0:
        raise UsageError(f"got {threads} threads, wanted 0 (as many as there are cores) or more")


def check_ports(path: Path, inputs: set[str], outputs: set[str]) -> None:
    """Refuse a network that is no restorer.

    Raises:
        ModelError: It has no input `degraded`, or no output `restored`.
    """
    if "degraded" not in inputs or "restored" not in outputs:
        got = f"inputs {sorted(inputs)} and outputs {sorted(outputs)}"
        raise ModelError(f"{path} is no restorer: got {got}, wanted 'degraded' in and 'restored' out")


def check_int8(path: Path, precision: str) -> bool:
    """Whether a file quantizes what flows through it (QuantizeLinear), which weights alone do not need.

    Args:
        path: An ONNX file; operators lie in it by their names.
        precision: What was asked for.

    Raises:
        UsageError: int8 was asked for, and it does not.
    """
    with path.open("rb") as file:
        if os.fstat(file.fileno()).st_size == 0:
            return False
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            found = data.find(b"QuantizeLinear") >= 0
    if precision == "int8" and not found:
        raise UsageError(
            f"{path.name} computes in float32, so it cannot run in int8: leave precision at 'auto', or name weights "
            'whose card says "precision": "int8"'
        )
    return found


def checked(restored: NDArray[np.float32]) -> NDArray[np.float32]:
    """A result as it is, if it is a picture.

    Raises:
        ModelError: It holds a value that is not finite.
    """
    if not np.isfinite(restored).all():
        raise ModelError("the model gave values that are not finite: its weights are broken")
    return restored


def failure(error: Exception, shape: tuple[int, ...]) -> Exception:
    """What a run that failed is to its caller: no room, or a model that does not take the input."""
    text = str(error).lower()
    if isinstance(error, MemoryError) or any(word in text for word in ("allocat", "bad_alloc", "out of memory")):
        return MemoryError(f"no room for a piece of {max(shape[2:])} pixels")
    return ModelError(f"the model failed on an input of {shape}: {one_line(error)}")


def one_line(error: Exception) -> str:
    """The beginning of an error's text, without line breaks."""
    return " ".join(str(error).split())[:200]
