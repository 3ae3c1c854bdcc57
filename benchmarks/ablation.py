"""Measures the runs of recipes/ablation and stores what docs/make_ablation.py shows.

pixelmend train recipes/ablation/NAME.toml --set data.root=DIR --set validation.lpips=FILE   (for each)
python benchmarks/ablation.py runs --data DIR --lpips FILE
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

ROOT = Path(__file__).resolve().parents[1]
RECIPES = ROOT / "recipes" / "ablation"
SIDE = 512
"""Height and width of the picture that is restored for time, pixels."""


def measured(runs: Path, names: list[str]) -> dict[str, Any]:
    """What each run came to, by name: score, size, and milliseconds to restore a picture."""
    from pixelmend.models import load_model, read_metadata
    from pixelmend.training.journal import read_rows
    from pixelmend.training.machine import forward_flops_per_pixel

    found: dict[str, Any] = {}
    models = {}
    for name in names:
        folder = runs / name
        header = read_metadata(folder / "last.safetensors")
        models[name] = load_model(folder / "last.safetensors")
        scores = header["validation"]
        found[name] = {
            "steps": header["step"],
            "mpx": round(header["mpx"], 1),
            "parameters": sum(p.numel() for p in models[name].parameters()),
            "kmac": round(forward_flops_per_pixel(models[name]) / 2e3, 1),
            **{measure: {case: round(v, 5) for case, v in by_case.items()} for measure, by_case in scores.items()},
            "curve": [[round(row["mpx"], 2), round(row["psnr"], 3)] for row in read_rows(folder / "train.csv")],
        }
    for name, milliseconds in forward_times(models).items():
        found[name]["ms"] = round(milliseconds, 1)
    return found


def faithful(data: Path, lpips: Path) -> dict[str, Any]:
    """The weights that ship, which the adversarial runs start from, scored as those are."""
    import torch

    from pixelmend.data.validation import Measures, mean_scores
    from pixelmend.metrics.lpips import Lpips
    from pixelmend.models import load_model
    from pixelmend.training import lessons, load_recipe
    from pixelmend.training.machine import choose_precision, precision_type

    recipe = load_recipe(RECIPES / "adversary.toml", [f"data.root={data}"])
    device = torch.device("cpu")
    scores = lessons.validation_set(recipe, device).score(
        load_model(ROOT / str(recipe.start)),
        recipe.model.conditions,
        precision=precision_type(choose_precision("auto", device)),
        measures=Measures(ssim=True, lpips=Lpips(lpips)),
    )
    return {m: {case: round(v, 5) for case, v in by_case.items()} for m, by_case in mean_scores(scores).items()}


def forward_times(models: dict[str, Any], *, rounds: int = 7) -> dict[str, float]:
    """Milliseconds of a forward pass in the faster precision; the networks take turns, and the median counts."""
    import torch

    from pixelmend.training.machine import choose_precision, precision_type

    precision = precision_type(choose_precision("auto", torch.device("cpu")))
    picture = torch.rand(1, 3, SIDE, SIDE).contiguous(memory_format=torch.channels_last)
    level = torch.full((1, 1, 1, 1), 0.1)
    for model in models.values():
        model.to(memory_format=torch.channels_last)
        _seconds(model, picture, level, precision)
    times: dict[str, list[float]] = {name: [] for name in models}
    for _ in range(rounds):
        for name, model in models.items():
            times[name].append(1000 * _seconds(model, picture, level, precision))
    return {name: statistics.median(each) for name, each in times.items()}


def _seconds(model: Any, picture: torch.Tensor, level: torch.Tensor, precision: torch.dtype) -> float:
    import torch

    start = time.perf_counter()
    with torch.inference_mode(), torch.autocast("cpu", precision, enabled=precision != torch.float32):
        model(picture, level)
    return time.perf_counter() - start


def main() -> None:
    """Measure every run that has a recipe, and store it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", type=Path, help="folder of the runs")
    parser.add_argument("--data", type=Path, required=True, help="folder that the recipes' folders are in")
    parser.add_argument("--lpips", type=Path, required=True, help="file or folder of AlexNet's features")
    parser.add_argument("-o", "--output", type=Path, default=ROOT / "docs" / "results" / "ablation.json")
    chosen = parser.parse_args()
    names = [p.stem for p in sorted(RECIPES.glob("*.toml")) if (chosen.runs / p.stem / "last.safetensors").exists()]
    found = {**measured(chosen.runs, names), "faithful": faithful(chosen.data, chosen.lpips)}
    chosen.output.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n")
    print(f"wrote {chosen.output}: {', '.join(names)}")


if __name__ == "__main__":
    main()
