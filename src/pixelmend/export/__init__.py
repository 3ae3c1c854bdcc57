"""PyTorch to ONNX and back, with a parity check, and the card that goes with it."""

from pixelmend.export.onnx import Exported, export, write_card
from pixelmend.export.parity import Parity, measure_parity
from pixelmend.export.variants import Variant, write_variant
from pixelmend.export.weights import card_of, read_weights, write_safetensors

__all__ = [
    "Exported",
    "Parity",
    "Variant",
    "card_of",
    "export",
    "measure_parity",
    "read_weights",
    "write_card",
    "write_safetensors",
    "write_variant",
]
