"""``pixelmend models``: what each network costs, and which weights ship."""

from __future__ import annotations

import statistics
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path  # noqa: TC003  (typer reads the annotations as it runs)
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    import torch

    from pixelmend.catalog import Card
    from pixelmend.models.measure import Cost, Network

SIDE = 256
"""Height and width of the picture that goes in, pixels; a model that takes no such size gets the next it takes."""
_WEIGHTS_WIDTH = 20
"""What of a line of 80 columns is left for the names of weights; where they need more, they are counted."""
GROUPS = {
    "hybrid": "the hybrid network, to train",
    "discriminator": "judges in training, runs never again",
    "baseline": "published networks, to compare with",
}


@dataclass(frozen=True)
class Line:
    """One network as it is listed; None is what was not measured.

    Attributes:
        name: Of the network, or of the weights that ship.
        kind: A key of ``GROUPS``; or "shipped", for weights that ship.
        parameters: How many numbers were or are learned.
        macs: Multiplications with an addition each.
        peak_bytes: Memory of a forward pass.
        megapixels_per_second: Of the picture that goes in.
        ran_on: What measured the speed: "ONNX Runtime, fp32, cpu".
        weights: The weights of this network that ship.
        file_bytes: Size of that file, for ``kind`` "shipped".
    """

    name: str
    kind: str
    parameters: int
    macs: int | None = None
    peak_bytes: int | None = None
    megapixels_per_second: float | None = None
    ran_on: str | None = None
    weights: tuple[str, ...] = ()
    file_bytes: int | None = None


def models(
    *,
    device: Annotated[str, typer.Option(help="What they run on: auto, cpu, cuda, …")] = "auto",
    report: Annotated[Path | None, typer.Option("--json", help="Also write a report here.", show_default=False)] = None,
    quick: Annotated[
        bool, typer.Option("--quick", "--no-measure", help="Only count: no speed, no network runs.")
    ] = False,
) -> None:
    """List the networks: parameters, work, memory, speed on this machine, and which weights ship."""
    from pixelmend.cli.progress import progress
    from pixelmend.errors import UsageError

    if report is not None and (report.is_dir() or not report.parent.is_dir()):
        raise UsageError(f"--json {report}: wanted a file in a folder that exists")
    networks, hint = _networks()
    _check_device(device, learn_half=not hint)
    cards = _cards()
    lines: list[Line] = []
    with progress("counting" if quick else "measuring") as tell:
        for line in _measured(cards, networks, None if quick else device):
            lines.append(line)
            tell(len(lines), len(cards) + len(networks))
    typer.echo("\n".join([*table(lines), "", *_notes(lines, hint)]))
    if report is not None:
        _write(report, lines)


def _networks() -> tuple[tuple[Network, ...], str]:
    """What the learn half can build, or nothing and what to install."""
    from pixelmend.cli.extras import needs_learn_half
    from pixelmend.errors import MissingExtraError

    try:
        with needs_learn_half():
            from pixelmend.models.measure import networks
    except MissingExtraError as error:
        return (), str(error)
    return networks(), ""


def _cards() -> list[Card]:
    from pixelmend import catalog

    return [catalog.by_name(name) for name in catalog.names()]


def _check_device(device: str, *, learn_half: bool) -> None:
    """Refuse a device that neither half has."""
    from pixelmend.errors import UnknownNameError
    from pixelmend.inference import devices

    known = {"auto", *devices()} | (_torch_devices() if learn_half else set())
    if device not in known:
        raise UnknownNameError("device", device, known)


def _torch_devices() -> set[str]:
    import torch

    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    return {name for name, is_there in there.items() if is_there}


