"""Makes docs/results.md, its plots and the README's table from the stored scores.

Run from the checkout, after ``pixelmend evaluate`` has written docs/results/standard.json and docs/results/peers/:
python docs/make_results.py
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from pixelmend.evaluation import SUITES, Entry, Results, markdown_table

if TYPE_CHECKING:
    from collections.abc import Sequence

DOCS = Path(__file__).resolve().parent
STORED, PAGE, README = DOCS / "results", DOCS / "results.md", DOCS.parent / "README.md"
WHOLE, PEERS = STORED / "standard.json", STORED / "peers"
SYSTEMS = (
    ("Wiener filter", ("wiener",)),
    ("Richardson–Lucy", ("richardson-lucy",)),
    ("total variation", ("tv",)),
    ("non-local means", ("nlm",)),
    ("sparse coding", ("sparse-coding",)),
    ("BM3D", ("bm3d",)),
    ("shrinkage cascade (TNRD)", ("tnrd",)),
    ("SRCNN", ("srcnn",)),
    ("VDSR", ("vdsr",)),
    ("DnCNN", ("dncnn",)),
    ("U-Net", ("unet",)),
    ("ESRGAN (RRDB)", ("rrdb",)),
    ("SwinIR", ("swinir",)),
    ("IPT", ("ipt",)),
    ("Restormer", ("restormer",)),
    ("NAFNet", ("nafnet",)),
    ("DRUNet", ("drunet",)),
    ("SCUNet", ("scunet",)),
    ("Uformer", ("uformer",)),
    ("DeblurGAN", ("deblurgan",)),
    ("deep image prior", ("deep-image-prior",)),
    ("plug-and-play (DPIR)", ("plug-and-play",)),
    ("diffusion", ("diffusion",)),
    ("bicubic", ("bicubic",)),
    ("biharmonic inpainting", ("biharmonic",)),
    ("Pixelmend", ("pixelmend",)),
)
"""What went before, each with the methods that stand for it."""
BEGIN, END = "<!-- scores: begin -->", "<!-- scores: end -->"


def read(path: Path) -> list[Entry]:
    """Stored scores of a file, or of all in a folder, in the order of the suites."""
    files = [path / f"{suite}.json" for suite in SUITES] if path.is_dir() else [path]
    return [entry for file in files if file.is_file() for entry in Results(file).entries.values()]


def text() -> str:
    """The whole page."""
    whole, peers = read(WHOLE), read(PEERS)
    parts = [
        _HEAD,
        "## One number of every system\n",
        _ONE_EACH,
        one_each(peers),
        "\n## Every system on the same pictures\n",
        _PEERS.format(machine=peers[0].machine),
        *(f"![PSNR against {words}](results/peers-{cost}.webp)\n" for cost, words in COSTS),
        markdown_table(peers, first="pixelmend"),
        "\n## Whole sets\n",
        _WHOLE.format(machine=whole[0].machine),
        markdown_table(whole, first="pixelmend"),
    ]
    return "\n".join(parts)


def one_each(entries: Sequence[Entry]) -> str:
    """For every system the first set and case that it was measured on, beside ours and the damaged pictures."""
    rows = [
        "| system | set | case | PSNR, dB | damaged | Pixelmend | pictures |",
        "| --- | --- | --- | ---: | ---: | ---: | ---: |",
    ]
    for system, methods in SYSTEMS:
        own = [entry for entry in entries if entry.method in methods and entry.pictures]
        rows.append(f"| {system} | {_cells(own, entries)} |")
    return "\n".join(rows) + "\n"


def _cells(own: Sequence[Entry], entries: Sequence[Entry]) -> str:
    if not own:
        return "– | – | – | – | – | –"
    entry = own[0]
    beside = [_at(method, entry, entries) for method in ("degraded", "pixelmend")]
    mean = entry.mean("psnr")
    return " | ".join([entry.title, entry.case, f"{mean:.2f}", *beside, str(len(entry.pictures))])


def _at(method: str, other: Entry, entries: Sequence[Entry]) -> str:
    """What a method scored on the pictures of another, its best weights; "–" where it has no score."""
    same = [e for e in entries if (e.method, e.title, e.task, e.case) == (method, other.title, other.task, other.case)]
    narrowed = [entry.narrowed(other.pictures) for entry in same]
    means = [mean for entry in narrowed if (mean := entry.mean("psnr")) is not None]
    return f"{max(means):.2f}" if means else "–"


def summary(entries: Sequence[Entry]) -> str:
    """The README's table: PSNR of denoising, told the level, on whole sets."""
    chosen = [e for e in entries if e.task == "denoise" and "blind" not in e.case and e.pictures]
    columns = list(dict.fromkeys((entry.title, entry.case) for entry in chosen))
    methods = dict.fromkeys((entry.label, entry.parameters) for entry in chosen)
    lines = [
        "| PSNR, dB | parameters | " + " | ".join(f"{title} {case}" for title, case in columns) + " |",
        "| --- | ---: |" + " ---: |" * len(columns),
    ]
    for label, parameters in methods:
        found = {(entry.title, entry.case): entry.mean("psnr") for entry in chosen if entry.label == label}
        cells = ["–" if (value := found.get(key)) is None else f"{value:.2f}" for key in columns]
        size = "–" if parameters is None else f"{parameters / 1e6:.2f} M"
        lines.append(f"| {label} | {size} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def readme(present: str) -> str:
    """The README with the table of today."""
    table = f"{BEGIN}\n{summary(read(WHOLE))}\n{END}"
    return re.sub(f"{BEGIN}.*?{END}", lambda _: table, present, flags=re.DOTALL)


def draw() -> None:
    """The plots of all systems."""
    from pixelmend.evaluation.plots import plot_costs

    for cost, _ in COSTS:
        plot_costs(read(PEERS), cost, STORED / f"peers-{cost}.webp")


COSTS = (("time", "time"), ("size", "size"))
_HEAD = """# Results

Made by `docs/make_results.py` from the scores that `pixelmend evaluate` stored in `docs/results/`; every number comes
with the conditions under which it was measured, in a list below its table. [How to measure](evaluate.md) tells what the
words mean and how to measure again, also on your own pictures.
"""
_ONE_EACH = """For each system that went before, one set and one case out of the tables below. Where a note there says
*trained here*, the network learned for as many minutes of one core as ours beside it under the same note (`small-…`),
from the same pictures (IPT for half of them): that tells what a network learns quickly, not what it can reach.
Published weights, where they could be had, say so. *Pixelmend* is what ships; plug-and-play and diffusion work around
the first denoiser that shipped. All of a row is over the same pictures.
"""

_WHOLE = """Measured on {machine}, rows at different times and beside other work: times tell fast from slow and no more.
"""
_PEERS = """The first pictures of each set, every method on the same ones, on {machine}. The machine did other work as
well, so times tell fast from slow and no more.
"""


if __name__ == "__main__":
    draw()
    PAGE.write_text(text(), encoding="utf-8")
    README.write_text(readme(README.read_text(encoding="utf-8")), encoding="utf-8")
    print(f"wrote {PAGE}, its plots, and the table of {README}")
