"""A checkpoint becomes what people run: an ONNX file that gives what PyTorch gives, and its card."""

from __future__ import annotations

import hashlib
import json
import logging
import math
import warnings
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from pixelmend.catalog import Card, Score, Source, Training
from pixelmend.errors import ModelError, UsageError
from pixelmend.files import make_folder, replacing, write_text
from pixelmend.inference import OnnxEngine, crop, pad, padded_length
from pixelmend.models import Hybrid, load_hybrid, read_metadata
from pixelmend.models.measure import macs_per_pixel

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

PARITY_SIZES = ((64, 64), (192, 128), (101, 75))
"""Heights and widths that an export is checked on, pixels: the smallest, an oblong one, an odd one."""
PARITY_DB = 60.0
"""PSNR between ONNX Runtime's and PyTorch's result, data range 1, that an export must reach on each."""
OPSET = 20


@dataclass(frozen=True)
class Parity:
    """How close the exported network came to the original on one size; ``psnr`` in dB, infinite where equal."""

    height: int
    width: int
    psnr: float


def export(
    weights: Path,
    folder: Path,
    *,
    tile: int = 512,
    overlap: int = 128,
) -> tuple[Card, tuple[Parity, ...]]:
    """Write NAME.onnx and its card NAME.json; NAME is that of the recipe the weights were trained by.

    Args:
        weights: A safetensors file that training wrote.
        folder: Where to; made if it is not there.
        tile: Side of the pieces that large pictures are cut into, pixels; for the card.
        overlap: How far they overlap, pixels; for the card.

    Returns:
        The card, and how close the ONNX file comes to PyTorch.

    Raises:
        ModelError: The weights are broken or those of another network than the hybrid, or ONNX Runtime's result differs
            from PyTorch's: nothing is written.
        UnwritableError: The folder cannot be written.
        UsageError: Tile or overlap do not fit the network.
    """
    model, header = load_hybrid(weights), read_metadata(weights)
    needs = model.config.multiple_of
    if tile % needs or overlap % needs or not 0 <= overlap < tile:
        raise UsageError(f"tile {tile} and overlap {overlap} must be multiples of {needs}, and overlap the smaller one")
    name = header["recipe"]["name"]
    make_folder(folder)
    with replacing(folder / f"{name}.onnx") as beside:
        _write_onnx(model, beside)
        parity = measure_parity(model, beside)
        _refuse_worse(parity, weights)
        card = _card(model, header, beside, name=name, tile=tile, overlap=overlap)
    return write_card(replace(card, folder=folder)), parity


def write_card(card: Card, *, scores: Sequence[Score] | None = None) -> Card:
    """Store a card as NAME.json in its folder, at once or not at all.

    Args:
        card: The card.
        scores: Put on it, instead of those that it has.

    Returns:
        The card as stored.

    Raises:
        UnwritableError: The folder cannot be written.
    """
    if scores is not None:
        card = replace(card, scores=tuple(scores))
    write_text(card.folder / f"{card.name}.json", card.to_json())
    return card


def measure_parity(model: Hybrid, path: Path, sizes: Sequence[tuple[int, int]] = PARITY_SIZES) -> tuple[Parity, ...]:
    """Run the network and its ONNX file on the same noise, told the same, padded as the run half pads.

    Sizes are those of what goes in. A noise level is another one at each size, a mask is drawn.
    """
    engine = OnnxEngine(path, "cpu")
    generator = np.random.default_rng(0)
    needs, scale = model.config.multiple_of, model.config.scale
    found = []
    for index, (height, width) in enumerate(sizes):
        sides = [padded_length(side, multiple_of=needs, minimum=1) for side in (height, width)]
        picture = generator.random((height, width, 3), dtype=np.float32)
        degraded = np.ascontiguousarray(pad(picture, *sides).transpose(2, 0, 1)[None])
        known = {
            "noise_level": np.full((1, 1, *sides), (5 + 30 * index) / 255, np.float32),
            "mask": (generator.random((1, 1, *sides)) < 0.3).astype(np.float32),
        }
        conditions: dict[str, NDArray[np.float32]] = {name: known[name] for name in model.config.conditions}
        with torch.inference_mode():
            wanted = model(*(torch.from_numpy(each) for each in (degraded, *conditions.values()))).numpy()
        got = engine.run(degraded, conditions)
        if got.shape != wanted.shape:
            raise ModelError(f"the ONNX form gives {got.shape} where PyTorch gives {wanted.shape}: export it again")
        difference = crop((got - wanted)[0].transpose(1, 2, 0), height * scale, width * scale)
        error = float(np.square(difference, dtype=np.float64).mean())
        found.append(Parity(height, width, math.inf if error == 0 else -10 * math.log10(error)))
    return tuple(found)