def _measured(cards: Sequence[Card], networks: Sequence[Network], device: str | None) -> Iterator[Line]:
    """One line after the other, in the order of the table; without a device nothing is run."""
    for card in cards:
        yield _shipped(card, device)
    if networks:
        cost_of, ran_on = _way_to_measure(device)
        for network in networks:
            cost = cost_of(network)
            shipping = tuple(card.name for card in cards if _is_of(card, network, cost.parameters))
            yield Line(network.name, network.kind, **asdict(cost), ran_on=ran_on, weights=shipping)


def _way_to_measure(device: str | None) -> tuple[Callable[[Network], Cost], str | None]:
    """What finds the cost of a network, and what it runs them on; nothing where PyTorch has no such device."""
    from pixelmend.models.measure import count, measure

    if device is None or device not in {"auto", *_torch_devices()}:
        return (lambda network: count(network, side=SIDE)), None
    from pixelmend.training.machine import choose_device, choose_precision

    chosen = choose_device(device)
    precision = choose_precision("auto", chosen)
    ran_on = f"PyTorch, {precision}, {_in_words(chosen)}"
    return (lambda network: measure(network, chosen, precision, median_seconds, side=SIDE)), ran_on


def _in_words(device: torch.device) -> str:
    """The device, and of a CPU how much PyTorch uses."""
    import torch

    threads = torch.get_num_threads()
    return f"{threads} CPU thread{'s' if threads > 1 else ''}" if device.type == "cpu" else device.type


def _is_of(card: Card, network: Network, parameters: int) -> bool:
    """Whether the weights of a card are those of a network."""
    same = (card.scale, len(card.conditions), card.parameters) == (network.scale, network.conditions, parameters)
    return same and network.kind == "hybrid"


def _shipped(card: Card, device: str | None) -> Line:
    """The weights that a card describes; they are run where ONNX Runtime has the device."""
    from pixelmend.inference import OnnxEngine, devices, padded_length

    line = Line(
        card.name, "shipped", card.parameters, weights=(card.name,), file_bytes=card.path.stat().st_size
    )  # fmt: skip
    if device is None or device not in {"auto", *devices()}:
        return line
    import numpy as np

    engine = OnnxEngine(card.path, device)
    side = padded_length(SIDE, multiple_of=card.multiple_of, minimum=card.minimum)
    picture = np.full((1, 3, side, side), 0.5, np.float32)
    conditions = {name: np.full((1, 1, side, side), 0.1, np.float32) for name in card.conditions}
    seconds = median_seconds(lambda: engine.run(picture, conditions))
    return replace(
        line,
        megapixels_per_second=side * side / 1e6 / seconds,
        ran_on=f"ONNX Runtime, {engine.precision.replace('float32', 'fp32')}, {engine.device}",
    )


def median_seconds(call: Callable[[], object], *, seconds: float = 1.0) -> float:
    """How long a call takes: the median of what fits into about a second, after a call to warm up.

    At least three calls, or as many as begin within five times ``seconds``.
    """
    call()
    taken: list[float] = []
    begin = time.perf_counter()
    while not taken or (spent := time.perf_counter() - begin) < seconds or (len(taken) < 3 and spent < 5 * seconds):
        start = time.perf_counter()
        call()
        taken.append(time.perf_counter() - start)
    return statistics.median(taken)


def table(lines: Sequence[Line]) -> list[str]:
    """The lines as aligned text, at most 80 columns wide: what ships, then the networks, a heading above each group."""
    shipped = [line for line in lines if line.kind == "shipped"]
    groups = {title: [line for line in lines if line.kind == kind] for kind, title in GROUPS.items()}
    networks = [line for members in groups.values() for line in members]
    timed = any(line.megapixels_per_second is not None for line in lines)
    text: list[str] = []
    if shipped:
        text += _aligned(
            ("weights that ship", "parameters", "file", "speed"), map(_shipped_cells, shipped), timed=timed
        )
    if networks:
        heading = ("network", "parameters", "MACs", "memory", "speed", "weights")
        first, *rows = _aligned(heading, map(_cells, networks), timed=timed)
        text += ["", first] if shipped else [first]
        for title, members in groups.items():
            if members:
                text += ["", title, *rows[: len(members)]]
                del rows[: len(members)]
    return text


