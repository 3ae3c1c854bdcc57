"""What shells offer: the protocol of each shell, names that exist, those of the task at hand, and at once."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from pixelmend import catalog
from pixelmend.cli import app, completion
from pixelmend.images import formats
from pixelmend.inference.engines import onnx_runtime
from pixelmend.inference.engines.table import KINDS
from pixelmend.service.logs import FORMS

if TYPE_CHECKING:
    from pathlib import Path


def protocol(shell: str, words: str) -> dict[str, str]:
    """What a shell tells a program that it wants completed."""
    if shell == "bash":
        return {"COMP_WORDS": words, "COMP_CWORD": str(words.count(" ")), "_PIXELMEND_COMPLETE": "complete_bash"}
    action = {"_TYPER_COMPLETE_FISH_ACTION": "get-args"} if shell == "fish" else {}
    return {"_TYPER_COMPLETE_ARGS": words, "_PIXELMEND_COMPLETE": f"complete_{shell}", **action}


def offered(words: str, shell: str = "bash") -> list[str]:
    """What it answers, line by line."""
    done = CliRunner().invoke(app, [], env=protocol(shell, words), prog_name="pixelmend")
    return [line for line in done.output.splitlines() if line]


def test_names_are_those_that_exist() -> None:
    assert set(completion.TASKS) == {"auto", *catalog.tasks()}
    assert set(completion.ENGINES) == {"auto", "ray", *KINDS}
    assert set(completion.DEVICES) == {"auto", "mps", *onnx_runtime._DEVICES}
    assert set(completion.FORMATS) == set(formats())
    assert set(completion.LOGS) == set(FORMS)
    assert set(completion.SIZES) == {catalog.by_name(name).size for name in catalog.names()}


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ("--task de", ["deblur", "dejpeg", "denoise", *[n for n in catalog.names() if n.startswith("de")]]),
        ("--task denoise-n", ["denoise-nano"]),
        ("--task ./my", []),
        ("--task inp", ["inpaint", *[n for n in catalog.names() if n.startswith("inp")]]),
        ("--size ", ["nano", "small", "base"]),
        ("--task denoise --size ", ["nano", "small", "base"]),
        ("--task deblur --size ", ["small", "base"]),
        ("--task dejpeg --size ", ["small"]),
        ("--task super-resolve --scale ", ["auto", "2", "3", "4"]),
        ("--task super-resolve-real --scale ", ["auto", "4"]),
        ("--engine o", ["onnxruntime", "openvino"]),
        ("--device cu", ["cuda"]),
        ("--precision ", ["auto", "int8", "float32"]),
        ("--format j", ["jpeg"]),
        ("--on-error s", ["skip", "stop"]),
        ("--sigma a", ["auto"]),
        ("--sigma 2", []),
    ],
)
def test_bash_is_offered_what_fits(words: str, wanted: list[str]) -> None:
    assert offered(f"pixelmend restore {words}") == wanted


def test_zsh_and_fish_are_told_what_names_mean() -> None:
    assert offered("pixelmend restore --engine on", "fish") == ["onnxruntime\tcomes with every installation"]
    zsh = offered("pixelmend restore --engine on", "zsh")
    assert zsh == ["""_arguments '*: :(("onnxruntime":"comes with every installation"))'"""]
    assert offered("pixelmend restore --task ./my", "zsh") == ["_files"]


def test_nothing_heavy_is_loaded() -> None:
    code = "import sys; from pixelmend.cli import completion; completion.complete_task('');"
    code += " print(*{name.split('.')[0] for name in sys.modules})"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert {"numpy", "onnxruntime", "pyvips", "torch"}.isdisjoint(loaded)


@pytest.fixture
def command(tmp_path: Path) -> dict[str, str]:
    """An environment in which ``pixelmend`` is this package."""
    script = tmp_path / "pixelmend"
    script.write_text(f"#!{sys.executable}\nfrom pixelmend.cli import main\n\nmain()\n")
    script.chmod(0o755)
    return {**os.environ, "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_command_itself_answers(shell: str, command: dict[str, str]) -> None:
    def answer(words: str) -> str:
        env = {**command, **protocol(shell, words)}
        return subprocess.run(["pixelmend"], env=env, capture_output=True, text=True, check=False).stdout

    assert len(answer("pixelmend compr").split("compress")) == 2
    assert "hub" in answer("pixelmend compare --lpips h")
    assert "none" not in answer("pixelmend compare --lpips h")
    assert "Usage" not in answer("pixelmend compare --lpips ./")
    script = subprocess.run(
        ["pixelmend"],
        env={**command, "_PIXELMEND_COMPLETE": f"source_{shell}"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert f"complete_{shell}" in script


def test_a_real_bash_completes(command: dict[str, str]) -> None:
    if (bash := shutil.which("bash")) is None:
        pytest.skip("no bash")
    typed = "COMP_WORDS=(pixelmend compare --lpips n); COMP_CWORD=3; _pixelmend_completion pixelmend"
    line = f'eval "$(_PIXELMEND_COMPLETE=source_bash pixelmend)"; {typed}; echo "${{COMPREPLY[@]}}"'
    done = subprocess.run([bash, "-c", line], env=command, capture_output=True, text=True, check=True)
    assert done.stdout == "none\n"
