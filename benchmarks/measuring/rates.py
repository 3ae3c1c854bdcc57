"""What the machine can do at most: operations a second of large matrix products in each precision."""

from __future__ import annotations

import statistics
import time
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.measuring.machine import has_bf16

if TYPE_CHECKING:
    from collections.abc import Callable

SHAPES = ((1024, 1024, 1024), (2048, 1024, 1024), (4096, 576, 64), (2048, 2048, 2048))
"""Rows, depth and columns of the products of whole numbers that are tried; the third is a convolution's."""
SMALL_SHAPES = ((256, 256, 256),)
"""For a trial."""


def rates(threads: int, seconds: float, *, quick: bool = False) -> dict[str, Callable[[], float]]:
    """What measures operations a second, by precision; an addition and a multiplication are two.

    Args:
        threads: That may be used.
        seconds: How long each measures, after a warm-up.
        quick: Small products, whose rate means nothing.
    """
    import torch

    from pixelmend.training.machine import matrix_rate

    def floating(precision: str) -> float:
        torch.set_num_threads(threads)
        return matrix_rate(torch.device("cpu"), precision, seconds=seconds)

    precisions = {"float32": "fp32", **({"bf16": "bf16"} if has_bf16() else {})}
    found: dict[str, Callable[[], float]] = {name: partial(floating, each) for name, each in precisions.items()}
    found["int8"] = partial(Int8Rate(threads, SMALL_SHAPES if quick else SHAPES).measure, seconds)
    return found


class Int8Rate:
    """Products of 8-bit matrices by ONNX Runtime, in the shape that it is fastest at.

    Args:
        threads: That may be used.
        shapes: Rows, depth and columns of the products.
    """

    def __init__(self, threads: int, shapes: tuple[tuple[int, int, int], ...]) -> None:
        self._products = [_product(threads, *shape) for shape in shapes]
        for _ in range(2):
            best = max(self._products, key=_rate)
        self._best = best

    def measure(self, seconds: float) -> float:
        """Operations a second: the median over about this time."""
        found: list[float] = []
        end = time.perf_counter() + seconds
        while not found or time.perf_counter() < end:
            found.append(_rate(self._best))
        return statistics.median(found)


def _rate(product: tuple[int, Callable[[], object]]) -> float:
    operations, call = product
    start = time.perf_counter()
    call()
    return operations / (time.perf_counter() - start)


def _product(threads: int, rows: int, depth: int, columns: int) -> tuple[int, Callable[[], object]]:
    """Operations of a product, and the call that makes it: unsigned values from outside by signed weights."""
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    session = ort.InferenceSession(_model(rows, depth, columns), options, providers=["CPUExecutionProvider"])
    given = {"values": np.random.default_rng(0).integers(0, 128, (rows, depth), dtype=np.uint8)}
    return 2 * rows * depth * columns, lambda: session.run(["product"], given)


def _model(rows: int, depth: int, columns: int) -> bytes:
    from onnx import TensorProto, helper, numpy_helper

    weights = np.random.default_rng(1).integers(-64, 64, (depth, columns), dtype=np.int8)
    graph = helper.make_graph(
        [helper.make_node("MatMulInteger", ["values", "weights"], ["product"])],
        "product",
        [helper.make_tensor_value_info("values", TensorProto.UINT8, [rows, depth])],
        [helper.make_tensor_value_info("product", TensorProto.INT32, [rows, columns])],
        [numpy_helper.from_array(weights, "weights")],
    )
    model: Any = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    written: bytes = model.SerializeToString()
    return written
