"""Trained weights become what people run: an ONNX file that gives what PyTorch gives, and its card."""

from __future__ import annotations

import copy
import hashlib
import json
import logging
import warnings
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import torch

from pixelmend.catalog import Card, Score, Source, Training
from pixelmend.errors import ModelError, UsageError
from pixelmend.export.from_onnx import read_onnx
from pixelmend.export.integers import to_integers, translations
from pixelmend.export.parity import Parity, measure_parity, measure_rounding
from pixelmend.export.pieces import usual_pieces
from pixelmend.export.storage import check_storage, fold, store
from pixelmend.export.weights import read_weights
from pixelmend.files import make_folder, replacing, write_text
from pixelmend.models.measure import macs_per_pixel
from pixelmend.models.rounding import round_points

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pixelmend.models import Hybrid
    from pixelmend.models.rounding import Rounding

PARITY_DB = 60.0
"""PSNR between ONNX Runtime's and PyTorch's result, data range 1, that an export must reach on each size."""
INTEGER_DB = 35.0
"""The same between a file in int8 and PyTorch that rounds at the same points: a sum may fall to either side of a half,
and what one point rounds otherwise moves all that follow."""
OPSET = 20


@dataclass(frozen=True)
class Exported:
    """What ``export`` wrote.

    Attributes:
        card: The card, beside its ONNX file.
        parity: How close the file comes to PyTorch with the weights as they are stored, on each size.
        rounding: PSNR between results with weights as they are stored and as they were learned, dB, data range 1.
    """

    card: Card
    parity: tuple[Parity, ...]
    rounding: float


def export(
    weights: Path, folder: Path, *, tile: int | None = None, overlap: int | None = None, storage: str = "float16"
) -> Exported:
    """Write NAME.onnx and its card NAME.json; NAME is that of the recipe the weights were trained by.

    The file is a function of the weights alone, and weights that are read from it give it again. Weights that were
    quantized know where features are rounded: their file computes in int8.

    Args:
        weights: A safetensors file that training wrote, or anything else that ``read_weights`` takes.
        folder: Where to; made if it is not there.
        tile: Side of the pieces that large pictures are cut into, pixels; for the card. None takes what is usual for
            the task.
        overlap: How far they overlap, pixels; for the card. None takes what is usual for the task.
        storage: How weights lie in the file, "float32", "float16" or "int8"; they are computed with in float32. Those
            of quantized layers are int8 whatever is said here.

    Returns:
        The card, how close the ONNX file comes to PyTorch, and what rounding the weights costs.

    Raises:
        ModelError: The weights are broken or those of another network than the hybrid, or ONNX Runtime's result differs
            from PyTorch's: nothing is written.
        UnwritableError: The folder cannot be written.
        UsageError: Tile or overlap do not fit the network; there is no such storage, or no model of that name.
    """
    check_storage(storage)
    model, header = read_weights(weights)
    needs = model.config.multiple_of
    usual = usual_pieces(header["recipe"]["task"], model.config.scale, needs)
    tile = usual[0] if tile is None else tile
    overlap = usual[1] if overlap is None else overlap
    if tile % needs or overlap % needs or not 0 <= overlap < tile:
        raise UsageError(f"tile {tile} and overlap {overlap} must be multiples of {needs}, and overlap the smaller one")
    name = header["recipe"]["name"]
    make_folder(folder)
    with replacing(folder / f"{name}.onnx") as beside:
        parity, rounding = _write_checked(model, beside, header.get("rounding", {}), storage)
        card = _card(model, header, beside, tile=tile, overlap=overlap)
    precision = "int8" if header.get("rounding") else "float32"
    return Exported(write_card(replace(card, folder=folder, storage=storage, precision=precision)), parity, rounding)


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


def _write_checked(model: Hybrid, path: Path, points: Rounding, storage: str) -> tuple[tuple[Parity, ...], float]:
    """Write the ONNX file and measure it against PyTorch: with the learned weights, as stored, and with whole numbers.

    Returns:
        How close the file in floating point comes to PyTorch with the weights as stored; and how close its results are,
        as it is run, to those of the learned weights.
    """
    network = _trace(model)
    _write(network, path)
    _refuse_worse(measure_parity(model, path), PARITY_DB, path)
    if points:
        whole = copy.deepcopy(model)
        round_points(whole, points)
        network = _trace(whole)
        to_integers(network)
    store(network, storage)
    _write(network, path)
    stored = read_onnx(path, model.config)
    parity = measure_parity(stored, path)
    _refuse_worse(parity, PARITY_DB, path)
    if points:
        round_points(stored, points)
        _refuse_worse(measure_parity(stored, path, precision="int8"), INTEGER_DB, path)
    return parity, measure_rounding(model, path)


def _refuse_worse(parity: Sequence[Parity], least: float, path: Path) -> None:
    for each in parity:
        if not each.psnr >= least:  # NaN compares false
            raise ModelError(
                f"the ONNX form of the weights differs from PyTorch on {each.width}×{each.height} "
                f"(got {each.psnr:.1f} dB, wanted {least:g} dB or more): {path.name} was not written"
            )


def _trace(model: Hybrid) -> Any:
    """The network as an ONNX model with float32 weights; batch, height and width are left open."""
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
            custom_translation_table=translations(),
            verbose=False,
        )
        if program is None:
            raise ModelError("PyTorch's exporter gave no program")
    network = _plain(program.model_proto)
    fold(network)
    return network


def _write(network: Any, path: Path) -> None:
    path.write_bytes(network.SerializeToString(deterministic=True))


def _plain(model: Any) -> Any:
    """Drop what the exporter notes for people who debug it: source lines, paths of this machine, names of the day.

    What is left is a function of the network alone, so that the same weights give the same file.
    """
    model.producer_version = ""
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
        name=recipe["name"],
        task=recipe["task"],
        size=recipe["size"],
        variant=recipe.get("variant", "faithful"),
        file=f"{recipe['name']}.onnx",
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
