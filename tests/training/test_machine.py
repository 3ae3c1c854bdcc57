"""The machine that a run meets: its device, its faster precision, its rate, and the work of a network."""

from __future__ import annotations

import pytest
import torch

from pixelmend.training import machine
from pixelmend.training.machine import choose_device, choose_precision, forward_flops_per_pixel, matrix_rate


def test_the_work_of_a_network_is_counted_per_pixel() -> None:
    class Plain(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = torch.nn.Conv2d(4, 5, 3, padding=1, bias=False)

        def forward(self, degraded: torch.Tensor, noise_level: torch.Tensor) -> torch.Tensor:
            level = noise_level.expand(1, 1, *degraded.shape[2:])
            result: torch.Tensor = self.conv(torch.cat([degraded, level], dim=1))
            return result

    assert forward_flops_per_pixel(Plain(), side=16) == 2 * 4 * 5 * 9


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
