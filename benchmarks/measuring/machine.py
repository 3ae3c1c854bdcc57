"""What the machine is, in words, so that a figure of speed means something; nothing heavy is imported here."""

from __future__ import annotations

import os
import platform
import re
from importlib import metadata
from pathlib import Path

_CPUINFO = Path("/proc/cpuinfo")
_TELLING = (
    "avx2",
    "avx512f",
    "avx_vnni",
    "avx512_vnni",
    "avx512_bf16",
    "amx_tile",
    "amx_int8",
    "amx_bf16",
    "i8mm",
    "bf16",
)
"""Flags of a processor that decide how fast it multiplies."""
_PACKAGES: tuple[str, ...] = ("pixelmend", "numpy", "onnxruntime", "openvino", "torch", "spandrel", "deepinv", "bm3d")
_PACKAGES += ("opencv-python-headless",)


def flags() -> frozenset[str]:
    """Of the processor, as Linux names them; none where they are not told."""
    found = re.search(r"^(?:flags|Features)\s*:\s*(.*)$", _cpuinfo(), re.MULTILINE)
    return frozenset(found[1].split()) if found else frozenset()


def has_bf16() -> bool:
    """Whether the processor multiplies bf16 itself; one that does not emulates it, a hundred times slower."""
    return not flags().isdisjoint({"avx512_bf16", "amx_bf16", "bf16"})


def described() -> dict[str, str]:
    """What the machine is."""
    model = re.search(r"^model name\s*:\s*(.*)$", _cpuinfo(), re.MULTILINE)
    versions = [f"{name} {version}" for name in _PACKAGES if (version := _version(name)) is not None]
    return {
        "processor": model[1] if model else platform.processor() or platform.machine(),
        "cores": str(os.cpu_count()),
        "flags": ", ".join(flag for flag in _TELLING if flag in flags()),
        "system": f"{platform.system()} {platform.machine()}",
        "packages": ", ".join([f"Python {platform.python_version()}", *versions]),
    }


def _cpuinfo() -> str:
    return _CPUINFO.read_text(encoding="utf-8") if _CPUINFO.is_file() else ""


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
