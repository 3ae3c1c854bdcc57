"""PyTorch to ONNX, with a parity check, and the card that goes with it."""

from pixelmend.export.onnx import Parity, export, measure_parity, write_card

__all__ = ["Parity", "export", "measure_parity", "write_card"]
