"""What this machine is: its processor, memory and GPUs, found without any package and without running anything."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

FEATURES: dict[str, tuple[str, ...]] = {
    "avx2": ("avx2",),
    "avx512": ("avx512f",),
    "vnni": ("avx512_vnni", "avx_vnni", "asimddp"),
    "bf16": ("avx512_bf16", "amx_bf16", "bf16"),
    "amx": ("amx_tile",),
}
"""What makes networks fast, and the flags by which Linux says so: for x86, and for Arm where it has such a thing."""
_NVIDIA = ("dev/nvidia0", "proc/driver/nvidia")


def _sysctl(name: str) -> str:
    """What macOS says of itself under a name; "" elsewhere, and where it says nothing."""
    program = shutil.which("sysctl", path="/usr/sbin:/sbin") if sys.platform == "darwin" else None
    if program is None:
        return ""
    import subprocess

    done = subprocess.run([program, "-n", name], capture_output=True, text=True, check=False)  # noqa: S603  (no shell)
    return done.stdout.strip()


@dataclass(frozen=True)
class Places:
    """Where to look; tests look elsewhere.

    Attributes:
        root: Of the file system.
        system: "Linux", "Darwin" or "Windows".
        architecture: "x86_64", "arm64", ...
        which: Finds a program by its name.
        sysctl: Asks macOS.
    """

    root: Path = Path("/")
    system: str = field(default_factory=platform.system)
    architecture: str = field(default_factory=platform.machine)
    which: Callable[[str], str | None] = shutil.which
    sysctl: Callable[[str], str] = _sysctl


@dataclass(frozen=True)
class Machine:
    """What was found.

    Attributes:
        system: Operating system and architecture.
        cpu: Name of the processor.
        cores: That this process may use.
        features: Of `FEATURES`, those that it has; None where the system does not tell.
        memory_bytes: Of the whole machine; None where the system does not tell.
        gpu: "NVIDIA", "Apple" or "".
    """

    system: str
    cpu: str
    cores: int
    features: tuple[str, ...] | None
    memory_bytes: int | None
    gpu: str


def look(places: Places | None = None) -> Machine:
    """Find out what this machine is.

    Args:
        places: Where to look; None looks at this machine.
    """
    places = places or Places()
    info = _cpuinfo(places.root / "proc" / "cpuinfo")
    flags = set((info.get("flags") or info.get("Features") or "").split())
    name = info.get("model name") or places.sysctl("machdep.cpu.brand_string") or platform.processor()
    return Machine(
        system=f"{places.system} {places.architecture}",
        cpu=" ".join(name.split()) or places.architecture,
        cores=cores(),
        features=tuple(name for name, any_of in FEATURES.items() if flags & set(any_of)) if flags else None,
        memory_bytes=_memory(places),
        gpu=find_gpu(places),
    )


def cores() -> int:
    """How many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def sums_saturate(machine: Machine) -> bool:
    """Whether this processor may clip sums of products of 8-bit numbers at 16 bits: one of Intel's kind without VNNI.

    Where the system does not tell, it is taken to do so: right before fast.
    """
    x86 = machine.system.lower().endswith(("x86_64", "amd64", "i386", "x86"))
    return x86 and "vnni" not in (machine.features or ())


def find_gpu(places: Places | None = None) -> str:
    """The maker of a GPU that networks can run on: "NVIDIA", "Apple", or "" where none is seen."""
    places = places or Places()
    if places.which("nvidia-smi") or any((places.root / each).exists() for each in _NVIDIA):
        return "NVIDIA"
    return "Apple" if (places.system, places.architecture) == ("Darwin", "arm64") else ""


def _cpuinfo(path: Path) -> dict[str, str]:
    """The first processor's lines of /proc/cpuinfo; nothing where there is no such file."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return {}
    pairs = (line.partition(":") for line in text.partition("\n\n")[0].splitlines())
    return {key.strip(): value.strip() for key, _, value in pairs}


def _memory(places: Places) -> int | None:
    try:
        text = (places.root / "proc" / "meminfo").read_text(encoding="utf-8")
    except OSError:
        told = places.sysctl("hw.memsize")
        return int(told) if told.isdigit() else None
    kilobytes = next((line.split()[1] for line in text.splitlines() if line.startswith("MemTotal:")), None)
    return None if kilobytes is None else 1024 * int(kilobytes)
