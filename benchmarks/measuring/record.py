"""What a run of benchmarks/speed.py measured, as it lies in docs/results/speed.json."""

from __future__ import annotations

import statistics
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from benchmarks.measuring.stored import read_figures, write_figures

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class System:
    """One system at one precision in one engine.

    Attributes:
        name: What tables call it.
        kind: "ours" or "peer".
        network: What it runs: "small", "Restormer".
        engine: What runs it: "ONNX Runtime", "PyTorch".
        precision: What it computes in: "int8", "float32", "bfloat16"; "" for what is no network.
        layout: Of a peer's features in memory: "contiguous", as PyTorch lays them, or "channels last"; "" for others.
        default: Whether it is what ``pixelmend restore``, as it is installed, runs when it is told nothing.
        side: Height and width of the picture that it was timed on, pixels.
        seconds: For that picture, in each round; where several are restored at once, their share of the time.
        start_up: Seconds from the start of a fresh process to its first result, a picture of 256×256; None where the
            same network was faster with its features in another order.
        peak_mb: Resident memory of that process at its peak, 10⁶ bytes; None where the system does not tell.
        call_mb: By how much it rose for one picture of ``memory_side``; None where the system does not tell.
        memory_side: Height and width of that picture, pixels.
        weight_bytes: Of the weights' file; of a peer, 4 for each parameter; None for what has no weights.
        macs_per_pixel: Multiplications with an addition each; None for what is no network.
        db: PSNR on CBSD68 at sigma 25; None where nobody has measured it.
        db_source: Who has, and how.
    """

    name: str
    kind: str
    network: str
    engine: str
    precision: str
    layout: str
    default: bool
    side: int
    seconds: tuple[float, ...]
    start_up: float | None
    peak_mb: float | None
    call_mb: float | None
    memory_side: int
    weight_bytes: int | None
    macs_per_pixel: float | None
    db: float | None
    db_source: str

    @property
    def speeds(self) -> tuple[float, ...]:
        """Megapixels a second in each round."""
        return tuple(self.side**2 / 1e6 / each for each in self.seconds)

    @property
    def speed(self) -> float:
        """The median of them."""
        return statistics.median(self.speeds)


@dataclass(frozen=True)
class Restored:
    """One photograph through the command line, in a process of its own.

    Attributes:
        network: "nano" or "small".
        wish: The engine that was asked for: "onnxruntime", as it is installed, or "auto" among all that there are.
        engine: The one that ran: "ONNX Runtime".
        precision: What it computed in.
        megapixels: Of the photograph.
        computed: Megapixels of the pieces that it was cut into, which overlap.
        seconds: From start to end of the process, reading and writing the file included.
        peak_mb: Its resident memory at the peak, 10⁶ bytes.
    """

    network: str
    wish: str
    engine: str
    precision: str
    megapixels: float
    computed: float
    seconds: float
    peak_mb: float


@dataclass(frozen=True)
class Shipped:
    """A file of weights that ships.

    Attributes:
        name: Of its card.
        task: What it is for, as `pixelmend.catalog.tasks` calls it.
        bytes: Its size.
        parameters: How many numbers were learned.
        precision: What it is computed in.
    """

    name: str
    task: str
    bytes: int
    parameters: int
    precision: str


@dataclass(frozen=True)
class Report:
    """Everything that one run measured.

    Attributes:
        machine: What it ran on, in words, by what they tell.
        threads: That each system could use.
        quick: Whether this was only a trial, whose figures mean nothing.
        systems: Side by side.
        absent: Systems that could not be had or run, and why.
        rates: Operations a second that large matrix products sustain, by precision, in each round; an addition and a
            multiplication are two.
        photographs: Of 12 megapixels, as installed and with every engine.
        growth: From 0.1 to 100 megapixels.
        shipped: Every file.
    """

    machine: dict[str, str]
    threads: int
    quick: bool
    systems: tuple[System, ...]
    absent: dict[str, str]
    rates: dict[str, tuple[float, ...]]
    photographs: tuple[Restored, ...]
    growth: tuple[Restored, ...]
    shipped: tuple[Shipped, ...]

    def write(self, path: Path) -> None:
        """Write the file at once or not at all.

        Raises:
            UnwritableError: The folder cannot be written to, or the disk is full.
        """
        write_figures(path, asdict(self), indent=1)

    @classmethod
    def read(cls, path: Path) -> Report:
        """The inverse of ``write``.

        Raises:
            DataError: The file is not there or is not one of ours.
        """
        return read_figures(path, cls._of, "measured speed", "make bench")

    @classmethod
    def _of(cls, stored: dict[str, Any]) -> Report:
        listed = {"systems": System, "photographs": Restored, "growth": Restored, "shipped": Shipped}
        for key, kind in listed.items():
            stored[key] = tuple(kind(**each) for each in stored[key])
        stored["systems"] = tuple(System(**vars(s) | {"seconds": tuple(s.seconds)}) for s in stored["systems"])
        stored["rates"] = {precision: tuple(each) for precision, each in stored["rates"].items()}
        return cls(**stored)


def the_system(report: Report, network: str, engine: str = "", precision: str = "", layout: str = "") -> System | None:
    """The fastest form of a network among those of this engine, precision and layout; None where there is none."""
    forms = [s for s in report.systems if s.network == network and engine in {"", s.engine}]
    forms = [s for s in forms if precision in {"", s.precision} and layout in {"", s.layout}]
    return max(forms, key=lambda s: s.speed, default=None)


def the_default(report: Report, network: str) -> System | None:
    """The form of a network of ours that ``pixelmend restore``, as it is installed, runs when it is told nothing."""
    return next((s for s in report.systems if s.network == network and s.default), None)


def the_chosen(report: Report, network: str) -> System | None:
    """The form that it chose for a photograph among every engine; None where there was no choice, or none is known."""
    chosen = next((p for p in report.photographs if (p.network, p.wish) == (network, "auto")), None)
    return None if chosen is None else the_system(report, network, chosen.engine, chosen.precision)
