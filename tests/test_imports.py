"""What importing costs: the run half never loads the learn half, and help answers without loading either."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("torch", "lightning", "scipy", "skimage", "PIL", "pydantic", "safetensors")


def loaded_by(code: str) -> set[str]:
    """Top-level modules that a fresh interpreter has loaded after running code; a warning is an error."""
    report = "import sys; print(*sorted({name.split('.')[0] for name in sys.modules}))"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", f"{code}\n{report}"], capture_output=True, text=True, check=True
    )
    return set(done.stdout.splitlines()[-1].split())


@pytest.mark.parametrize("room", ["errors", "images", "catalog", "diagnosis", "inference", "cli", "metrics", "pages"])
def test_the_run_half_loads_nothing_of_the_learn_half(room: str) -> None:
    assert loaded_by(f"import pixelmend.{room}").isdisjoint(HEAVY)


def test_a_process_of_the_service_loads_no_server() -> None:
    servers = {"fastapi", "starlette", "uvicorn", "prometheus_client", "python_multipart", "ray"}
    assert loaded_by("import pixelmend.service.worker, pixelmend.service.pool").isdisjoint({*HEAVY, *servers})


def test_the_service_loads_nothing_of_the_learn_half() -> None:
    assert loaded_by("import pixelmend.service; pixelmend.service.serve").isdisjoint({*HEAVY} - {"pydantic"})


def test_the_package_loads_next_to_nothing() -> None:
    assert loaded_by("import pixelmend").isdisjoint({*HEAVY, "numpy", "onnxruntime", "pyvips", "typer"})


def test_the_public_function_is_found_when_asked_for() -> None:
    assert "onnxruntime" in loaded_by("import pixelmend; pixelmend.restore")


def test_help_loads_neither_numpy_nor_onnxruntime() -> None:
    code = "import sys; sys.argv = ['pixelmend', '--help']\nfrom pixelmend.cli import main\n"
    code += "try:\n    main()\nexcept SystemExit:\n    pass"
    assert loaded_by(code).isdisjoint({*HEAVY, "numpy", "onnxruntime", "pyvips"})


def test_public_names_are_these() -> None:
    import pixelmend

    assert sorted(pixelmend.__all__) == ["__version__", "restore"]
    with pytest.raises(AttributeError, match="no attribute 'mend'"):
        _ = pixelmend.mend
