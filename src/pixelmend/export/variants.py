"""An exported network once more, for runtimes that take less: of one size, or in other operators; with a card."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import onnx

from pixelmend.catalog import verify
from pixelmend.errors import ModelError, UsageError
from pixelmend.export.onnx import write_card
from pixelmend.export.opset import check_opset, convert_opset
from pixelmend.export.parity import example, psnr_between
from pixelmend.export.static import make_static
from pixelmend.files import make_folder, replacing
from pixelmend.inference import OnnxEngine
from pixelmend.inference.sizes import round_up

if TYPE_CHECKING:
    from pathlib import Path

    from pixelmend.catalog import Card

SAME_DB = 60.0
"""PSNR between the results of the two files, data range 1, that must be reached."""
_EXAMPLE = 128
"""Side of the picture that is tried where any size goes, in pixels, or what the network needs above that."""


@dataclass(frozen=True)
class Variant:
    """What ``write_variant`` wrote.

    Attributes:
        card: Of the new file, beside it.
        psnr: Between the new file's and the old one's result, dB, data range 1; infinite where they are equal.
    """

    card: Card
    psnr: float


def write_variant(
    card: Card,
    folder: Path,
    *,
    size: tuple[int, int] | None = None,
    opset: int | None = None,
    overlap: int | None = None,
) -> Variant:
    """Write NAME-HxW.onnx, NAME-opsetN.onnx or NAME-HxW-opsetN.onnx and its card, from an exported network.

    The file at hand is rewritten, not the network behind it: it may be any that ``export`` or a quantizer wrote.

    Args:
        card: Of the network.
        folder: Where to; made if it is not there.
        size: (height, width) in pixels that the new file takes, a batch of one; None leaves all sizes open.
        opset: Version of the ONNX operators; None keeps it.
        overlap: Of the pieces that larger pictures are cut into, pixels; None takes a quarter of the shorter side of
            ``size``, as far as the network's needs allow, or what the card says.

    Raises:
        ModelError: The file is damaged, cannot be written so, or would give something else: nothing is written.
        UnwritableError: The folder cannot be written.
        UsageError: Size, overlap or version do not fit.
    """
    check_opset(opset)
    verify(card)
    made = _described(card, size, opset, overlap)
    network = onnx.load(card.path)
    if size is not None:
        network = make_static(network, *size, card.scale)
        if not is_quantized(network):
            made = replace(made, storage="float32")
    if opset is not None:
        network = convert_opset(network, opset)
    make_folder(folder)
    with replacing(folder / made.file) as beside:
        beside.write_bytes(network.SerializeToString(deterministic=True))
        psnr = _likeness(card, beside, size)
        made = replace(made, sha256=hashlib.sha256(beside.read_bytes()).hexdigest(), folder=folder)
    return Variant(write_card(made), psnr)


def check_size(card: Card, size: tuple[int, int]) -> None:
    """Refuse a size that a network does not take.

    Raises:
        UsageError: It is no multiple of what the network needs, or too small; or the file has a fixed size already.
    """
    needs = card.multiple_of
    if card.fixed:
        raise UsageError(f"{card.name} takes {card.fixed[0]}×{card.fixed[1]} only: name what it was made from")
    if any(side % needs or side < card.minimum for side in size):
        raise UsageError(
            f"got a size of {size[0]}×{size[1]}, but {card.name} needs multiples of {needs}, {card.minimum} or more"
        )


def is_quantized(network: Any) -> bool:
    """Whether an ONNX model computes with whole numbers: it has QuantizeLinear or DequantizeLinear."""
    return any(node.op_type == "DequantizeLinear" for node in network.graph.node)


def _described(card: Card, size: tuple[int, int] | None, opset: int | None, overlap: int | None) -> Card:
    """The new card, but for the checksum; scores stay with the file that was measured."""
    name = card.name
    if size is not None:
        check_size(card, size)
        name += f"-{size[0]}x{size[1]}"
        if overlap is None:
            quarter = round_up(min(size) // 4, card.multiple_of)
            overlap = min(card.overlap, quarter, min(size) - card.multiple_of)
        if overlap % card.multiple_of or not 0 <= overlap < min(size):
            raise UsageError(f"overlap {overlap} must be a multiple of {card.multiple_of} below the size {min(size)}")
        card = replace(card, fixed=size, tile=max(size), minimum=min(size), overlap=overlap)
    if opset is not None:
        name += f"-opset{opset}"
    return replace(card, name=name, file=f"{name}.onnx", scores=())


def _likeness(card: Card, path: Path, size: tuple[int, int] | None) -> float:
    """PSNR between the results of two files on one picture.

    Raises:
        ModelError: They are apart.
    """
    side = round_up(max(_EXAMPLE, card.minimum), card.multiple_of)
    degraded, told = example(card.conditions, *(size or card.fixed or (side, side)))
    wanted = OnnxEngine(card.path, "cpu").run(degraded, told)
    psnr = psnr_between(OnnxEngine(path, "cpu").run(degraded, told), wanted)
    if not psnr >= SAME_DB:  # NaN compares false
        raise ModelError(
            f"the new form of {card.name} differs from {card.path} (got {psnr:.1f} dB, wanted {SAME_DB:g} dB or more): "
            "nothing was written"
        )
    return psnr