def _refuse_worse(parity: Sequence[Parity], weights: Path) -> None:
    for each in parity:
        if each.psnr < PARITY_DB:
            raise ModelError(
                f"the ONNX form of {weights} differs from PyTorch on {each.width}×{each.height} "
                f"(got {each.psnr:.1f} dB, wanted {PARITY_DB:g} dB or more): nothing was written"
            )


def _write_onnx(model: Hybrid, path: Path) -> None:
    """Trace the network with batch, height and width left open."""
    needs, conditions = model.config.multiple_of, model.config.conditions
    batch, rows, columns = (torch.export.Dim(name, min=1, max=4096) for name in ("batch", "rows", "columns"))
    open_sizes = {0: batch, 2: needs * rows, 3: needs * columns}
    size = (2 * needs, 3 * needs)
    example = (torch.rand(2, 3, *size), *(torch.full((2, 1, *size), 0.1) for _ in conditions))
    # The exporter reports on operators of a library that we do not use, and on its own deprecations.
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            model,
            example,
            dynamo=True,
            opset_version=OPSET,
            input_names=["degraded", *conditions],
            output_names=["restored"],
            dynamic_shapes=(open_sizes, (open_sizes,) * len(conditions)) if conditions else (open_sizes,),
            verbose=False,
        )
        if program is None:
            raise ModelError("PyTorch's exporter gave no program")
    path.write_bytes(_plain(program.model_proto).SerializeToString(deterministic=True))


def _plain(model: Any) -> Any:
    """Drop what the exporter notes for people who debug it: source lines, paths of this machine, names of the day.

    What is left is a function of the network alone, so that the same weights give the same file.
    """
    for holder in (model, model.graph, *model.graph.node, *model.graph.value_info, *model.functions):
        del holder.metadata_props[:]
    for value in (*model.graph.input, *model.graph.output, *model.graph.initializer):
        del value.metadata_props[:]
    return model


def _card(
    model: Hybrid,
    header: dict[str, Any],
    onnx_file: Path,
    *,
    name: str,
    tile: int,
    overlap: int,
) -> Card:
    recipe, told = header["recipe"], "noise_level" in model.config.conditions
    training = Training(
        data=tuple(Source(**source) for source in recipe["data"]["sources"]),
        mpx=round(header["mpx"], 1),
        minutes=round(header["minutes"], 1),
        device=header["device"],
        recipe=json.dumps(recipe, ensure_ascii=False),
        features=header.get("features", ""),
    )
    side = model.config.multiple_of * -(-256 // model.config.multiple_of)
    return Card(
        name=name,
        task=recipe["task"],
        size=recipe["size"],
        variant=recipe.get("variant", "faithful"),
        file=f"{name}.onnx",
        sha256=hashlib.sha256(onnx_file.read_bytes()).hexdigest(),
        parameters=sum(p.numel() for p in model.parameters()),
        scale=model.config.scale,
        conditions=model.config.conditions,
        multiple_of=model.config.multiple_of,
        minimum=model.config.multiple_of,
        tile=tile,
        overlap=overlap,
        sigma_range=(recipe["damage"]["sigma_min"], recipe["damage"]["sigma_max"]) if told else (0.0, 255.0),
        licence=recipe["licence"],
        training=training,
        scores=(),
        macs_per_pixel=macs_per_pixel(model, conditions=len(model.config.conditions), size=(side, side)),
    )
