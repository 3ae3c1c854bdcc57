"""The memory that ONNX Runtime's networks compute in: one arena for all of them, which can be given back.

Without an arena every operator gets its memory from the system, which clears it first: that takes a fifth of the time.
With one of its own, each network would keep the most that it ever needed, for as long as it lives.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from pixelmend.inference.engines.ort import ort
from pixelmend.memory import trim

_ARENA = {
    "max_mem": 0,  # no limit
    "arena_extend_strategy": 1,  # by exactly what is needed, not by powers of two
    "initial_chunk_size_bytes": 2**20,
    "max_dead_bytes_per_chunk": 2**20,
}
_FLOAT, _IR_VERSION, _OPSET = 1, 8, 17


def share(options: Any) -> None:
    """Let a network whose session gets these options compute in the arena.

    Args:
        options: An ``onnxruntime.SessionOptions``.
    """
    _set_up()
    options.add_session_config_entry("session.use_env_allocators", "1")
    # A plan for each shape would hold more than is used at any time.
    options.enable_mem_pattern = False


def give_back() -> None:
    """Give the system what no running network, and no result that somebody holds, uses of the arena."""
    _nothing().run(None, {"given": np.zeros(1, np.float32)}, _giving_back())
    trim()


@lru_cache(maxsize=1)
def _set_up() -> None:
    kind = ort.OrtMemoryInfo("Cpu", ort.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, ort.OrtMemType.DEFAULT)
    ort.create_and_register_allocator(kind, ort.OrtArenaCfg(_ARENA))


@lru_cache(maxsize=1)
def _nothing() -> Any:
    """A network that does nothing: only after a run is an arena asked to shrink."""
    options = ort.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    share(options)
    return ort.InferenceSession(_identity(), options, providers=["CPUExecutionProvider"])


def _giving_back() -> Any:
    options = ort.RunOptions()
    options.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")
    return options


def _identity() -> bytes:
    """An ONNX model of one Identity; the numbers are those of the fields in onnx.proto."""
    node = _field(1, b"given") + _field(2, b"same") + _field(4, b"Identity")
    graph = _field(1, node) + _field(2, b"nothing") + _field(11, _vector(b"given")) + _field(12, _vector(b"same"))
    return _number(1, _IR_VERSION) + _field(7, graph) + _field(8, _number(2, _OPSET))


def _vector(name: bytes) -> bytes:
    """An input or output that is one float."""
    shape = _field(2, _field(1, _number(1, 1)))
    return _field(1, name) + _field(2, _field(1, _number(1, _FLOAT) + shape))


def _field(number: int, content: bytes) -> bytes:
    """A field of Protocol Buffers that holds bytes, up to 127 of them."""
    return bytes([number << 3 | 2, len(content)]) + content


def _number(number: int, value: int) -> bytes:
    """One that holds a number, up to 127."""
    return bytes([number << 3, value])
