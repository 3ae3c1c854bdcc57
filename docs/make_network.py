"""Makes docs/network.md and its picture: what the network is made of, and what each part of it is worth.

Run from the checkout, after benchmarks/ablation.py has stored what the runs came to: python docs/make_network.py
"""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

DOCS = Path(__file__).resolve().parent
RECIPES = DOCS.parent / "recipes" / "ablation"
PAGE = DOCS / "network.md"
PICTURE = DOCS / "images" / "ablation.webp"
MEASURED: dict[str, Any] = json.loads((DOCS / "results" / "ablation.json").read_text(encoding="utf-8"))
REFERENCE = "small"
FAITHFUL = "faithful"
"""The weights that ship, which the last three runs start from."""


def purpose(name: str) -> str:
    """What a recipe's first line says it asks."""
    first = (RECIPES / f"{name}.toml").read_text(encoding="utf-8").splitlines()[0]
    return first.removeprefix("#").strip()


def settings(name: str) -> str:
    """What a recipe changes, as recipe lines."""
    tree = tomllib.loads((RECIPES / f"{name}.toml").read_text(encoding="utf-8"))
    parts = {**tree.get("model", {}), **{f"optimizer.{k}": v for k, v in tree.get("optimizer", {}).items()}}
    return ", ".join(f"{key} = {value}" for key, value in parts.items()) or "–"


def mean(scores: dict[str, float]) -> float:
    """The mean over the kinds of damage."""
    return sum(scores.values()) / len(scores)


def row(name: str) -> str:
    """A line of the table: what was reached, and the difference to the network that ships."""
    one, reference = MEASURED[name], MEASURED[REFERENCE]
    psnr, lpips = mean(one["psnr"]), mean(one["lpips"])
    by_case = " / ".join(f"{value:.2f}" for value in one["psnr"].values())
    change = "" if name == REFERENCE else f"{psnr - mean(reference['psnr']):+.2f}"
    lpips_change = "" if name == REFERENCE else f"{lpips - mean(reference['lpips']):+.3f}"
    return (
        f"| {name} | {one['parameters'] / 1e6:.2f} M | {one['kmac']:.0f} | {one['steps']} | {by_case} | {change} "
        f"| {lpips:.3f} | {lpips_change} | {one['ms'] / reference['ms']:.2f} |"
    )


def equal_minutes() -> str:
    """The table of runs of equal minutes, the best first."""
    names = [n for n in MEASURED if n not in {FAITHFUL, *PERCEPTUAL}]
    names.sort(key=lambda n: -mean(MEASURED[n]["psnr"]))
    head = (
        "| run | parameters | kMAC a pixel | steps | dB at σ 15 / 25 / 50 | mean, dB | LPIPS | | time |\n"
        "|---|---:|---:|---:|---|---:|---:|---:|---:|"
    )
    return "\n".join([head, *(row(n) for n in names)])


PERCEPTUAL = ("features", "adversary", "adversary-only")


def perceptual() -> str:
    """The table of what features and an adversary are worth."""
    head = "| weights | dB at σ 15 / 25 / 50 | LPIPS at σ 15 / 25 / 50 | LPIPS, mean |\n|---|---|---|---:|"
    lines = [head]
    for name in (FAITHFUL, *(n for n in PERCEPTUAL if n in MEASURED)):
        one = MEASURED[name]
        psnr, lpips = (" / ".join(f"{v:.{d}f}" for v in one[m].values()) for m, d in (("psnr", 2), ("lpips", 3)))
        lines.append(f"| {name} | {psnr} | {lpips} | {mean(one['lpips']):.3f} |")
    return "\n".join(lines)


def questions() -> str:
    """What each run asks, and by which lines."""
    return "\n".join(
        f"| {name} | {purpose(name)} | `{settings(name)}` |" for name in MEASURED if name not in {FAITHFUL, *PERCEPTUAL}
    )


def text() -> str:
    """The page."""
    template = (DOCS / "network.template.md").read_text(encoding="utf-8")
    for key, value in (
        ("{equal_minutes}", equal_minutes()),
        ("{perceptual}", perceptual()),
        ("{questions}", questions()),
    ):
        template = template.replace(key, value)
    return template


def draw() -> None:
    """Training PSNR over megapixels, smoothed, of the runs that are told of."""
    import numpy as np

    from pixelmend.figures import picture_of
    from pixelmend.images import save
    from pixelmend.training.curves import Curve, Panel, draw

    shown = (REFERENCE, "gated-encoder", "plain-decoder", "no-context", "prototype", "adamw", "no-skips")
    curves = []
    for name in (n for n in shown if n in MEASURED):
        points = np.asarray(MEASURED[name]["curve"])
        width = 5  # rows of 50 steps
        smooth = np.convolve(points[:, 1], np.ones(width) / width, "valid")
        curves.append(Curve(name, points[width // 2 : width // 2 + len(smooth), 0], smooth))
    panel = Panel("training PSNR, mean over 250 steps", "dB, higher is better", tuple(curves))
    save(picture_of(draw([panel], "")), PICTURE)


if __name__ == "__main__":
    draw()
    PAGE.write_text(text(), encoding="utf-8")
    print(f"wrote {PAGE} and {PICTURE}")
