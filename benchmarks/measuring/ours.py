"""Our denoisers as they ship, in every engine and precision that runs here.

Which there are, and how each is started, stands in ``ENGINES`` and nowhere else.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.measuring.machine import has_bf16

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pixelmend.catalog import Card

    Call = Callable[[], object]
    Start = Callable[[Card, str, int, int], Call]

_SIGMA = 25


@dataclass(frozen=True)
class EngineKind:
    """An engine.

    Attributes:
        title: What tables call it.
        package: Which must be installed.
        precisions: What it computes in, for weights that ship in a precision.
        start: Gets card, precision, threads and side; makes what restores one picture of that side at a call.
    """

    title: str
    package: str
    precisions: Callable[[str], tuple[str, ...]]
    start: Start


def shipped_precision(card: Card) -> str:
    """What the file of a card is computed in: "int8" or "float32"; cards of before int8 do not say it."""
    return str(getattr(card, "precision", "float32"))


def default_form(card: Card) -> tuple[str, str]:
    """Engine and precision that ``pixelmend restore`` chooses by itself: a key of ``ENGINES``, and one of its own."""
    return "onnxruntime", shipped_precision(card)


def forms(card: Card) -> list[tuple[str, str]]:
    """Engine and precision of every form of a model that can be run here."""
    there = {name: kind for name, kind in ENGINES.items() if find_spec(kind.package) is not None}
    return [(name, each) for name, kind in there.items() for each in kind.precisions(shipped_precision(card))]


def inputs_of(card: Card, side: int) -> dict[str, np.ndarray[Any, np.dtype[np.float32]]]:
    """A picture with noise, and the noise level, as the network takes them: (1, 3, side, side), (1, 1, side, side)."""
    pixels = np.random.default_rng(0).random((1, 3, side, side), dtype=np.float32)
    level = np.full((1, 1, side, side), _SIGMA / 255, np.float32)
    return {"degraded": pixels, **({"noise_level": level} if "noise_level" in card.conditions else {})}


def _quantised_also(shipped: str) -> tuple[str, ...]:
    return ("int8", "float32") if shipped == "int8" else ("float32",)


def _openvino_precisions(shipped: str) -> tuple[str, ...]:
    # Weights that ship in int8 are run so; from others it makes bf16 by itself.
    return ("int8",) if shipped == "int8" else _floating(shipped)


def _floating(_: str) -> tuple[str, ...]:
    return ("bf16", "float32") if has_bf16() else ("float32",)


def _onnxruntime(card: Card, precision: str, threads: int, side: int) -> Call:
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.enable_cpu_mem_arena = False  # as in the engine that ships
    if shipped_precision(card) == "int8" and precision == "float32":
        options.add_session_config_entry("session.disable_quant_qdq", "1")
        options.add_session_config_entry("session.enable_quant_qdq_cleanup", "1")
    session = ort.InferenceSession(str(card.path), options, providers=["CPUExecutionProvider"])
    inputs = inputs_of(card, side)
    return lambda: session.run(["restored"], inputs)


def _openvino(card: Card, precision: str, threads: int, side: int) -> Call:
    import openvino as ov

    inputs = inputs_of(card, side)
    core = ov.Core()
    model = core.read_model(str(card.path))
    model.reshape({name: list(each.shape) for name, each in inputs.items()})
    hint = "bf16" if precision == "bf16" else "f32"
    settings = {"INFERENCE_NUM_THREADS": threads, "INFERENCE_PRECISION_HINT": hint, "PERFORMANCE_HINT": "LATENCY"}
    request = core.compile_model(model, "CPU", settings).create_infer_request()
    return lambda: request.infer(inputs)


def _torch(card: Card, precision: str, threads: int, side: int) -> Call:
    from pathlib import Path

    import torch

    from pixelmend.export import read_weights

    torch.set_num_threads(threads)
    network = read_weights(Path(card.name))[0].eval().to(memory_format=torch.channels_last)
    tensors = [torch.from_numpy(each) for each in inputs_of(card, side).values()]
    tensors[0] = tensors[0].to(memory_format=torch.channels_last)

    def call() -> object:
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
            return network(*tensors)

    return call


ENGINES: Mapping[str, EngineKind] = {
    "onnxruntime": EngineKind("ONNX Runtime", "onnxruntime", _quantised_also, _onnxruntime),
    "openvino": EngineKind("OpenVINO", "openvino", _openvino_precisions, _openvino),
    "torch": EngineKind("PyTorch", "torch", _floating, _torch),
}
"""What runs our networks."""
