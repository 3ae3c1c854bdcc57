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

SHAPES = ((512, 512, 512), (1024, 1024, 1024), (8192, 256, 256), (4096, 576, 64), (2048, 2048, 2048))
"""Rows, depth and columns of the products that ONNX Runtime tries; the fourth is a convolution's."""
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

    shapes = SMALL_SHAPES if quick else SHAPES
    whole, real = (OnnxRate(kind, threads, shapes) for kind in (np.int8, np.float32))
    # PyTorch's library of matrices does not use all that processors of some makers have: a third of it on Zen 5.
    found: dict[str, Callable[[], float]] = {"float32": lambda: max(floating("fp32"), real.measure(seconds))}
    if has_bf16():
        found["bfloat16"] = partial(floating, "bf16")
    return {**found, "int8": partial(whole.measure, seconds)}


class OnnxRate:
    """Products of matrices by ONNX Runtime, in the shape that it is fastest at.

    Args:
        kind: Of the weights: 8-bit whole numbers, by which unsigned ones are multiplied, or float32.
        threads: That may be used.
        shapes: Rows, depth and columns of the products.
    """

    def __init__(self, kind: type[np.generic], threads: int, shapes: tuple[tuple[int, int, int], ...]) -> None:
        products = [_product(kind, threads, *shape) for shape in shapes]
        for product in products:
            _rate(product)  # the first one of each is slow
        # The best of several: what else a machine does can only slow one down.
        self._best = max(products, key=lambda product: max(_rate(product) for _ in range(5)))

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


def _product(
    kind: type[np.generic], threads: int, rows: int, depth: int, columns: int
) -> tuple[int, Callable[[], object]]:
    """Operations of a product, and the call that makes it: values from outside by weights."""
    import onnxruntime as ort

    generator = np.random.default_rng(0)
    values = generator.integers(0, 128, (rows, depth)).astype(np.uint8 if kind is np.int8 else kind)
    weights = generator.integers(-64, 64, (depth, columns)).astype(kind)
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    session = ort.InferenceSession(_model(values, weights), options, providers=["CPUExecutionProvider"])
    return 2 * rows * depth * columns, lambda: session.run(["product"], {"values": values})


def _model(values: np.ndarray[Any, Any], weights: np.ndarray[Any, Any]) -> bytes:
    from onnx import TensorProto, helper, numpy_helper

    whole = weights.dtype == np.int8
    given = helper.np_dtype_to_tensor_dtype(values.dtype)
    made = TensorProto.INT32 if whole else TensorProto.FLOAT
    shape = [values.shape[0], weights.shape[1]]
    graph = helper.make_graph(
        [helper.make_node("MatMulInteger" if whole else "MatMul", ["values", "weights"], ["product"])],
        "product",
        [helper.make_tensor_value_info("values", given, list(values.shape))],
        [helper.make_tensor_value_info("product", made, shape)],
        [numpy_helper.from_array(weights, "weights")],
    )
    model: Any = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    written: bytes = model.SerializeToString()
    return written
