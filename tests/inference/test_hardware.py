"""What a machine is, told from files as several kinds of machines have them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from pixelmend.inference.hardware import Places, cores, find_gpu, look, sums_saturate

if TYPE_CHECKING:
    from pathlib import Path

EPYC = "fpu sse2 avx avx2 avx512f avx512bw avx_vnni avx512_bf16 avx512_vnni"
# Flags as /proc/cpuinfo gives them, and what of it matters.
PROCESSORS = {
    f"model name\t: AMD  EPYC\nflags\t\t: {EPYC}\n": ("AMD EPYC", ("avx2", "avx512", "vnni", "bf16")),
    "model name : Xeon\nflags : avx2 avx512f avx512_vnni amx_bf16 amx_tile amx_int8": (
        "Xeon",
        ("avx2", "avx512", "vnni", "bf16", "amx"),
    ),
    "model name : Core\nflags : sse2 avx avx2": ("Core", ("avx2",)),
    "model name : old\nflags : sse2 sse4_2": ("old", ()),
    "processor : 0\nFeatures : fp asimd asimddp i8mm bf16": ("machine", ("vnni", "bf16")),
}


def places(root: Path, **changes: object) -> Places:
    """An empty Linux machine, but for what is changed."""
    usual = {"system": "Linux", "architecture": "machine", "which": lambda _name: None, "sysctl": lambda _name: ""}
    return Places(root=root, **{**usual, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize("text", PROCESSORS)
def test_a_processor_is_told_from_its_flags(tmp_path: Path, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.processor", lambda: "")
    (tmp_path / "proc").mkdir()
    # a second processor with other flags does not count
    (tmp_path / "proc" / "cpuinfo").write_text(text + "\n\nprocessor : 1\nflags : amx_tile\n")
    (tmp_path / "proc" / "meminfo").write_text("MemTotal:       16000000 kB\nMemFree: 1 kB\n")
    machine = look(places(tmp_path))
    assert (machine.cpu, machine.features) == PROCESSORS[text]
    assert machine.memory_bytes == 16_000_000 * 1024
    assert (machine.system, machine.gpu) == ("Linux machine", "")


def test_a_system_that_tells_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.processor", lambda: "")
    machine = look(places(tmp_path, system="Windows", architecture="AMD64"))
    assert (machine.cpu, machine.features, machine.memory_bytes) == ("AMD64", None, None)


@pytest.mark.parametrize(
    ("architecture", "flags", "saturates"),
    [
        ("x86_64", "avx2", True),
        ("x86_64", "avx2 avx_vnni", False),
        ("AMD64", "", True),  # Windows does not tell
        ("aarch64", "fp asimd", False),
    ],
)
def test_sums_saturate_on_intels_kind_without_vnni(
    tmp_path: Path, architecture: str, flags: str, *, saturates: bool
) -> None:
    if flags:
        (tmp_path / "proc").mkdir()
        (tmp_path / "proc" / "cpuinfo").write_text(f"flags : {flags}\n")
    assert sums_saturate(look(places(tmp_path, architecture=architecture))) is saturates


def test_an_apple_chip_is_asked_by_sysctl_and_has_a_gpu(tmp_path: Path) -> None:
    told = {"machdep.cpu.brand_string": "Apple M2", "hw.memsize": "17179869184"}
    apple = places(tmp_path, system="Darwin", architecture="arm64", sysctl=told.__getitem__)
    machine = look(apple)
    assert (machine.cpu, machine.memory_bytes, machine.gpu) == ("Apple M2", 2**34, "Apple")
    assert find_gpu(places(tmp_path, system="Darwin", architecture="x86_64")) == ""


@pytest.mark.parametrize("sign", ["dev/nvidia0", "proc/driver/nvidia", "nvidia-smi"])
def test_each_sign_of_an_nvidia_gpu_is_enough(tmp_path: Path, sign: str) -> None:
    assert find_gpu(places(tmp_path)) == ""
    if sign == "nvidia-smi":
        assert find_gpu(places(tmp_path, which={"nvidia-smi": "/usr/bin/nvidia-smi"}.get)) == "NVIDIA"
        return
    (tmp_path / sign).mkdir(parents=True)
    assert find_gpu(places(tmp_path)) == "NVIDIA"


def test_this_machine_is_looked_at_without_an_error() -> None:
    machine = look()
    assert machine.cpu
    assert 1 <= cores() == machine.cores <= (os.cpu_count() or 1)
