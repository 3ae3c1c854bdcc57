"""The machine that a run meets: its device, its faster precision, its rate, and the work of a network."""

from __future__ import annotations

import pytest
import torch

from pixelmend.models import Hybrid, HybridConfig
from pixelmend.training import machine
from pixelmend.training.machine import choose_device, choose_precision, forward_flops_per_pixel, matrix_rate


def test_the_work_of_a_network_is_counted_per_pixel() -> None:
    bare = {"widths": (8, 16), "encoder_blocks": (0, 0), "decoder_blocks": (0,), "context": ()}
    model = Hybrid(HybridConfig.model_validate({**bare, "conditions": ("noise_level", "mask")}))
    stem, head = 5 * 8 * 9, 8 * 3 * 9
    down, up = 8 * 16 * 4 / 4, 16 * 32 / 4  # at half height and width
    assert forward_flops_per_pixel(model, side=16) == 2 * (stem + down + up + head)


def test_a_device_is_taken_by_its_name() -> None:
    assert choose_device("cpu") == torch.device("cpu")
    assert choose_device("cuda") == torch.device("cuda")
    if not torch.cuda.is_available() and not torch.backends.mps.is_available():
        assert choose_device("auto") == torch.device("cpu")


def test_the_faster_precision_is_taken_and_its_rate_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    cpu = torch.device("cpu")
    assert [choose_precision(wanted, cpu) for wanted in ("bf16", "fp32")] == ["bf16", "fp32"]
    asked: list[int] = []

    def emulated(device: torch.device, dtype: torch.dtype, size: int, *, repeats: int = 3) -> float:
        asked.append(size)
        return 2 * size**3 / (1e9 if dtype == torch.bfloat16 else 1e11)

    monkeypatch.setattr(machine, "_product_seconds", emulated)
    assert choose_precision("auto", cpu) == "fp32"
    asked.clear()
    assert matrix_rate(cpu, "bf16", seconds=0.01) == pytest.approx(1e9)
    assert max(asked) == 512  # where a large product would take minutes, a small one is measured
    asked.clear()
    assert matrix_rate(cpu, "fp32", seconds=0.1) == pytest.approx(1e11)
    assert max(asked) == 512
