"""The page of examples/browser, installed, served and used in a headless Chromium: for its test and its benchmark."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

from tests.browsing import BROWSERS, NotThereError, install_driver, program, run_program

__all__ = ["NotThereError", "drive"]

PAGE = Path(__file__).resolve().parents[2] / "examples" / "browser"
DRIVER = Path(__file__).with_name("drive.mjs")
PATIENCE = 150
"""Seconds that a slow machine may take for each step."""


def drive(place: Path, models: Path, pictures: list[dict[str, Any]]) -> dict[str, Any]:
    """Restore pictures with the page.

    Args:
        place: An empty folder.
        models: Cards and ONNX files.
        pictures: One after the other: `model` by name, `sigma` (None measures it), `picture` and `output` as paths; the
            output becomes raw RGBA.

    Returns:
        What was seen: `models`, `isolated`, `errors`, `addresses` and `results` (see drive.mjs).

    Raises:
        NotThereError: What it needs is missing.
        RuntimeError: The driver failed.
    """
    node, chromium = program("node"), program(*BROWSERS)
    page = place / "page"
    shutil.copytree(PAGE, page, ignore=shutil.ignore_patterns("node_modules", "package-lock.json"))
    install_driver(DRIVER, page)
    settings = {"PORT": "0", "MODELS": str(models)}
    with subprocess.Popen([node, "server.js"], cwd=page, stdout=subprocess.PIPE, text=True, env=settings) as server:
        try:
            assert server.stdout is not None
            (address,) = re.findall(r"http://localhost:\d+", server.stdout.readline())
            jobs = {"chromium": chromium, "address": address, "timeout": PATIENCE, "pictures": pictures}
            (place / "jobs.json").write_text(json.dumps(jobs))
            done = run_program([node, DRIVER.name, str(place / "jobs.json")], page, PATIENCE)
        finally:
            server.terminate()
    if done.returncode:
        raise RuntimeError(done.stderr)
    seen: dict[str, Any] = json.loads(done.stdout)
    return seen
