"""Verbs of the learn half, where only the run half is installed: one line that says what to install."""

from __future__ import annotations

import subprocess
import sys

import pytest

VERBS = {
    "train": ["train", "recipes/denoise-small.toml"],
    "evaluate": ["evaluate", "--data", ".", "--suite", "denoise"],
    "adapt": ["adapt", "."],
    "export": ["export", "weights.safetensors"],
}


def without_torch(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run ``pixelmend`` in a fresh process that cannot import torch."""
    code = "import sys; sys.modules['torch'] = None; from pixelmend.cli import main; main()"
    return subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("verb", VERBS)
def test_a_missing_package_is_named_with_what_to_do(verb: str) -> None:
    done = without_torch(*VERBS[verb])
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.splitlines() == [
        "pixelmend: this needs torch, which is not installed: pip install 'pixelmend[train]'"
    ]


@pytest.mark.parametrize("package", ["fastapi", "uvicorn"])
def test_a_server_says_what_it_lacks(package: str) -> None:
    code = f"import sys; sys.modules[{package!r}] = None; from pixelmend.cli import main; main()"
    done = subprocess.run([sys.executable, "-c", code, "serve"], capture_output=True, text=True, check=False)
    wanted = f"pixelmend: this needs {package}, which is not installed: pip install 'pixelmend[serve]'\n"
    assert (done.returncode, done.stdout, done.stderr) == (2, "", wanted)
    told = subprocess.run([sys.executable, "-c", code, "serve", "--help"], capture_output=True, text=True, check=False)
    assert (told.returncode, "--port" in told.stdout) == (0, True)


@pytest.mark.parametrize("verb", VERBS)
def test_help_needs_no_package(verb: str) -> None:
    done = without_torch(verb, "--help")
    assert done.returncode == 0
    assert "Usage" in done.stdout
