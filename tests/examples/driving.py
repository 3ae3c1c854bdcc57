"""The page of examples/browser, installed, served and used in a headless Chromium: for its test and its benchmark."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

PAGE = Path(__file__).resolve().parents[2] / "examples" / "browser"
DRIVER = Path(__file__).with_name("drive.mjs")
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
PATIENCE = 150
"""Seconds that a slow machine may take for each step."""


class NotThereError(Exception):
    """Node, npm, its registry or a browser is missing."""


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
    node, npm, chromium = _program("node"), _program("npm"), _program(*BROWSERS)
    page = place / "page"
    shutil.copytree(PAGE, page, ignore=shutil.ignore_patterns("node_modules", "package-lock.json"))
    shutil.copy(DRIVER, page)
    installed = _run([npm, "install", "--no-audit", "--no-fund", "--ignore-scripts", "puppeteer-core"], page)
    if installed.returncode:
        raise NotThereError(f"npm could not install onnxruntime-web: {installed.stderr.strip()[-200:]}")
    settings = {"PORT": "0", "MODELS": str(models)}
    with subprocess.Popen([node, "server.js"], cwd=page, stdout=subprocess.PIPE, text=True, env=settings) as server:
        try:
            assert server.stdout is not None
            (address,) = re.findall(r"http://localhost:\d+", server.stdout.readline())
            jobs = {"chromium": chromium, "address": address, "timeout": PATIENCE, "pictures": pictures}
            (place / "jobs.json").write_text(json.dumps(jobs))
            done = _run([node, DRIVER.name, str(place / "jobs.json")], page)
        finally:
            server.terminate()
    if done.returncode:
        raise RuntimeError(done.stderr)
    seen: dict[str, Any] = json.loads(done.stdout)
    return seen


def _program(*names: str) -> str:
    for name in names:
        if (path := shutil.which(name)) is not None:
            return path
    raise NotThereError(f"no {names[0]}: the page in examples/browser is tried in a headless browser")


def _run(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=PATIENCE)
