"""Files for small devices: sizes, likeness and time of one size, of ncnn, and of the page in a browser.

    python -m benchmarks.edge [NAME ...]

What is not installed (ncnn, or Node with Chromium) is left out, and that is said.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from pixelmend import catalog
from pixelmend.errors import MissingExtraError
from pixelmend.export import write_variant
from pixelmend.export.parity import example
from pixelmend.inference import OnnxEngine
from tests.examples.driving import NotThereError, drive

if TYPE_CHECKING:
    from collections.abc import Callable

NOISY = Path(__file__).resolve().parents[1] / "examples" / "lighthouse_noisy.png"
MEGAPIXELS = 500 * 500 / 1e6
SIDE = 256
REPEATS = 3


def fastest(run: Callable[[], object]) -> float:
    """Seconds of the fastest of some runs, after one that does not count."""
    run()
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return min(times)


def measure_files(card: catalog.Card, folder: Path) -> None:
    """Print the open file, the one of 256×256, and ncnn's."""
    made = write_variant(card, folder, size=(SIDE, SIDE))
    degraded, told = example(card.conditions, SIDE, SIDE)
    for title, path in (("open", card.path), (f"{SIDE}×{SIDE}", made.card.path)):
        engine = OnnxEngine(path, "cpu", threads=1)
        seconds = fastest(lambda engine=engine: engine.run(degraded, told))  # type: ignore[misc]
        print(f"{card.name:28} {title:10} {path.stat().st_size / 1e6:6.2f} MB  {seconds * 1e3:8.1f} ms, one thread")
    print(f"{card.name:28} {SIDE}×{SIDE} against open: {made.psnr:.1f} dB")
    try:
        from pixelmend.export.ncnn import write_ncnn

        ncnn = write_ncnn(card, folder, (SIDE, SIDE))
    except MissingExtraError as error:
        print(f"{card.name:28} ncnn       left out: {error}")
        return
    print(f"{card.name:28} ncnn       {ncnn.bin.stat().st_size / 1e6:6.2f} MB  {ncnn.psnr:8.1f} dB")


def measure_browser(cards: list[catalog.Card], folder: Path) -> None:
    """Print the time a megapixel of the page, for each model the fastest of some runs."""
    models = folder / "shelf"
    models.mkdir()
    for card in cards:
        for path in (card.path, card.path.with_suffix(".json")):
            shutil.copy(path, models)
    output = str(folder / "restored.rgba")
    jobs = [
        {"model": card.name, "sigma": 25, "picture": str(NOISY), "output": output}
        for card in cards
        for _ in range(1 + REPEATS)
    ]
    try:
        results = drive(folder, models, jobs)["results"]
    except NotThereError as error:
        print(f"browser left out: {error}")
        return
    for index, card in enumerate(cards):
        runs = results[index * (1 + REPEATS) + 1 : (index + 1) * (1 + REPEATS)]
        seconds = min(float(each["seconds"]) for each in runs) / MEGAPIXELS
        print(f"{card.name:28} browser    {seconds:6.2f} s a megapixel: {runs[0]['text']}")


def main() -> None:
    """Measure the models that are named, or nano and small."""
    cards = [catalog.by_name(name) for name in sys.argv[1:] or ("denoise-nano", "denoise-small")]
    with tempfile.TemporaryDirectory(prefix="pixelmend-") as place:
        for card in cards:
            measure_files(card, Path(place))
        measure_browser(cards, Path(place))


if __name__ == "__main__":
    main()
