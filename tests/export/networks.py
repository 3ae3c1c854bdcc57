"""Small networks that the tests of exporting share, and the weights files they lie in."""

from __future__ import annotations

import hashlib
import warnings
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from pixelmend.export import write_card
from pixelmend.models import Hybrid, HybridConfig, save_model

if TYPE_CHECKING:
    from pathlib import Path

    from pixelmend.catalog import Card

TINY = HybridConfig(
    widths=(8, 16),
    encoder_blocks=(1, 1),
    decoder_blocks=(1,),
    context=("window", "shifted", "channel"),
    window=4,
    head_width=8,
)
WIDE = HybridConfig.model_validate({**TINY.model_dump(), "widths": (8, 32)})
"""Wide enough for every kind of weights to be stored compactly: of convolutions, linear layers and positions."""


def varied(**changes: Any) -> HybridConfig:
    """``WIDE``, but for some fields."""
    return HybridConfig.model_validate({**WIDE.model_dump(), **changes})


def woken(config: HybridConfig) -> Hybrid:
    """A network whose every part has a say: fresh gains and a fresh head are zero."""
    torch.manual_seed(0)
    model = Hybrid(config)
    for name, parameter in model.named_parameters():
        if "gain" in name or "head" in name or "position_bias" in name:
            torch.nn.init.normal_(parameter, std=0.3)
        elif "temperature" in name and config.attention == "normalized":
            torch.nn.init.constant_(parameter, 2.0 + int(name.split(".")[1]))  # another in each block
    return model.eval()


def header(config: HybridConfig, **recipe: Any) -> dict[str, Any]:
    """What training notes beside such weights; ``recipe`` changes some of it."""
    usual = {
        "name": "denoise-tiny",
        "task": "denoise",
        "size": "small",
        "licence": "Apache-2.0",
        "data": {"sources": [{"name": "made here", "pictures": 2, "licence": "CC0"}]},
        "damage": {"sigma_min": 0.0, "sigma_max": 75.0},
        "model": config.model_dump(mode="json"),
    }
    return {"recipe": {**usual, **recipe}, "step": 10, "mpx": 1.25, "minutes": 0.5, "device": "test"}


def stored(config: HybridConfig, folder: Path, **recipe: Any) -> Path:
    """The weights file of a woken network."""
    path = folder / "weights.safetensors"
    save_model(woken(config), path, header(config, **recipe))
    return path


def quantized(card: Card, folder: Path) -> Card:
    """The same network with convolutions in whole numbers, as ONNX Runtime's own tools write it (QDQ), and its card."""
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

    class Pictures(CalibrationDataReader):  # type: ignore[misc]
        """Two noisy pictures and their level."""

        def __init__(self) -> None:
            pictures = np.random.default_rng(0).random((2, 1, 3, 64, 64), dtype=np.float32)
            level = np.full((1, 1, 64, 64), 0.1, np.float32)
            self.feeds = iter([{"degraded": each, "noise_level": level} for each in pictures])

        def get_next(self) -> Any:
            return next(self.feeds, None)

    path = folder / "denoise-whole.onnx"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        quantize_static(
            card.path,
            path,
            Pictures(),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            op_types_to_quantize=["Conv"],
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
        )
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    named = replace(card, name="denoise-whole", file=path.name, sha256=sha256, storage="int8", folder=folder)
    return write_card(named)
