"""The command as a whole: version, help, and what it does not import."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

import pixelmend


def python(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize(
    "module",
    [
        "pixelmend",
        "pixelmend.images",
        "pixelmend.catalog",
        "pixelmend.diagnosis",
        "pixelmend.inference",
        "pixelmend.cli",
        "pixelmend.service",
    ],
)
def test_the_run_half_imports_nothing_of_the_learn_half(module: str) -> None:
    heavy = "torch", "lightning", "scipy", "skimage", "PIL", "pydantic"
    loaded = python(f"import sys, {module}; print([name for name in {heavy!r} if name in sys.modules])")
    assert loaded.strip() == "[]"


def test_import_costs_nothing() -> None:
    heavy = "numpy", "onnxruntime", "pyvips", "typer"
    loaded = python(f"import sys, pixelmend; print([name for name in {heavy!r} if name in sys.modules])")
    assert loaded.strip() == "[]"


def test_help_answers_at_once_and_imports_no_numbers() -> None:
    heavy = "numpy", "onnxruntime", "pyvips", "torch"
    code = (
        "import sys; sys.argv = ['pixelmend', '--help']\n"
        "from pixelmend.cli import main\n"
        "try: main()\n"
        f"except SystemExit: print([name for name in {heavy!r} if name in sys.modules])"
    )
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        out = python(code)
        seconds.append(time.perf_counter() - start)
    assert "restore" in out
    assert out.splitlines()[-1] == "[]"
    assert min(seconds) < 1.5  # 0.2 s on a quiet machine; the bound is for a busy one


@pytest.mark.parametrize("option", ["--version"])
def test_version(option: str) -> None:
    ran = subprocess.run([sys.executable, "-m", "pixelmend", option], capture_output=True, text=True, check=True)
    assert ran.stdout == f"pixelmend {pixelmend.__version__}\n"