def _aligned(heading: tuple[str, ...], rows: Iterable[tuple[str, ...]], *, timed: bool) -> list[str]:
    """Columns as wide as they must be, names to the left and numbers to the right; no speed if untimed."""
    every = [heading, *rows]
    widths = [max(len(row[column]) for row in every) for column in range(len(heading))]

    def line(row: tuple[str, ...]) -> str:
        cells = [
            row[column].ljust(width) if column == 0 or heading[column] == "weights" else row[column].rjust(width)
            for column, width in enumerate(widths)
            if timed or heading[column] != "speed"
        ]
        return "  ".join(cells).rstrip()

    return [line(row) for row in every]


def _shipped_cells(line: Line) -> tuple[str, ...]:
    return (line.name, _short(line.parameters), _optional(line.file_bytes, "B"), _timed(line))


def _cells(line: Line) -> tuple[str, ...]:
    weights = ", ".join(line.weights)
    if len(weights) > _WEIGHTS_WIDTH:
        weights = "1 set" if len(line.weights) == 1 else f"{len(line.weights)} sets"
    return (
        line.name,
        _short(line.parameters),
        _optional(line.macs),
        _optional(line.peak_bytes, "B"),
        _timed(line),
        weights or "–",
    )


def _optional(number: int | None, unit: str = "") -> str:
    return "–" if number is None else _short(number, unit)


def _timed(line: Line) -> str:
    return "–" if line.megapixels_per_second is None else _speed(line.megapixels_per_second)


def _short(number: int, unit: str = "") -> str:
    """A count with three digits and the thousands as a letter.

    >>> _short(1994569), _short(178_600_000_000), _short(81, "B")
    ('1.99 M', '179 G', '81 B')
    """
    if number < 1000:
        return f"{number} {unit}".rstrip()
    value, letter = number / 1e3, "k"
    for larger in "MG":
        if value >= 999.5:
            value, letter = value / 1e3, larger
    digits = f"{value:#.3g}".rstrip(".") if value < 999.5 else f"{value:.0f}"
    return f"{digits} {letter}{unit}"


def _speed(megapixels: float) -> str:
    """About three digits, and never wider than its column.

    >>> _speed(0.004), _speed(0.87), _speed(12.34), _speed(1234.5)
    ('0.004 MP/s', '0.87 MP/s', '12.3 MP/s', '1234 MP/s')
    """
    if megapixels < 0.01:
        return f"{megapixels:.1g} MP/s"
    digits = 2 if megapixels < 10 else 1 if megapixels < 100 else 0
    return f"{megapixels:.{digits}f} MP/s"


def _notes(lines: Sequence[Line], hint: str) -> Iterator[str]:
    """What the numbers mean, and under what they were measured."""
    yield f"For one picture of {SIDE}×{SIDE} pixels going in."
    if any(line.macs is not None for line in lines):
        yield "MACs: multiply-adds of convolutions and matrix products."
    if any(line.peak_bytes is not None for line in lines):
        on_gpu = any("cuda" in (line.ran_on or "") for line in lines if line.peak_bytes is not None)
        how = "as CUDA reports it" if on_gpu else "float32, not what kernels borrow"
        yield f"memory: weights and features alive at once, {how}."
    if ran_on := list(dict.fromkeys(line.ran_on for line in lines if line.ran_on)):
        yield f"speed: median of 1 s; {'; '.join(ran_on[:1])}"
        yield from (f"       {each}" for each in ran_on[1:])
    if hint:
        yield "Networks to train are not listed:"
        yield hint


def _write(path: Path, lines: Sequence[Line]) -> None:
    import json

    from pixelmend.files import write_text

    content = {"side": SIDE, "networks": [asdict(line) for line in lines]}
    write_text(path, json.dumps(content, indent=2) + "\n")
