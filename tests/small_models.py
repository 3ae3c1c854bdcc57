"""Models made here, in a moment and without PyTorch: every kind of weights that can ship, with random numbers.

``restored = enlarged degraded + convolutions of (degraded, conditions)``: two layers, so that edges of pieces, seeds
and what a network is told all show in the result.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from pixelmend.catalog import Card, Training

if TYPE_CHECKING:
    from pathlib import Path

    import onnx

LEVEL, MASK = ("noise_level",), ("mask",)
# Name: task, size, scale, conditions, variant.
SHIPPING: dict[str, tuple[str, str, int, tuple[str, ...], str]] = {
    "denoise-nano": ("denoise", "nano", 1, LEVEL, "faithful"),
    "denoise-small": ("denoise", "small", 1, LEVEL, "faithful"),
    "denoise-base": ("denoise", "base", 1, LEVEL, "faithful"),
    "super-resolve-small-x2": ("super-resolve", "small", 2, (), "faithful"),
    "super-resolve-small-x3": ("super-resolve", "small", 3, (), "faithful"),
    "super-resolve-small-x4": ("super-resolve", "small", 4, (), "faithful"),
    "super-resolve-small-x4-perceptual": ("super-resolve", "small", 4, (), "perceptual"),
    "super-resolve-real-small-x4": ("super-resolve", "small", 4, (), "real"),
    "deblur-small": ("deblur", "small", 1, (), "faithful"),
    "deblur-base": ("deblur", "base", 1, (), "faithful"),
    "deblur-small-perceptual": ("deblur", "small", 1, (), "perceptual"),
    "dejpeg-small": ("dejpeg", "small", 1, (), "faithful"),
    "photo-small": ("photo", "small", 1, (), "faithful"),
    "photo-small-perceptual": ("photo", "small", 1, (), "perceptual"),
    "inpaint-small": ("inpaint", "small", 1, MASK, "faithful"),
    "denoise-small-pruned": ("denoise", "small", 1, LEVEL, "pruned"),
}
"""Weights of every kind, as a release holds them."""


def make_shelf(folder: Path) -> None:
    """Lay one model of each kind into a folder, each with its own random numbers."""
    for name in SHIPPING:
        make_model(folder, name)


def make_model(folder: Path, name: str) -> Card:
    """Write NAME.onnx and its card NAME.json into a folder; NAME is a key of ``SHIPPING`` and decides the weights."""
    seed = list(SHIPPING).index(name)
    task, size, scale, conditions, variant = SHIPPING[name]
    data = _network(scale, conditions, seed).SerializeToString()
    (folder / f"{name}.onnx").write_bytes(data)
    card = Card(
        name=name, task=task, size=size, variant=variant, file=f"{name}.onnx",
        sha256=hashlib.sha256(data).hexdigest(), parameters=1000 + seed, scale=scale, conditions=conditions,
        multiple_of=8, minimum=16, tile=64, overlap=16,
        sigma_range=(0.0, 75.0) if "noise_level" in conditions else (0.0, 255.0), licence="CC0",
        training=Training(data=(), mpx=0.0, minutes=0.0, device="none", recipe="none"), scores=(), macs_per_pixel=100.0,
        folder=folder,
    )  # fmt: skip
    (folder / f"{name}.json").write_text(card.to_json())
    return card


def _network(scale: int, conditions: tuple[str, ...], seed: int) -> onnx.ModelProto:
    rng = np.random.default_rng(seed)
    channels = 3 + len(conditions)
    weights = {
        "first": rng.normal(0, 0.3, (8, channels, 3, 3)),
        "second": rng.normal(0, 0.05, (3 * scale**2, 8, 3, 3)),
        "scales": np.array([1, 1, scale, scale]),
    }
    nodes = [
        helper.make_node("Concat", ["degraded", *conditions], ["known"], axis=1),
        helper.make_node("Conv", ["known", "first"], ["features"], pads=[1, 1, 1, 1]),
        helper.make_node("Tanh", ["features"], ["bent"]),
        helper.make_node("Conv", ["bent", "second"], ["folded"], pads=[1, 1, 1, 1]),
        helper.make_node("DepthToSpace", ["folded"], ["added"], blocksize=scale),
        helper.make_node("Resize", ["degraded", "", "scales"], ["enlarged"], mode="linear"),
        helper.make_node("Add", ["enlarged", "added"], ["restored"]),
    ]
    ports = {
        name: helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", count, rows, columns])
        for name, count, rows, columns in [
            ("degraded", 3, "h", "w"),
            *((name, 1, "h", "w") for name in conditions),
            ("restored", 3, "H", "W"),
        ]
    }
    restored = ports.pop("restored")
    values = [numpy_helper.from_array(array.astype(np.float32), name) for name, array in weights.items()]
    graph = helper.make_graph(nodes, "small", list(ports.values()), [restored], values)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
